//! The laboratory: it sends files over Go-Back-N under many conditions and shows what a window, a loss rate or a
//! recovery rule does to them.
//!
//! One direction through the house, a room for each step:
//!
//! ```text
//! scenario -> plan -> runner -> record -> statistics -> charts -> report
//! ```
//!
//! - [`scenario`]: a TOML file: the link, the axes to sweep, repetitions and a seed.
//! - [`plan`]: the scenario multiplied out, one [`plan::Run`] for each row of the results.
//! - [`runner`]: what carries a run out. [`sim`] does it in virtual time in this process, [`docker`] with the real
//!   programs in containers on a network shaped by `backroom_shaper`.
//! - [`sweep`]: a plan carried out, its rows in the order of the plan.
//! - [`gate`]: whether the network of a run was what its cell asks for.
//! - [`record`]: one CSV row per run, and [`statistics`]: all runs of a cell made into one.
//! - [`model`]: what theory expects, [`charts`]: the pictures of both, [`results`]: the folder they end in,
//!   [`report`]: all of it on one page.
//! - `trace`: one transfer step by step. [`peers`]: the comparison with other programs.
//! - [`compare`]: two such folders side by side. [`doctor`]: what of all this works on a machine.

pub mod assess;
pub mod backends;
pub mod charts;
pub mod cli;
pub mod compare;
pub mod docker;
pub mod doctor;
mod labels;
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
