//! The gate: whether the network of a run was as its cell requests. A run that fails is marked, and the statistics
//! exclude it.
//!
//! The compared values come from the links or from the shapers in the containers, never from the protocol under test. A
//! quantity that cannot be measured is not checked.

use backroom_link::{GilbertElliott, Loss};
use backroom_sim::{Cell, Measurement, NetworkMeasurement};
use statrs::function::beta::beta_reg;

use crate::runner::ClockName;

/// Tail probability on each side of the two-sided interval of the loss. In a sweep of a thousand runs whose networks are
/// sound, it rejects one with a probability of 1 %.
const LOSS_TAIL: f64 = 5e-6;

/// How far a network may be from what the cell requests.
struct Tolerance {
    /// The round trip may differ by this or by the fraction [`rtt`](Self::rtt), whichever is more.
    rtt_ms: f64,
    rtt: f64,
    rate: f64,
}

impl Tolerance {
    /// In real time, the machine's other work adds to every delay. In virtual time only the guest's own instructions do.
    fn of(clock: ClockName) -> Self {
        match clock {
            ClockName::Real => Self {
                rtt_ms: 1.0,
                rtt: 0.05,
                rate: 0.02,
            },
            ClockName::Virtual => Self {
                rtt_ms: 0.1,
                rtt: 0.005,
                rate: 0.005,
            },
        }
    }
}

/// The result of the gate for a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Check {
    /// The network was as requested.
    Pass,
    /// It was not, for these reasons.
    Fail(String),
    /// The run did not end, or its network was not measured.
    NotMeasured,
}

/// Compares the measurements of a network with what `cell` requests.
pub(super) fn check(cell: &Cell, measurement: &Measurement, clock: ClockName) -> Check {
    let ended = measurement.failure.is_none() && measurement.seconds.is_some();
    let Some(network) = measurement.network.as_ref().filter(|_| ended) else {
        return Check::NotMeasured;
    };
    let tolerance = Tolerance::of(clock);
    let faults = [
        loss_fault(&cell.link.loss, network),
        rtt_fault(cell, network, &tolerance),
        rate_fault(cell, network, &tolerance),
        queue_fault(cell, network),
        receive_buffer_fault(network),
    ];
    let faults: Vec<_> = faults.into_iter().flatten().collect();
    if faults.is_empty() {
        Check::Pass
    } else {
        Check::Fail(format!(
            "the network was not as requested: {}",
            faults.join("; ")
        ))
    }
}

/// More or fewer packets were lost than chance explains.
fn loss_fault(requested: &Loss, network: &NetworkMeasurement) -> Option<String> {
    let (lost, packets) = (network.packets_lost, network.packets);
    let percent = requested.mean() * 100.0;
    (!loss_is_plausible(requested, lost, packets))
        .then(|| format!("{lost} of {packets} packets lost, which {percent} % do not explain"))
}

fn rtt_fault(cell: &Cell, network: &NetworkMeasurement, tolerance: &Tolerance) -> Option<String> {
    let requested_ms = 2.0 * cell.link.delay.as_secs_f64() * 1e3;
    let jitter_ms = 2.0 * cell.link.jitter.as_secs_f64() * 1e3;
    let tolerance_ms = tolerance.rtt_ms.max(tolerance.rtt * requested_ms) + jitter_ms;
    let measured_ms = network.rtt_ms?;
    ((measured_ms - requested_ms).abs() > tolerance_ms)
        .then(|| format!("round trip of {measured_ms:.2} ms instead of {requested_ms} ms"))
}

/// Compares the rate of the busiest link.
fn rate_fault(cell: &Cell, network: &NetworkMeasurement, tolerance: &Tolerance) -> Option<String> {
    let requested = cell.link.rate?.mbps();
    let measured = network.rate_mbps?;
    ((measured / requested - 1.0).abs() > tolerance.rate)
        .then(|| format!("rate of {measured:.3} Mbit/s instead of {requested} Mbit/s"))
}

/// Drops are expected if the cell limits the queue.
fn queue_fault(cell: &Cell, network: &NetworkMeasurement) -> Option<String> {
    let packets = network.queue_drops;
    (cell.link.queue.is_none() && packets > 0)
        .then(|| format!("{packets} packets dropped by a queue that should have no limit"))
}

/// A member did not read its socket fast enough.
fn receive_buffer_fault(network: &NetworkMeasurement) -> Option<String> {
    let packets = network.receive_drops;
    (packets > 0).then(|| format!("{packets} packets dropped by a full receive buffer"))
}

/// Whether `lost` of `packets` is plausible: whether the requested mean is in the interval of Clopper and Pearson (1934)
/// around the measured loss, with [`LOSS_TAIL`] beyond each end.
fn loss_is_plausible(requested: &Loss, lost: u64, packets: u64) -> bool {
    // A droplist names the lost packets, not their share.
    matches!(requested, Loss::Droplist(_)) || loss_tail(requested, lost, packets) >= LOSS_TAIL
}

/// The probability of a loss at least as far from the requested one, on the same side, as `lost` of `packets`.
///
/// Losses in bursts carry less information than as many single ones. If the losses of neighbouring packets have the
/// correlation `c`, `n` packets count as `n (1 - c) / (1 + c)` (Bayley and Hammersley 1946). In the Gilbert-Elliott
/// model `c` is `1 - p - r`. The resulting counts are rounded towards the requested loss.
fn loss_tail(requested: &Loss, lost: u64, packets: u64) -> f64 {
    let mean = requested.mean();
    let weight = match *requested {
        Loss::GilbertElliott(GilbertElliott { p, r, .. }) => {
            let correlation = (1.0 - p - r).max(0.0);
            (1.0 - correlation) / (1.0 + correlation)
        }
        _ => 1.0,
    };
    let (packets, lost) = (packets as f64 * weight, lost as f64 * weight);
    if lost > packets * mean {
        upper_tail(packets.ceil(), lost.floor(), mean)
    } else {
        // Too few losses are too many arrivals, so this is the upper tail of the arrivals.
        upper_tail(packets.ceil(), (packets - lost).floor(), 1.0 - mean)
    }
}

/// The probability of at least `k` successes in `n` trials with the success probability `p`.
fn upper_tail(n: f64, k: f64, p: f64) -> f64 {
    match k {
        _ if k <= 0.0 => 1.0,
        _ if k > n || p <= 0.0 => 0.0,
        _ => beta_reg(k, n - k + 1.0, p.min(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use backroom_link::{Link, LinkConfig, Verdict};
    use backroom_sim::Axis;
    use backroom_sim::simulation::simulate;

    use super::*;
    use crate::plan::Plan;
    use crate::scenario::Scenario;

    /// The single cell of a scenario with these axes; by default 10 Mbit/s and 10 ms each way.
    fn cell(axes: &str) -> Cell {
        let text = format!("title = 'x'\n[axes]\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        Cell::clone(&plan.cells[0])
    }

    /// A network exactly as `cell` requests, with 10,000 packets.
    fn sound(cell: &Cell) -> NetworkMeasurement {
        NetworkMeasurement {
            packets: 10_000,
            packets_lost: (10_000.0 * cell.loss) as u64,
            rtt_ms: Some(2.0 * cell.link.delay.as_secs_f64() * 1e3),
            rate_mbps: cell.link.rate.map(|rate| rate.mbps()),
            ..NetworkMeasurement::default()
        }
    }

    fn verdict(cell: &Cell, network: NetworkMeasurement) -> Check {
        verdict_in(cell, network, ClockName::Real)
    }

    fn verdict_in(cell: &Cell, network: NetworkMeasurement, clock: ClockName) -> Check {
        let measurement = Measurement {
            seconds: Some(1.0),
            network: Some(network),
            ..Measurement::default()
        };
        check(cell, &measurement, clock)
    }

    #[test]
    fn a_network_as_requested_passes() {
        for axes in [
            "",
            "loss = 0.01",
            "loss = 0.05\nburst = 4",
            "rate = 'unlimited'",
        ] {
            let cell = cell(axes);
            assert_eq!(verdict(&cell, sound(&cell)), Check::Pass, "{axes}");
        }
    }

    #[test]
    fn the_simulated_network_passes_whichever_axis_differs_from_its_default() {
        for axis in Axis::ALL {
            let mut axes = format!("{axis} = '{}'", axis.example());
            if axis != Axis::CAST {
                axes.push_str("\ncast = 'broadcast'");
            }
            let cell = cell(&axes);
            let measured = simulate(&cell, 1, Instant::now(), |_| {}, || true).unwrap();
            assert_eq!(
                check(&cell, &measured, ClockName::Virtual),
                Check::Pass,
                "{axes}"
            );
        }
    }

    #[test]
    fn a_delay_beyond_a_millisecond_and_five_percent_is_marked() {
        for (delay, measured_ms, passes) in [
            ("10ms", 30.0, false),
            ("10ms", 21.1, false),
            ("10ms", 20.9, true),
            ("10ms", 18.9, false),
            ("50ms", 104.0, true),
            ("50ms", 106.0, false),
            ("0", 0.9, true),
        ] {
            let cell = cell(&format!("delay = '{delay}'"));
            let rtt_ms = Some(measured_ms);
            let verdict = verdict(
                &cell,
                NetworkMeasurement {
                    rtt_ms,
                    ..sound(&cell)
                },
            );
            assert_eq!(verdict == Check::Pass, passes, "{delay}: {measured_ms} ms");
        }
    }

    #[test]
    fn virtual_time_is_held_to_half_a_percent() {
        let cell = cell("delay = '50ms'\nrate = '10mbit'");
        for (rtt_ms, rate_mbps, passes) in [
            (100.4, 10.0, true),
            (100.6, 10.0, false),
            (100.0, 10.04, true),
            (100.0, 9.94, false),
        ] {
            let network = NetworkMeasurement {
                rtt_ms: Some(rtt_ms),
                rate_mbps: Some(rate_mbps),
                ..sound(&cell)
            };
            assert_eq!(
                verdict_in(&cell, network, ClockName::Virtual) == Check::Pass,
                passes,
                "{rtt_ms} ms, {rate_mbps} Mbit/s"
            );
            assert_eq!(verdict(&cell, network), Check::Pass);
        }
    }

    #[test]
    fn a_wrong_rate_is_marked_and_an_unknown_one_is_not() {
        let cell = cell("rate = '10mbit'");
        for (rate_mbps, passes) in [
            (Some(10.1), true),
            (Some(10.3), false),
            (Some(8.0), false),
            (None, true),
        ] {
            let network = NetworkMeasurement {
                rate_mbps,
                ..sound(&cell)
            };
            assert_eq!(
                verdict(&cell, network) == Check::Pass,
                passes,
                "{rate_mbps:?}"
            );
        }
    }

    #[test]
    fn a_drop_is_marked_if_the_queue_has_no_limit() {
        let passes_with_drops = |axes: &str, queue_drops, receive_drops| {
            let cell = cell(axes);
            let network = NetworkMeasurement {
                queue_drops,
                receive_drops,
                ..sound(&cell)
            };
            verdict(&cell, network) == Check::Pass
        };
        assert!(!passes_with_drops("", 1, 0));
        assert!(passes_with_drops("queue = 10", 500, 0));
        assert!(!passes_with_drops("queue = 10", 0, 1));
    }

    #[test]
    fn a_run_that_did_not_end_has_no_verdict() {
        let cell = cell("");
        let measurement = Measurement {
            network: Some(sound(&cell)),
            failure: Some("it stood still".to_owned()),
            ..Measurement::default()
        };
        assert_eq!(
            check(&cell, &measurement, ClockName::Real),
            Check::NotMeasured
        );
    }

    #[test]
    fn the_note_has_the_requested_and_the_measured_values() {
        let cell = cell("loss = 0.01");
        let network = NetworkMeasurement {
            packets_lost: 200,
            rtt_ms: Some(30.0),
            ..sound(&cell)
        };
        let Check::Fail(reason) = verdict(&cell, network) else {
            panic!("the network was not as requested");
        };
        assert!(
            reason.contains("200 of 10000") && reason.contains("30.00 ms instead of 20 ms"),
            "{reason}"
        );
    }

    #[test]
    fn the_interval_is_that_of_clopper_and_pearson() {
        // Ends of the exact 99 % intervals for 10 of 100 and for 1 of 20: 0.0380 to 0.2029 (Clopper and Pearson 1934,
        // by the quantiles of the beta distribution), 0.0003 to 0.3171.
        for (lost, packets, inside, outside) in [
            (10, 100, 0.0395, 0.0370),
            (10, 100, 0.2010, 0.2050),
            (1, 20, 0.31, 0.32),
        ] {
            let tail = |mean| loss_tail(&Loss::Random(mean), lost, packets);
            assert!(tail(inside) >= 0.005, "{inside}");
            assert!(tail(outside) < 0.005, "{outside}");
        }
    }

    #[test]
    fn any_loss_is_too_much_without_loss_and_none_can_be_too_little_with_loss() {
        assert!(loss_is_plausible(&Loss::None, 0, 1000));
        assert!(!loss_is_plausible(&Loss::None, 1, 1000));
        assert!(loss_is_plausible(&Loss::Random(0.01), 0, 100));
        assert!(!loss_is_plausible(&Loss::Random(0.01), 0, 2000));
        assert!(loss_is_plausible(&Loss::Random(0.01), 0, 0));
        assert!(loss_is_plausible(&Loss::Droplist(vec![1, 2]), 2, 10));
    }

    /// How many of 2,000 links with the loss `real` the gate rejects if `requested` was requested.
    fn rejected(real: &Loss, requested: &Loss, packets: u64) -> usize {
        let mut seeds = ChaCha8Rng::seed_from_u64(7);
        let now = Instant::now();
        let mut lost = |packets| {
            let config = LinkConfig {
                loss: real.clone(),
                ..LinkConfig::default()
            };
            let mut link = Link::new(config, seeds.next_u64());
            let lost = |_: &u64| matches!(link.send(now, 1265), Verdict::Drop(_));
            (0..packets).filter(lost).count() as u64
        };
        (0..2_000)
            .filter(|_| !loss_is_plausible(requested, lost(packets), packets))
            .count()
    }

    fn bursts(loss: f64) -> Loss {
        let r = 0.25;
        Loss::GilbertElliott(GilbertElliott {
            p: r * loss / (1.0 - loss),
            r,
            loss_good: 0.0,
            loss_bad: 1.0,
        })
    }

    #[test]
    fn the_gate_rejects_no_sound_link_of_a_large_sweep_and_nearly_all_wrong_ones() {
        for (loss, packets) in [(0.01, 1_000), (0.05, 1_000), (0.02, 10_000)] {
            let random = Loss::Random(loss);
            let sound = rejected(&random, &random, packets);
            assert_eq!(sound, 0, "{loss}, {packets}");
        }
        assert!(rejected(&Loss::Random(0.02), &Loss::Random(0.01), 10_000) > 1_900);
        assert!(rejected(&Loss::Random(0.04), &Loss::Random(0.05), 30_000) > 1_900);
    }

    #[test]
    fn losses_in_bursts_may_vary_more() {
        for (loss, packets) in [(0.01, 1_000), (0.05, 1_000), (0.02, 10_000)] {
            let sound = rejected(&bursts(loss), &bursts(loss), packets);
            assert!(sound <= 2, "{loss}, {packets}: {sound}");
            let taken_for_single = rejected(&bursts(loss), &Loss::Random(loss), packets);
            assert!(
                taken_for_single > 50,
                "{loss}, {packets}: {taken_for_single}"
            );
        }
        assert!(rejected(&bursts(0.05), &bursts(0.01), 10_000) > 1_900);
    }
}
