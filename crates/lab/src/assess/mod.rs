//! Assesses a measurement: whether the run counts, what the model expects, and why the two differ.
//!
//! A run is assessed once, when it ends. Records read from a file keep their assessment.

mod cause;
mod gate;

use backroom_sim::{Measurement, model};

pub use self::cause::{DIFFERENCE, SMALL_DIFFERENCE, explain};
use self::gate::Check;
use crate::plan::Run;
use crate::record::{Cause, GateVerdict, RunRecord, rounded};
use crate::runner::RunnerKind;

/// The assessed record of a `run` measured by `kind`.
pub fn assess(run: &Run, kind: RunnerKind, measurement: &Measurement) -> RunRecord {
    let check = gate::check(&run.cell, measurement, kind.clock);
    let (gate, reason) = match check {
        Check::Pass => (Some(GateVerdict::Pass), None),
        Check::Fail(reason) => (Some(GateVerdict::Fail), Some(reason)),
        Check::NotMeasured => (None, None),
    };
    let mut record = RunRecord::new(run, kind, measurement);
    record.gate = gate;
    record.ok &= gate != Some(GateVerdict::Fail);
    let notes = [
        &measurement.failure,
        &reason,
        &measurement.overload,
        &measurement.unseeded,
    ];
    let notes: Vec<_> = notes.into_iter().flatten().cloned().collect();
    record.note = notes.join("; ");
    record.model_goodput_mbps = model::goodput_mbps(&run.cell).map(rounded);
    record.cause = match measurement.overload {
        Some(_) => Some(Cause::Processor),
        None => cause::of_run(&record),
    };
    record
}
