//! Properties over any link: every segment is delivered once and in order, the window is respected, the transfer ends, and a
//! run is reproducible.

use std::time::Duration;

use backroom_gbn::{
    Copies, GoBackCause, Recovery, SenderConfig, SenderEvent, Timeout, Window, WindowSetting,
};
use backroom_link::{GilbertElliott, LinkConfig, Loss};
use proptest::{option, prelude::*};

use crate::harness::{Event, Scenario, Space};

fn window() -> impl Strategy<Value = WindowSetting> {
    let segments = prop_oneof![
        4 => 1_u16..=8,
        4 => 1_u16..=64,
        2 => 1_u16..=1024,
        1 => 1_u16..=u16::MAX,
    ];
    let fixed = segments.prop_map(|segments| Window::try_from(segments).unwrap().into());
    prop_oneof![3 => fixed, 1 => Just(WindowSetting::Auto)]
}

fn sender() -> impl Strategy<Value = SenderConfig> {
    let recovery = prop_oneof![Just(Recovery::Timeout), Just(Recovery::Fast)];
    let timeout = prop_oneof![
        Just(Timeout::ADAPTIVE),
        (1_u64..300).prop_map(|time| Timeout::Fixed(Duration::from_millis(time))),
    ];
    let copies = prop_oneof![2 => Just(1_u8), 1 => 2_u8..=4];
    let copies = copies.prop_map(|count| Copies::try_from(count).unwrap());
    let settings = (window(), recovery, timeout, copies);
    settings.prop_map(|(window, recovery, timeout, copies)| SenderConfig {
        window,
        recovery,
        timeout,
        copies,
        max_stall: Duration::MAX,
        ..SenderConfig::default()
    })
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        2 => Just(Loss::None),
        3 => (0.0..0.05).prop_map(Loss::Random),
        2 => (0.0..=0.3).prop_map(Loss::Random),
        1 => (0.0..0.1, 0.2..1.0, 0.5..1.0).prop_map(|(p, r, loss_bad)| {
            Loss::GilbertElliott(GilbertElliott { p, r, loss_good: 0.0, loss_bad })
        }),
    ]
}

fn link() -> impl Strategy<Value = LinkConfig> {
    let often_zero = |most: f64| prop_oneof![2 => Just(0.0), 1 => 0.0..=most];
    let rate = prop_oneof![Just("1mbit"), Just("10mbit"), Just("1gbit")]
        .prop_map(|rate| rate.parse().unwrap());
    let queue = option::of(prop_oneof![1_usize..10, 10_usize..2000]);
    (
        option::of(rate),
        0_u64..30_000,
        0.0..=1.0_f64,
        queue,
        loss(),
        often_zero(0.2),
        often_zero(0.2),
    )
        .prop_map(
            |(rate, delay_us, jitter, queue, loss, duplicate, reorder)| {
                let delay = Duration::from_micros(delay_us);
                LinkConfig {
                    rate,
                    delay,
                    jitter: delay.mul_f64(jitter),
                    queue,
                    loss,
                    duplicate,
                    reorder,
                }
            },
        )
}

fn space() -> impl Strategy<Value = Option<Space>> {
    let space = (1_u32..100, 1_u32..20, 1_u64..20).prop_map(|(capacity, taken, every_ms)| Space {
        capacity,
        taken,
        every: Duration::from_millis(every_ms),
    });
    option::weighted(0.4, space)
}

/// A fixed timer may be shorter than the round trip. Then only the limit of the queue, which every real queue has, keeps
/// retransmissions from filling it faster than it empties.
fn bounded_if_fixed(mut link: LinkConfig, sender: &SenderConfig) -> LinkConfig {
    if matches!(sender.timeout, Timeout::Fixed(_)) {
        link.queue.get_or_insert(500);
    }
    link
}

prop_compose! {
    fn scenario()(
        seed in any::<u64>(),
        sender in sender(),
        receivers in prop_oneof![3 => Just(1_u16), 2 => 2_u16..=4],
        segments in prop_oneof![1 => 0_u64..3, 6 => 1_u64..120],
        (data, ack) in (link(), link()),
        last_hop in prop_oneof![2 => Just(LinkConfig::default()), 1 => link()],
        ack_delay_us in prop_oneof![2 => Just(0_u64), 1 => 1_u64..5000],
        space in space(),
        max_segments in prop_oneof![1_usize..=64, Just(usize::MAX)],
        waits_for_link in any::<bool>(),
    ) -> Scenario {
        let [data, ack, last_hop] = [data, ack, last_hop].map(|link| bounded_if_fixed(link, &sender));
        Scenario {
            seed,
            sender,
            receivers,
            segments,
            data,
            last_hop,
            ack,
            ack_delay: Duration::from_micros(ack_delay_us),
            space,
            max_segments,
            waits_for_link,
            segment_bytes: 100,
            ..Scenario::default()
        }
    }
}

proptest! {
    /// The simulation checks the window and the receivers' space at each step, the bytes at each delivery, and the whole file
    /// at the end.
    #[test]
    fn every_byte_is_delivered_once_and_in_order_to_every_receiver(scenario in scenario()) {
        let outcome = scenario.run().map_err(|violation| TestCaseError::fail(violation.0))?;
        prop_assert_eq!(
            outcome.finished.len(), usize::from(scenario.receivers),
            "not all receivers have the file\nseed {} of {:#?}", scenario.seed, scenario
        );
        let stats = outcome.stats;
        prop_assert_eq!(stats.segments, scenario.segments, "seed {} of {:#?}", scenario.seed, scenario);
        let once = stats.segments + stats.segments_retransmitted;
        let copies = u64::from(scenario.sender.copies.count());
        prop_assert_eq!((once + stats.segments_copied, once * copies), (stats.segments_sent, stats.segments_sent));
    }

    /// On a path that keeps the order, a gap is reported only after all copies of a segment were lost. Each such loss, also of
    /// a retransmission, makes the sender go back once.
    #[test]
    fn without_reordering_each_loss_causes_one_go_back(mut scenario in scenario()) {
        (scenario.sender.recovery, scenario.space) = (Recovery::Fast, None);
        (scenario.data.reorder, scenario.last_hop.reorder) = (0.0, 0.0);
        let outcome = scenario.run().map_err(|violation| TestCaseError::fail(violation.0))?;
        let at_gaps = outcome.count(|what| {
            matches!(what, Event::Reported(SenderEvent::GoBack { cause: GoBackCause::Gap, .. }))
        });
        prop_assert!(
            at_gaps * u64::from(scenario.sender.copies.count()) <= outcome.losses,
            "went back {} times for {} losses\nseed {} of {:#?}", at_gaps, outcome.losses, scenario.seed, scenario
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_trace(scenario in scenario()) {
        let first = scenario.run().map_err(|violation| TestCaseError::fail(violation.0))?;
        let second = scenario.run().map_err(|violation| TestCaseError::fail(violation.0))?;
        prop_assert!(first.trace == second.trace, "seed {} of {:#?}", scenario.seed, scenario);
    }
}

#[test]
fn different_seeds_give_different_traces() {
    let scenario = |seed| Scenario {
        seed,
        data: LinkConfig {
            loss: Loss::Random(0.1),
            ..LinkConfig::default()
        },
        ..Scenario::default()
    };
    assert_ne!(
        scenario(1).run().unwrap().trace,
        scenario(2).run().unwrap().trace
    );
}
