//! The sender's loop: what the reader sealed and the receiver acknowledged, turned into batches for the kernel.

use std::io;
use std::time::{Duration, Instant};

use backroom_gbn::{ReceiverId, Sender, SenderEvent, Transmit};
use backroom_protocol::segment::{ACK_BYTES, AckOpener, Stream, set_round};
use tokio_util::sync::CancellationToken;

use super::reader::{Reader, SEALED_ROUND};
use super::store::{Layout, SegmentStore};
use super::{Control, SendError, SendRequest, SendTotals, check_route};
use crate::file::timer::{Timer, now};
use crate::file::{ONLY_RECEIVER, TraceKind, gbn_ack};
use crate::udp::{ReceiveBuffers, UdpEndpoint};

/// Batches handed to the kernel before ACKs are looked at again, and other tasks get their turn.
const BATCHES_PER_TURN: usize = 8;

/// Trains of ACKs taken in one call.
const ACK_BUFFERS: usize = 4;

/// One stream on its way.
pub(super) struct Driver<'a> {
    endpoint: &'a UdpEndpoint,
    control: &'a Control,
    request: SendRequest,
    layout: Layout,
    gbn: Sender,
    store: SegmentStore,
    acks: AckOpener,
    ack_buffers: ReceiveBuffers,
    /// What the socket had no room for.
    blocked: Option<Transmit>,
    /// The segment after the last run: where the next one most likely begins.
    run_end: u64,
    first_transmit: Option<Instant>,
    last_ack: Option<Instant>,
    refused: u64,
    dropped: u64,
    ended: Option<Result<(), SendError>>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        endpoint: &'a UdpEndpoint,
        request: SendRequest,
        control: &'a Control,
    ) -> Self {
        let layout = Layout::new(request.source.bytes(), request.segment_bytes);
        let receiver = ReceiverId(ONLY_RECEIVER);
        let mut gbn = Sender::new(request.config, [receiver]);
        gbn.set_free_segments(receiver, request.free_segments);
        Self {
            endpoint,
            control,
            layout,
            gbn,
            store: SegmentStore::new(layout),
            acks: AckOpener::new(request.stream, ONLY_RECEIVER, &request.ack_key),
            ack_buffers: endpoint.receive_buffers(ACK_BYTES, ACK_BUFFERS),
            blocked: None,
            run_end: 0,
            first_transmit: None,
            last_ack: None,
            refused: 0,
            dropped: 0,
            ended: None,
            request,
        }
    }

    /// Runs to the end; gives the hash of the file.
    pub(super) async fn run(&mut self) -> Result<[u8; 32], SendError> {
        check_route(&self.request)?;
        let window = usize::from(self.request.config.window.segments());
        let SendRequest {
            source,
            stream,
            stream_key,
            ..
        } = &self.request;
        let mut reader = Reader::start(source.clone(), self.layout, window, *stream, stream_key);
        let mut timer = Timer::new();
        let cancel: CancellationToken = self.control.cancel.clone();
        loop {
            let busy = self.turn(&mut reader)?;
            if cancel.is_cancelled() {
                return Err(SendError::Cancelled);
            }
            if let Some(ended) = self.ended.take() {
                ended?;
                break;
            }
            if busy {
                tokio::task::yield_now().await;
                continue;
            }
            let reading = self.store.end() < self.layout.segments;
            tokio::select! {
                () = cancel.cancelled() => return Err(SendError::Cancelled),
                ready = self.endpoint.readable() => ready?,
                ready = self.endpoint.writable(), if self.blocked.is_some() => ready?,
                batch = reader.next(), if reading => match batch {
                    Some(batch) => self.store.push(batch),
                    None => break,
                },
                () = timer.wait(self.gbn.poll_timeout()) => {}
            }
        }
        reader.finish().await
    }

    /// What it took so far.
    pub(super) fn totals(&self) -> SendTotals {
        let elapsed = match (self.first_transmit, self.last_ack) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        SendTotals {
            bytes: self.layout.bytes_below(self.gbn.base()),
            elapsed,
            stats: *self.gbn.stats(),
            refused: self.refused,
            dropped: self.dropped,
        }
    }

    /// Does what can be done without waiting, up to a bound. True where there may be more.
    fn turn(&mut self, reader: &mut Reader) -> Result<bool, SendError> {
        while let Some(batch) = reader.try_next() {
            self.store.push(batch);
        }
        self.gbn.make_available(self.store.end());
        if self.store.end() == self.layout.segments {
            self.gbn.finish();
        }
        let acknowledged = self.take_acks()?;
        let now = now();
        self.gbn.handle_timeout(now);
        self.handle_events(now, reader);
        let more = self.transmit(now)?;
        Ok(acknowledged || more)
    }

    fn take_acks(&mut self) -> Result<bool, SendError> {
        match self.endpoint.try_receive(&mut self.ack_buffers) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let now = now();
        for datagram in self.ack_buffers.datagrams() {
            let Ok(ack) = self.acks.open(datagram.contents) else {
                self.dropped += 1;
                trace(self.control, self.request.stream, now, TraceKind::Dropped);
                continue;
            };
            let ack = gbn_ack(ack);
            self.last_ack = Some(now);
            self.gbn.handle_ack(now, ReceiverId(ONLY_RECEIVER), ack);
            trace(
                self.control,
                self.request.stream,
                now,
                TraceKind::AckReceived(ack),
            );
        }
        Ok(true)
    }

    fn handle_events(&mut self, now: Instant, reader: &mut Reader) {
        while let Some(event) = self.gbn.poll_event() {
            match event {
                SenderEvent::BaseAdvanced { base } => {
                    self.control.progress.set(self.layout.bytes_below(base));
                    while let Some(batch) = self.store.pop_below(base) {
                        reader.recycle(batch);
                    }
                }
                SenderEvent::GoBack { to, cause } => {
                    self.blocked = None;
                    trace(
                        self.control,
                        self.request.stream,
                        now,
                        TraceKind::GoBack { to, cause },
                    );
                }
                SenderEvent::ReceiverLost { .. } => {
                    self.ended = Some(Err(SendError::ReceiverLost {
                        receiver: self.request.receiver,
                    }));
                }
                SenderEvent::ReceiverFinished { .. } => {}
                SenderEvent::Finished => {
                    self.ended.get_or_insert(Ok(()));
                }
            }
        }
    }

    /// Sends what may be sent, up to a bound. True where the bound was met.
    fn transmit(&mut self, now: Instant) -> Result<bool, SendError> {
        for _ in 0..BATCHES_PER_TURN {
            // Runs that end where batches end go out in one piece.
            let max_segments = self.layout.within_batch(self.run_end, usize::MAX);
            let Some(run) = self
                .take_blocked()
                .or_else(|| self.gbn.poll_transmit(now, max_segments))
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
            let sent =
                match self
                    .endpoint
                    .try_send(self.request.receiver, None, datagrams, datagram_bytes)
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
        } = *run;
        trace(
            self.control,
            self.request.stream,
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
                self.request.stream,
                now,
                TraceKind::Refused { count: refused },
            );
        }
    }
}

fn trace(control: &Control, stream: Stream, now: Instant, kind: TraceKind) {
    if let Some(sink) = &control.trace {
        sink.record(now, stream, kind);
    }
}
