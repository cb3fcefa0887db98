//! Records the trace of a simulated run.

use anyhow::anyhow;
use backroom_gbn::Window;
use backroom_sim::Measurement;
use backroom_trace::Trace;
use backroom_vocabulary::trace::Side;
use tokio_util::sync::CancellationToken;

use crate::plan::Run;
use crate::runner::RunError;
use crate::sim;

/// The largest number of steps in a trace. They take about 1 GB of memory.
const MAX_STEPS: usize = 12_000_000;

/// Simulates `run` and records every step.
///
/// # Errors
/// The errors of any run, and if there are at least [`MAX_STEPS`] steps.
pub(crate) fn simulate(
    run: &Run,
    cancelled: &CancellationToken,
) -> Result<(Trace, Measurement), RunError> {
    let cell = &run.cell;
    let stop = cancelled.child_token();
    let mut steps = Vec::new();
    let record = |step| {
        if steps.len() < MAX_STEPS {
            steps.push(step);
        } else {
            stop.cancel();
        }
    };
    let outcome = sim::observe(run, record, &stop);
    if steps.len() >= MAX_STEPS {
        return Err(RunError::Broken(anyhow!(
            "a trace holds at most {MAX_STEPS} steps; use a smaller file, for example --set file=1MiB"
        )));
    }
    let trace = Trace {
        transfer: run.seed,
        origin_us: 0,
        sides: vec![Side::Sender, Side::Receiver],
        window: cell.window.fixed().map(Window::segments),
        bytes: cell.file_bytes,
        segment_bytes: cell.segment_bytes,
        steps,
        missing: 0,
    };
    Ok((trace, outcome?))
}
