//! Who was put out a moment ago and may not come back yet.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The bans in force.
///
/// A ban holds the name (folded) and, where it is that member's alone, the address. It slows
/// somebody down who was put out; it can't keep out a person who has the password, another
/// address and patience. Neither can it tell two people behind one address apart, so an address
/// that other members share is not banned (see [`Room`](super::Room)).
#[derive(Debug, Default)]
pub(super) struct Bans {
    bans: Vec<Ban>,
}

#[derive(Debug)]
struct Ban {
    folded_name: String,
    address: Option<IpAddr>,
    until: Instant,
}

impl Bans {
    /// Keeps the name, and the address where one is given, out until `until`.
    pub(super) fn add(&mut self, folded_name: String, address: Option<IpAddr>, until: Instant) {
        self.bans.push(Ban {
            folded_name,
            address,
            until,
        });
    }

    /// How long the longest ban on this name or this address still lasts, if there is one.
    ///
    /// Bans that are over are forgotten.
    pub(super) fn remaining(
        &mut self,
        now: Instant,
        folded_name: &str,
        address: IpAddr,
    ) -> Option<Duration> {
        self.bans.retain(|ban| ban.until > now);
        self.bans
            .iter()
            .filter(|ban| ban.folded_name == folded_name || ban.address == Some(address))
            .map(|ban| ban.until - now)
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_ban_holds_the_name_from_anywhere_and_the_address_under_any_name() {
        let now = Instant::now();
        let mut bans = Bans::default();
        bans.add(
            "mallory".to_owned(),
            Some(address("192.0.2.1")),
            now + MINUTE,
        );
        let elsewhere = address("192.0.2.2");
        assert_eq!(bans.remaining(now, "mallory", elsewhere), Some(MINUTE));
        assert_eq!(
            bans.remaining(now, "trent", address("192.0.2.1")),
            Some(MINUTE)
        );
        assert_eq!(bans.remaining(now, "trent", elsewhere), None);
    }

    #[test]
    fn a_ban_ends() {
        let now = Instant::now();
        let mut bans = Bans::default();
        bans.add("mallory".to_owned(), None, now + MINUTE);
        let here = address("192.0.2.1");
        let almost = now + MINUTE - Duration::from_nanos(1);
        assert!(bans.remaining(almost, "mallory", here).is_some());
        assert_eq!(bans.remaining(now + MINUTE, "mallory", here), None);
        assert!(bans.bans.is_empty());
    }

    #[test]
    fn of_several_bans_the_longest_counts() {
        let now = Instant::now();
        let mut bans = Bans::default();
        let here = address("192.0.2.1");
        bans.add("mallory".to_owned(), None, now + MINUTE);
        bans.add("eve".to_owned(), Some(here), now + 2 * MINUTE);
        assert_eq!(bans.remaining(now, "mallory", here), Some(2 * MINUTE));
    }
}
