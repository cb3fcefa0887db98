//! Random loss by the kernel's own `statistic` match.
//!
//! A verdict from user space takes tens of microseconds. On a link without rate and delay that would be most of the
//! round trip, and the shaper what is measured. The kernel draws its own random numbers: no seed repeats them. It loses on
//! the way in, since on the way out it would tell the program that sent.

use backroom_link::{LinkConfig, Loss};

use crate::shaper::protocol::{DirectionStats, ShaperConfig};
use crate::shaper::{ShaperError, tool};

/// The chain that loses packets.
pub(super) const CHAIN: &str = "backroom-loss";

/// The chain, in force until it is dropped, after all rules that lead to it.
pub(super) struct KernelLoss;

/// The fraction of packets that the kernel is asked to lose; `None` where it is not asked.
///
/// # Errors
/// Where anything is to happen but random loss on the way in.
pub(super) fn wanted(config: &ShaperConfig) -> Result<Option<f64>, ShaperError> {
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
            "the kernel alone can only lose packets at random; leave out loss_in_kernel, or all but the loss on the way in",
        )),
    }
}

impl KernelLoss {
    /// Makes the chain, counting from zero.
    ///
    /// # Errors
    /// Without NET_ADMIN, without iptables, or on a kernel that has no such match.
    pub(super) fn insert(fraction: f64) -> Result<Self, ShaperError> {
        // What a killed shaper left; mostly there is none.
        if iptables(&["-F", CHAIN]).is_err() {
            iptables(&["-N", CHAIN])?;
        }
        let chain = Self;
        let rule =
            format!("-A {CHAIN} -m statistic --mode random --probability {fraction} -j DROP");
        iptables(&rule.split(' ').collect::<Vec<_>>())?;
        iptables(&["-A", CHAIN, "-j", "RETURN"])?;
        Ok(chain)
    }

    /// What was lost and what was not.
    ///
    /// # Errors
    /// Where iptables does not tell.
    pub(super) fn stats(&self) -> Result<DirectionStats, ShaperError> {
        counted(&iptables(&["-v", "-S", CHAIN])?).ok_or_else(|| ShaperError::Unreadable {
            command: "iptables -v -S",
            reason: format!("the chain {CHAIN} has no two rules with counters"),
        })
    }
}

impl Drop for KernelLoss {
    fn drop(&mut self) {
        if let Err(error) = iptables(&["-F", CHAIN]).and_then(|_| iptables(&["-X", CHAIN])) {
            tracing::warn!("a chain stays behind: {error}");
        }
    }
}

fn iptables(words: &[&str]) -> Result<String, ShaperError> {
    tool::run("iptables", &[&["-w", "5"], words].concat())
}

/// Reads the counters, `-c PACKETS BYTES`, of the rule that loses and of the one that does not.
fn counted(listing: &str) -> Option<DirectionStats> {
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
        let stats = counted(listing).unwrap();
        assert_eq!(
            (stats.offered, stats.lost, stats.delivered),
            (1_000, 12, 988)
        );
        assert_eq!(stats.offered_bytes, 1_452_000);
        assert_eq!(counted("-N backroom-loss\n"), None);
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
        assert_eq!(wanted(&config).unwrap(), None);
        config.loss_in_kernel = true;
        assert_eq!(wanted(&config).unwrap(), Some(0.05));
        config.egress.delay = Duration::from_millis(1);
        wanted(&config).unwrap_err();
    }
}
