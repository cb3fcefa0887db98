//! Jitter, duplicates and reordering, and that they are independent of one another.

use std::time::Duration;

use backroom_link::{LinkConfig, Verdict};

use crate::{arrival, epoch, lost, ms, send_steadily};

fn delayed() -> LinkConfig {
    LinkConfig {
        delay: ms(10),
        ..LinkConfig::default()
    }
}

fn arrivals(verdicts: &[Verdict]) -> Vec<Duration> {
    verdicts.iter().filter_map(arrival).collect()
}

#[test]
fn jitter_keeps_the_order() {
    let config = LinkConfig {
        jitter: ms(4),
        ..delayed()
    };
    let (_, verdicts) = send_steadily(&config, 1, 10_000);
    let arrivals = arrivals(&verdicts);
    assert!(arrivals.is_sorted());
    let delays: Vec<_> = arrivals
        .iter()
        .zip(0..)
        .map(|(at, n)| *at - ms(n))
        .collect();
    assert!(delays.iter().all(|delay| (ms(6)..=ms(14)).contains(delay)));
    assert!(
        delays.iter().any(|delay| *delay < ms(7)) && delays.iter().any(|delay| *delay > ms(13))
    );
}

#[test]
fn jitter_of_spaced_packets_is_uniform_around_the_delay() {
    let config = LinkConfig {
        jitter: ms(4),
        ..delayed()
    };
    let mut link = backroom_link::Link::new(config, 1);
    let packets = 10_000;
    let delays = (0..packets).map(|n| {
        let sent = epoch() + ms(100 * n);
        arrival(&link.send(sent, 1250)).unwrap() - ms(100 * n)
    });
    let mean = delays.sum::<Duration>() / packets as u32;
    assert!(
        mean.abs_diff(ms(10)) < Duration::from_micros(150),
        "{mean:?}"
    );
}

#[test]
fn a_reordered_packet_skips_the_delay_and_overtakes() {
    let config = LinkConfig {
        reorder: 0.1,
        ..delayed()
    };
    let (link, verdicts) = send_steadily(&config, 1, 1000);
    let arrivals = arrivals(&verdicts);
    let skipped = (0..1000)
        .filter(|n| arrivals[*n as usize] == ms(*n))
        .count() as u64;
    assert_eq!(skipped, link.stats().reordered);
    assert!((50..200).contains(&skipped), "{skipped}");
    assert!(!arrivals.is_sorted());
}

#[test]
fn a_duplicate_follows_its_packet_immediately() {
    let config = LinkConfig {
        rate: Some("10mbit".parse().unwrap()),
        duplicate: 1.0,
        queue: Some(2),
        ..delayed()
    };
    let mut link = backroom_link::Link::new(config, 1);
    let first = link.send(epoch(), 1250);
    let (at, copy_at) = (epoch() + ms(11), epoch() + ms(12));
    assert_eq!(
        first,
        Verdict::Deliver {
            at,
            duplicate_at: Some(copy_at)
        }
    );
    let at = epoch() + ms(13);
    let second = link.send(epoch() + ms(1), 1250);
    assert_eq!(
        second,
        Verdict::Deliver {
            at,
            duplicate_at: None
        },
        "its copy found the queue full"
    );
    let stats = link.stats();
    assert_eq!(
        (stats.duplicated, stats.delivered, stats.dropped_by_queue),
        (2, 3, 1)
    );
}

#[test]
fn changing_the_loss_changes_no_other_impairment() {
    let config = |loss: &str| LinkConfig {
        jitter: ms(4),
        duplicate: 0.1,
        reorder: 0.05,
        loss: loss.parse().unwrap(),
        ..delayed()
    };
    let (_, clean) = send_steadily(&config("0"), 1, 5000);
    let (_, lossy) = send_steadily(&config("0.2"), 1, 5000);
    let mut comparable = 0;
    for (without, with) in clean.iter().zip(&lossy) {
        let (
            Verdict::Deliver {
                duplicate_at: a, ..
            },
            Verdict::Deliver {
                duplicate_at: b, ..
            },
        ) = (without, with)
        else {
            continue;
        };
        assert_eq!(a.is_some(), b.is_some());
        comparable += 1;
    }
    assert_eq!(comparable, 5000 - lost(&lossy).len());
    let overtakes = |verdicts: &[Verdict], n: u64| arrival(&verdicts[n as usize]) == Some(ms(n));
    for n in (0..5000).filter(|n| arrival(&lossy[*n as usize]).is_some()) {
        assert_eq!(overtakes(&clean, n), overtakes(&lossy, n), "packet {n}");
    }
}

#[test]
fn changing_the_jitter_does_not_change_the_losses() {
    let config = |jitter| LinkConfig {
        jitter,
        loss: "gemodel 0.05 0.3".parse().unwrap(),
        ..delayed()
    };
    let (_, steady) = send_steadily(&config(ms(0)), 1, 5000);
    let (_, shaky) = send_steadily(&config(ms(9)), 1, 5000);
    assert_eq!(lost(&steady), lost(&shaky));
}
