//! Assesses a measurement: whether the run counts, what the model expects, and why the two differ.
//!
//! A run is assessed once, when it ends. Records read from a file keep their assessment.

mod cause;
mod gate;

use backroom_sim::{Measurement, model};

pub use self::cause::{DIFFERENCE, explain};
use self::gate::Check;
use crate::plan::Run;
use crate::record::{Cause, GateVerdict, RunRecord, rounded};
use crate::runner::RunnerKind;

/// The assessed record of a `run` measured by `kind`.
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
