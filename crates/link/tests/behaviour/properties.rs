//! Properties of any link under any traffic.

use std::time::Duration;

use backroom_link::{GilbertElliott, Link, LinkConfig, Loss, Verdict};
use proptest::{collection::vec, option, prelude::*};

use crate::epoch;

prop_compose! {
    fn config()(
        rate in option::of(prop_oneof![Just("64kbit"), Just("10mbit"), Just("1gbit")]),
        delay_us in 0_u64..50_000,
        jitter in 0.0..=1.0,
        queue in option::of(1_usize..50),
        loss in prop_oneof![
            Just(Loss::None),
            (0.0..=1.0).prop_map(Loss::Random),
            (0.0..=1.0, 0.0..=1.0, 0.0..=1.0, 0.0..=1.0).prop_map(|(p, r, loss_good, loss_bad)| {
                Loss::GilbertElliott(GilbertElliott { p, r, loss_good, loss_bad })
            }),
            vec(0_u64..100, 0..20).prop_map(Loss::Droplist),
        ],
        duplicate in prop_oneof![Just(0.0), 0.0..=1.0],
        reorder in prop_oneof![Just(0.0), 0.0..=1.0],
    ) -> LinkConfig {
        let delay = Duration::from_micros(delay_us);
        let rate = rate.map(|rate| rate.parse().unwrap());
        LinkConfig { rate, delay, jitter: delay.mul_f64(jitter), queue, loss, duplicate, reorder }
    }
}

/// Packets as (microseconds since the previous packet, bytes).
fn traffic() -> impl Strategy<Value = Vec<(u64, usize)>> {
    vec((0_u64..3000, 1_usize..9000), 0..200)
}

fn run(config: &LinkConfig, seed: u64, traffic: &[(u64, usize)]) -> (Link, Vec<Verdict>) {
    let mut link = Link::new(config.clone(), seed);
    let mut now = epoch();
    let send = |(gap_us, bytes): &(u64, usize)| {
        now += Duration::from_micros(*gap_us);
        link.send(now, *bytes)
    };
    let verdicts = traffic.iter().map(send).collect();
    (link, verdicts)
}

proptest! {
    #[test]
    fn every_packet_is_accounted_for(config in config(), seed in any::<u64>(), traffic in traffic()) {
        prop_assert!(config.validate().is_ok());
        let (link, verdicts) = run(&config, seed, &traffic);
        let stats = link.stats();
        prop_assert_eq!(stats.offered as usize, traffic.len());
        let accounted = stats.delivered + stats.dropped_by_loss + stats.dropped_by_queue;
        prop_assert_eq!(stats.offered + stats.duplicated, accounted);
        let arrivals: u64 = verdicts.iter().map(|verdict| match verdict {
            Verdict::Deliver { duplicate_at, .. } => 1 + u64::from(duplicate_at.is_some()),
            Verdict::Drop(_) => 0,
        }).sum();
        prop_assert_eq!(stats.delivered, arrivals);
    }

    #[test]
    fn nothing_arrives_before_transmission_and_delay(config in config(), seed in any::<u64>(), traffic in traffic()) {
        let (_, verdicts) = run(&config, seed, &traffic);
        let mut sent = epoch();
        for ((gap_us, bytes), verdict) in traffic.iter().zip(verdicts) {
            sent += Duration::from_micros(*gap_us);
            let transmission = config.rate.map_or(Duration::ZERO, |rate| rate.transmission_time(*bytes));
            if let Verdict::Deliver { at, duplicate_at } = verdict {
                prop_assert!(at >= sent + transmission);
                if config.reorder == 0.0 {
                    prop_assert!(at >= sent + transmission + config.delay - config.jitter);
                    prop_assert!(duplicate_at.is_none_or(|copy_at| copy_at >= at));
                }
            }
        }
    }

    #[test]
    fn packets_stay_in_order_without_reorder(config in config(), seed in any::<u64>(), traffic in traffic()) {
        let config = LinkConfig { reorder: 0.0, ..config };
        let (_, verdicts) = run(&config, seed, &traffic);
        let arrivals: Vec<_> = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Deliver { at, .. } => Some(*at),
            Verdict::Drop(_) => None,
        }).collect();
        prop_assert!(arrivals.is_sorted());
    }

    #[test]
    fn the_same_seed_gives_the_same_verdicts(config in config(), seed in any::<u64>(), traffic in traffic()) {
        prop_assert_eq!(run(&config, seed, &traffic).1, run(&config, seed, &traffic).1);
    }
}
