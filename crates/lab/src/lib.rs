//! The lab: sends files over Go-Back-N under many conditions and shows the effect of the window, the loss rate and the
//! recovery rule.
//!
//! Data flows in one direction, through a module for each step:
//!
//! ```text
//! scenario -> plan -> runner -> record -> statistics -> charts -> report
//! ```
//!
//! - [`scenario`]: a TOML file with the link, the axes to sweep, repetitions and a seed.
//! - [`plan`]: the product of the axes, with one [`plan::Run`] for each row of the results.
//! - [`runner`]: the interface to the runners. [`sim`] runs in virtual time in this process, [`docker`] runs the real
//!   programs in containers on a network shaped by `backroom_shaper`, [`machine`] does so in virtual machines with
//!   virtual time.
//! - [`sweep`]: carries out a plan and returns its rows in the order of the plan.
//! - [`assess`]: checks whether the network of a run was as requested, and compares the run with the model.
//! - [`record`]: one CSV row per run. [`statistics`]: summaries of all runs of a cell.
//! - [`charts`]: charts of the measurements and the model. [`results`]: the folder for all files. [`report`]: one page
//!   with everything.
//! - `trace`: one transfer step by step. [`peers`]: the comparison with other programs.
//! - [`compare`]: compares two results folders. [`doctor`]: reports what works on a machine.

pub mod assess;
pub mod backends;
pub mod charts;
pub mod cli;
pub mod compare;
pub mod docker;
pub mod doctor;
mod labels;
pub mod machine;
pub mod peers;
pub mod plan;
pub mod record;
pub mod report;
pub mod results;
pub mod runner;
pub mod scenario;
pub mod sim;
pub mod statistics;
pub mod sweep;
mod trace;
