//! What follows from a measurement: whether the run counts, what was expected of it, and why it differs.
//!
//! A run is assessed once, when it ends. Records that are read back keep what was found then.

mod cause;
mod gate;

use backroom_sim::{Measurement, model};

pub use self::cause::{DIFFERENCE, explain};
use self::gate::Check;
use crate::plan::Run;
use crate::record::{Cause, GateVerdict, RunRecord, rounded};
use crate::runner::RunnerKind;

/// The record of `run`, which `kind` measured.
pub fn assess(run: &Run, kind: RunnerKind, measurement: &Measurement) -> RunRecord {
    let check = gate::check(&run.cell, measurement);
    let mut record = RunRecord::new(run, kind, measurement);
    record.gate = match check {
        Check::Pass => Some(GateVerdict::Pass),
        Check::Fail(_) => Some(GateVerdict::Fail),
        Check::NotMeasured => None,
    };
    record.ok &= record.gate != Some(GateVerdict::Fail);
    let notes = [&measurement.failure, &check.reason(), &measurement.overload];
    record.note = notes
        .map(Option::as_deref)
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ");
    record.model_goodput_mbps = model::goodput_mbps(&run.cell).map(rounded);
    record.cause = match measurement.overload {
        Some(_) => Some(Cause::Processor),
        None => cause::of_run(&record),
    };
    record
}
