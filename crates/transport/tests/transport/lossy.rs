//! Files over a network that loses, repeats and swaps datagrams.

use std::fs;
use std::time::Duration;

use backroom_gbn::{Copies, Recovery, Timeout, Window};
use backroom_transport::udp::UdpOptions;

use crate::support::{Faults, LOOPBACK, SEGMENT, Transfer, contents};

/// Runs one transfer through `faults`; gives how many segments were sent again.
async fn retransmitted(recovery: Recovery, window: u16, gso: bool, faults: Faults) -> u64 {
    let sent = contents(600 * SEGMENT + 11);
    let mut transfer = Transfer::over(
        &sent,
        LOOPBACK,
        UdpOptions {
            gso,
            ..UdpOptions::default()
        },
    );
    transfer.config.window = Window::try_from(window).unwrap().into();
    transfer.config.recovery = recovery;
    transfer.config.timeout = Timeout::Adaptive {
        floor: Duration::from_millis(3),
    };
    // A loaded machine may starve the proxy for longer than a few of these timeouts.
    transfer.config.max_stall = Duration::from_secs(30);
    transfer.faults = Some(faults.clone());
    let ended = transfer.run().await;
    let outcome = ended
        .sent
        .unwrap_or_else(|error| panic!("{recovery} {window} {faults:?}: {error}"));
    let received = ended
        .received
        .unwrap_or_else(|error| panic!("{recovery} {window} {faults:?}: {error}"));
    let arrived = fs::read(&received.path).unwrap();
    assert!(
        arrived == sent,
        "{recovery}, window {window}, {faults:?}: the file arrived otherwise"
    );
    let stats = outcome.totals.stats;
    assert_eq!(
        stats.segments_sent,
        stats.segments + stats.segments_retransmitted
    );
    if recovery == Recovery::Timeout {
        assert_eq!(
            stats.go_backs, stats.timeouts,
            "only the timer makes it go back"
        );
    }
    stats.segments_retransmitted
}

#[tokio::test]
async fn both_recoveries_repair_random_loss_in_both_directions() {
    for recovery in [Recovery::Timeout, Recovery::Fast] {
        for (seed, window) in [(1, 4), (2, 32), (3, 200)] {
            let faults = Faults {
                seed,
                loss: 0.05,
                ..Faults::default()
            };
            assert!(retransmitted(recovery, window, true, faults).await > 0);
        }
    }
}

#[tokio::test]
async fn both_recoveries_repair_loss_of_single_datagrams_without_gso() {
    for recovery in [Recovery::Timeout, Recovery::Fast] {
        let faults = Faults {
            seed: 4,
            loss: 0.03,
            ..Faults::default()
        };
        assert!(retransmitted(recovery, 16, false, faults).await > 0);
    }
}

#[tokio::test]
async fn fast_recovery_repairs_most_losses_before_a_slow_timer_fires() {
    let sent = contents(600 * SEGMENT);
    let mut transfer = Transfer::of(&sent);
    transfer.config.window = Window::try_from(32_u16).unwrap().into();
    transfer.config.recovery = Recovery::Fast;
    transfer.config.timeout = Timeout::Fixed(Duration::from_secs(2));
    transfer.faults = Some(Faults {
        seed: 6,
        loss: 0.04,
        ..Faults::default()
    });
    let stats = transfer.run().await.sent.unwrap().totals.stats;
    assert!(stats.go_backs >= 5, "{stats:?}");
    assert!(
        stats.timeouts * 2 < stats.go_backs,
        "the rounds that tell one loss from another must travel: {stats:?}"
    );
}

#[tokio::test]
async fn repeated_and_swapped_datagrams_do_no_harm() {
    for recovery in [Recovery::Timeout, Recovery::Fast] {
        let faults = Faults {
            seed: 5,
            loss: 0.01,
            duplicate: 0.1,
            swap: 0.05,
        };
        retransmitted(recovery, 32, true, faults).await;
    }
}

/// One copy in twenty is lost, and two of the same segment once in four hundred: so are some of 600, and most are not.
#[tokio::test]
async fn a_lost_copy_is_made_up_for_by_the_next_one() {
    let sent = contents(600 * SEGMENT + 11);
    for (count, seed) in [(2, 7), (3, 8), (4, 9)] {
        let mut transfer = Transfer::of(&sent);
        // A proxy that is starved must find room for all of it.
        transfer.config.window = Window::try_from(16_u16).unwrap().into();
        transfer.config.copies = Copies::try_from(count).unwrap();
        transfer.config.max_stall = Duration::from_secs(30);
        transfer.faults = Some(Faults {
            seed,
            loss: 0.05,
            ..Faults::default()
        });
        let ended = transfer.run().await;
        let what = format!("{count} copies, seed {seed}");
        let received = ended
            .received
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(fs::read(&received.path).unwrap() == sent, "{what}");
        let stats = ended.sent.unwrap().totals.stats;
        let once = stats.segments + stats.segments_retransmitted;
        let copied = u64::from(count - 1) * once;
        assert_eq!(
            (stats.segments, stats.segments_copied),
            (601, copied),
            "{what}"
        );
        assert_eq!(stats.segments_sent, once + copied, "{what}");
        let at_gaps = stats.go_backs - stats.timeouts;
        assert!(at_gaps < 12, "{what}: {stats:?}");
        let arrived_again = received.stats.duplicates;
        assert!(
            arrived_again > 400 * u64::from(count - 1),
            "{what}: {received:?}"
        );
    }
}

#[tokio::test]
async fn a_last_ack_that_is_lost_is_asked_for_again() {
    // Every other ACK is lost; a receiver that stopped answering after its last byte would leave the sender hanging.
    for seed in 0..8 {
        let sent = contents(3 * SEGMENT);
        let mut transfer = Transfer::of(&sent);
        transfer.config.timeout = Timeout::Fixed(Duration::from_millis(5));
        transfer.config.max_stall = Duration::from_secs(30);
        transfer.faults = Some(Faults {
            seed,
            loss: 0.5,
            ..Faults::default()
        });
        let ended = transfer.run().await;
        assert!(ended.sent.is_ok() && ended.received.is_ok(), "seed {seed}");
    }
}
