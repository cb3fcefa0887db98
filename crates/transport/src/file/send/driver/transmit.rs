//! What Go-Back-N wants sent, handed to the kernel.

use std::io;
use std::time::Instant;

use backroom_gbn::{Copies, Transmit};
use backroom_protocol::segment::set_round;

use super::unsent::Unsent;
use super::{BATCHES_PER_TURN, Driver, trace};
use crate::file::TraceKind;
use crate::file::send::SendError;
use crate::file::send::reader::SEALED_ROUND;
use crate::udp::Sent;

impl Driver<'_> {
    /// Sends what may be sent, up to a bound. True where the bound was met.
    pub(super) fn transmit(&mut self, now: Instant) -> Result<bool, SendError> {
        for _ in 0..BATCHES_PER_TURN {
            let Some(unsent) = self.take_blocked().or_else(|| self.next_run(now)) else {
                return Ok(false);
            };
            self.first_transmit.get_or_insert(now);
            let run = unsent.run();
            self.run_end = run.segments().end;
            self.blocked = match run.copies {
                Copies::ONE => self.send_run(run, now)?,
                _ => self.send_copies(unsent, now)?,
            };
            if self.blocked.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs that end where batches end go out in one piece. With copies they are shorter, so that the ACKs are looked at
    /// again after as many datagrams.
    fn next_run(&mut self, now: Instant) -> Option<Unsent> {
        let copies = self.job.config.copies.count();
        let max_datagrams = self.layout.within_batch(self.run_end, usize::MAX);
        let max_segments = (max_datagrams / usize::from(copies)).max(1);
        let run = self.gbn.poll_transmit(now, max_segments)?;
        self.delays.handle_transmit(&run, now);
        Some(Unsent::new(run))
    }

    /// What the socket had no room for, without what has been acknowledged since.
    fn take_blocked(&mut self) -> Option<Unsent> {
        self.blocked.take()?.from(self.gbn.base())
    }

    /// Hands a run to the kernel; gives back what it had no room for.
    fn send_run(&mut self, run: Transmit, now: Instant) -> Result<Option<Unsent>, SendError> {
        let mut rest = run;
        while rest.count > 0 {
            let count = self.layout.within_batch(rest.first, rest.count);
            let Some(sent) = self.try_send(rest, count)? else {
                return Ok(Some(Unsent::new(rest)));
            };
            let run = Transmit {
                count: sent.datagrams,
                ..rest
            };
            self.note_sent(&run, sent.lost, now);
            rest.first += sent.datagrams as u64;
            rest.count -= sent.datagrams;
        }
        Ok(None)
    }

    /// Hands the copies of a run to the kernel; gives back those it had no room for. Each datagram goes by itself: many at
    /// once would be lost as one where the network sees them before they are cut, and copies are to be lost apart.
    fn send_copies(&mut self, unsent: Unsent, now: Instant) -> Result<Option<Unsent>, SendError> {
        let mut rest = unsent;
        while let Some(one) = rest.next_datagram() {
            let Some(sent) = self.try_send(one, 1)? else {
                return Ok(Some(rest));
            };
            self.note_sent(&one, sent.lost, now);
            rest.sent_one();
        }
        Ok(None)
    }

    /// Hands the first `count` segments of a run, which lie in one batch, to the kernel. `None` where the socket has no
    /// room for any of them.
    fn try_send(&mut self, run: Transmit, count: usize) -> Result<Option<Sent>, SendError> {
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let datagrams = self.store.run(run.first, count);
        if run.retransmission || run.round != SEALED_ROUND {
            datagrams
                .chunks_mut(datagram_bytes)
                .for_each(|datagram| set_round(datagram, run.round));
        }
        match self
            .endpoint
            .try_send(self.job.to, None, datagrams, datagram_bytes)
        {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn note_sent(&mut self, run: &Transmit, refused: usize, now: Instant) {
        self.refused += refused as u64;
        if self.control.trace.is_none() {
            return;
        }
        let Transmit {
            first,
            count,
            round,
            retransmission,
            ..
        } = *run;
        trace(
            self.control,
            self.job.stream,
            now,
            TraceKind::Transmit {
                first,
                count,
                round,
                retransmission,
            },
        );
        if refused > 0 {
            trace(
                self.control,
                self.job.stream,
                now,
                TraceKind::Refused { count: refused },
            );
        }
    }
}
