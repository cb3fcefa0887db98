//! One sender, several receivers.

use backroom_gbn::{
    Ack, GoBackCause, INITIAL_RTO, LossCause, ReceiverId, Sender, SenderConfig, SenderEvent,
    Silence, Timeout, Window,
};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{Scenario, ack, at, events, gap, ms, sent_now, transmit_all};

const A: ReceiverId = ReceiverId(1);
const B: ReceiverId = ReceiverId(2);

fn sender() -> Sender {
    let window = Window::try_from(6_u16).unwrap();
    let mut sender = Sender::new(
        SenderConfig {
            window: window.into(),
            ..SenderConfig::default()
        },
        [B, A, B],
    );
    sender.make_available(12);
    sender
}

#[test]
fn the_base_is_that_of_the_slowest_receiver() {
    let mut sender = sender();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), A, ack(6));
    assert_eq!((sender.base(), sent_now(&mut sender, at(1))), (0, vec![]));
    sender.handle_ack(at(2), B, ack(2));
    assert_eq!(
        (sender.base(), sent_now(&mut sender, at(2))),
        (2, vec![6, 7])
    );
    let known: Vec<_> = sender
        .receivers()
        .iter()
        .map(|live| (live.id, live.cumulative))
        .collect();
    assert_eq!(known, [(A, 6), (B, 2)]);
}

#[test]
fn each_loss_of_each_receiver_causes_one_go_back() {
    let mut sender = sender();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), A, gap(4, 0));
    assert_eq!(sent_now(&mut sender, at(1)), [4, 5]);
    // B lost 1, which is earlier. The sender goes back again, in a new round, to segments that A already has.
    sender.handle_ack(at(2), B, gap(1, 0));
    assert_eq!(sent_now(&mut sender, at(2)), [1, 2, 3, 4, 5, 6]);
    // More segments of round 0 arrive at both.
    sender.handle_ack(at(3), A, gap(4, 0));
    sender.handle_ack(at(3), B, gap(1, 0));
    assert_eq!(sent_now(&mut sender, at(3)), []);
    // A lost 4 in round 1 too, but it has been sent in round 2 since.
    sender.handle_ack(at(4), A, gap(4, 1));
    assert_eq!(sender.stats().go_backs, 2);
    // And in round 2.
    sender.handle_ack(at(5), A, gap(4, 2));
    assert_eq!(sent_now(&mut sender, at(5)), [4, 5, 6]);
}

#[test]
fn a_reordered_gap_report_is_ignored() {
    let mut sender = sender();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), A, ack(5));
    sender.handle_ack(at(1), A, gap(3, 0));
    assert_eq!(sender.stats().go_backs, 0, "A has it; B did not complain");
}

#[test]
fn removing_the_slowest_receiver_lets_the_others_continue() {
    let mut sender = sender();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), A, ack(6));
    events(&mut sender);
    assert!(sender.remove_receiver(B));
    assert!(!sender.remove_receiver(B));
    assert_eq!(events(&mut sender), [SenderEvent::BaseAdvanced { base: 6 }]);
    assert_eq!(sender.poll_timeout(), None);
    assert_eq!(sent_now(&mut sender, at(1)), [6, 7, 8, 9, 10, 11]);
    sender.finish();
    sender.handle_ack(at(2), A, ack(12));
    assert!(sender.is_finished());
}

#[test]
fn a_sender_without_receivers_is_finished() {
    let mut sender = sender();
    transmit_all(&mut sender, at(0));
    sender.remove_receiver(A);
    sender.remove_receiver(B);
    assert_eq!(events(&mut sender), [SenderEvent::Finished]);
    assert_eq!((sender.poll_timeout(), sender.outstanding()), (None, 0));
    assert_eq!(sent_now(&mut sender, at(1)), []);
    sender.handle_ack(at(1), A, ack(3));
    assert_eq!(sender.stats().acks_refused, 1);
}

#[test]
fn a_silent_receiver_is_lost_after_enough_timeouts_and_time() {
    let timeout = Timeout::Fixed(ms(100));
    let config = SenderConfig {
        timeout,
        max_silence: Some(Silence {
            timeouts: 3,
            min_time: ms(200),
        }),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [A, B]);
    sender.make_available(4);
    sender.finish();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(0), A, ack(4));
    let mut timeouts = 0;
    while !sender.is_finished() {
        let timer = sender.poll_timeout().unwrap();
        sender.handle_timeout(timer);
        transmit_all(&mut sender, timer);
        timeouts += 1;
        if timeouts == 2 {
            sender.handle_ack(timer, B, ack(0));
        }
    }
    // The count begins again after the 2nd: the 3rd is the first silent one, the 5th is 200 ms later.
    assert_eq!(timeouts, 5);
    let all = events(&mut sender);
    let of_receivers: Vec<_> = all
        .into_iter()
        .filter(|event| !matches!(event, SenderEvent::GoBack { .. }))
        .collect();
    assert_eq!(
        of_receivers,
        [
            SenderEvent::BaseAdvanced { base: 4 },
            SenderEvent::ReceiverFinished { receiver: A },
            SenderEvent::ReceiverLost {
                receiver: B,
                cause: LossCause::Silent,
            },
            SenderEvent::Finished,
        ]
    );
}

#[test]
fn losing_a_receiver_ends_its_back_off() {
    let config = SenderConfig {
        max_silence: Some(Silence {
            timeouts: 3,
            min_time: ms(0),
        }),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [A, B]);
    sender.make_available(100);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), A, ack(10));
    while sender.receivers().len() == 2 {
        let timer = sender.poll_timeout().unwrap();
        sender.handle_timeout(timer);
        transmit_all(&mut sender, timer);
        sender.handle_ack(timer, A, ack(10));
    }
    assert_eq!(sender.base(), 10);
    assert_eq!(sender.stats().rto, INITIAL_RTO);
}

#[test]
fn the_receiver_with_the_least_space_limits_the_sender() {
    let mut sender = sender();
    sender.set_free_segments(A, 5);
    sender.set_free_segments(B, 4);
    assert_eq!(sent_now(&mut sender, at(0)), [0, 1, 2, 3]);
    let with_space = |cumulative, free_segments| Ack {
        free_segments,
        ..ack(cumulative)
    };
    sender.handle_ack(at(1), A, with_space(4, 1));
    sender.handle_ack(at(1), B, with_space(4, 2));
    assert_eq!(sent_now(&mut sender, at(1)), [4]);
    sender.handle_ack(at(2), A, with_space(5, 9));
    assert_eq!(sent_now(&mut sender, at(2)), [5]);
    sender.remove_receiver(B);
    assert_eq!(sent_now(&mut sender, at(2)), [6, 7, 8, 9, 10]);
}

#[test]
fn space_known_before_the_first_ack_counts() {
    let mut sender = sender();
    sender.set_free_segments(A, 3);
    assert_eq!(sent_now(&mut sender, at(0)), [0, 1, 2]);
}

#[test]
fn the_others_finish_when_one_receiver_falls_silent() {
    let scenario = Scenario {
        sender: SenderConfig {
            max_silence: Some(Silence {
                timeouts: 4,
                min_time: ms(500),
            }),
            ..SenderConfig::default()
        },
        receivers: 3,
        segments: 500,
        data: LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: ms(5),
            loss: Loss::Random(0.02),
            ..LinkConfig::default()
        },
        silent_from: Some((2, ms(100))),
        ..Scenario::default()
    };
    let outcome = scenario.run().unwrap();
    assert_eq!(outcome.lost, [2]);
    assert_eq!(outcome.finished.len(), 2);
}

#[test]
fn a_loss_on_the_shared_link_is_repaired_once() {
    let scenario = Scenario {
        receivers: 8,
        data: LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: ms(10),
            loss: "drop 30".parse().unwrap(),
            ..LinkConfig::default()
        },
        ..Scenario::default()
    };
    let outcome = scenario.run().unwrap();
    assert_eq!((outcome.stats.go_backs, outcome.stats.timeouts), (1, 0));
    assert_eq!(outcome.finished.len(), 8);
}

#[test]
fn a_timeout_goes_back_to_the_slowest_receiver() {
    let mut sender = sender();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(1), A, ack(5));
    sender.handle_ack(at(1), B, ack(3));
    let timer = sender.poll_timeout().unwrap();
    sender.handle_timeout(timer);
    let expected = SenderEvent::GoBack {
        to: 3,
        cause: GoBackCause::Timeout,
    };
    assert!(events(&mut sender).contains(&expected));
}

#[test]
fn a_receiver_can_move_to_its_own_stream() {
    let mut group = sender();
    transmit_all(&mut group, at(0));
    group.handle_ack(at(1), A, ack(6));
    group.handle_ack(at(1), B, ack(2));
    let of_b = group.receivers()[1];
    group.remove_receiver(B);

    let mut own = Sender::starting_at(of_b.cumulative, SenderConfig::default(), [B]);
    own.make_available(12);
    own.finish();
    assert_eq!(own.base(), 2);
    assert_eq!(sent_now(&mut own, at(1)), (2..12).collect::<Vec<_>>());
    own.handle_ack(at(2), B, ack(12));
    assert!(own.is_finished());
    assert_eq!(own.stats().segments, 10);
}
