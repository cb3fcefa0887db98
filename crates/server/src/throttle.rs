//! Limits password guessing: counts the failed joins of each address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::token_bucket::TokenBucket;

/// The largest number of addresses that are stored. When there are more, the one with the shortest wait is dropped.
const MAX_ADDRESSES: usize = 4_096;

/// The failed joins of each address. A few are free, because people mistype; then one is allowed per
/// [`Throttle::PERIOD`].
///
/// IPv6 addresses are counted by /64, because one host can easily use a whole /64. People behind one address share the
/// count.
#[derive(Debug)]
pub(crate) struct Throttle {
    burst: u32,
    failures: BTreeMap<IpAddr, TokenBucket>,
}

impl Throttle {
    /// The time after which one failed join no longer counts.
    pub(crate) const PERIOD: Duration = Duration::from_secs(10);

    /// Allows `burst` failed joins before an address has to wait.
    pub(crate) fn new(burst: u32) -> Self {
        Self {
            // `wait` is positive only once the burst is exceeded, so a burst of n would allow n + 1 failures.
            burst: burst.saturating_sub(1),
            failures: BTreeMap::new(),
        }
    }

    /// The time that `address` has to wait before its next join; zero if it may join now.
    pub(crate) fn wait(&self, now: Instant, address: IpAddr) -> Duration {
        self.failures
            .get(&network(address))
            .map_or(Duration::ZERO, |bucket| bucket.wait(now))
    }

    /// Counts a failed join of `address`.
    pub(crate) fn failed(&mut self, now: Instant, address: IpAddr) {
        let address = network(address);
        if !self.failures.contains_key(&address) && self.failures.len() >= MAX_ADDRESSES {
            self.evict(now);
        }
        self.failures
            .entry(address)
            .or_insert_with(|| TokenBucket::new(1, Self::PERIOD, self.burst, now))
            .charge(now, 1);
    }

    fn evict(&mut self, now: Instant) {
        self.failures.retain(|_, bucket| bucket.full_at > now);
        if self.failures.len() >= MAX_ADDRESSES {
            let least = self
                .failures
                .iter()
                .min_by_key(|(_, bucket)| bucket.full_at);
            if let Some((&address, _)) = least {
                self.failures.remove(&address);
            }
        }
    }
}

/// The network that one host is assumed to control: an IPv4 address, or an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_failures_are_free_and_the_next_waits() {
        let now = Instant::now();
        let mut throttle = Throttle::new(3);
        let guesser = address("192.0.2.1");
        for _ in 0..2 {
            throttle.failed(now, guesser);
            assert_eq!(throttle.wait(now, guesser), Duration::ZERO);
        }
        throttle.failed(now, guesser);
        assert_eq!(throttle.wait(now, guesser), Throttle::PERIOD);
        assert_eq!(
            throttle.wait(now + Throttle::PERIOD, guesser),
            Duration::ZERO
        );
        assert_eq!(throttle.wait(now, address("192.0.2.2")), Duration::ZERO);
    }

    #[test]
    fn concurrent_failures_all_count() {
        let now = Instant::now();
        let mut throttle = Throttle::new(1);
        for _ in 0..10 {
            throttle.failed(now, address("192.0.2.1"));
        }
        assert_eq!(
            throttle.wait(now, address("192.0.2.1")),
            10 * Throttle::PERIOD
        );
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_count() {
        let now = Instant::now();
        let mut throttle = Throttle::new(1);
        throttle.failed(now, address("2001:db8::1"));
        assert!(throttle.wait(now, address("2001:db8::ffff")) > Duration::ZERO);
        assert_eq!(
            throttle.wait(now, address("2001:db8:0:1::1")),
            Duration::ZERO
        );
    }

    #[test]
    fn memory_is_bounded_and_the_worst_offender_is_kept() {
        let now = Instant::now();
        let mut throttle = Throttle::new(1);
        let worst = address("192.0.2.1");
        for _ in 0..3 {
            throttle.failed(now, worst);
        }
        for host in 0..2 * MAX_ADDRESSES as u32 {
            throttle.failed(now, IpAddr::from((0x0a00_0000 + host).to_be_bytes()));
        }
        assert_eq!(throttle.failures.len(), MAX_ADDRESSES);
        assert_eq!(throttle.wait(now, worst), 3 * Throttle::PERIOD);
    }
}
