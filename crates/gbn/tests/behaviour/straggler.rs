//! Straggler detection: a group does not wait for a receiver that cannot keep up.

use backroom_gbn::{Ack, ReceiverId, Sender, SenderConfig, StragglerDetector, Timeout, Window};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{Outcome, Scenario, ack, at, epoch, ms, transmit_all};

const A: ReceiverId = ReceiverId(1);
const B: ReceiverId = ReceiverId(2);

/// 10 Mbit/s and 5 ms to four receivers, for 10 seconds.
fn scenario() -> Scenario {
    Scenario {
        receivers: 4,
        segments: 10_000,
        data: LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: ms(5),
            ..LinkConfig::default()
        },
        detect_stragglers: true,
        ..Scenario::default()
    }
}

fn seconds(outcome: &Outcome) -> f64 {
    outcome.duration.as_secs_f64()
}

#[test]
fn a_slow_receiver_is_removed_and_delays_the_others_little() {
    let alone = Scenario {
        receivers: 3,
        ..scenario()
    };
    let with_slow = Scenario {
        first_last_hop: Some(LinkConfig {
            rate: Some("1mbit".parse().unwrap()),
            queue: Some(100),
            ..LinkConfig::default()
        }),
        ..scenario()
    };
    let (alone, with_slow) = (alone.run().unwrap(), with_slow.run().unwrap());
    assert_eq!(with_slow.moved, [0]);
    assert_eq!(with_slow.finished.len(), 3);
    assert!(seconds(&with_slow) < seconds(&alone) + 5.0);
}

#[test]
fn a_receiver_with_heavy_loss_is_removed() {
    let outcome = Scenario {
        first_last_hop: Some(LinkConfig {
            loss: Loss::Random(0.3),
            ..LinkConfig::default()
        }),
        ..scenario()
    }
    .run()
    .unwrap();
    assert_eq!(outcome.moved, [0]);
    assert_eq!(outcome.finished.len(), 3);
}

#[test]
fn equal_losses_make_no_straggler() {
    for (seed, receivers, loss, window) in [
        (1, 2, 0.01, 64_u16),
        (2, 2, 0.05, 64),
        (3, 4, 0.02, 20),
        (4, 8, 0.02, 64),
        (5, 3, 0.0, 10),
    ] {
        let mut scenario = Scenario {
            seed,
            receivers,
            segments: 8_000,
            last_hop: LinkConfig {
                loss: Loss::Random(loss),
                ..LinkConfig::default()
            },
            ..scenario()
        };
        scenario.sender.window = Window::try_from(window).unwrap().into();
        let outcome = scenario.run().unwrap();
        assert_eq!(outcome.moved, [0; 0], "seed {seed}");
        assert_eq!(outcome.finished.len(), usize::from(receivers));
    }
}

/// A sender with a full window of 6 segments. A has acknowledged all of them, B none.
fn blocked_sender() -> Sender {
    let config = SenderConfig {
        window: Window::try_from(6_u16).unwrap().into(),
        timeout: Timeout::Fixed(ms(60_000)),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [A, B]);
    sender.make_available(12);
    transmit_all(&mut sender, epoch());
    sender.handle_ack(epoch(), A, ack(6));
    sender
}

#[test]
fn a_stopped_receiver_is_detected_exactly_at_the_timeout() {
    let sender = blocked_sender();
    let mut detector = StragglerDetector::default();
    assert_eq!(detector.observe(epoch(), &sender), None);
    let detected_at = detector.poll_timeout(&sender).unwrap();
    let waited = detected_at - epoch();
    assert!((ms(2_500)..ms(3_000)).contains(&waited), "{waited:?}");
    assert_eq!(detector.observe(detected_at - ms(2), &sender), None);
    assert_eq!(detector.observe(detected_at, &sender), Some(B));
}

#[test]
fn a_receiver_without_space_is_a_straggler() {
    let mut sender = blocked_sender();
    let full = Ack {
        free_segments: 0,
        ..ack(6)
    };
    sender.handle_ack(epoch(), B, full);
    let mut detector = StragglerDetector::default();
    assert_eq!(detector.observe(epoch(), &sender), None);
    assert_eq!(detector.observe(at(10_000), &sender), Some(B));
}

#[test]
fn the_end_of_the_transfer_and_unread_segments_do_not_count() {
    let not_read = || {
        let mut sender = Sender::new(SenderConfig::default(), [A, B]);
        sender.make_available(12);
        sender
    };
    let mut ended = not_read();
    ended.finish();
    for mut sender in [not_read(), ended] {
        transmit_all(&mut sender, epoch());
        sender.handle_ack(epoch(), A, ack(12));
        let mut detector = StragglerDetector::default();
        assert_eq!(detector.observe(epoch(), &sender), None);
        assert_eq!(detector.poll_timeout(&sender), None);
        assert_eq!(detector.observe(at(60_000), &sender), None);
    }
}

#[test]
fn receivers_that_stopped_together_are_detected_without_another_wait() {
    let c = ReceiverId(3);
    let mut sender = Sender::new(SenderConfig::default(), [A, B, c]);
    sender.make_available(1_000);
    transmit_all(&mut sender, epoch());
    sender.handle_ack(epoch(), A, ack(64));
    sender.handle_ack(epoch(), B, ack(7));
    let mut detector = StragglerDetector::default();
    detector.observe(epoch(), &sender);
    let first = detector.observe(at(10_000), &sender).unwrap();
    sender.remove_receiver(first);
    let second = detector.observe(at(10_000), &sender).unwrap();
    sender.remove_receiver(second);
    assert_eq!(
        (first.0 + second.0, detector.observe(at(10_000), &sender)),
        (5, None)
    );
}
