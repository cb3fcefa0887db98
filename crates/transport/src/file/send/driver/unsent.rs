//! What the socket had no room for of a run, down to the copies of a segment.

use backroom_gbn::Transmit;

/// What is still to be sent of a run. A socket may fill up between two copies of a segment: the copies that went are not
/// sent again, and those that are missing go before the next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsent {
    run: Transmit,
    /// How many copies of its first segment have gone.
    copies_sent: u8,
}

impl Unsent {
    /// All of a run.
    pub(super) fn new(run: Transmit) -> Self {
        Self {
            run,
            copies_sent: 0,
        }
    }

    /// The segments that are not wholly sent.
    pub(super) fn run(&self) -> Transmit {
        self.run
    }

    /// The datagram whose turn it is.
    pub(super) fn next_datagram(&self) -> Option<Transmit> {
        (self.run.count > 0).then_some(Transmit {
            count: 1,
            ..self.run
        })
    }

    /// Takes note that it went.
    pub(super) fn sent_one(&mut self) {
        self.copies_sent += 1;
        if self.copies_sent >= self.run.copies.count() {
            self.copies_sent = 0;
            self.run.first += 1;
            self.run.count = self.run.count.saturating_sub(1);
        }
    }

    /// What is left without the segments before `base`, whose missing copies nobody needs any more.
    pub(super) fn from(self, base: u64) -> Option<Self> {
        if base <= self.run.first {
            return (self.run.count > 0).then_some(self);
        }
        let count = self.run.segments().end.checked_sub(base)? as usize;
        let run = Transmit {
            first: base,
            count,
            ..self.run
        };
        (count > 0).then(|| Self::new(run))
    }
}

#[cfg(test)]
mod tests {
    use backroom_gbn::Copies;

    use super::*;

    /// Segments 5, 6 and 7, two copies each.
    fn unsent() -> Unsent {
        Unsent::new(Transmit {
            first: 5,
            count: 3,
            round: 9,
            retransmission: true,
            copies: Copies::try_from(2).unwrap(),
        })
    }

    fn datagrams(mut unsent: Unsent, most: usize) -> (Vec<u64>, Unsent) {
        let mut gone = Vec::new();
        while let Some(one) = unsent.next_datagram().filter(|_| gone.len() < most) {
            assert_eq!((one.count, one.round, one.retransmission), (1, 9, true));
            gone.push(one.first);
            unsent.sent_one();
        }
        (gone, unsent)
    }

    #[test]
    fn wherever_the_socket_fills_up_every_copy_goes_once_and_in_order() {
        for most in 0..=6 {
            let (mut gone, rest) = datagrams(unsent(), most);
            if let Some(rest) = rest.from(0) {
                gone.extend(datagrams(rest, usize::MAX).0);
            }
            assert_eq!(gone, [5, 5, 6, 6, 7, 7], "full after {most}");
        }
    }

    #[test]
    fn what_is_acknowledged_meanwhile_is_not_sent_any_more() {
        let (_, rest) = datagrams(unsent(), 1);
        let left = |base| rest.from(base).map(|rest| datagrams(rest, usize::MAX).0);
        assert_eq!(left(5), Some(vec![5, 6, 6, 7, 7]));
        assert_eq!(left(6), Some(vec![6, 6, 7, 7]));
        assert_eq!(left(8), None);
        assert_eq!(left(100), None);
    }
}
