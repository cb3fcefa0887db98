//! Copies of each segment: the effect of a loss, the ACKs of the receiver, and the gain.

use backroom_gbn::{
    Copies, Received, Receiver, ReceiverId, Sender, SenderConfig, Window, WindowSetting,
};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{
    Event, Outcome, Scenario, ack, at, epoch, gap, ms, shared_link::*, transmit_all,
};

const PEER: ReceiverId = ReceiverId(0);

fn copies(count: u8) -> Copies {
    Copies::try_from(count).unwrap()
}

fn config(window: impl Into<WindowSetting>, count: u8) -> SenderConfig {
    SenderConfig {
        window: window.into(),
        copies: copies(count),
        ..Scenario::default().sender
    }
}

fn fixed(segments: u16) -> Window {
    Window::try_from(segments).unwrap()
}

#[test]
fn all_copies_of_a_segment_precede_the_next_segment() {
    let mut sender = Sender::new(config(fixed(3), 2), [PEER]);
    sender.make_available(10);
    let runs = transmit_all(&mut sender, at(0));
    let order: Vec<u64> = runs.iter().flat_map(|run| run.datagrams()).collect();
    assert_eq!(order, [0, 0, 1, 1, 2, 2]);
    sender.handle_ack(at(1), PEER, gap(1, 0));
    let runs = transmit_all(&mut sender, at(1));
    let order: Vec<_> = runs
        .iter()
        .flat_map(|run| run.datagrams().map(|seq| (seq, run.round)))
        .collect();
    let expected = [1, 1, 2, 2, 3, 3].map(|seq| (seq, 1));
    assert_eq!(
        order, expected,
        "a window is counted in segments, and a round has all copies"
    );
    let stats = sender.stats();
    let counted = (
        stats.segments,
        stats.segments_retransmitted,
        stats.segments_copied,
    );
    assert_eq!((counted, stats.segments_sent), ((4, 2, 6), 12));
}

#[test]
fn copies_are_distinguished_from_retransmissions() {
    use Received::{Copy, Deliver, Duplicate, OutOfOrder};
    let mut receiver = Receiver::new(100);
    let mut take = |seq, round| receiver.handle_segment(seq, round);
    assert_eq!(
        [take(0, 0), take(0, 0), take(1, 0)],
        [Deliver, Copy, Deliver]
    );
    assert_eq!([take(3, 0), take(3, 0)], [OutOfOrder, OutOfOrder]);
    assert_eq!([take(0, 1), take(1, 1)], [Duplicate, Duplicate]);
    assert_eq!([take(2, 1), take(1, 1), take(2, 1)], [Deliver, Copy, Copy]);
    assert_eq!(
        (receiver.stats().delivered, receiver.stats().duplicates),
        (3, 5)
    );
}

#[test]
fn a_receiver_from_another_stream_sees_duplicates_first() {
    let mut receiver = Receiver::new(100);
    for seq in 0..5 {
        assert_eq!(receiver.handle_segment(seq, 0), Received::Deliver);
    }
    receiver.change_stream();
    assert_eq!(receiver.handle_segment(3, 0), Received::Duplicate);
    assert_eq!(receiver.handle_segment(5, 0), Received::Deliver);
    receiver.change_stream();
    assert_eq!(receiver.handle_segment(4, 0), Received::Duplicate);
}

#[test]
fn the_ack_of_a_copy_reports_no_gap() {
    let mut receiver = Receiver::new(100);
    receiver.handle_segment(0, 0);
    assert_eq!(receiver.poll_transmit().unwrap().gap_round, None);
    receiver.handle_segment(0, 0);
    let ack = receiver.poll_transmit().unwrap();
    assert_eq!(
        (ack.cumulative, ack.accepted_round, ack.gap_round),
        (1, 0, None)
    );
    assert_eq!(receiver.poll_transmit(), None);
}

/// The ACK of the second copy repeats that of the first, but later. It must not be measured as a longer round trip.
#[test]
fn copies_are_timed_once() {
    let mut sender = Sender::new(config(fixed(1), 3), [PEER]);
    sender.make_available(10);
    transmit_all(&mut sender, at(0));
    for later in [10, 60, 90] {
        sender.handle_ack(at(later), PEER, ack(1));
    }
    let stats = sender.stats();
    assert_eq!((stats.srtt, stats.min_rtt), (Some(ms(10)), Some(ms(10))));
}

/// 100 Mbit/s and 20 ms in each direction: 333 segments of 1,500 bytes in a round trip.
fn long_path(loss: f64, count: u8) -> Scenario {
    let link = |rate: Option<&str>| LinkConfig {
        rate: rate.map(|rate| rate.parse().unwrap()),
        delay: ms(20),
        loss: Loss::Random(loss),
        ..LinkConfig::default()
    };
    Scenario {
        seed: 7,
        sender: config(fixed(700), count),
        segments: 40_000,
        segment_bytes: 1_500,
        data: link(Some("100mbit")),
        ack: link(None),
        waits_for_link: true,
        ..Scenario::default()
    }
}

/// The utilisation of the link: segments delivered, divided by those that the link could have carried.
fn share(scenario: &Scenario, outcome: &Outcome) -> f64 {
    scenario.segments as f64 * 120e-6 / outcome.duration.as_secs_f64()
}

fn run(scenario: &Scenario) -> Outcome {
    scenario
        .run()
        .unwrap_or_else(|violation| panic!("{}", violation.0))
}

/// Of two copies one is lost for 1 segment in 50, and both for 1 in 10,000.
#[test]
fn the_loss_of_one_copy_causes_no_go_back() {
    let outcome = run(&long_path(0.01, 2));
    let lost = outcome.data_link.dropped_by_loss;
    let gone_back = outcome.stats.go_backs;
    assert!(
        lost > 700 && gone_back * 20 < lost,
        "{lost} lost, {gone_back} times back"
    );
    let mut scenario = long_path(0.0, 2);
    scenario.segments = 5_000;
    let outcome = run(&scenario);
    assert_eq!(
        (outcome.stats.go_backs, outcome.stats.segments_retransmitted),
        (0, 0)
    );
    let out_of_order = |what: &Event| {
        matches!(
            what,
            Event::Arrived {
                received: Received::OutOfOrder | Received::Duplicate,
                ..
            }
        )
    };
    assert_eq!(outcome.count(out_of_order), 0);
}

/// `(1/n) (1 - p^n) / (1 + (2a/n) p^n)`: the loss of all copies costs a round trip, or `2a/n` segments. A lost copy takes no
/// transmission time on this link, so the `n` slots are `n (1 - p)`.
#[test]
fn goodput_with_copies_matches_the_formula() {
    for (loss, count) in [
        (0.01, 1),
        (0.01, 2),
        (0.01, 3),
        (0.05, 2),
        (0.05, 3),
        (0.1, 4),
    ] {
        let scenario = long_path(loss, count);
        let measured = share(&scenario, &run(&scenario));
        let all_lost = f64::powi(loss, count.into());
        let n = f64::from(count) * (1.0 - loss);
        let expected = (1.0 - all_lost) / n / (1.0 + 333.3 / n * all_lost);
        let ratio = measured / expected;
        assert!(
            (0.9..=1.1).contains(&ratio),
            "loss {loss}, {count} copies: measured {measured:.4}, expected {expected:.4}"
        );
    }
}

/// With 32 receivers and independent losses, nearly a third of all segments are missing at some receiver, and all wait.
#[test]
fn copies_help_a_group_with_independent_losses() {
    let goodput = |count| {
        let mut scenario = long_path(0.0, count);
        (scenario.receivers, scenario.segments) = (32, 2_000);
        (scenario.data.delay, scenario.ack.delay) = (ms(5), ms(5));
        scenario.last_hop.loss = Loss::Random(0.01);
        let outcome = run(&scenario);
        assert_eq!(outcome.finished.len(), 32, "{count} copies");
        share(&scenario, &outcome)
    };
    let [one, two] = [1, 2].map(goodput);
    assert!(two > 1.3 * one, "one copy {one:.4}, two {two:.4}");
}

/// The automatic window counts segments and not copies. With two copies, half as many segments fill the path.
#[test]
fn an_automatic_window_fills_the_path_with_copies() {
    let link = LinkConfig {
        rate: Some("100mbit".parse().unwrap()),
        delay: ms(20),
        loss: Loss::Random(0.01),
        ..LinkConfig::default()
    };
    for (count, least, most_window) in [(1, 0.15, 520), (2, 0.40, 280), (3, 0.30, 200)] {
        let transfer = Transfer {
            sender: config(WindowSetting::Auto, count),
            segments: u64::MAX,
            start: ms(0),
            sharing: 1,
        };
        let end = ms(20_000);
        let courses = SharedLink::carry(epoch(), &link, 3, &[transfer], end);
        let segments = courses[0].acknowledged(ms(2_000), end);
        let bits = segments as f64 * SEGMENT_PACKET_BYTES as f64 * 8.0;
        let share = bits / 18.0 / 100e6;
        let window = courses[0].largest_window(ms(2_000));
        assert!(
            share > least && window <= most_window,
            "{count} copies: share {share:.3}, window {window}"
        );
    }
}
