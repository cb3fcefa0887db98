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
/// Virtual time starts at `epoch`; only differences from it matter. `observer` sees every step and changes nothing.
/// `keep_going` is asked now and then. Returns `None` if it says no.
pub fn simulate(
    cell: &Cell,
    seed: u64,
    epoch: Instant,
    observer: impl Observer,
    keep_going: impl FnMut() -> bool,
) -> Option<Measurement> {
    Simulation::new(cell, seed, epoch, observer).carry_out(keep_going)
}
