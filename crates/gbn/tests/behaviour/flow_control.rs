//! Flow control: the free space of the receiver.

use backroom_gbn::{
    Ack, DEFAULT_MAX_STALL, Received, Receiver, ReceiverId, Recovery, Sender, SenderConfig, Timeout,
};
use backroom_link::LinkConfig;

use crate::harness::{Event, Scenario, Space, ack, at, ms, sent_now, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);

fn with_space(cumulative: u64, free_segments: u32) -> Ack {
    Ack {
        free_segments,
        ..ack(cumulative)
    }
}

fn sender(recovery: Recovery) -> Sender {
    let config = SenderConfig {
        recovery,
        timeout: Timeout::Fixed(ms(50)),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.set_free_segments(RECEIVER, 4);
    sender.make_available(100);
    sender
}

#[test]
fn the_sender_respects_the_receivers_space() {
    let mut sender = sender(Recovery::Fast);
    assert_eq!(sent_now(&mut sender, at(0)), [0, 1, 2, 3]);
    sender.handle_ack(at(1), RECEIVER, with_space(2, 3));
    assert_eq!(sent_now(&mut sender, at(1)), [4]);
}

#[test]
fn a_receiver_without_space_is_probed_by_the_timer() {
    for recovery in [Recovery::Timeout, Recovery::Fast] {
        let mut sender = sender(recovery);
        transmit_all(&mut sender, at(0));
        sender.handle_ack(at(10), RECEIVER, with_space(4, 0));
        assert_eq!(sent_now(&mut sender, at(10)), []);
        assert_eq!(
            sender.poll_timeout(),
            Some(at(60)),
            "nothing is outstanding, and the timer runs"
        );

        sender.handle_timeout(at(60));
        assert_eq!(
            sent_now(&mut sender, at(60)),
            [4],
            "one segment beyond the space"
        );
        sender.handle_ack(at(70), RECEIVER, with_space(4, 0));
        assert_eq!(sent_now(&mut sender, at(70)), []);
        sender.handle_ack(at(80), RECEIVER, with_space(4, 3));
        assert_eq!(
            sent_now(&mut sender, at(80)),
            [4, 5, 6],
            "the refused one again, at once"
        );
        let stats = sender.stats();
        assert_eq!(
            (stats.window_probes, stats.timeouts, stats.go_backs),
            (1, 0, 0)
        );
    }
}

#[test]
fn a_probe_that_is_lost_is_sent_again() {
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), RECEIVER, with_space(4, 0));
    transmit_all(&mut sender, at(10));
    for probe in 1..=3 {
        let timer = sender.poll_timeout().unwrap();
        sender.handle_timeout(timer);
        let asked = sender.poll_transmit(timer, usize::MAX).unwrap();
        assert_eq!((asked.segments(), asked.round), (4..5, probe - 1));
        assert_eq!(sender.poll_transmit(timer, usize::MAX), None);
        assert_eq!(sender.stats().window_probes, u64::from(probe));
    }
    assert_eq!(sender.outstanding(), 1);
}

#[test]
fn there_are_no_probes_while_there_is_nothing_to_send() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.make_available(4);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), RECEIVER, with_space(4, 0));
    assert_eq!(sent_now(&mut sender, at(10)), []);
    assert_eq!(sender.poll_timeout(), None);
    sender.make_available(5);
    assert_eq!(sent_now(&mut sender, at(20)), []);
    assert!(sender.poll_timeout().is_some());
}

#[test]
fn a_receiver_without_space_is_probed_until_the_stall_is_too_long() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.set_free_segments(RECEIVER, 0);
    sender.make_available(1);
    transmit_all(&mut sender, at(0));
    let mut probes = 0;
    let ended = loop {
        let timer = sender.poll_timeout().unwrap();
        sender.handle_timeout(timer);
        if sender.is_finished() {
            break timer;
        }
        assert_eq!(sent_now(&mut sender, timer), [0]);
        sender.handle_ack(timer, RECEIVER, with_space(0, 0));
        probes += 1;
    };
    assert_eq!(ended, at(0) + DEFAULT_MAX_STALL);
    assert!((20..64).contains(&probes), "{probes}");
}

#[test]
fn new_space_restarts_the_timer() {
    let mut sender = sender(Recovery::Fast);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), RECEIVER, with_space(4, 0));
    transmit_all(&mut sender, at(10));
    sender.handle_ack(at(59), RECEIVER, with_space(4, 8));
    transmit_all(&mut sender, at(59));
    assert_eq!(sender.poll_timeout(), Some(at(109)));
}

#[test]
fn the_receiver_reports_new_space_after_it_had_none() {
    let mut receiver = Receiver::new(1);
    assert_eq!(receiver.handle_segment(0, 0), Received::Deliver);
    assert_eq!(receiver.poll_transmit().unwrap().free_segments, 0);
    assert_eq!(receiver.handle_segment(1, 0), Received::NoSpace);
    let refused = receiver.poll_transmit().unwrap();
    assert_eq!(
        (refused.cumulative, refused.free_segments, refused.gap_round),
        (1, 0, None)
    );

    receiver.set_free_segments(0);
    assert_eq!(receiver.poll_transmit(), None);
    receiver.set_free_segments(5);
    assert_eq!(receiver.poll_transmit().unwrap().free_segments, 5);
    receiver.set_free_segments(6);
    assert_eq!(receiver.poll_transmit(), None, "some more is no news");
    assert_eq!(receiver.handle_segment(1, 0), Received::Deliver);
}

#[test]
fn a_slow_reader_is_neither_overrun_nor_given_up() {
    let scenario = Scenario {
        segments: 300,
        data: LinkConfig {
            delay: ms(1),
            ..LinkConfig::default()
        },
        ack: LinkConfig {
            delay: ms(1),
            loss: "0.2".parse().unwrap(),
            ..LinkConfig::default()
        },
        space: Some(Space {
            capacity: 8,
            taken: 4,
            every: ms(30),
        }),
        ..Scenario::default()
    };
    let outcome = scenario.run().unwrap();
    assert_eq!(outcome.finished, [0]);
    let refused = outcome.trace.iter().filter(|entry| {
        matches!(
            entry.event,
            Event::Arrived {
                received: Received::NoSpace,
                ..
            }
        )
    });
    assert!(
        refused.count() as u64 <= outcome.stats.window_probes,
        "only probes find no space"
    );
}
