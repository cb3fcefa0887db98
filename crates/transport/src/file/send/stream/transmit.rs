//! Hands the kernel what Go-Back-N wants to send.

use std::time::Instant;

use backroom_gbn::{Copies, Transmit};
use backroom_protocol::segment::set_round;

use super::SendStream;
use super::unsent::Unsent;
use crate::file::send::reader::SEALED_ROUND;
use crate::file::trace::TraceKind;
use crate::udp::Sent;

/// Batches handed to the kernel before ACKs are looked at again.
const BATCHES_PER_TURN: usize = 2;

impl SendStream {
    /// Sends what may be sent, up to [`BATCHES_PER_TURN`]. True if there may be more to send.
    pub(super) fn transmit(&mut self, now: Instant) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let Some(unsent) = self.take_blocked().or_else(|| self.next_run(now)) else {
                return false;
            };
            self.first_transmit.get_or_insert(now);
            let run = unsent.run;
            self.run_end = run.segments().end;
            self.blocked = match run.copies {
                Copies::ONE => self.send_run(run, now),
                _ => self.send_copies(unsent, now),
            };
            if self.blocked.is_some() {
                return false;
            }
        }
        true
    }

    /// A run that ends where a batch ends is sent in one piece. With copies runs are shorter, so that ACKs are looked at again
    /// after the same number of datagrams.
    fn next_run(&mut self, now: Instant) -> Option<Unsent> {
        let copies = self.copies.count();
        let max_datagrams = self.layout.within_batch(self.run_end, usize::MAX);
        let max_segments = (max_datagrams / usize::from(copies)).max(1);
        let run = self.gbn.poll_transmit(now, max_segments)?;
        self.delays.handle_transmit(&run, now);
        Some(Unsent::new(run))
    }

    /// What the socket buffer had no room for, without what has been acknowledged since.
    fn take_blocked(&mut self) -> Option<Unsent> {
        self.blocked.take()?.skip_below(self.gbn.base())
    }

    /// Hands a run to the kernel. Returns what it had no room for.
    fn send_run(&mut self, run: Transmit, now: Instant) -> Option<Unsent> {
        let mut rest = run;
        while rest.count > 0 {
            let count = self.layout.within_batch(rest.first, rest.count);
            let sent = self.try_send(rest, count);
            if sent.datagrams == 0 {
                return Some(Unsent::new(rest));
            }
            let run = Transmit {
                count: sent.datagrams,
                ..rest
            };
            self.record_sent(&run, sent.lost, now);
            rest.first += sent.datagrams as u64;
            rest.count -= sent.datagrams;
        }
        None
    }

    /// Hands the copies of a run to the kernel. Returns those it had no room for. Each datagram is a call of its own: a network
    /// that sees a GSO batch before it is split loses it as a whole, and copies should be lost independently.
    fn send_copies(&mut self, unsent: Unsent, now: Instant) -> Option<Unsent> {
        let mut rest = unsent;
        while let Some(one) = rest.next_datagram() {
            let sent = self.try_send(one, 1);
            if sent.datagrams == 0 {
                return Some(rest);
            }
            self.record_sent(&one, sent.lost, now);
            rest.record_sent();
        }
        None
    }

    /// Hands the first `count` segments of a run, which lie in one batch, to the kernel.
    fn try_send(&mut self, run: Transmit, count: usize) -> Sent {
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let datagrams = self.store.run(run.first, count).unwrap_or_default();
        // A datagram is sealed with `SEALED_ROUND`, and keeps the round of its last transmission.
        if run.retransmission || run.round != SEALED_ROUND {
            datagrams
                .chunks_mut(datagram_bytes)
                .for_each(|datagram| set_round(datagram, run.round));
        }
        self.endpoint
            .try_send(self.to, None, datagrams, datagram_bytes)
    }

    fn record_sent(&mut self, run: &Transmit, refused: usize, now: Instant) {
        self.refused += refused as u64;
        self.trace.record(now, TraceKind::Transmit(*run));
        if refused > 0 {
            self.trace
                .record(now, TraceKind::Refused { count: refused });
        }
    }
}
