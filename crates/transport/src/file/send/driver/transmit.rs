//! What Go-Back-N wants sent, handed to the kernel.

use std::io;
use std::time::Instant;

use backroom_gbn::Transmit;
use backroom_protocol::segment::set_round;

use super::{BATCHES_PER_TURN, Driver, trace};
use crate::file::TraceKind;
use crate::file::send::SendError;
use crate::file::send::reader::SEALED_ROUND;

impl Driver<'_> {
    /// Sends what may be sent, up to a bound. True where the bound was met.
    pub(super) fn transmit(&mut self, now: Instant) -> Result<bool, SendError> {
        for _ in 0..BATCHES_PER_TURN {
            // Runs that end where batches end go out in one piece.
            let max_segments = self.layout.within_batch(self.run_end, usize::MAX);
            let Some(run) = self
                .take_blocked()
                .or_else(|| self.next_run(now, max_segments))
            else {
                return Ok(false);
            };
            self.first_transmit.get_or_insert(now);
            self.run_end = run.segments().end;
            self.blocked = self.send_run(run, now)?;
            if self.blocked.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn next_run(&mut self, now: Instant, max_segments: usize) -> Option<Transmit> {
        let run = self.gbn.poll_transmit(now, max_segments)?;
        self.delays.handle_transmit(&run, now);
        Some(run)
    }

    /// What the socket had no room for, without what has been acknowledged since.
    fn take_blocked(&mut self) -> Option<Transmit> {
        let run = self.blocked.take()?;
        let first = run.first.max(self.gbn.base());
        let count = run.segments().end.checked_sub(first)? as usize;
        (count > 0).then_some(Transmit {
            first,
            count,
            ..run
        })
    }

    /// Hands a run to the kernel; gives back what it had no room for.
    fn send_run(&mut self, run: Transmit, now: Instant) -> Result<Option<Transmit>, SendError> {
        let mut rest = run;
        while rest.count > 0 {
            let count = self.layout.within_batch(rest.first, rest.count);
            let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
            let datagrams = self.store.run(rest.first, count);
            if rest.retransmission || rest.round != SEALED_ROUND {
                datagrams
                    .chunks_mut(datagram_bytes)
                    .for_each(|datagram| set_round(datagram, rest.round));
            }
            let sent = match self
                .endpoint
                .try_send(self.job.to, None, datagrams, datagram_bytes)
            {
                Ok(sent) => sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Some(rest));
                }
                Err(error) => return Err(error.into()),
            };
            self.note_sent(
                &Transmit {
                    count: sent.datagrams,
                    ..rest
                },
                sent.lost,
                now,
            );
            rest.first += sent.datagrams as u64;
            rest.count -= sent.datagrams;
        }
        Ok(None)
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
