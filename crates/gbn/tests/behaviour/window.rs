//! Changing the window in the middle of a transfer.

use backroom_gbn::{ReceiverId, Sender, SenderConfig, Window};

use crate::harness::{ack, at, gap, sent_now, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);

fn window(segments: u16) -> Window {
    Window::try_from(segments).unwrap()
}

fn sender(segments: u16) -> Sender {
    let config = SenderConfig {
        window: window(segments).into(),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(1000);
    sender
}

#[test]
fn a_larger_window_applies_immediately() {
    let mut sender = sender(2);
    assert_eq!(sent_now(&mut sender, at(0)), [0, 1]);
    sender.set_window(window(5));
    assert_eq!(sent_now(&mut sender, at(0)), [2, 3, 4]);
    assert_eq!(sender.window(), window(5));
}

#[test]
fn a_smaller_window_applies_as_acks_arrive() {
    let mut sender = sender(5);
    transmit_all(&mut sender, at(0));
    sender.set_window(window(2));
    sender.handle_ack(at(1), RECEIVER, ack(2));
    assert_eq!(
        (sender.outstanding(), sent_now(&mut sender, at(1))),
        (3, vec![])
    );
    sender.handle_ack(at(1), RECEIVER, ack(4));
    assert_eq!(sent_now(&mut sender, at(1)), [5]);
}

#[test]
fn going_back_respects_the_smaller_window() {
    let mut sender = sender(5);
    transmit_all(&mut sender, at(0));
    sender.set_window(window(2));
    sender.handle_ack(at(1), RECEIVER, gap(1, 0));
    assert_eq!(sent_now(&mut sender, at(1)), [1, 2]);
    sender.handle_ack(at(2), RECEIVER, ack(3));
    assert_eq!(sent_now(&mut sender, at(2)), [3, 4]);
}

#[test]
fn a_window_change_keeps_the_rounds_of_outstanding_segments() {
    for changed_to in [1, 4, 100, 65_535] {
        let mut sender = sender(8);
        transmit_all(&mut sender, at(0));
        sender.handle_ack(at(1), RECEIVER, gap(3, 0));
        assert_eq!(sender.poll_transmit(at(1), 2).unwrap().segments(), 3..5);
        sender.set_window(window(changed_to));
        // 5 to 7 were last sent in round 0, and 3 in round 1. Only a report from round 1 concerns 3.
        sender.handle_ack(at(2), RECEIVER, gap(3, 0));
        assert_eq!(sender.stats().go_backs, 1, "window {changed_to}");
        sender.handle_ack(at(2), RECEIVER, gap(3, 1));
        assert_eq!(sender.stats().go_backs, 2, "window {changed_to}");
    }
}

#[test]
fn a_smaller_window_keeps_every_transmission_record() {
    let mut sender = sender(8);
    transmit_all(&mut sender, at(0));
    sender.set_window(window(1));
    sender.handle_ack(at(9), RECEIVER, ack(7));
    assert_eq!(sender.stats().srtt, Some(at(9) - at(0)));
    assert_eq!(sender.outstanding(), 1);
}

#[test]
fn a_larger_window_keeps_every_transmission_record() {
    let mut sender = sender(2);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(5), RECEIVER, ack(2));
    transmit_all(&mut sender, at(5));
    sender.set_window(window(100));
    sender.handle_ack(at(8), RECEIVER, ack(4));
    assert_eq!(sender.stats().min_rtt, Some(at(3) - at(0)));
}
