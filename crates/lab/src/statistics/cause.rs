//! Why a measurement is not what was expected.

use backroom_gbn::DEFAULT_FLOOR;

use super::CellSummary;
use crate::record::RunRecord;
use crate::wire;

/// A difference that is worth a reason, as a fraction of what was expected.
pub const DIFFERENCE: f64 = 0.1;

/// What a run or the median of a cell measured.
struct Observed<'a> {
    /// For what its cell is.
    row: &'a RunRecord,
    seconds: f64,
    timeouts: f64,
    queue_drops: f64,
}

/// Where the goodput of `cell` differs by more than [`DIFFERENCE`] from the model's, or in containers from `simulated`, the
/// same cell in the simulator: `timer`, `queue`, `processor` or `unexplained`. Otherwise empty.
pub(super) fn of_cell(cell: &CellSummary, simulated: Option<&CellSummary>) -> &'static str {
    let (Some(seconds), Some(timeouts)) = (&cell.seconds, &cell.timeouts) else {
        return "";
    };
    let observed = Observed {
        row: &cell.first,
        seconds: seconds.median,
        timeouts: timeouts.median,
        queue_drops: cell.queue_drops.map_or(0.0, |drops| drops.median),
    };
    let disagrees = differs(cell.sim_difference()) || differs(cell.model_difference());
    if cell.beyond_machine && disagrees {
        return "processor";
    }
    if let Some(expected) = simulated
        .filter(|_| differs(cell.sim_difference()))
        .and_then(|simulated| Some((simulated.seconds?.median, simulated.timeouts?.median)))
    {
        return observed.beside_the_simulator(expected);
    }
    match cell.model_difference() {
        difference if !differs(difference) => "",
        _ => observed.beside_the_model().unwrap_or("unexplained"),
    }
}

/// The same of a single run against the model; empty too where nothing that it counted explains it, since one run may
/// differ by chance alone.
pub(crate) fn of_run(row: &RunRecord) -> &'static str {
    let (Some(seconds), Some(goodput), Some(expected)) =
        (row.seconds, row.goodput_mbps, row.model_goodput_mbps)
    else {
        return "";
    };
    let observed = Observed {
        row,
        seconds,
        timeouts: row.timeouts as f64,
        queue_drops: row.queue_drops.unwrap_or(0) as f64,
    };
    match differs(Some(goodput / expected - 1.0)) {
        true => observed.beside_the_model().unwrap_or(""),
        false => "",
    }
}

fn differs(difference: Option<f64>) -> bool {
    difference.is_some_and(|difference| difference.abs() > DIFFERENCE)
}

impl Observed<'_> {
    /// Takes the time and the timeouts of the simulator, for which computing takes no time: what is not waiting for a timer
    /// nor for what a queue has dropped is the processor's.
    fn beside_the_simulator(&self, (seconds, timeouts): (f64, f64)) -> &'static str {
        let late = self.seconds - seconds;
        if self.waited_for(self.timeouts - timeouts, late) {
            "timer"
        } else if self.queue_drops > 0.0 {
            "queue"
        } else if late > 0.0 {
            "processor"
        } else {
            "unexplained"
        }
    }

    fn beside_the_model(&self) -> Option<&'static str> {
        let expected = self.row.model_goodput_mbps?;
        let expected_seconds = self.row.file_bytes as f64 * 8.0 / 1e6 / expected;
        if self.waited_for(self.timeouts, self.seconds - expected_seconds) {
            Some("timer")
        } else if self.queue_drops > 0.0 || self.overfills_the_link() {
            Some("queue")
        } else {
            None
        }
    }

    /// Whether so many expiries of the timer make up at least half of the time that it took more or less than expected.
    fn waited_for(&self, timeouts: f64, late_seconds: f64) -> bool {
        let streams_at_once = match self.row.delivery.as_str() {
            "parallel" => f64::from(self.row.receivers),
            _ => 1.0,
        };
        let waited = timeouts / streams_at_once * self.timer_seconds();
        late_seconds.signum() == waited.signum()
            && waited.abs() >= late_seconds.abs() / 2.0
            && waited != 0.0
    }

    /// The timer; of an adaptive one the least it can be.
    fn timer_seconds(&self) -> f64 {
        let fixed = self.row.timeout_ms.parse::<f64>().map(|timer| timer / 1e3);
        fixed.unwrap_or(DEFAULT_FLOOR.as_secs_f64() + 2.0 * self.row.delay_ms / 1e3)
    }

    /// Whether the windows of all streams hold more than the path does, so that the rest stands in the queue.
    fn overfills_the_link(&self) -> bool {
        let Some(rate_mbps) = self.row.rate_mbps else {
            return false;
        };
        let bits = f64::from(self.row.segment_bytes + wire::DATA_OVERHEAD_BYTES) * 8.0;
        let transmission_ms = f64::from(self.row.copies) * bits / (rate_mbps * 1e3);
        let streams = match self.row.delivery.as_str() {
            "parallel" => f64::from(self.row.receivers),
            _ => 1.0,
        };
        let Some(window) = self.row.window.fixed() else {
            return false;
        };
        let segments = streams * f64::from(window.segments()).min(self.row.segments as f64);
        segments * transmission_ms > transmission_ms + 2.0 * self.row.delay_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::record::Measurement;
    use crate::runner::RunnerKind;
    use crate::scenario::Scenario;

    /// A run of 100 segments that took `seconds`, where the model has one second.
    fn row(axes: &str, seconds: f64, timeouts: u64) -> RunRecord {
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\nfile = '120000'\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        let measurement = Measurement {
            seconds: Some(seconds),
            segments: 100,
            timeouts,
            ..Measurement::default()
        };
        let mut row = RunRecord::new(&plan.runs[0], RunnerKind::Sim, &measurement);
        row.model_goodput_mbps = Some(0.96);
        row
    }

    #[test]
    fn a_run_names_what_made_it_late_if_it_knows() {
        let small = "window = 10\ntimeout = '200ms'";
        assert_eq!(of_run(&row(small, 1.05, 1)), "", "within 10 %");
        assert_eq!(of_run(&row(small, 2.0, 4)), "timer");
        assert_eq!(of_run(&row(small, 2.0, 1)), "", "200 ms are no second");
        assert_eq!(of_run(&row("window = 50", 2.0, 0)), "queue");
        assert_eq!(
            of_run(&row("cast = 'broadcast'", 2.0, 0)),
            "queue",
            "three windows of 10"
        );
    }

    #[test]
    fn runs_beyond_the_machine_want_for_a_processor_whatever_else_they_show() {
        let mut late = row("timeout = '200ms'", 1.5, 2);
        late.cause = "processor".to_owned();
        let cell = super::super::summarise(&[late]).remove(0);
        assert_eq!(of_cell(&cell, None), "processor");
    }

    #[test]
    fn containers_beside_the_simulator_may_want_for_a_processor() {
        let cell = |seconds: f64, timeouts: u64| {
            let mut cell = super::super::summarise(&[row("timeout = '200ms'", seconds, timeouts)]);
            cell.remove(0)
        };
        let simulated = cell(1.0, 0);
        let beside = |mut measured: CellSummary| {
            measured.sim_goodput_mbps = simulated.goodput_mbps.map(|spread| spread.median);
            of_cell(&measured, Some(&simulated))
        };
        assert_eq!(beside(cell(1.05, 0)), "");
        assert_eq!(beside(cell(1.5, 0)), "processor");
        assert_eq!(beside(cell(1.5, 2)), "timer");
        assert_eq!(beside(cell(0.5, 0)), "unexplained");
    }
}
