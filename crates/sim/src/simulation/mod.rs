//! The simulator: `gbn` over `link` in virtual time. The same cell and seed give the same result on every machine.

mod events;
mod network;
mod observer;
mod run;
mod stream;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Instant;

pub use self::observer::{NoObserver, Observer, Step, StepKind};
use self::run::Simulation;
use crate::cell::Cell;
use crate::measurement::Measurement;

/// Simulates one run of `cell`.
///
/// Virtual time starts at `epoch`; only differences from it matter. `observer` receives every step and does not affect
/// the run. `keep_going` is called from time to time; if it returns false, the simulation stops and returns `None`.
pub fn simulate(
    cell: &Cell,
    seed: u64,
    epoch: Instant,
    observer: impl Observer,
    keep_going: impl FnMut() -> bool,
) -> Option<Measurement> {
    Simulation::new(cell, seed, epoch, observer).carry_out(keep_going)
}
