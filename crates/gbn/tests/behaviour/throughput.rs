//! Throughput compared with the closed forms of Go-Back-N. Virtual time makes it exact to the nanosecond.

use backroom_gbn::{Recovery, SenderConfig, Timeout, Window};
use backroom_link::{LinkConfig, Loss};

use crate::harness::{Outcome, Scenario, ms};

/// Each segment takes 1 ms of transmission.
const RATE: &str = "10mbit";

fn scenario(window: u16, delay_ms: u64) -> Scenario {
    let path = LinkConfig {
        delay: ms(delay_ms),
        ..LinkConfig::default()
    };
    Scenario {
        sender: SenderConfig {
            window: Window::try_from(window).unwrap().into(),
            recovery: Recovery::Fast,
            timeout: Timeout::ADAPTIVE,
            ..Scenario::default().sender
        },
        segments: 4000,
        data: LinkConfig {
            rate: Some(RATE.parse().unwrap()),
            ..path.clone()
        },
        ack: path,
        ..Scenario::default()
    }
}

/// The utilisation of the link: segments delivered, divided by those that the link could have carried.
fn utilisation(scenario: &Scenario, outcome: &Outcome) -> f64 {
    scenario.segments as f64 / (outcome.duration.as_secs_f64() * 1e3)
}

fn assert_close(measured: f64, expected: f64, tolerance: f64, what: &str) {
    let ratio = measured / expected;
    assert!(
        (ratio - 1.0).abs() <= tolerance,
        "{what}: measured {measured:.4}, expected {expected:.4}"
    );
}

#[test]
fn utilisation_without_loss_matches_the_textbook() {
    for delay_ms in [0, 1, 5, 10, 25] {
        let a = delay_ms as f64;
        for window in [1, 2, 5, 10, 20, 21, 22, 50, 200] {
            let mut scenario = scenario(window, delay_ms);
            scenario.segments = 8000;
            let outcome = scenario.run().unwrap();
            let expected = (f64::from(window) / (1.0 + 2.0 * a)).min(1.0);
            let what = format!("window {window}, a = {a}");
            assert_close(utilisation(&scenario, &outcome), expected, 0.01, &what);
            assert_eq!(outcome.stats.segments_retransmitted, 0, "{what}");
        }
    }
}

#[test]
fn half_the_window_doubles_the_time() {
    let small = scenario(10, 10).run().unwrap().duration.as_secs_f64();
    let large = scenario(20, 10).run().unwrap().duration.as_secs_f64();
    assert_close(
        small / large,
        2.0,
        0.01,
        "window 10 against 20 at 10 Mbit/s and 10 ms",
    );
}

#[test]
fn fast_recovery_is_close_to_immediate_loss_detection() {
    let delay_ms = 10;
    let round_trip = 1.0 + 2.0 * delay_ms as f64;
    for loss in [0.001, 0.01, 0.05] {
        for window in [5, 10, 20, 50] {
            let mut scenario = scenario(window, delay_ms);
            scenario.segments = 20_000;
            scenario.waits_for_link = true;
            scenario.data.loss = Loss::Random(loss);
            let outcome = scenario.run().unwrap();
            let w = f64::from(window);
            let expected = if w >= round_trip {
                (1.0 - loss) / (1.0 + (round_trip - 1.0) * loss)
            } else {
                w * (1.0 - loss) / (round_trip * (1.0 - loss + w * loss))
            };
            let what = format!("window {window}, loss {loss}");
            assert_close(utilisation(&scenario, &outcome), expected, 0.1, &what);
        }
    }
}

/// Replacing `p` by `1 - (1 - p)^R` in the closed form counts a loss of any receiver as a loss of all. It is a lower bound:
/// most of the other receivers already have what is retransmitted for one, so they cannot lose it.
#[test]
fn independent_losses_cost_less_than_the_union_bound() {
    let (loss, receivers): (f64, u16) = (0.01, 4);
    let mut scenario = scenario(50, 10);
    scenario.segments = 20_000;
    scenario.waits_for_link = true;
    scenario.receivers = receivers;
    scenario.last_hop.loss = Loss::Random(loss);
    let outcome = scenario.run().unwrap();
    let closed_form = |loss: f64| (1.0 - loss) / (1.0 + 20.0 * loss);
    let least = closed_form(1.0 - (1.0 - loss).powi(receivers.into()));
    let measured = utilisation(&scenario, &outcome);
    assert!((least..closed_form(loss)).contains(&measured), "{measured}");
}
