//! The laboratory: it sends files over Go-Back-N under many conditions and shows what a window, a loss rate or a
//! recovery rule does to them.
//!
//! One direction through the house, a room for each step:
//!
//! ```text
//! scenario -> plan -> runner -> record -> statistics -> charts
//! ```
//!
//! - [`scenario`]: a TOML file: the link, the axes to sweep, repetitions and a seed.
//! - [`plan`]: the scenario multiplied out, one [`plan::Run`] for each row of the results.
//! - [`runner`]: what carries a run out. [`sim`] does it in virtual time in this process, [`docker`] with the real
//!   programs in containers on a network shaped by [`shaper`].
//! - [`record`]: one CSV row per run.

pub mod docker;
pub mod plan;
pub mod record;
pub mod runner;
pub mod scenario;
pub mod shaper;
pub mod sim;
pub mod statistics;
mod suggest;
mod wire;
