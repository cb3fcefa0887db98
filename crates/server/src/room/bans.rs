//! The bans of members that were removed by vote.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A ban applies to the folded name and, if no other member shares it, to the address. It slows a removed member down. It
/// cannot exclude a person that knows the password and has another address.
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
    /// Bans a name, and an address if there is one, until `until`.
    pub(super) fn add(&mut self, folded_name: String, address: Option<IpAddr>, until: Instant) {
        self.bans.push(Ban {
            folded_name,
            address,
            until,
        });
    }

    /// Returns the remaining time of the longest ban of this name or address, and drops expired bans.
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
    fn a_ban_applies_to_the_name_and_to_the_address() {
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
    fn the_longest_of_several_bans_counts() {
        let now = Instant::now();
        let mut bans = Bans::default();
        let here = address("192.0.2.1");
        bans.add("mallory".to_owned(), None, now + MINUTE);
        bans.add("eve".to_owned(), Some(here), now + 2 * MINUTE);
        assert_eq!(bans.remaining(now, "mallory", here), Some(2 * MINUTE));
    }
}
