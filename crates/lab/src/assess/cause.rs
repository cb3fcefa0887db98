//! Why a measurement differs from what was expected.

use std::collections::HashMap;

use backroom_gbn::{DEFAULT_FLOOR, Timeout};
use backroom_sim::{Delivery, ms, wire};

use crate::record::{Cause, RunRecord};
use crate::statistics::CellSummary;

/// Relative difference from the expected goodput above which a cause is sought.
pub const DIFFERENCE: f64 = 0.1;
/// Half of it. Summaries count the cells within each.
pub const SMALL_DIFFERENCE: f64 = 0.05;

/// Adds the goodput in the simulator to each of `cells`, and the cause of a difference from it or from the model.
pub fn explain(cells: &mut [CellSummary], simulated: &[CellSummary]) {
    let simulated: HashMap<_, _> = simulated
        .iter()
        .map(|cell| (cell.first.cell_key(), cell))
        .collect();
    for cell in cells {
        let simulated = simulated.get(&cell.first.cell_key()).copied();
        let goodput = simulated.and_then(|simulated| simulated.goodput_mbps);
        cell.sim_goodput_mbps = goodput.map(|spread| spread.median);
        cell.cause = of_cell(cell, simulated);
    }
}

/// The measurements of a run, or the medians of a cell.
struct Observed<'a> {
    /// For the cell and the goodput of the model.
    record: &'a RunRecord,
    seconds: f64,
    timeouts: f64,
    queue_drops: f64,
}

/// Why the goodput of `cell` differs by more than [`DIFFERENCE`] from the model's or, in containers, from that of
/// `simulated`, the same cell in the simulator. `None` if it does not.
fn of_cell(cell: &CellSummary, simulated: Option<&CellSummary>) -> Option<Cause> {
    let (seconds, timeouts) = (cell.seconds?, cell.timeouts?);
    let observed = Observed {
        record: &cell.first,
        seconds: seconds.median,
        timeouts: timeouts.median,
        queue_drops: cell.queue_drops.map_or(0.0, |drops| drops.median),
    };
    let disagrees = differs(cell.sim_difference()) || differs(cell.model_difference());
    if cell.beyond_machine && disagrees {
        return Some(Cause::Processor);
    }
    if let Some(expected) = simulated
        .filter(|_| differs(cell.sim_difference()))
        .and_then(|simulated| Some((simulated.seconds?.median, simulated.timeouts?.median)))
    {
        return Some(observed.compared_with_simulator(expected));
    }
    differs(cell.model_difference())
        .then(|| observed.compared_with_model().unwrap_or(Cause::Unexplained))
}

/// Why the goodput of a single run differs from the model's. `None` also if its counts do not explain the difference,
/// because a single run may differ by chance.
pub(super) fn of_run(record: &RunRecord) -> Option<Cause> {
    let observed = Observed {
        record,
        seconds: record.seconds?,
        timeouts: record.timeouts as f64,
        queue_drops: record.queue_drops.unwrap_or(0) as f64,
    };
    let difference = record.goodput_mbps? / record.model_goodput_mbps? - 1.0;
    match differs(Some(difference)) {
        true => observed.compared_with_model(),
        false => None,
    }
}

fn differs(difference: Option<f64>) -> bool {
    difference.is_some_and(|difference| difference.abs() > DIFFERENCE)
}

impl Observed<'_> {
    /// Takes the time and the timeouts of the simulator, where computing takes no time. So a delay that neither a timer
    /// nor a dropped packet explains is attributed to the processor.
    fn compared_with_simulator(&self, (seconds, timeouts): (f64, f64)) -> Cause {
        let late = self.seconds - seconds;
        if self.waited_for(self.timeouts - timeouts, late) {
            Cause::Timer
        } else if self.queue_drops > 0.0 {
            Cause::Queue
        } else if late > 0.0 {
            Cause::Processor
        } else {
            Cause::Unexplained
        }
    }

    fn compared_with_model(&self) -> Option<Cause> {
        let expected = self.record.model_goodput_mbps?;
        let expected_seconds = self.record.cell.file_bytes as f64 * 8.0 / 1e6 / expected;
        if self.waited_for(self.timeouts, self.seconds - expected_seconds) {
            Some(Cause::Timer)
        } else if self.queue_drops > 0.0 || self.overfills_the_link() {
            Some(Cause::Queue)
        } else {
            None
        }
    }

    /// Whether waiting for `timeouts` expiries of the timer accounts for at least half of the difference in time.
    fn waited_for(&self, timeouts: f64, late_seconds: f64) -> bool {
        let waited = timeouts / self.streams_at_once() * self.timer_seconds();
        late_seconds.signum() == waited.signum()
            && waited.abs() >= late_seconds.abs() / 2.0
            && waited != 0.0
    }

    /// The timer, in seconds. For an adaptive timer, its minimum.
    fn timer_seconds(&self) -> f64 {
        let cell = &self.record.cell;
        match cell.timeout {
            Timeout::Fixed(time) => ms(time) / 1e3,
            Timeout::Adaptive { .. } => {
                DEFAULT_FLOOR.as_secs_f64() + 2.0 * ms(cell.link.delay) / 1e3
            }
        }
    }

    /// Whether the windows of all streams exceed what the path holds, so that the rest waits in the queue.
    fn overfills_the_link(&self) -> bool {
        let cell = &self.record.cell;
        let (Some(rate), Some(window)) = (cell.link.rate, cell.window.fixed()) else {
            return false;
        };
        let bits = f64::from(cell.segment_bytes + wire::DATA_OVERHEAD_BYTES) * 8.0;
        let transmission_ms = f64::from(cell.copies.count()) * bits / (rate.mbps() * 1e3);
        let window = f64::from(window.segments()).min(self.record.segments as f64);
        let segments = self.streams_at_once() * window;
        segments * transmission_ms > transmission_ms + 2.0 * ms(cell.link.delay)
    }

    fn streams_at_once(&self) -> f64 {
        let cell = &self.record.cell;
        match cell.delivery {
            Delivery::Parallel => f64::from(cell.receivers),
            Delivery::Sequential | Delivery::IpMulticast => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use backroom_sim::Measurement;

    use super::*;
    use crate::plan::Plan;
    use crate::runner::RunnerKind;
    use crate::scenario::Scenario;
    use crate::statistics::summarise;

    /// A run of 100 segments that took `seconds`, while the model expects one second.
    fn row(axes: &str, seconds: f64, timeouts: u64) -> RunRecord {
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\nfile = '120000'\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        let measurement = Measurement {
            seconds: Some(seconds),
            segments: 100,
            timeouts,
            ..Measurement::default()
        };
        let mut row = RunRecord::new(&plan.runs[0], RunnerKind::SIM, &measurement);
        row.model_goodput_mbps = Some(0.96);
        row
    }

    #[test]
    fn the_counts_of_a_late_run_show_its_cause() {
        let small = "window = 10\ntimeout = '200ms'";
        assert_eq!(of_run(&row(small, 1.05, 1)), None, "within 10 %");
        assert_eq!(of_run(&row(small, 2.0, 4)), Some(Cause::Timer));
        assert_eq!(
            of_run(&row(small, 2.0, 1)),
            None,
            "200 ms do not explain a second"
        );
        assert_eq!(of_run(&row("window = 50", 2.0, 0)), Some(Cause::Queue));
        assert_eq!(
            of_run(&row("cast = 'broadcast'", 2.0, 0)),
            Some(Cause::Queue),
            "three windows of 10"
        );
    }

    #[test]
    fn the_cause_of_an_overload_is_the_processor() {
        let mut late = row("timeout = '200ms'", 1.5, 2);
        late.cause = Some(Cause::Processor);
        let cell = summarise(&[late]).remove(0);
        assert_eq!(of_cell(&cell, None), Some(Cause::Processor));
    }

    #[test]
    fn containers_slower_than_the_simulator_may_lack_a_processor() {
        let cell = |seconds: f64, timeouts: u64| {
            let mut cell = summarise(&[row("timeout = '200ms'", seconds, timeouts)]);
            cell.remove(0)
        };
        let simulated = cell(1.0, 0);
        let compared = |mut measured: CellSummary| {
            measured.sim_goodput_mbps = simulated.goodput_mbps.map(|spread| spread.median);
            of_cell(&measured, Some(&simulated))
        };
        assert_eq!(compared(cell(1.05, 0)), None);
        assert_eq!(compared(cell(1.5, 0)), Some(Cause::Processor));
        assert_eq!(compared(cell(1.5, 2)), Some(Cause::Timer));
        assert_eq!(compared(cell(0.5, 0)), Some(Cause::Unexplained));
    }
}
