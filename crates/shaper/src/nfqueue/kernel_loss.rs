//! Random loss by the kernel's `statistic` match.
//!
//! A verdict from user space takes tens of microseconds. On a link without rate and delay that would dominate the round
//! trip, and the run would measure the shaper. The kernel draws its own random numbers, so no seed repeats them. Packets
//! are dropped on the way in, because on the way out the sending program would get an error.

use backroom_link::{LinkConfig, Loss};

use crate::error::ShaperError;
use crate::protocol::{DirectionStats, ShaperConfig};

use super::rules::iptables;

/// Name of the chain that drops packets.
pub(super) const CHAIN: &str = "backroom-loss";

/// The chain. Dropping it removes the chain, so drop all rules that jump to it first.
pub(super) struct KernelLoss;

/// The fraction of packets that the kernel shall drop. `None` unless `loss_in_kernel` is set.
pub(super) fn requested(config: &ShaperConfig) -> Result<Option<f64>, ShaperError> {
    if !config.loss_in_kernel {
        return Ok(None);
    }
    let nothing_else = LinkConfig {
        loss: Loss::None,
        ..config.ingress.clone()
    };
    let untouched = LinkConfig::default();
    match config.ingress.loss {
        Loss::Random(fraction) if nothing_else == untouched && config.egress == untouched => {
            Ok(Some(fraction))
        }
        _ => Err(ShaperError::Unsupported(
            "loss_in_kernel supports only random loss of incoming packets; remove it, or everything else",
        )),
    }
}

impl KernelLoss {
    /// Creates the chain with its counters at zero. Fails without NET_ADMIN, iptables or this match.
    pub(super) fn insert(fraction: f64) -> Result<Self, ShaperError> {
        // A killed shaper may have left the chain; usually there is none.
        if iptables(&format!("-F {CHAIN}")).is_err() {
            iptables(&format!("-N {CHAIN}"))?;
        }
        let chain = Self;
        let random = format!("-m statistic --mode random --probability {fraction}");
        iptables(&format!("-A {CHAIN} {random} -j DROP"))?;
        iptables(&format!("-A {CHAIN} -j RETURN"))?;
        Ok(chain)
    }

    /// Counters of dropped and passed packets.
    pub(super) fn stats(&self) -> Result<DirectionStats, ShaperError> {
        let listing = iptables(&format!("-v -S {CHAIN}"))?;
        parse_counters(&listing).ok_or_else(|| ShaperError::Unreadable {
            command: "iptables -v -S",
            reason: format!("the chain {CHAIN} does not have two rules with counters"),
        })
    }
}

impl Drop for KernelLoss {
    fn drop(&mut self) {
        let flushed = iptables(&format!("-F {CHAIN}"));
        if let Err(error) = flushed.and_then(|_| iptables(&format!("-X {CHAIN}"))) {
            tracing::warn!("cannot remove a chain: {error}");
        }
    }
}

/// Reads the counters, `-c PACKETS BYTES`, of the rule that drops and of the rule that returns.
fn parse_counters(listing: &str) -> Option<DirectionStats> {
    let mut counters = listing.lines().filter_map(|line| {
        let (_, counters) = line.split_once(" -c ")?;
        let mut words = counters.split(' ');
        let packets = words.next()?.parse::<u64>().ok()?;
        let bytes = words.next()?.parse::<u64>().ok()?;
        Some((packets, bytes))
    });
    let ((lost, lost_bytes), (delivered, delivered_bytes)) = (counters.next()?, counters.next()?);
    Some(DirectionStats {
        offered: lost + delivered,
        offered_bytes: lost_bytes + delivered_bytes,
        lost,
        delivered,
        delivered_bytes,
        ..DirectionStats::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn counters_are_read_from_what_iptables_lists() {
        let listing = "-N backroom-loss\n\
            -A backroom-loss -m statistic --mode random --probability 0.01000000000 -c 12 17424 -j DROP\n\
            -A backroom-loss -c 988 1434576 -j RETURN\n";
        let stats = parse_counters(listing).unwrap();
        assert_eq!(
            (stats.offered, stats.lost, stats.delivered),
            (1_000, 12, 988)
        );
        assert_eq!(stats.offered_bytes, 1_452_000);
        assert_eq!(parse_counters("-N backroom-loss\n"), None);
    }

    #[test]
    fn only_random_loss_is_left_to_the_kernel() {
        let mut config = ShaperConfig {
            egress: LinkConfig::default(),
            egress_seed: 1,
            ingress: LinkConfig {
                loss: Loss::Random(0.05),
                ..LinkConfig::default()
            },
            ingress_seed: 1,
            packet_bytes: 1_480,
            tcp_port: None,
            loss_in_kernel: false,
        };
        assert_eq!(requested(&config).unwrap(), None);
        config.loss_in_kernel = true;
        assert_eq!(requested(&config).unwrap(), Some(0.05));
        config.egress.delay = Duration::from_millis(1);
        requested(&config).unwrap_err();
    }
}
