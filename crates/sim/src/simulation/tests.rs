//! Tests of simulated runs.

use backroom_vocabulary::trace::{LossCause, StepKind};

use super::*;
use crate::axes::tests::cell;
use crate::wire;

/// Virtual time starts here in tests.
#[allow(
    clippy::disallowed_methods,
    reason = "any instant will do, and only a clock makes one"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

/// Simulates a run of `cell`.
pub(crate) fn simulate_cell(cell: &Cell, seed: u64) -> Measurement {
    super::simulate(cell, seed, epoch(), |_| {}, || true).unwrap()
}

/// The single cell with the settings in `axes`, separated by white space.
fn parse(axes: &str) -> Cell {
    let settings: Vec<_> = axes.split_whitespace().collect();
    cell(&settings)
}

fn simulate(axes: &str) -> Measurement {
    simulate_cell(&parse(axes), 1)
}

fn seconds(axes: &str) -> f64 {
    simulate(axes).seconds.unwrap()
}

#[test]
fn a_window_of_one_takes_a_round_trip_for_each_segment() {
    // 100 segments of 1,265 bytes, each answered by 82, at 10 Mbit/s and 10 ms each way.
    let round_trip = 0.020 + (1_265.0 + 82.0) * 8.0 / 10e6;
    let measured = seconds("window=1 file=120000");
    assert!((measured - 100.0 * round_trip).abs() < 1e-6, "{measured}");
}

#[test]
fn copies_take_their_time_and_are_counted() {
    let clean = "file=120000 window=50 ";
    let (one, two) = (simulate(clean), simulate(&format!("{clean}copies=2")));
    assert_eq!((two.segments_sent, two.segments_copied), (200, 100));
    assert_eq!((two.segments_retransmitted, two.go_backs), (0, 0));
    // 100 slots of 1.012 ms and a round trip, and the same with 200 of them.
    let slots = two.seconds.unwrap() - one.seconds.unwrap();
    assert!((slots - 0.1012).abs() < 0.003, "{slots}");
    let lossy = "file=4MiB window=50 loss=0.01 ";
    let [one, two] = [1, 2].map(|copies| simulate(&format!("{lossy}copies={copies}")));
    assert!(two.go_backs * 10 < one.go_backs, "{one:?} {two:?}");
}

#[test]
fn an_empty_file_is_one_segment() {
    let measured = simulate("file=0");
    assert_eq!((measured.segments, measured.segments_sent), (1, 1));
}

#[test]
fn three_receivers_one_after_the_other_take_three_times_as_long() {
    let one = seconds("cast=unicast");
    let three = seconds("cast=broadcast delivery=sequential");
    assert!((three / one - 3.0).abs() < 1e-6, "{}", three / one);
}

#[test]
fn three_receivers_at_once_take_the_time_of_one_while_the_link_has_room() {
    let room = "rate=1gbit ";
    let one = seconds(&format!("{room}cast=unicast"));
    let three = seconds(&format!("{room}cast=broadcast delivery=parallel"));
    assert!(three / one < 1.02, "{}", three / one);
}

#[test]
fn three_receivers_at_once_share_a_full_link() {
    let full = "window=50 ";
    let one = seconds(&format!("{full}cast=unicast"));
    let three = seconds(&format!("{full}cast=broadcast delivery=parallel"));
    assert!((2.8..3.3).contains(&(three / one)), "{}", three / one);
}

#[test]
fn streams_that_fill_one_queue_do_not_mistake_the_wait_for_a_loss() {
    // Three windows of 1024 segments are 3.1 s of transmission. Smaller ones wait longer than their first round trip.
    for (window, receivers) in [(20, 32), (50, 2), (100, 3), (200, 3), (200, 32), (1024, 3)] {
        let axes = format!("window={window} file=4MiB cast=broadcast receivers={receivers}");
        let measured = simulate(&axes);
        assert_eq!(measured.segments_retransmitted, 0, "{axes}");
    }
}

#[test]
fn ip_multicast_costs_the_link_once() {
    let axes = "window=50 cast=broadcast delivery=ip-multicast";
    let measured = simulate(axes);
    assert_eq!(measured.segments, measured.segments_sent);
    assert!((seconds(axes) / seconds("window=50") - 1.0).abs() < 0.01);
}

#[test]
fn loss_at_the_sender_is_shared_by_ip_multicast_and_loss_at_the_receivers_is_independent() {
    let sent = |side: &str| {
        let axes = "cast=broadcast receivers=32 loss=0.02 delivery=ip-multicast ";
        simulate(&format!("{axes}loss_side={side}")).segments_sent
    };
    let (shared, alone) = (sent("sender"), sent("receivers"));
    assert!(alone as f64 > 1.2 * shared as f64, "{alone} and {shared}");
}

#[test]
fn loss_is_measured_where_it_happens() {
    for side in ["sender", "receivers"] {
        let axes = format!("loss=0.05 file=4MiB loss_side={side}");
        let loss = simulate(&axes).network.unwrap().loss().unwrap();
        assert!((loss - 0.05).abs() < 0.01, "{side}: {loss}");
    }
}

#[test]
fn drops_of_a_short_queue_are_counted() {
    let measured = simulate("window=100 queue=10");
    assert!(measured.network.unwrap().queue_drops > 0);
    assert!(measured.seconds.is_some());
}

#[test]
fn a_segment_takes_its_transmission_its_acks_and_both_delays() {
    let delay = simulate("window=1").segment_delay.unwrap();
    let packets_bytes = 1_265.0 + f64::from(wire::ACK_PACKET_BYTES);
    let expected_ms = 20.0 + packets_bytes * 8.0 / 10e3;
    assert!(
        (delay.p50_ms / expected_ms - 1.0).abs() < 0.002,
        "{delay:?}"
    );
}

#[test]
fn the_same_run_measures_the_same_twice() {
    let axes = "loss=0.05 cast=broadcast burst=3 jitter=2ms";
    assert_eq!(simulate(axes), simulate(axes));
}

#[test]
fn an_observer_sees_every_step_and_changes_nothing() {
    let axes = "loss=0.05 cast=broadcast queue=20 loss_side=receivers";
    let mut steps = Vec::new();
    let record = |step: Step| steps.push(step);
    let observed = super::simulate(&parse(axes), 1, epoch(), record, || true).unwrap();
    assert_eq!(observed, simulate(axes));
    let count = |is_counted: fn(&StepKind) -> bool| {
        steps.iter().filter(|step| is_counted(&step.kind)).count() as u64
    };
    let network = observed.network.unwrap();
    assert_eq!(
        count(|kind| matches!(kind, StepKind::Send { .. })),
        observed.segments_sent
    );
    assert_eq!(
        count(|kind| matches!(kind, StepKind::GoBack { .. })),
        observed.go_backs
    );
    let lost_by = |wanted| {
        let causes = steps.iter().filter_map(|step| match step.kind {
            StepKind::Lost { cause, .. } | StepKind::AckLost { cause, .. } => Some(cause),
            _ => None,
        });
        causes.filter(|cause| *cause == wanted).count() as u64
    };
    assert_eq!(lost_by(LossCause::Loss), network.packets_lost);
    assert_eq!(lost_by(LossCause::Queue), network.queue_drops);
}

#[test]
fn a_cancelled_run_stops() {
    let cell = parse("file=64MiB loss=0.05");
    assert_eq!(super::simulate(&cell, 1, epoch(), |_| {}, || false), None);
}
