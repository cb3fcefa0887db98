use backroom_link::Loss;

use super::*;

const PACKET_BYTES: usize = 1250;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// 10 Mbit/s: a packet takes 1 ms.
fn link(delay_ms: u64) -> LinkConfig {
    LinkConfig {
        rate: Some("10mbit".parse().unwrap()),
        delay: ms(delay_ms),
        ..LinkConfig::default()
    }
}

/// Releases everything exactly when it is due. Returns each id with its time.
fn drain(line: &mut DelayLine, epoch: Instant) -> Vec<(u32, Duration)> {
    std::iter::from_fn(|| {
        let due = line.next_release()?;
        Some((line.release(due)?, due - epoch))
    })
    .collect()
}

#[test]
fn packets_leave_one_transmission_after_the_other_and_arrive_a_delay_later() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(10), 1);
    for id in 0..3 {
        assert!(line.offer(epoch, id, PACKET_BYTES));
    }
    assert_eq!(
        drain(&mut line, epoch),
        [(0, ms(11)), (1, ms(12)), (2, ms(13))]
    );
    assert_eq!(line.next_release(), None);
}

#[test]
fn nothing_is_released_before_it_is_due() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(10), 1);
    line.offer(epoch, 7, PACKET_BYTES);
    assert_eq!(line.release(epoch + ms(11) - Duration::from_nanos(1)), None);
    assert_eq!(line.release(epoch + ms(11)), Some(7));
}

#[test]
fn packets_due_at_the_same_time_keep_their_order() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(
        LinkConfig {
            delay: ms(5),
            ..LinkConfig::default()
        },
        1,
    );
    let ids: Vec<u32> = (0..100).map(|id| (id * 37) % 100).collect();
    for &id in &ids {
        line.offer(epoch, id, PACKET_BYTES);
    }
    let left: Vec<u32> = drain(&mut line, epoch)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(left, ids);
}

#[test]
fn losses_and_queue_drops_are_counted_separately() {
    let epoch = Instant::now();
    let config = LinkConfig {
        queue: Some(2),
        loss: Loss::Droplist(vec![1]),
        ..link(0)
    };
    let mut line = DelayLine::new(config, 1);
    let held: Vec<bool> = (0..4)
        .map(|id| line.offer(epoch, id, PACKET_BYTES))
        .collect();
    assert_eq!(held, [true, false, true, false]);
    drain(&mut line, epoch);
    let stats = line.stats();
    assert_eq!(
        (
            stats.offered,
            stats.lost,
            stats.queue_drops,
            stats.delivered
        ),
        (4, 1, 1, 2)
    );
    assert_eq!((stats.offered_bytes, stats.delivered_bytes), (5000, 2500));
}

#[test]
fn a_late_release_is_counted_and_lowers_the_rate() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(0), 1);
    for id in 0..21 {
        line.offer(epoch, id, PACKET_BYTES);
    }
    for _ in 0..20 {
        let due = line.next_release().unwrap();
        line.release(due);
    }
    assert!((line.stats().busy_rate_mbps.unwrap() - 10.0).abs() < 1e-6);
    line.release(line.next_release().unwrap() + ms(10));
    let stats = line.stats();
    assert!(
        (stats.busy_rate_mbps.unwrap() - 20.0 / 3.0).abs() < 1e-6,
        "{stats:?}"
    );
    assert!(
        (stats.lateness.unwrap().max_ms - 10.0).abs() < 0.01,
        "{stats:?}"
    );
    assert!(
        (stats.sojourn.unwrap().max_ms - 31.0).abs() < 0.04,
        "{stats:?}"
    );
}

#[test]
fn a_pause_is_no_part_of_the_rate() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(10), 1);
    for second in 0..5 {
        for id in 0..20 {
            line.offer(epoch + Duration::from_secs(second), id, PACKET_BYTES);
        }
    }
    drain(&mut line, epoch);
    assert!((line.stats().busy_rate_mbps.unwrap() - 10.0).abs() < 1e-6);
}

#[test]
fn short_busy_periods_give_no_rate() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(10), 1);
    for second in 0..50 {
        for id in 0..4 {
            line.offer(epoch + Duration::from_secs(second), id, PACKET_BYTES);
        }
    }
    drain(&mut line, epoch);
    assert_eq!(line.stats().busy_rate_mbps, None);
}

#[test]
fn the_measured_delay_excludes_queueing_and_transmission() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(10), 1);
    for id in 0..20 {
        line.offer(epoch, id, PACKET_BYTES);
    }
    while let Some(due) = line.next_release() {
        line.release(due + ms(2));
    }
    let stats = line.stats();
    let propagation = stats.propagation.unwrap();
    assert!((propagation.mean_ms - 12.0).abs() < 0.02, "{propagation:?}");
    assert!((stats.busy_rate_mbps.unwrap() - 10.0).abs() < 1e-6);
    assert!((stats.busy_seconds - 0.019).abs() < 1e-6);
}

#[test]
fn abandoned_packets_are_returned_once_in_order() {
    let epoch = Instant::now();
    let mut line = DelayLine::new(link(10), 1);
    for id in 0..5 {
        line.offer(epoch, id, PACKET_BYTES);
    }
    assert_eq!(line.abandon().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(line.release(epoch + ms(100)), None);
}
