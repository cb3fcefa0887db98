//! The part of a run that the socket buffer had no room for, down to single copies of a segment.

use backroom_gbn::Transmit;

/// What is still to be sent of a run. The socket buffer may fill up between two copies of a segment: the copies that were sent are
/// not sent again, and the missing ones go before the next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsent {
    /// The segments that lack at least one copy.
    pub(super) run: Transmit,
    /// How many copies of the first segment were sent.
    copies_sent: u8,
}

impl Unsent {
    pub(super) fn new(run: Transmit) -> Self {
        Self {
            run,
            copies_sent: 0,
        }
    }

    pub(super) fn next_datagram(&self) -> Option<Transmit> {
        (self.run.count > 0).then_some(Transmit {
            count: 1,
            ..self.run
        })
    }

    pub(super) fn record_sent(&mut self) {
        self.copies_sent += 1;
        if self.copies_sent >= self.run.copies.count() {
            self.copies_sent = 0;
            self.run.first += 1;
            self.run.count = self.run.count.saturating_sub(1);
        }
    }

    /// What is left without the segments before `base`: their missing copies are no longer needed.
    pub(super) fn skip_below(self, base: u64) -> Option<Self> {
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
            unsent.record_sent();
        }
        (gone, unsent)
    }

    #[test]
    fn wherever_the_socket_fills_up_every_copy_goes_once_and_in_order() {
        for most in 0..=6 {
            let (mut gone, rest) = datagrams(unsent(), most);
            if let Some(rest) = rest.skip_below(0) {
                gone.extend(datagrams(rest, usize::MAX).0);
            }
            assert_eq!(gone, [5, 5, 6, 6, 7, 7], "full after {most}");
        }
    }

    #[test]
    fn what_is_acknowledged_meanwhile_is_not_sent_any_more() {
        let (_, rest) = datagrams(unsent(), 1);
        let left = |base| {
            rest.skip_below(base)
                .map(|rest| datagrams(rest, usize::MAX).0)
        };
        assert_eq!(left(5), Some(vec![5, 6, 6, 7, 7]));
        assert_eq!(left(6), Some(vec![6, 6, 7, 7]));
        assert_eq!(left(8), None);
        assert_eq!(left(100), None);
    }
}
