//! A group does not wait for those that can't keep up.

use backroom_gbn::{Ack, Patience, ReceiverId, Sender, SenderConfig, Timeout, Window};
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
        patience: true,
        ..Scenario::default()
    }
}

fn seconds(outcome: &Outcome) -> f64 {
    outcome.duration.as_secs_f64()
}

#[test]
fn a_slow_receiver_is_taken_out_and_the_others_take_little_longer_than_without_it() {
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
fn a_receiver_that_loses_much_is_taken_out() {
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
fn losses_that_hit_all_alike_move_nobody() {
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

/// A sender of 12 segments in a window of 6, all sent, to A who has them and to B.
fn waiting() -> Sender {
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
fn who_stands_still_is_named_when_the_timeout_says_and_not_before() {
    let sender = waiting();
    let mut patience = Patience::default();
    assert_eq!(patience.observe(epoch(), &sender), None);
    let named_at = patience.poll_timeout(&sender).unwrap();
    let waited = named_at - epoch();
    assert!((ms(2_500)..ms(3_000)).contains(&waited), "{waited:?}");
    assert_eq!(patience.observe(named_at - ms(2), &sender), None);
    assert_eq!(patience.observe(named_at, &sender), Some(B));
}

#[test]
fn who_has_no_space_is_waited_for_too() {
    let mut sender = waiting();
    let full = Ack {
        free_segments: 0,
        ..ack(6)
    };
    sender.handle_ack(epoch(), B, full);
    let mut patience = Patience::default();
    assert_eq!(patience.observe(epoch(), &sender), None);
    assert_eq!(patience.observe(at(10_000), &sender), Some(B));
}

#[test]
fn nobody_waits_for_the_last_segments_nor_for_a_file_not_read_yet() {
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
        let mut patience = Patience::default();
        assert_eq!(patience.observe(epoch(), &sender), None);
        assert_eq!(patience.poll_timeout(&sender), None);
        assert_eq!(patience.observe(at(60_000), &sender), None);
    }
}

#[test]
fn those_that_stand_still_together_are_named_one_after_the_other_without_waiting_again() {
    let c = ReceiverId(3);
    let mut sender = Sender::new(SenderConfig::default(), [A, B, c]);
    sender.make_available(1_000);
    transmit_all(&mut sender, epoch());
    sender.handle_ack(epoch(), A, ack(64));
    sender.handle_ack(epoch(), B, ack(7));
    let mut patience = Patience::default();
    patience.observe(epoch(), &sender);
    let first = patience.observe(at(10_000), &sender).unwrap();
    sender.remove_receiver(first);
    let second = patience.observe(at(10_000), &sender).unwrap();
    sender.remove_receiver(second);
    assert_eq!(
        (first.0 + second.0, patience.observe(at(10_000), &sender)),
        (5, None)
    );
}
