//! The retransmission timer: RFC 6298, Karn's algorithm, back-off.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use backroom_gbn::{
    Ack, CONSTANT_RETRIES, DEFAULT_FLOOR, INITIAL_RTO, MAX_BACK_OFF, MIN_RTO, ReceiverId, Recovery,
    Sender, SenderConfig, Timeout, Window,
};

use backroom_link::LinkConfig;

use crate::harness::{Scenario, SplitMix64, ack, at, ms, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);

fn sender(timeout: Timeout) -> Sender {
    let window = Window::try_from(4_u16).unwrap();
    let recovery = Recovery::Timeout;
    let config = SenderConfig {
        window: window.into(),
        recovery,
        timeout,
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(1000);
    sender
}

/// Lets the timer expire and sends what follows. Returns how long it ran.
fn fire(sender: &mut Sender, since: Instant) -> (Instant, Duration) {
    let timer = sender.poll_timeout().unwrap();
    sender.handle_timeout(timer);
    transmit_all(sender, timer);
    (timer, timer - since)
}

#[test]
fn an_early_timeout_has_no_effect() {
    let mut sender = sender(Timeout::ADAPTIVE);
    sender.handle_timeout(at(0));
    transmit_all(&mut sender, at(0));
    let timer = sender.poll_timeout().unwrap();
    sender.handle_timeout(timer - Duration::from_nanos(1));
    assert_eq!(sender.poll_timeout(), Some(timer));
    assert_eq!(sender.stats().timeouts, 0);
    assert_eq!(transmit_all(&mut sender, timer), []);
}

#[test]
fn the_timeout_follows_rfc_6298() {
    let mut sender = sender(Timeout::ADAPTIVE);
    assert_eq!(sender.stats().rto, INITIAL_RTO);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(40), RECEIVER, ack(4));
    // R = 40: srtt = 40, rttvar = 20, RTO = 40 + 4 x 20.
    assert_eq!(sender.stats().srtt, Some(ms(40)));
    assert_eq!(sender.stats().rttvar, Some(ms(20)));
    assert_eq!(sender.stats().rto, ms(120));
    transmit_all(&mut sender, at(100));
    sender.handle_ack(at(124), RECEIVER, ack(8));
    // R' = 24: rttvar = 3/4 x 20 + 1/4 x 16 = 19, srtt = 7/8 x 40 + 1/8 x 24 = 38.
    assert_eq!(sender.stats().srtt, Some(ms(38)));
    assert_eq!(sender.stats().rttvar, Some(ms(19)));
    assert_eq!(sender.stats().rto, ms(38 + 4 * 19));
    assert_eq!(sender.stats().min_rtt, Some(ms(24)));
}

#[test]
fn a_steady_path_keeps_the_floor_as_margin() {
    let mut sender = sender(Timeout::ADAPTIVE);
    for round_trip in 0..60 {
        transmit_all(&mut sender, at(40 * round_trip));
        sender.handle_ack(
            at(40 * (round_trip + 1)),
            RECEIVER,
            ack(4 * (round_trip + 1)),
        );
    }
    assert_eq!(sender.stats().rto, ms(40) + DEFAULT_FLOOR);
}

#[test]
fn there_is_one_rtt_measurement_a_round_trip() {
    let mut sender = sender(Timeout::ADAPTIVE);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), RECEIVER, ack(1));
    let measured = sender.stats().rttvar;
    sender.handle_ack(at(30), RECEIVER, ack(2));
    sender.handle_ack(at(30), RECEIVER, ack(4));
    assert_eq!(
        sender.stats().rttvar,
        measured,
        "segments 1 to 3 were on the way at the last measurement"
    );
    transmit_all(&mut sender, at(30));
    sender.handle_ack(at(40), RECEIVER, ack(5));
    assert_ne!(sender.stats().rttvar, measured);
}

#[test]
fn an_ambiguous_ack_is_not_timed() {
    let mut sender = sender(Timeout::ADAPTIVE);
    transmit_all(&mut sender, at(0));
    let (again, _) = fire(&mut sender, at(0));
    // The late ACK of the first transmission. Measured from the second one, the round trip would be 1 ms.
    sender.handle_ack(
        again + ms(1),
        RECEIVER,
        Ack {
            accepted_round: 0,
            ..ack(4)
        },
    );
    assert_eq!(sender.base(), 4);
    assert_eq!(sender.stats().srtt, None, "Karn's rule");
    assert_eq!(
        sender.stats().rto,
        INITIAL_RTO,
        "and the timer stays as it is until one can be timed"
    );
}

#[test]
fn an_ack_with_the_round_of_the_transmission_is_timed() {
    let mut sender = sender(Timeout::ADAPTIVE);
    transmit_all(&mut sender, at(0));
    let (again, _) = fire(&mut sender, at(0));
    sender.handle_ack(
        again + ms(7),
        RECEIVER,
        Ack {
            accepted_round: 1,
            ..ack(4)
        },
    );
    assert_eq!(sender.stats().srtt, Some(ms(7)));
    assert_eq!(
        sender.stats().rto,
        ms(7 + 4 * 7 / 2),
        "and ends the back-off"
    );
}

#[test]
fn retransmissions_are_timed_before_new_segments() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.make_available(10);
    transmit_all(&mut sender, at(0));
    let gap = Ack {
        gap_round: Some(0),
        ..ack(1)
    };
    sender.handle_ack(at(10), RECEIVER, gap);
    assert_eq!(sender.stats().srtt, Some(ms(10)));
    transmit_all(&mut sender, at(10));
    sender.handle_ack(
        at(28),
        RECEIVER,
        Ack {
            accepted_round: 1,
            ..ack(2)
        },
    );
    assert_eq!(sender.stats().srtt, Some(ms(11)), "7/8 x 10 + 1/8 x 18");
}

#[test]
fn the_first_flight_waits_for_the_windows_of_all_streams_that_share_the_link() {
    let config = SenderConfig {
        window: Window::try_from(100_u16).unwrap().into(),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(1000);
    sender.set_sharing(3);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(20), RECEIVER, ack(1));
    assert_eq!(sender.stats().rto, INITIAL_RTO, "not 60 + 3 x 100 x 20 ms");
    transmit_all(&mut sender, at(20));
    // A link that takes a millisecond for each.
    sender.handle_ack(at(50), RECEIVER, ack(30));
    let longest = 300 * (ms(50) / 30);
    assert_eq!(sender.poll_timeout(), Some(at(50 + 60) + longest));
    // Another stream's window was between the two parts of the first.
    sender.handle_ack(at(250), RECEIVER, ack(100));
    assert_eq!(
        sender.poll_timeout(),
        Some(at(250 + 60) + longest),
        "the bound does not grow"
    );
    // What was sent at 20 ms waited for three windows of 100 ms.
    sender.handle_ack(at(340), RECEIVER, ack(101));
    let rto = sender.stats().srtt.unwrap() + 4 * sender.stats().rttvar.unwrap();
    assert_eq!(sender.stats().rto, rto, "and RFC 6298 applies from then on");
}

/// Each stream hands its first window to the link in parts of any size, as threads do that share a processor.
#[test]
fn streams_that_begin_in_any_order_do_not_run_into_their_timers() {
    for seed in 1..=300 {
        let mut random = SplitMix64(seed);
        let streams = 2 + random.below(5) as usize;
        let config = SenderConfig {
            window: Window::try_from(1 + random.below(150) as u16)
                .unwrap()
                .into(),
            ..SenderConfig::default()
        };
        let mut senders = vec![Sender::new(config, [RECEIVER]); streams];
        let mut link = SharedFifo::default();
        for sender in &mut senders {
            sender.make_available(500);
            sender.finish();
            sender.set_sharing(streams as u32);
        }
        let mut beginning: Vec<usize> = (0..streams).collect();
        while !beginning.is_empty() {
            let chosen = random.below(beginning.len() as u64) as usize;
            let stream = beginning[chosen];
            let part = 1 + random.below(150);
            if link.send(&mut senders[stream], stream, at(0), part) < part {
                beginning.swap_remove(chosen);
            }
        }
        while let Some((now, stream, seq)) = link.acks.pop_front() {
            let timers = senders.iter().filter_map(Sender::poll_timeout);
            let expired = timers.min().is_some_and(|timer| timer <= now);
            assert!(!expired, "seed {seed}: a timer expires before {now:?}");
            senders[stream].handle_ack(now, RECEIVER, ack(seq + 1));
            link.send(&mut senders[stream], stream, now, u64::MAX);
        }
    }
}

/// A link without loss that takes a millisecond for a segment. The ACK arrives 20 ms later.
#[derive(Default)]
struct SharedFifo {
    free_at: Option<Instant>,
    /// Arrival, stream and segment of each.
    acks: VecDeque<(Instant, usize, u64)>,
}

impl SharedFifo {
    /// Sends up to `most` segments. Returns how many the window allowed.
    fn send(&mut self, sender: &mut Sender, stream: usize, now: Instant, most: u64) -> u64 {
        let mut sent = 0;
        while sent < most
            && let Some(transmit) = sender.poll_transmit(now, 1)
        {
            let free_at = self.free_at.map_or(now, |free_at| free_at.max(now)) + ms(1);
            self.free_at = Some(free_at);
            self.acks
                .push_back((free_at + ms(20), stream, transmit.first));
            sent += 1;
        }
        sent
    }
}

#[test]
fn the_first_flight_of_small_windows_waits_no_longer_than_the_initial_timeout() {
    let mut sender = sender(Timeout::ADAPTIVE);
    sender.set_sharing(32);
    transmit_all(&mut sender, at(0));
    assert_eq!(sender.poll_timeout(), Some(at(0) + INITIAL_RTO));
    sender.handle_ack(at(40), RECEIVER, ack(1));
    assert_eq!(sender.stats().rto, INITIAL_RTO, "not 120 + 31 x 40 ms");
}

#[test]
fn a_measured_timeout_above_the_cap_is_kept() {
    let mut sender = sender(Timeout::ADAPTIVE);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(3000), RECEIVER, ack(4));
    assert_eq!(sender.stats().rto, ms(3000 + 4 * 1500));
    transmit_all(&mut sender, at(3000));
    fire(&mut sender, at(3000));
    assert_eq!(
        sender.stats().rto,
        ms(3000 + 4 * 1500),
        "and not doubled beyond it"
    );
}

/// By Karn's rule alone, and with retries at most a second apart, it would never be.
#[test]
fn a_round_trip_longer_than_the_initial_timeout_is_measured() {
    for round_trip in [1_200, 1_500, 3_000, 12_000] {
        let link = LinkConfig {
            delay: ms(round_trip / 2),
            ..LinkConfig::default()
        };
        let scenario = Scenario {
            segments: 2_000,
            data: link.clone(),
            ack: link,
            ..Scenario::default()
        };
        let stats = scenario.run().unwrap().stats;
        let measured = stats.srtt.unwrap().as_secs_f64() * 1e3 / round_trip as f64;
        assert!(
            (0.99..1.1).contains(&measured),
            "{measured} of {round_trip}"
        );
        assert!(stats.timeouts <= 16, "{} of {round_trip}", stats.timeouts);
    }
}

#[test]
fn consecutive_timeouts_double_up_to_the_cap() {
    let mut sender = sender(Timeout::ADAPTIVE);
    transmit_all(&mut sender, at(0));
    let mut since = at(0);
    let mut ran = Vec::new();
    for _ in 0..4 {
        let (fired, time) = fire(&mut sender, since);
        since = fired;
        ran.push(time);
    }
    // The timeout before the first measurement is above the cap.
    assert_eq!(ran, [INITIAL_RTO; 4]);

    let mut sender = self::sender(Timeout::ADAPTIVE);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(40), RECEIVER, ack(4));
    transmit_all(&mut sender, at(40));
    let mut since = at(40);
    let ran = [(); 5].map(|()| {
        let (fired, time) = fire(&mut sender, since);
        since = fired;
        time
    });
    assert_eq!(ran, [ms(120), ms(240), ms(480), MAX_BACK_OFF, MAX_BACK_OFF]);
}

#[test]
fn a_fixed_timeout_backs_off_only_where_nothing_gets_through() {
    let mut sender = sender(Timeout::Fixed(ms(50)));
    transmit_all(&mut sender, at(0));
    let mut since = at(0);
    let ran = [(); 10].map(|()| {
        let (fired, time) = fire(&mut sender, since);
        since = fired;
        time
    });
    let constant = CONSTANT_RETRIES as usize;
    assert_eq!(ran[..constant], [ms(50); CONSTANT_RETRIES as usize]);
    assert_eq!(ran[constant..][..3], [ms(100), ms(200), ms(400)]);
    assert_eq!(ran[constant + 3..], [MAX_BACK_OFF; 2]);
}

#[test]
fn a_fixed_timeout_of_zero_does_not_spin() {
    let mut sender = sender(Timeout::Fixed(Duration::ZERO));
    transmit_all(&mut sender, at(0));
    assert_eq!(sender.poll_timeout(), Some(at(0) + MIN_RTO));
}

#[test]
fn only_an_ack_that_advances_the_base_restarts_the_timer() {
    let mut sender = sender(Timeout::Fixed(ms(50)));
    transmit_all(&mut sender, at(0));
    sender.handle_ack(
        at(10),
        RECEIVER,
        Ack {
            gap_round: Some(0),
            ..ack(0)
        },
    );
    assert_eq!(
        sender.poll_timeout(),
        Some(at(50)),
        "a duplicate ACK of what came after the base does not"
    );
    sender.handle_ack(at(20), RECEIVER, ack(1));
    assert_eq!(sender.poll_timeout(), Some(at(70)));
    transmit_all(&mut sender, at(30));
    assert_eq!(sender.poll_timeout(), Some(at(70)), "nor does sending more");
}

#[test]
fn the_timer_is_off_while_nothing_is_outstanding() {
    let mut sender = sender(Timeout::ADAPTIVE);
    assert_eq!(sender.poll_timeout(), None);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), RECEIVER, ack(4));
    assert_eq!(sender.poll_timeout(), None);
}

#[test]
fn going_back_to_the_base_restarts_the_timer() {
    let config = SenderConfig {
        timeout: Timeout::Fixed(ms(50)),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(10);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(
        at(45),
        RECEIVER,
        Ack {
            gap_round: Some(0),
            ..ack(0)
        },
    );
    transmit_all(&mut sender, at(45));
    assert_eq!(sender.poll_timeout(), Some(at(95)));
}

#[test]
fn the_timer_restarts_while_segments_before_the_base_arrive() {
    let config = SenderConfig {
        timeout: Timeout::Fixed(ms(50)),
        ..SenderConfig::default()
    };
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(10);
    transmit_all(&mut sender, at(0));
    let gap = |gap_round| Ack {
        gap_round: Some(gap_round),
        ..ack(1)
    };
    sender.handle_ack(at(30), RECEIVER, ack(1));
    sender.handle_ack(at(45), RECEIVER, gap(0));
    transmit_all(&mut sender, at(45));
    sender.handle_ack(at(90), RECEIVER, gap(0));
    assert_eq!(
        sender.poll_timeout(),
        Some(at(140)),
        "segment 1 of round 1 is behind what arrives of round 0"
    );
    sender.handle_ack(at(120), RECEIVER, ack(1));
    assert_eq!(
        sender.poll_timeout(),
        Some(at(170)),
        "as it is behind a duplicate of segment 0"
    );
    sender.handle_ack(
        at(160),
        RECEIVER,
        Ack {
            gap_round: Some(9),
            ..ack(1)
        },
    );
    assert_eq!(
        sender.poll_timeout(),
        Some(at(170)),
        "what nobody sent shows nothing"
    );
}

#[test]
fn a_fixed_timeout_below_the_round_trip_does_not_congest_the_link() {
    let path = LinkConfig {
        delay: ms(20),
        ..LinkConfig::default()
    };
    let scenario = Scenario {
        sender: SenderConfig {
            timeout: Timeout::Fixed(ms(20)),
            ..Scenario::default().sender
        },
        segments: 2000,
        data: LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            ..path.clone()
        },
        ack: path,
        ..Scenario::default()
    };
    let outcome = scenario.run().unwrap();
    assert!(outcome.stats.timeouts > 0, "the round trip is 41 ms");
    assert!(
        outcome.duration < ms(3 * 2000),
        "{:?}, where 2 s of transmission are needed",
        outcome.duration
    );
}
