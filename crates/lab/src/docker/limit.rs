//! How many packets a second this machine holds, and what that allows.
//!
//! Measured before a sweep: one transfer over a link without rate or delay, which goes as fast as all programs and shapers
//! together let it. Both directions count, as each packet passes a shaper.

use std::thread;

use backroom_sim::{Cell, Delivery, Measurement, wire};

use crate::plan::{Plan, Run};
use crate::scenario::Scenario;

/// The transfer that is timed. A second or so on a machine of two cores.
const CALIBRATION: &str = "title = 'calibration'\nrepetitions = 1\n[axes]\nrate = 'unlimited'\ndelay = '0'\n\
                           window = 64\nfile = '8MiB'";
/// Rooms at work at the same time may use so much of what the machine holds. More, and packets are let go late.
const SHARE: f64 = 0.35;
/// Members of all rooms together; each is two processes.
const MAX_MEMBERS: usize = 64;
/// Rooms for each processor.
const MAX_ROOMS_PER_PROCESSOR: usize = 2;

/// What this machine holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    /// Packets that one room's programs and shapers together let through in a second.
    pub(super) packets_per_second: f64,
}

impl Limit {
    /// The run that measures it.
    ///
    /// # Errors
    /// None in practice: the scenario is a constant.
    pub(super) fn calibration() -> anyhow::Result<Run> {
        let plan = Plan::new(&Scenario::parse("calibration", CALIBRATION)?)?;
        let run = plan.runs.into_iter().next();
        run.ok_or_else(|| anyhow::anyhow!("the calibration has no run"))
    }

    /// What the run that measures it says.
    pub(super) fn from_calibration(measured: &Measurement) -> Option<Self> {
        let packets = measured.network?.packets as f64;
        let seconds = measured.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(Self {
            packets_per_second: packets / seconds,
        })
    }

    /// What is to be said of a run of `cell`, whose network carries more than the machine holds.
    pub(super) fn overload(self, cell: &Cell) -> Option<String> {
        let wanted = packets_per_second(cell);
        (wanted > self.packets_per_second).then(|| {
            let wanted = if wanted.is_finite() {
                format!("{wanted:.0}")
            } else {
                "unlimited".to_owned()
            };
            let held = self.packets_per_second;
            format!(
                "processor: {wanted} packets/s are more than the {held:.0} that this machine holds"
            )
        })
    }

    /// How many rooms may be at work on `plan` at the same time.
    pub(super) fn rooms(self, plan: &Plan) -> usize {
        let busiest = plan
            .cells
            .iter()
            .map(|cell| packets_per_second(cell))
            .fold(1.0, f64::max);
        let members = plan.cells.iter().map(|cell| usize::from(cell.members()));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        // A cast saturates: what is less than nothing is none.
        let by_packets = (SHARE * self.packets_per_second / busiest) as usize;
        by_packets
            .min(MAX_MEMBERS / members.max().unwrap_or(1))
            .min(MAX_ROOMS_PER_PROCESSOR * processors)
            .clamp(1, plan.runs.len().max(1))
    }
}

/// Packets a second, both ways, that the links of `cell` would carry without loss: what the links let through, or what the
/// windows do. Infinite where neither bounds it.
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
    fn the_calibration_is_one_run_that_nothing_slows_down() {
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
    fn a_cell_beyond_the_limit_says_so_and_one_whose_window_keeps_it_below_does_not() {
        let overload = |axes: &str| LIMIT.overload(&plan(axes).cells[0]);
        // 1,265 bytes at 10 Mbit/s: 988 segments and as many ACKs.
        assert_eq!(overload("window = 100\nrate = '10mbit'"), None);
        assert_eq!(overload("window = 10\nrate = '1gbit'"), None);
        let said = overload("window = 1000\nrate = '1gbit'").unwrap();
        assert!(
            said.contains("processor") && said.contains("20000"),
            "{said}"
        );
        assert!(overload("rate = 'unlimited'\ndelay = '0'").is_some());
    }

    #[test]
    fn rooms_are_bounded_by_packets_members_and_runs() {
        assert_eq!(LIMIT.rooms(&plan("window = 100\nrate = '100mbit'")), 1);
        assert!(LIMIT.rooms(&plan("window = 100\nrate = '10mbit'")) > 1);
        let crowd = "cast = 'broadcast'\nreceivers = 40\nwindow = 1";
        assert_eq!(LIMIT.rooms(&plan(crowd)), 1);
        let mut single = plan("window = 1");
        single.runs.truncate(1);
        assert_eq!(LIMIT.rooms(&single), 1);
    }
}
