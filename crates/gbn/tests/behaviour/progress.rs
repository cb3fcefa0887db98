//! Transfers without progress: they cost little and end.

use std::time::{Duration, Instant};

use backroom_gbn::{
    Ack, DEFAULT_MAX_STALL, INITIAL_RTO, LossCause, ReceiverId, Recovery, Sender, SenderConfig,
    SenderEvent, Timeout, Window,
};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{Scenario, ack, at, events, gap, ms, sent_now, transmit_all};

const RECEIVER: ReceiverId = ReceiverId(0);
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// What a sender with a transfer that goes nowhere did.
struct Spent {
    /// The segments that each transmission sent, and when.
    sent: Vec<(Instant, Vec<u64>)>,
    ended: Instant,
    cause: LossCause,
}

impl Spent {
    fn segments(&self) -> usize {
        self.sent.iter().map(|(_, segments)| segments.len()).sum()
    }
}

/// Sends to a receiver that answers each train of segments after a round trip with what `answer` returns.
fn stalled(config: SenderConfig, mut answer: impl FnMut(&Sender, &[u64]) -> Option<Ack>) -> Spent {
    let mut sender = Sender::new(config, [RECEIVER]);
    sender.make_available(100_000);
    let (mut now, mut sent, mut answers) = (at(0), Vec::new(), Vec::new());
    loop {
        let segments = sent_now(&mut sender, now);
        if !segments.is_empty() {
            answers.extend(answer(&sender, &segments).map(|ack| (now + ROUND_TRIP, ack)));
            sent.push((now, segments));
        }
        let lost = events(&mut sender)
            .into_iter()
            .find_map(|event| match event {
                SenderEvent::ReceiverLost { cause, .. } => Some(cause),
                _ => None,
            });
        if let Some(cause) = lost {
            return Spent {
                sent,
                ended: now,
                cause,
            };
        }
        let timer = sender.poll_timeout().unwrap();
        match answers.first() {
            Some(&(due, ack)) if due <= timer => {
                answers.remove(0);
                now = due;
                sender.handle_ack(now, RECEIVER, ack);
            }
            _ => {
                now = timer;
                sender.handle_timeout(now);
            }
        }
    }
}

fn configurations() -> impl Iterator<Item = SenderConfig> {
    let windows = [1_u16, 2, 7, 64, 2_000];
    let timers = [
        Timeout::ADAPTIVE,
        Timeout::Fixed(ms(1)),
        Timeout::Fixed(ms(50)),
        Timeout::Fixed(ms(900)),
    ];
    windows.into_iter().flat_map(move |window| {
        timers.into_iter().flat_map(move |timeout| {
            [Recovery::Fast, Recovery::Timeout].map(|recovery| SenderConfig {
                window: Window::try_from(window).unwrap().into(),
                timeout,
                recovery,
                ..SenderConfig::default()
            })
        })
    })
}

fn assert_bounded(spent: &Spent, config: &SenderConfig) {
    let window = u64::from(match config.window {
        backroom_gbn::WindowSetting::Fixed(window) => window.segments(),
        backroom_gbn::WindowSetting::Auto => unreachable!(),
    });
    assert_eq!(spent.ended, at(0) + DEFAULT_MAX_STALL, "{config:?}");
    assert!(
        spent.segments() as u64 <= 64 * window,
        "{} segments: {config:?}",
        spent.segments()
    );
    for pair in spent.sent.windows(2) {
        let apart = pair[1].0 - pair[0].0;
        // An ACK of an earlier segment restarts the timer.
        assert!(apart <= INITIAL_RTO + ROUND_TRIP, "{apart:?}: {config:?}");
    }
    // The window, two retries of it, and then the base alone.
    for (_, segments) in spent.sent.iter().skip(3) {
        assert_eq!(segments, &[0], "{config:?}");
    }
}

#[test]
fn a_silent_receiver_draws_few_segments_and_is_lost_after_30_seconds() {
    for config in configurations() {
        let spent = stalled(config, |_, _| None);
        assert_bounded(&spent, &config);
        assert_eq!(spent.cause, LossCause::Silent);
    }
}

/// It acknowledges nothing and claims a gap in the newest round, whatever arrives.
#[test]
fn a_receiver_that_echoes_every_round_draws_no_more_than_a_silent_one() {
    for config in configurations() {
        let spent = stalled(config, |sender, _| Some(gap(0, sender.round())));
        assert_bounded(&spent, &config);
        assert_eq!(spent.cause, LossCause::Stalled);
    }
}

#[test]
fn a_receiver_that_repeats_an_acknowledgement_for_ever_is_lost() {
    for config in configurations() {
        let spent = stalled(config, |_, _| Some(ack(0)));
        assert_bounded(&spent, &config);
        assert_eq!(spent.cause, LossCause::Stalled);
    }
}

/// The last segment of a file is often short, and fits a path that drops full ones.
#[test]
fn a_path_that_drops_all_but_short_segments_is_left() {
    for config in configurations() {
        let spent = stalled(config, |sender, segments| {
            let has_short = segments.iter().any(|seq| seq % 5 == 4);
            has_short.then(|| gap(0, sender.round()))
        });
        assert_bounded(&spent, &config);
    }
}

#[test]
fn the_time_without_progress_is_a_setting_with_room_for_a_few_long_timeouts() {
    let config = SenderConfig {
        max_stall: ms(3_000),
        ..SenderConfig::default()
    };
    assert_eq!(stalled(config, |_, _| None).ended, at(3_000));
    let long_timer = SenderConfig {
        timeout: Timeout::Fixed(ms(20_000)),
        ..config
    };
    assert_eq!(stalled(long_timer, |_, _| None).ended, at(60_000));
}

#[test]
fn each_advance_begins_the_time_anew() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.make_available(1_000);
    let mut now = at(0);
    for base in 1..10 {
        transmit_all(&mut sender, now);
        let next = now + ms(29_000);
        while let Some(timer) = sender.poll_timeout().filter(|timer| *timer < next) {
            sender.handle_timeout(timer);
            transmit_all(&mut sender, timer);
        }
        now = next;
        sender.handle_ack(now, RECEIVER, ack(base));
        assert_eq!(sender.base(), base);
    }
}

/// After the outage the whole window is in use again.
#[test]
fn an_outage_of_25_seconds_is_survived() {
    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    sender.make_available(1_000);
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(20), RECEIVER, ack(10));
    transmit_all(&mut sender, at(20));
    let over = at(25_020);
    let mut last = at(20);
    while let Some(timer) = sender.poll_timeout().filter(|timer| *timer <= over) {
        sender.handle_timeout(timer);
        if !transmit_all(&mut sender, timer).is_empty() {
            last = timer;
        }
    }
    let retry = sender.poll_timeout().unwrap();
    assert!(retry - last <= ms(1_000), "{:?}", retry - last);
    sender.handle_timeout(retry);
    assert_eq!(sent_now(&mut sender, retry), [10]);
    let answer = Ack {
        accepted_round: sender.round(),
        ..ack(11)
    };
    sender.handle_ack(retry + ms(20), RECEIVER, answer);
    let window: Vec<u64> = (11..75).collect();
    assert_eq!(sent_now(&mut sender, retry + ms(20)), window);
}

/// Of two receivers, one keeps the base where it is. The other loses nothing.
#[test]
fn in_a_group_only_the_receiver_that_stalls_is_lost() {
    let [stalling, other] = [ReceiverId(0), ReceiverId(1)];
    let mut sender = Sender::new(SenderConfig::default(), [stalling, other]);
    sender.make_available(64);
    sender.finish();
    transmit_all(&mut sender, at(0));
    sender.handle_ack(at(10), other, ack(64));
    sender.handle_ack(at(10), stalling, ack(3));
    while !sender.is_finished() {
        let timer = sender.poll_timeout().unwrap();
        sender.handle_timeout(timer);
        transmit_all(&mut sender, timer);
        sender.handle_ack(timer, stalling, gap(3, sender.round()));
    }
    let ends = events(&mut sender).into_iter().filter(|event| {
        !matches!(
            event,
            SenderEvent::BaseAdvanced { .. } | SenderEvent::GoBack { .. }
        )
    });
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            SenderEvent::ReceiverFinished { receiver: other },
            SenderEvent::ReceiverLost {
                receiver: stalling,
                cause: LossCause::Stalled,
            },
            SenderEvent::Finished,
        ]
    );
}

/// Half of the segments and half of the ACKs are lost: each try succeeds with a probability of a quarter.
#[test]
fn stop_and_wait_is_slow_but_not_dead_where_half_is_lost() {
    for loss in [0.3, 0.5] {
        for seed in 1..=20 {
            let link = LinkConfig {
                delay: ms(10),
                loss: Loss::Random(loss),
                ..LinkConfig::default()
            };
            let scenario = Scenario {
                seed,
                sender: SenderConfig {
                    window: Window::MIN.into(),
                    ..SenderConfig::default()
                },
                segments: 200,
                data: link.clone(),
                ack: link,
                ..Scenario::default()
            };
            let outcome = scenario.run().unwrap();
            assert_eq!(outcome.lost, [], "{loss} lost, seed {seed}");
        }
    }
}
