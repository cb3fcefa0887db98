//! How many packets per second this machine can handle, and how many rooms can therefore run at once.
//!
//! It is measured before a sweep with one transfer over a link without rate or delay, so only the programs and shapers
//! limit it. Packets of both directions count, because each passes a shaper.

use std::thread;

use backroom_sim::{Cell, Delivery, Measurement, wire};

use crate::plan::{Plan, Run};
use crate::scenario::Scenario;

/// The scenario of the calibration. It takes about a second on two cores.
const CALIBRATION: &str = "title = 'calibration'\nrepetitions = 1\n[axes]\nrate = 'unlimited'\ndelay = '0'\n\
                           window = 64\nfile = '8MiB'";
/// The share of the machine's capacity that concurrent rooms may use. Above it, shapers release packets late.
const MAX_LOAD: f64 = 0.35;
/// Limit on the members of all rooms together. Each is two processes.
const MAX_MEMBERS: usize = 64;
const MAX_ROOMS_PER_PROCESSOR: usize = 2;

/// The capacity of this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    /// Packets per second that the programs and shapers of one room can handle together.
    pub(super) packets_per_second: f64,
}

impl Limit {
    /// The run that measures the capacity.
    ///
    /// # Errors
    /// None in practice: the scenario is a constant.
    pub(super) fn calibration() -> anyhow::Result<Run> {
        let plan = Plan::new(&Scenario::parse("calibration", CALIBRATION)?)?;
        let run = plan.runs.into_iter().next();
        run.ok_or_else(|| anyhow::anyhow!("the calibration has no run"))
    }

    /// The capacity according to the calibration run. `None` if that run failed.
    pub(super) fn from_calibration(measured: &Measurement) -> Option<Self> {
        let packets = measured.network?.packets as f64;
        let seconds = measured.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(Self {
            packets_per_second: packets / seconds,
        })
    }

    /// The note for a run of `cell` whose packet rate exceeds the machine's capacity. `None` if it does not.
    pub(super) fn overload(self, cell: &Cell) -> Option<String> {
        let required = packets_per_second(cell);
        (required > self.packets_per_second).then(|| {
            let required = if required.is_finite() {
                format!("{required:.0}")
            } else {
                "unlimited".to_owned()
            };
            let capacity = self.packets_per_second;
            format!(
                "processor: the links allow {required} packets/s, but this machine handles only {capacity:.0}"
            )
        })
    }

    /// How many rooms may carry out `plan` at the same time.
    pub(super) fn rooms(self, plan: &Plan) -> usize {
        let busiest = plan
            .cells
            .iter()
            .map(|cell| packets_per_second(cell))
            .fold(1.0, f64::max);
        let members = plan.cells.iter().map(|cell| usize::from(cell.members()));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        // The cast rounds down and saturates, and `clamp` raises 0 to 1.
        let by_packets = (MAX_LOAD * self.packets_per_second / busiest) as usize;
        by_packets
            .min(MAX_MEMBERS / members.max().unwrap_or(1))
            .min(MAX_ROOMS_PER_PROCESSOR * processors)
            .clamp(1, plan.runs.len().max(1))
    }
}

/// Packets per second in both directions that the links of `cell` carry without loss, limited by their rate or by the
/// windows. Infinite if neither limits it.
fn packets_per_second(cell: &Cell) -> f64 {
    let data_bytes = usize::from(cell.segment_bytes + wire::DATA_OVERHEAD_BYTES);
    let seconds = |bytes: usize| {
        let rate = cell.link.rate;
        rate.map_or(0.0, |rate| rate.transmission_time(bytes).as_secs_f64())
    };
    let data = seconds(data_bytes);
    let round_trip =
        data + seconds(usize::from(wire::ACK_PACKET_BYTES)) + 2.0 * cell.link.delay.as_secs_f64();
    let streams = match cell.delivery {
        Delivery::Parallel => f64::from(cell.receivers),
        Delivery::Sequential | Delivery::IpMulticast => 1.0,
    };
    let window = cell
        .window
        .fixed()
        .map_or(f64::INFINITY, |window| f64::from(window.segments()));
    let by_windows = streams * window / round_trip;
    let acks = match cell.delivery {
        Delivery::IpMulticast => f64::from(cell.receivers),
        Delivery::Parallel | Delivery::Sequential => 1.0,
    };
    (1.0 + acks) * by_windows.min(1.0 / data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backroom_sim::NetworkMeasurement;

    const LIMIT: Limit = Limit {
        packets_per_second: 20_000.0,
    };

    fn plan(axes: &str) -> Plan {
        let text = format!("title = 'x'\nrepetitions = 10\n[axes]\n{axes}");
        Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap()
    }

    #[test]
    fn the_calibration_is_one_run_without_a_rate_or_delay() {
        let run = Limit::calibration().unwrap();
        assert_eq!(packets_per_second(&run.cell), f64::INFINITY);
        let measured = Measurement {
            seconds: Some(0.5),
            network: Some(NetworkMeasurement {
                packets: 10_000,
                ..NetworkMeasurement::default()
            }),
            ..Measurement::default()
        };
        assert_eq!(Limit::from_calibration(&measured), Some(LIMIT));
        assert_eq!(Limit::from_calibration(&Measurement::default()), None);
    }

    #[test]
    fn only_a_cell_beyond_the_limit_gets_a_note() {
        let overload = |axes: &str| LIMIT.overload(&plan(axes).cells[0]);
        // 1,265 bytes at 10 Mbit/s: 988 segments and as many ACKs.
        assert_eq!(overload("window = 100\nrate = '10mbit'"), None);
        assert_eq!(overload("window = 10\nrate = '1gbit'"), None);
        let note = overload("window = 1000\nrate = '1gbit'").unwrap();
        assert!(
            note.contains("processor") && note.contains("20000"),
            "{note}"
        );
        assert!(overload("rate = 'unlimited'\ndelay = '0'").is_some());
    }

    #[test]
    fn rooms_are_bounded_by_packets_members_and_runs() {
        assert_eq!(LIMIT.rooms(&plan("window = 100\nrate = '100mbit'")), 1);
        assert!(LIMIT.rooms(&plan("window = 100\nrate = '10mbit'")) > 1);
        let many_members = "cast = 'broadcast'\nreceivers = 40\nwindow = 1";
        assert_eq!(LIMIT.rooms(&plan(many_members)), 1);
        let mut single = plan("window = 1");
        single.runs.truncate(1);
        assert_eq!(LIMIT.rooms(&single), 1);
    }
}
