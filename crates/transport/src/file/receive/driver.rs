//! The receiver's loop: datagrams opened where they lie, delivered in order, acknowledged a train at a time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use backroom_gbn::{Ack, Received, Receiver};
use backroom_protocol::segment::{AckSealer, SegmentBytes, SegmentOpener, Stream};
use tokio::sync::oneshot;

use super::writer::Writer;
use super::{PartFile, ReceiveError, ReceiveOutcome, ReceiveRequest};
use crate::file::timer::{Timer, now};
use crate::file::{Control, ONLY_RECEIVER, TraceKind, wire_ack};
use crate::udp::{Datagram, ReceiveBuffers, UdpEndpoint};

/// Trains of datagrams taken in one call, and answered by one ACK: few enough that the sender hears soon.
const BUFFERS: usize = 4;

/// One stream on its way in.
pub(super) struct Driver<'a> {
    endpoint: &'a UdpEndpoint,
    control: &'a Control,
    stream: Stream,
    part: PartFile,
    segment_bytes: SegmentBytes,
    bytes: u64,
    segments: u64,
    idle_time: Duration,
    finished: oneshot::Receiver<[u8; 32]>,
    gbn: Receiver,
    opener: SegmentOpener,
    acks: AckSealer,
    writer: Writer,
    answer_to: Option<(SocketAddr, Option<IpAddr>)>,
    first_segment: Option<Instant>,
    last_byte: Option<Instant>,
    heard: Instant,
    dropped: u64,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        endpoint: &'a UdpEndpoint,
        request: ReceiveRequest,
        control: &'a Control,
    ) -> Result<Self, ReceiveError> {
        let ReceiveRequest {
            part,
            stream,
            stream_key,
            segment_bytes,
            bytes,
            ack_key,
            finished,
            options,
        } = request;
        let free_segments = options.free_segments(segment_bytes);
        let writer = Writer::start(part.writer()?, free_segments, segment_bytes);
        Ok(Self {
            endpoint,
            control,
            stream,
            part,
            segment_bytes,
            bytes,
            segments: bytes.div_ceil(u64::from(segment_bytes.value())),
            idle_time: options.idle_time,
            finished,
            gbn: Receiver::new(free_segments),
            opener: SegmentOpener::new(stream, &stream_key),
            acks: AckSealer::new(stream, ONLY_RECEIVER, &ack_key),
            writer,
            answer_to: None,
            first_segment: None,
            last_byte: None,
            heard: now(),
            dropped: 0,
        })
    }

    /// Runs to the end.
    pub(super) async fn run(mut self) -> Result<ReceiveOutcome, ReceiveError> {
        let mut buffers = self
            .endpoint
            .receive_buffers(self.segment_bytes.datagram_bytes(), BUFFERS);
        self.end_if_complete(self.heard);
        let told = self.receive(&mut buffers).await?;
        let written = self.written_hash().await?;
        if told != written {
            return Err(ReceiveError::WrongHash);
        }
        let elapsed = match (self.first_segment, self.last_byte) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        let (stats, dropped) = (*self.gbn.stats(), self.dropped);
        let part = self.part;
        let path = tokio::task::spawn_blocking(|| part.publish())
            .await
            .map_err(io::Error::from)??;
        Ok(ReceiveOutcome {
            path,
            elapsed,
            stats,
            dropped,
        })
    }

    /// Receives until all is written and the sender has told its hash.
    async fn receive(&mut self, buffers: &mut ReceiveBuffers) -> Result<[u8; 32], ReceiveError> {
        let cancel = self.control.cancel.clone();
        // A socket that was never waited for is taken for full, and the first ACK would be lost.
        self.endpoint.writable().await?;
        let mut timer = Timer::new();
        let mut told = None;
        let mut writing = true;
        loop {
            if self.writer.reclaim() {
                self.grant_space()?;
            }
            let busy = self.take_datagrams(buffers)?;
            if cancel.is_cancelled() {
                return Err(ReceiveError::Cancelled);
            }
            if let (Some(hash), false, Some(_)) = (told, writing, self.last_byte) {
                return Ok(hash);
            }
            if busy {
                tokio::task::yield_now().await;
                continue;
            }
            let deadline = self.heard + self.idle_time;
            tokio::select! {
                () = cancel.cancelled() => return Err(ReceiveError::Cancelled),
                ready = self.endpoint.readable() => ready?,
                written = self.writer.written(), if writing => match written {
                    true => self.grant_space()?,
                    false if self.last_byte.is_some() => writing = false,
                    // It ended too early, and the reason comes with its result.
                    false => return self.written_hash().await,
                },
                hash = &mut self.finished, if told.is_none() => {
                    told = Some(hash.map_err(|_| ReceiveError::SenderLost)?);
                }
                () = timer.wait(Some(deadline)) => if now() >= deadline {
                    return Err(ReceiveError::SenderLost);
                },
            }
        }
    }

    async fn written_hash(&mut self) -> Result<[u8; 32], ReceiveError> {
        let written = self.writer.finish().await;
        written.map_err(|error| self.part.write_error(error).into())
    }

    /// Takes what has arrived and answers it with one ACK. True where there may be more.
    fn take_datagrams(&mut self, buffers: &mut ReceiveBuffers) -> Result<bool, ReceiveError> {
        match self.endpoint.try_receive(buffers) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let now = now();
        for datagram in buffers.datagrams() {
            self.handle_datagram(datagram, now);
        }
        self.control
            .progress
            .set(self.bytes_below(self.gbn.expected_seq_num()));
        self.end_if_complete(now);
        if let Some(ack) = self.gbn.poll_transmit() {
            self.send_ack(ack, now)?;
        }
        Ok(true)
    }

    /// What does not open, or does not fit the file that was offered, is dropped without an answer.
    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) {
        let answer_to = (datagram.source, datagram.destination);
        let segment = match self.opener.open(datagram.contents) {
            Ok(segment) if segment.payload.len() as u64 == self.payload_bytes(segment.seq) => {
                segment
            }
            _ => {
                self.dropped += 1;
                self.trace(now, TraceKind::Dropped);
                return;
            }
        };
        self.heard = now;
        self.first_segment.get_or_insert(now);
        let received = self.gbn.handle_segment(segment.seq, segment.round);
        if received == Received::Deliver {
            self.writer.push(segment.payload);
        }
        // Only what was never delivered before proves where the sender is: a stranger may send a recorded segment again.
        if received == Received::Deliver || self.answer_to.is_none() {
            self.answer_to = Some(answer_to);
        }
        self.trace(
            now,
            TraceKind::Segment {
                seq: segment.seq,
                round: segment.round,
                received,
            },
        );
    }

    /// Once the last byte is here, the writer may end.
    fn end_if_complete(&mut self, now: Instant) {
        if self.last_byte.is_none() && self.gbn.expected_seq_num() == self.segments {
            self.last_byte = Some(now);
            self.writer.end();
        }
    }

    /// Tells the sender of space that it was told there is none of.
    fn grant_space(&mut self) -> Result<(), ReceiveError> {
        self.gbn.set_free_segments(self.writer.free_segments());
        match self.gbn.poll_transmit() {
            Some(ack) => self.send_ack(ack, now()),
            None => Ok(()),
        }
    }

    fn send_ack(&mut self, ack: Ack, now: Instant) -> Result<(), ReceiveError> {
        let Some((to, source)) = self.answer_to else {
            return Ok(());
        };
        let datagram = self.acks.seal(wire_ack(ack))?;
        match self
            .endpoint
            .try_send(to, source, &datagram, datagram.len())
        {
            Ok(_) => self.trace(now, TraceKind::AckSent(ack)),
            // A socket without room for an ACK loses it, as the network might: the next one says the same.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The payload that segment `seq` must have; 0 beyond the file.
    fn payload_bytes(&self, seq: u64) -> u64 {
        if seq >= self.segments {
            return 0;
        }
        self.bytes_below(seq + 1) - self.bytes_below(seq)
    }

    /// Bytes of the file below segment `seq`, which is at most the number of segments.
    fn bytes_below(&self, seq: u64) -> u64 {
        (seq * u64::from(self.segment_bytes.value())).min(self.bytes)
    }

    fn trace(&self, now: Instant, kind: TraceKind) {
        if let Some(sink) = &self.control.trace {
            sink.record(now, self.stream, kind);
        }
    }
}
