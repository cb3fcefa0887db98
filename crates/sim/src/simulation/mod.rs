//! The simulator: `gbn` over `link` in virtual time. The same cell and seed give the same result on every machine.

mod events;
mod network;
mod run;
mod stream;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Instant;

use backroom_vocabulary::trace::Step;

use self::run::Simulation;
use crate::cell::Cell;
use crate::measurement::Measurement;

/// Simulates one run of `cell`.
///
/// Virtual time starts at `epoch`; only differences from it matter. `observe` receives every step in the order of time
/// and does not affect the run; the number of the transfer in it is the seed. `keep_going` is called from time to time;
/// if it returns false, the simulation stops and returns `None`.
pub fn simulate(
    cell: &Cell,
    seed: u64,
    epoch: Instant,
    observe: impl FnMut(Step),
    keep_going: impl FnMut() -> bool,
) -> Option<Measurement> {
    Simulation::new(cell, seed, epoch, observe).carry_out(keep_going)
}
