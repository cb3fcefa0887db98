//! Rate, delay and queue.

use backroom_link::{DropCause, Link, LinkConfig, Verdict};

use crate::{arrival, epoch, measured_loss, ms, send_steadily};

fn at_10_mbit() -> LinkConfig {
    LinkConfig {
        rate: Some("10mbit".parse().unwrap()),
        ..LinkConfig::default()
    }
}

#[test]
fn the_default_link_delivers_immediately() {
    let (_, verdicts) = send_steadily(&LinkConfig::default(), 1, 3);
    assert_eq!(
        verdicts.iter().map(arrival).collect::<Vec<_>>(),
        [Some(ms(0)), Some(ms(1)), Some(ms(2))]
    );
}

#[test]
fn packets_are_serialised_then_delayed() {
    let mut link = Link::new(
        LinkConfig {
            delay: ms(10),
            ..at_10_mbit()
        },
        1,
    );
    let burst: Vec<_> = (0..3).map(|_| arrival(&link.send(epoch(), 1250))).collect();
    assert_eq!(
        burst,
        [Some(ms(11)), Some(ms(12)), Some(ms(13))],
        "the delay is no queue"
    );
    assert_eq!(link.backlog(epoch() + ms(1)), ms(2));
    let small = arrival(&link.send(epoch() + ms(50), 125));
    assert_eq!(small, Some(ms(60) + ms(1) / 10));
}

#[test]
fn the_queue_limit_includes_the_packet_in_transmission() {
    let mut link = Link::new(
        LinkConfig {
            queue: Some(2),
            ..at_10_mbit()
        },
        1,
    );
    let mut send_at = |time_ms| link.send(epoch() + ms(time_ms), 1250);
    assert!(arrival(&send_at(0)).is_some());
    assert!(arrival(&send_at(0)).is_some());
    assert_eq!(send_at(0), Verdict::Drop(DropCause::Queue));
    assert_eq!(arrival(&send_at(1)), Some(ms(3)), "the first is out");
    assert_eq!(send_at(1), Verdict::Drop(DropCause::Queue));
    assert_eq!(link.stats().dropped_by_queue, 2);
}

#[test]
fn a_queue_drops_nothing_at_the_link_rate() {
    let (link, verdicts) = send_steadily(
        &LinkConfig {
            queue: Some(1),
            ..at_10_mbit()
        },
        1,
        1000,
    );
    assert!(verdicts.iter().all(|verdict| arrival(verdict).is_some()));
    assert_eq!(link.stats().queueing_ns, 0);
}

#[test]
fn lost_packets_use_neither_transmission_time_nor_queue_space() {
    let config = LinkConfig {
        queue: Some(1),
        loss: "drop 0 1".parse().unwrap(),
        ..at_10_mbit()
    };
    let mut link = Link::new(config, 1);
    let burst: Vec<_> = (0..3).map(|_| arrival(&link.send(epoch(), 1250))).collect();
    assert_eq!(burst, [None, None, Some(ms(1))]);
}

#[test]
fn stats_match_the_traffic() {
    let mut link = Link::new(
        LinkConfig {
            queue: Some(3),
            loss: "drop 1".parse().unwrap(),
            ..at_10_mbit()
        },
        1,
    );
    for _ in 0..5 {
        link.send(epoch(), 1250);
    }
    let stats = link.stats();
    assert_eq!((stats.offered, stats.delivered), (5, 3));
    assert_eq!((stats.dropped_by_loss, stats.dropped_by_queue), (1, 1));
    assert_eq!((stats.bytes_offered, stats.bytes_delivered), (6250, 3750));
    assert_eq!(stats.rate_measured(), Some(10e6));
    assert_eq!(
        (stats.queueing_ns, stats.queueing_max_ns),
        (3_000_000, 2_000_000)
    );
    assert!((measured_loss(stats) - 0.2).abs() < 1e-12);
}
