//! Loss models compared with their statistics.

use backroom_link::{LinkConfig, Loss};

use crate::{lost, measured_loss, send_steadily};

const PACKETS: u64 = 200_000;

fn losing(loss: &str) -> LinkConfig {
    LinkConfig {
        loss: loss.parse().unwrap(),
        ..LinkConfig::default()
    }
}

/// Whether a measured fraction is within five standard deviations of the binomial mean.
fn is_binomial(measured: f64, expected: f64, packets: u64) -> bool {
    let deviation = (expected * (1.0 - expected) / packets as f64).sqrt();
    (measured - expected).abs() <= 5.0 * deviation
}

#[test]
fn a_droplist_drops_exactly_its_packets() {
    let (_, verdicts) = send_steadily(&losing("drop 7 0 3 7"), 1, 20);
    assert_eq!(lost(&verdicts), [0, 3, 7]);
    let unsorted = LinkConfig {
        loss: Loss::Droplist(vec![5, 2]),
        ..LinkConfig::default()
    };
    assert_eq!(lost(&send_steadily(&unsorted, 1, 20).1), [2, 5]);
}

/// Recorded with `tc qdisc add dev lo root netem OPTIONS seed SEED` and 220 numbered datagrams on Linux 6.12.
#[test]
fn a_seed_loses_the_same_packets_as_in_the_kernel() {
    let recorded: [(&str, &str, u64, &[usize]); 4] = [
        (
            "loss random 5%",
            "0.05",
            42,
            &[27, 43, 49, 76, 118, 130, 165, 189],
        ),
        (
            "loss random 5%",
            "0.05",
            u64::MAX - 58,
            &[
                34, 37, 56, 73, 80, 101, 103, 109, 111, 116, 121, 125, 183, 200,
            ],
        ),
        (
            "loss gemodel 3% 20% 100% 0%",
            "gemodel 0.03 0.2 1 0",
            42,
            &[39, 66, 67, 68, 69, 184],
        ),
        (
            "loss gemodel 2% 25% 75% 1%",
            "gemodel 0.02 0.25 0.75 0.01",
            7,
            &[1, 132, 203, 204, 205, 212],
        ),
    ];
    for (options, loss, seed, expected) in recorded {
        let (_, verdicts) = send_steadily(&losing(loss), seed, 220);
        assert_eq!(lost(&verdicts), expected, "{options} seed {seed}");
    }
}

#[test]
fn random_loss_has_the_configured_mean_and_is_independent() {
    for loss in [0.001, 0.01, 0.3] {
        let (link, verdicts) = send_steadily(&losing(&loss.to_string()), 7, PACKETS);
        assert!(
            is_binomial(measured_loss(link.stats()), loss, PACKETS),
            "{loss}"
        );
        let lost = lost(&verdicts);
        let pairs = lost
            .windows(2)
            .filter(|pair| pair[1] == pair[0] + 1)
            .count();
        assert!(
            is_binomial(pairs as f64 / lost.len() as f64, loss, lost.len() as u64),
            "{loss}"
        );
    }
}

#[test]
fn loss_of_0_and_1_is_exact() {
    assert_eq!(lost(&send_steadily(&losing("0"), 1, 1000).1).len(), 0);
    assert_eq!(lost(&send_steadily(&losing("1"), 1, 1000).1).len(), 1000);
}

#[test]
fn packets_lost_at_a_low_rate_are_lost_at_a_higher_rate() {
    let at = |loss: &str| lost(&send_steadily(&losing(loss), 3, 10_000).1);
    let (few, many) = (at("0.01"), at("0.05"));
    assert!(few.iter().all(|index| many.contains(index)));
    assert!(few.len() < many.len());
}

#[test]
fn gilbert_elliott_has_netems_mean_and_burst_length() {
    // Mean p / (p + r), bursts of 1 / r packets, as everything is lost in the bad state.
    let (p, r) = (0.01, 0.25);
    let (link, verdicts) = send_steadily(&losing("gemodel 0.01 0.25"), 11, PACKETS);
    let mean = p / (p + r);
    assert!((measured_loss(link.stats()) / mean - 1.0).abs() < 0.1);
    let lost = lost(&verdicts);
    let bursts = 1 + lost
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .count();
    let length = lost.len() as f64 / bursts as f64;
    assert!((length * r - 1.0).abs() < 0.1, "bursts of {length}");
}

#[test]
fn gilbert_elliott_applies_the_loss_of_each_state() {
    let config = losing("gemodel 0.1 0.1 0.5 0.02");
    assert!((config.loss.mean() - 0.26).abs() < 1e-12);
    let (link, _) = send_steadily(&config, 5, PACKETS);
    assert!((measured_loss(link.stats()) / 0.26 - 1.0).abs() < 0.05);
}

#[test]
fn gilbert_elliott_without_memory_is_random_loss() {
    // p = 1 - r: whatever the state, the next is bad with probability p.
    let (link, verdicts) = send_steadily(&losing("gemodel 0.05 0.95"), 9, PACKETS);
    assert!(is_binomial(measured_loss(link.stats()), 0.05, PACKETS));
    let lost = lost(&verdicts);
    let pairs = lost
        .windows(2)
        .filter(|pair| pair[1] == pair[0] + 1)
        .count();
    assert!(is_binomial(
        pairs as f64 / lost.len() as f64,
        0.05,
        lost.len() as u64
    ));
}

#[test]
fn gilbert_elliott_starts_in_the_good_state() {
    let (_, verdicts) = send_steadily(&losing("gemodel 1 0"), 1, 10);
    assert_eq!(
        lost(&verdicts),
        (1..10).collect::<Vec<_>>(),
        "the first packet meets the good state"
    );
}
