//! The sim runner: `gbn` over `link` in virtual time, in this process. The same run gives the same bytes everywhere.

mod events;
mod network;
mod observer;
mod simulation;
mod stream;

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use self::observer::Nobody;
pub(crate) use self::observer::{Observer, Step, StepKind};
use self::simulation::Simulation;
use crate::plan::Run;
use crate::record::Measurement;
use crate::runner::{RunError, Runner, RunnerKind};

/// Simulates one run after another.
#[derive(Debug)]
pub struct SimRunner {
    /// Virtual time starts here. Only differences from it are ever used.
    epoch: Instant,
    cancelled: CancellationToken,
}

impl SimRunner {
    /// A simulator that stops in the middle of a run when it is `cancelled`.
    pub fn new(cancelled: CancellationToken) -> Self {
        Self {
            epoch: Instant::now(),
            cancelled,
        }
    }
}

impl Runner for SimRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::Sim
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        if self.cancelled.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        Simulation::new(run, self.epoch, Nobody)?.carry_out(&self.cancelled)
    }
}

/// Simulates one run with somebody watching. What is measured is the same as without.
///
/// # Errors
/// As of any run.
pub(crate) fn watch(
    run: &Run,
    observer: &mut impl Observer,
    cancelled: &CancellationToken,
) -> Result<Measurement, RunError> {
    Simulation::new(run, Instant::now(), observer)?.carry_out(cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::scenario::Scenario;
    use crate::wire;

    /// Simulates the one run of a scenario with these axes.
    fn simulate(axes: &str) -> Measurement {
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        assert_eq!(plan.runs.len(), 1);
        SimRunner::new(CancellationToken::new())
            .run(&plan.runs[0])
            .unwrap()
    }

    fn seconds(axes: &str) -> f64 {
        simulate(axes).seconds.unwrap()
    }

    #[test]
    fn a_window_of_one_takes_a_round_trip_for_each_segment() {
        // 100 segments of 1,265 bytes, each answered by 82, at 10 Mbit/s and 10 ms each way.
        let round_trip = 0.020 + (1_265.0 + 82.0) * 8.0 / 10e6;
        let measured = seconds("window = 1\nfile = '120000'");
        assert!((measured - 100.0 * round_trip).abs() < 1e-6, "{measured}");
    }

    #[test]
    fn copies_take_their_time_and_are_counted() {
        let clean = "file = '120000'\nwindow = 50\n";
        let (one, two) = (simulate(clean), simulate(&format!("{clean}copies = 2")));
        assert_eq!((two.segments_sent, two.segments_copied), (200, 100));
        assert_eq!((two.segments_retransmitted, two.go_backs), (0, 0));
        // 100 slots of 1.012 ms and a round trip, and the same with 200 of them.
        let slots = two.seconds.unwrap() - one.seconds.unwrap();
        assert!((slots - 0.1012).abs() < 0.003, "{slots}");
        let lossy = "file = '4MiB'\nwindow = 50\nloss = 0.01\n";
        let [one, two] = [1, 2].map(|copies| simulate(&format!("{lossy}copies = {copies}")));
        assert!(two.go_backs * 10 < one.go_backs, "{one:?} {two:?}");
    }

    #[test]
    fn an_empty_file_is_one_segment() {
        let measured = simulate("file = '0'");
        assert_eq!((measured.segments, measured.segments_sent), (1, 1));
    }

    #[test]
    fn three_receivers_one_after_the_other_take_three_times_as_long() {
        let one = seconds("cast = 'unicast'");
        let three = seconds("cast = 'broadcast'\ndelivery = 'sequential'");
        assert!((three / one - 3.0).abs() < 1e-6, "{}", three / one);
    }

    #[test]
    fn three_receivers_at_once_take_the_time_of_one_while_the_link_has_room() {
        let room = "rate = '1gbit'\n";
        let one = seconds(&format!("{room}cast = 'unicast'"));
        let three = seconds(&format!("{room}cast = 'broadcast'\ndelivery = 'parallel'"));
        assert!(three / one < 1.02, "{}", three / one);
    }

    #[test]
    fn three_receivers_at_once_share_a_full_link() {
        let full = "window = 50\n";
        let one = seconds(&format!("{full}cast = 'unicast'"));
        let three = seconds(&format!("{full}cast = 'broadcast'\ndelivery = 'parallel'"));
        assert!((2.8..3.3).contains(&(three / one)), "{}", three / one);
    }

    #[test]
    fn streams_that_fill_one_queue_between_them_do_not_take_the_wait_for_a_loss() {
        // Three windows are 3.1 s of transmission; the first timer runs for one.
        let measured = simulate("window = 1024\nfile = '4MiB'\ncast = 'broadcast'");
        assert_eq!(measured.segments_retransmitted, 0);
    }

    #[test]
    fn ip_multicast_costs_the_link_once() {
        let axes = "window = 50\ncast = 'broadcast'\ndelivery = 'ip-multicast'";
        let measured = simulate(axes);
        assert_eq!(measured.segments, measured.segments_sent);
        assert!((seconds(axes) / seconds("window = 50") - 1.0).abs() < 0.01);
    }

    #[test]
    fn loss_at_the_sender_is_shared_by_ip_multicast_and_loss_at_the_receivers_is_not() {
        let sent = |side: &str| {
            let axes =
                "cast = 'broadcast'\nreceivers = 32\nloss = 0.02\ndelivery = 'ip-multicast'\n";
            simulate(&format!("{axes}loss_side = '{side}'")).segments_sent
        };
        let (shared, alone) = (sent("sender"), sent("receivers"));
        assert!(alone as f64 > 1.2 * shared as f64, "{alone} and {shared}");
    }

    #[test]
    fn loss_is_measured_where_it_happens() {
        for side in ["sender", "receivers"] {
            let axes = format!("loss = 0.05\nfile = '4MiB'\nloss_side = '{side}'");
            let loss = simulate(&axes).network.unwrap().loss().unwrap();
            assert!((loss - 0.05).abs() < 0.01, "{side}: {loss}");
        }
    }

    #[test]
    fn a_short_queue_drops_and_is_seen_to() {
        let measured = simulate("window = 100\nqueue = 10");
        assert!(measured.network.unwrap().queue_drops > 0);
        assert!(measured.seconds.is_some());
    }

    #[test]
    fn a_segment_takes_its_transmission_its_acks_and_both_delays() {
        let delay = simulate("window = 1").segment_delay.unwrap();
        let packets_bytes = 1_265.0 + f64::from(wire::ACK_PACKET_BYTES);
        let expected_ms = 20.0 + packets_bytes * 8.0 / 10e3;
        assert!(
            (delay.p50_ms / expected_ms - 1.0).abs() < 0.002,
            "{delay:?}"
        );
    }

    #[test]
    fn the_same_run_measures_the_same_twice() {
        let axes = "loss = 0.05\ncast = 'broadcast'\nburst = 3\njitter = '2ms'";
        assert_eq!(simulate(axes), simulate(axes));
    }

    #[derive(Default)]
    struct Steps(Vec<Step>);

    impl Observer for Steps {
        fn observe(&mut self, step: Step) {
            self.0.push(step);
        }
    }

    #[test]
    fn who_watches_sees_every_step_and_changes_nothing() {
        let axes = "loss = 0.05\ncast = 'broadcast'\nqueue = 20\nloss_side = 'receivers'";
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        let mut steps = Steps::default();
        let watched = watch(&plan.runs[0], &mut steps, &CancellationToken::new()).unwrap();
        assert_eq!(watched, simulate(axes));
        let count = |wanted: fn(&StepKind) -> bool| {
            steps.0.iter().filter(|step| wanted(&step.kind)).count() as u64
        };
        let network = watched.network.unwrap();
        assert_eq!(
            count(|kind| matches!(kind, StepKind::Sent { .. })),
            watched.segments_sent
        );
        assert_eq!(
            count(|kind| matches!(kind, StepKind::WentBack { .. })),
            watched.go_backs
        );
        let lost = |kind: &StepKind| {
            use StepKind::{AckLostOnTheWayIn, LostOnTheWayIn};
            matches!(kind, LostOnTheWayIn { .. } | AckLostOnTheWayIn { .. })
        };
        assert_eq!(count(lost), network.packets_lost);
        let dropped = |kind: &StepKind| {
            use StepKind::{AckLostOnTheWayOut, LostOnTheWayOut};
            matches!(kind, LostOnTheWayOut { .. } | AckLostOnTheWayOut { .. })
        };
        assert_eq!(count(dropped), network.queue_drops);
    }

    #[test]
    fn a_cancelled_simulator_begins_no_run() {
        let plan = Plan::new(&Scenario::parse("test", "title = 'x'").unwrap()).unwrap();
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let outcome = SimRunner::new(cancelled).run(&plan.runs[0]);
        assert!(matches!(outcome, Err(RunError::Cancelled)));
    }
}
