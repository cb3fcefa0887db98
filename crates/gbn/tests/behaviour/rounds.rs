//! Rounds wrap around at 65,536.

use backroom_gbn::{ReceiverId, Sender, SenderConfig, Window};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{Scenario, at, gap, ms, sent_now, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);

/// A sender of four segments from `base` on that has gone back this many times, once for each segment before.
fn sender_in_round(round: u16) -> (u64, Sender) {
    let config = SenderConfig {
        window: Window::try_from(4_u16).unwrap().into(),
        ..SenderConfig::default()
    };
    let base = u64::from(round);
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(base + 4);
    transmit_all(&mut sender, at(0));
    for lost_in in 0..round {
        let lost = u64::from(lost_in) + 1;
        sender.handle_ack(at(1), RECEIVER, gap(lost, lost_in));
        assert_eq!(sent_now(&mut sender, at(1)), window(lost));
    }
    assert_eq!(sender.round(), round);
    (base, sender)
}

fn window(base: u64) -> Vec<u64> {
    (base..base + 4).collect()
}

#[test]
fn gap_reports_work_across_the_wrap() {
    let (base, mut sender) = sender_in_round(u16::MAX);
    sender.handle_ack(at(2), RECEIVER, gap(base, u16::MAX - 1));
    assert_eq!(sent_now(&mut sender, at(2)), [], "the round before");
    sender.handle_ack(at(2), RECEIVER, gap(base, 0));
    assert_eq!(sent_now(&mut sender, at(2)), [], "the round to come");
    sender.handle_ack(at(2), RECEIVER, gap(base, u16::MAX));
    assert_eq!(sender.round(), 0);
    assert_eq!(sent_now(&mut sender, at(2)), window(base));
    sender.handle_ack(at(3), RECEIVER, gap(base, u16::MAX));
    assert_eq!(sent_now(&mut sender, at(3)), []);
    sender.handle_ack(at(3), RECEIVER, gap(base, 0));
    assert_eq!(sender.round(), 1);
    assert_eq!(sent_now(&mut sender, at(3)), [base]);
}

#[test]
fn a_transfer_of_more_rounds_than_a_u16_holds_completes() {
    let scenario = Scenario {
        sender: SenderConfig {
            window: Window::try_from(2_u16).unwrap().into(),
            ..Scenario::default().sender
        },
        segments: 32_000,
        segment_bytes: 8,
        data: LinkConfig {
            delay: ms(1),
            loss: Loss::Random(0.7),
            ..LinkConfig::default()
        },
        ..Scenario::default()
    };
    let outcome = scenario.run().unwrap();
    assert!(
        outcome.stats.go_backs > u64::from(u16::MAX),
        "{}",
        outcome.stats.go_backs
    );
    assert_eq!(outcome.finished, [0]);
}
