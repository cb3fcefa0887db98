//! Cumulative acknowledgement.

use backroom_gbn::{
    Ack, Received, Receiver, ReceiverId, Sender, SenderConfig, SenderEvent, Window,
};

use crate::harness::{ack, at, events, sent_now, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);

fn sender(window: u16) -> Sender {
    let window = Window::try_from(window).unwrap();
    let mut sender = Sender::new(
        SenderConfig {
            window: window.into(),
            ..SenderConfig::default()
        },
        [RECEIVER],
    );
    sender.make_available(1000);
    sender
}

#[test]
fn acks_slide_the_window() {
    let mut sender = sender(4);
    assert_eq!(sent_now(&mut sender, at(0)), [0, 1, 2, 3]);
    assert_eq!(sent_now(&mut sender, at(0)), []);
    sender.handle_ack(at(10), RECEIVER, ack(3));
    assert_eq!((sender.base(), sender.next_seq_num()), (3, 4));
    assert_eq!(sent_now(&mut sender, at(10)), [4, 5, 6]);
    assert_eq!(sender.outstanding(), 4);
}

#[test]
fn a_reordered_ack_moves_nothing_back() {
    let mut sender = sender(4);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), RECEIVER, ack(4));
    let timer = sender.poll_timeout();
    sender.handle_ack(
        at(11),
        RECEIVER,
        Ack {
            free_segments: 0,
            ..ack(2)
        },
    );
    assert_eq!((sender.base(), sender.poll_timeout()), (4, timer));
    assert_eq!(
        sent_now(&mut sender, at(11)),
        [4, 5, 6, 7],
        "nor does its space count"
    );
}

#[test]
fn an_ack_after_going_back_is_valid() {
    let mut sender = sender(4);
    transmit_all(&mut sender, at(0));
    let timer = sender.poll_timeout().unwrap();
    sender.handle_timeout(timer);
    let first_again = sender.poll_transmit(timer, 1).unwrap();
    assert_eq!((first_again.first, first_again.retransmission), (0, true));
    assert_eq!(
        sender.next_seq_num(),
        4,
        "going back moves the cursor alone"
    );

    sender.handle_ack(timer, RECEIVER, ack(4));
    assert_eq!(sender.base(), 4);
    assert_eq!(
        sent_now(&mut sender, timer),
        [4, 5, 6, 7],
        "what it covers is not sent again"
    );
}

#[test]
fn an_ack_for_unsent_segments_is_refused() {
    let mut sender = sender(4);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), RECEIVER, ack(5));
    sender.handle_ack(at(1), ReceiverId(9), ack(4));
    assert_eq!(sender.base(), 0);
    assert_eq!((sender.stats().acks, sender.stats().acks_refused), (0, 2));
}

#[test]
fn events_report_the_base_once_and_the_end_last() {
    let mut sender = sender(4);
    sender.make_available(4);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), RECEIVER, ack(1));
    sender.handle_ack(at(1), RECEIVER, ack(2));
    assert_eq!(events(&mut sender), [SenderEvent::BaseAdvanced { base: 2 }]);
}

#[test]
fn an_empty_transfer_finishes_immediately() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    assert!(!sender.is_finished());
    sender.finish();
    let expected = [
        SenderEvent::ReceiverFinished { receiver: RECEIVER },
        SenderEvent::Finished,
    ];
    assert_eq!(events(&mut sender), expected);
    assert_eq!(
        (sender.poll_transmit(at(0), 1), sender.poll_timeout()),
        (None, None)
    );
}

#[test]
fn available_segments_only_grow_and_not_beyond_the_end() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.make_available(3);
    sender.make_available(2);
    sender.finish();
    sender.make_available(4);
    assert_eq!(sent_now(&mut sender, at(0)), [0, 1, 2]);
}

#[test]
fn finish_may_come_after_the_last_ack() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.make_available(2);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), RECEIVER, ack(2));
    assert!(!sender.is_finished());
    assert_eq!(sender.poll_timeout(), None, "nothing is outstanding");
    sender.finish();
    assert!(sender.is_finished());
}

#[test]
fn the_receiver_delivers_in_order_and_drops_the_rest() {
    let mut receiver = Receiver::new(10);
    let received = [(0, 0), (2, 0), (1, 0), (1, 1), (3, 0)]
        .map(|(seq, round)| receiver.handle_segment(seq, round));
    use Received::{Deliver, Duplicate, OutOfOrder};
    assert_eq!(
        received,
        [Deliver, OutOfOrder, Deliver, Duplicate, OutOfOrder]
    );
    assert_eq!(receiver.expected_seq_num(), 2);
}

#[test]
fn one_ack_covers_all_arrivals() {
    let mut receiver = Receiver::new(10);
    assert_eq!(receiver.poll_transmit(), None);
    (0..3).for_each(|seq| assert_eq!(receiver.handle_segment(seq, 5), Received::Deliver));
    let expected = Ack {
        cumulative: 3,
        accepted_round: 5,
        gap_round: None,
        free_segments: 7,
    };
    assert_eq!(receiver.poll_transmit(), Some(expected));
    assert_eq!(receiver.poll_transmit(), None);
}

#[test]
fn a_duplicate_is_acknowledged_again_with_its_own_round() {
    let mut receiver = Receiver::new(10);
    receiver.handle_segment(0, 0);
    receiver.poll_transmit();
    receiver.handle_segment(0, 1);
    let again = receiver.poll_transmit().unwrap();
    assert_eq!(
        (again.cumulative, again.accepted_round, again.gap_round),
        (1, 1, None)
    );
}

#[test]
fn a_gap_is_reported_with_its_newest_round_until_it_is_filled() {
    let mut receiver = Receiver::new(10);
    receiver.handle_segment(3, 7);
    receiver.handle_segment(2, 8);
    receiver.handle_segment(5, 7);
    assert_eq!(receiver.poll_transmit().unwrap().gap_round, Some(8));
    receiver.handle_segment(0, 8);
    assert_eq!(
        receiver.poll_transmit().unwrap().gap_round,
        None,
        "nothing out of order arrived since"
    );

    receiver.handle_segment(2, 9);
    receiver.handle_segment(1, 9);
    let dropped = receiver.poll_transmit().unwrap();
    assert_eq!(
        (dropped.cumulative, dropped.gap_round),
        (2, Some(9)),
        "2 itself was dropped"
    );

    receiver.handle_segment(3, 9);
    receiver.handle_segment(2, 9);
    receiver.handle_segment(3, 9);
    assert_eq!(
        receiver.poll_transmit().unwrap().gap_round,
        None,
        "3 came again in order"
    );
}

#[test]
fn the_highest_segment_of_a_round_determines_the_gap() {
    let mut receiver = Receiver::new(10);
    receiver.handle_segment(5, 7);
    receiver.handle_segment(3, 7);
    (0..5).for_each(|seq| assert_eq!(receiver.handle_segment(seq, 7), Received::Deliver));
    let ack = receiver.poll_transmit().unwrap();
    assert_eq!(
        (ack.cumulative, ack.gap_round),
        (5, Some(7)),
        "5 was dropped"
    );
}

#[test]
fn after_a_change_of_streams_only_segments_sent_there_are_acknowledged() {
    let mut receiver = Receiver::new(100);
    for seq in 0..20 {
        receiver.handle_segment(seq, 3);
    }
    receiver.handle_segment(25, 3);
    receiver.change_stream();
    assert_eq!(
        receiver.poll_transmit(),
        None,
        "the old stream is owed nothing"
    );
    // The sender knows of 10, and its window is 4.
    let config = SenderConfig {
        window: Window::try_from(4_u16).unwrap().into(),
        ..SenderConfig::default()
    };
    let peer = ReceiverId(0);
    let mut sender = Sender::starting_at(10, config, [peer]);
    sender.make_available(30);
    sender.finish();
    let mut delivered = 20;
    while !sender.is_finished() {
        let run = sender.poll_transmit(at(0), usize::MAX).unwrap();
        for seq in run.segments() {
            if receiver.handle_segment(seq, run.round) == Received::Deliver {
                delivered += 1;
            }
        }
        let ack = receiver.poll_transmit().unwrap();
        assert_eq!(ack.space_end(), 100, "space is told as it is");
        sender.handle_ack(at(1), peer, ack);
    }
    assert_eq!(delivered, 30);
    let stats = sender.stats();
    assert_eq!((stats.acks_refused, stats.segments_retransmitted), (0, 0));
}
