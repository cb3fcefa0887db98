//! The receiver's loop: datagrams opened where they lie, delivered in order, acknowledged a train at a time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use backroom_gbn::{Ack, Received, Receiver};
use backroom_protocol::segment::{
    AckSealer, PROBE_BYTES, Segment, SegmentBytes, SegmentOpener, Stream,
};
use tokio::sync::mpsc;

use super::group::{self, GroupLane};
use super::pieces::Pieces;
use super::writer::Writer;
use super::{PartFile, ReceiveError, ReceiveOutcome, ReceiveRequest, SenderWord};
use crate::file::timer::{Timer, now};
use crate::file::{Control, TraceKind, wire_ack};
use crate::udp::{Datagram, ReceiveBuffers, UdpEndpoint};

/// Trains of datagrams taken in one call, and answered by one ACK: few enough that the sender hears soon.
pub(super) const BUFFERS: usize = 4;

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
    words: mpsc::Receiver<SenderWord>,
    gbn: Receiver,
    opener: SegmentOpener,
    acks: AckSealer,
    /// Until segments come to this receiver alone.
    group: Option<GroupLane>,
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
            receiver_number,
            ack_key,
            group,
            with_hash,
            words,
            options,
        } = request;
        let free_segments = options.free_segments(segment_bytes);
        let writer = Writer::new(part.writer()?, free_segments, segment_bytes, with_hash);
        Ok(Self {
            endpoint,
            control,
            stream,
            part,
            segment_bytes,
            bytes,
            segments: bytes.div_ceil(u64::from(segment_bytes.value())),
            idle_time: options.idle_time,
            words,
            gbn: Receiver::new(free_segments),
            opener: SegmentOpener::new(stream, &stream_key),
            acks: AckSealer::new(stream, receiver_number, &ack_key),
            group: group.map(|membership| {
                GroupLane::new(membership, stream, receiver_number, &ack_key, segment_bytes)
            }),
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
        self.end_if_complete();
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
        part.sync()?;
        // Its owner may have given up waiting for the disk, and said so.
        if self.control.cancel.is_cancelled() {
            return Err(ReceiveError::Cancelled);
        }
        let path = part.publish()?;
        Ok(ReceiveOutcome {
            path,
            elapsed,
            stats,
            dropped,
        })
    }

    /// Receives until all is written and the sender has said that it has finished: with the hash, where there is one.
    async fn receive(
        &mut self,
        buffers: &mut ReceiveBuffers,
    ) -> Result<Option<[u8; 32]>, ReceiveError> {
        let cancel = self.control.cancel.clone();
        // A socket that was never waited for is taken for full, and the first ACK would be lost.
        self.endpoint.writable().await?;
        let mut timer = Timer::new();
        let mut told = None;
        let mut writing = true;
        loop {
            self.grant_space()?;
            let busy = self.take_datagrams(buffers)? | self.take_group_datagrams()?;
            if cancel.is_cancelled() {
                return Err(ReceiveError::Cancelled);
            }
            if self.writer.has_failed() {
                return self.written_hash().await;
            }
            if let (Some(hash), false, Some(_)) = (told, writing, self.last_byte) {
                return Ok(hash);
            }
            if busy {
                tokio::task::yield_now().await;
                continue;
            }
            let deadline = self.heard + self.idle_time;
            let put_off = self
                .group
                .as_ref()
                .and_then(|group| group.pace.put_off_until());
            let wake = put_off.map_or(deadline, |until| until.min(deadline));
            tokio::select! {
                () = cancel.cancelled() => return Err(ReceiveError::Cancelled),
                ready = self.endpoint.readable() => ready?,
                ready = group::readable(self.group.as_ref()) => ready?,
                written = self.writer.written(), if writing && self.is_waiting_for_writer() => match written {
                    true => {}
                    false if self.last_byte.is_some() => writing = false,
                    // It ended too early, and the reason comes with its result.
                    false => return self.written_hash().await,
                },
                word = self.words.recv(), if told.is_none() => match word {
                    Some(SenderWord::Finished(hash)) => told = Some(hash),
                    Some(SenderWord::Wait) => self.heard = now(),
                    None => return Err(ReceiveError::SenderLost),
                },
                () = timer.wait(Some(wake)) => if now() >= deadline {
                    return Err(ReceiveError::SenderLost);
                },
            }
        }
    }

    /// Whether nothing can go on before something is written. Otherwise the writer need not wake this task: what it has
    /// done is noticed when more arrives.
    fn is_waiting_for_writer(&self) -> bool {
        self.last_byte.is_some() || self.writer.free_segments() == 0
    }

    async fn written_hash(&mut self) -> Result<Option<[u8; 32]>, ReceiveError> {
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
        let mut pieces = Pieces::new();
        for datagram in buffers.datagrams() {
            if let Some(payload) = self.handle_datagram(datagram, now) {
                pieces.push(payload, &mut self.writer);
            }
        }
        pieces.write(&mut self.writer);
        self.note_progress();
        if self.group.is_none() {
            self.gbn.set_free_segments(self.writer.free_segments());
            self.acknowledge(now)?;
        }
        Ok(true)
    }

    /// Takes what has come to the group. True where there may be more.
    fn take_group_datagrams(&mut self) -> Result<bool, ReceiveError> {
        let Some(mut group) = self.group.take() else {
            return Ok(false);
        };
        let received = group.endpoint.try_receive(&mut group.buffers);
        let now = now();
        let mut probed = false;
        if received.is_ok() {
            let GroupLane {
                buffers,
                opener,
                probes,
                pace,
                ..
            } = &mut group;
            let mut pieces = Pieces::new();
            for datagram in buffers.datagrams() {
                // The group's address is none to answer from.
                let from = (datagram.source, None);
                if datagram.contents.len() == PROBE_BYTES {
                    if probes.open(datagram.contents).is_ok() {
                        self.answer_to.get_or_insert(from);
                        probed = true;
                    }
                    continue;
                }
                let segment = opener.open(datagram.contents).ok();
                if let Some((received, Segment { round, payload, .. })) =
                    self.take_segment(segment, from, now)
                {
                    pace.note(received, round);
                    if received == Received::Deliver {
                        pieces.push(payload, &mut self.writer);
                    }
                }
            }
            pieces.write(&mut self.writer);
            self.note_progress();
        }
        let is_due = self.last_byte.is_some() || group.pace.is_due(now);
        self.group = Some(group);
        if probed {
            self.answer_probe(now)?;
        }
        if is_due {
            self.acknowledge(now)?;
        }
        match received {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn note_progress(&mut self) {
        self.control
            .progress
            .set(self.bytes_below(self.gbn.expected_seq_num()));
        self.end_if_complete();
    }

    fn acknowledge(&mut self, now: Instant) -> Result<(), ReceiveError> {
        match self.gbn.poll_transmit() {
            Some(ack) => self.send_ack(ack, now),
            None => Ok(()),
        }
    }

    /// Says that the group is heard: an ACK of what is here, which is nothing yet.
    fn answer_probe(&mut self, now: Instant) -> Result<(), ReceiveError> {
        self.heard = now;
        let ack = Ack {
            cumulative: self.gbn.expected_seq_num(),
            accepted_round: 0,
            gap_round: None,
            free_segments: self.gbn.free_segments(),
        };
        self.send_ack(ack, now)
    }

    /// Takes a datagram to this receiver alone, and gives what it delivers. The first one ends the hearing of the group.
    fn handle_datagram<'d>(&mut self, datagram: Datagram<'d>, now: Instant) -> Option<&'d [u8]> {
        let from = (datagram.source, datagram.destination);
        let segment = self.opener.open(datagram.contents).ok();
        if segment.is_some() && self.group.take().is_some() {
            self.gbn.change_stream();
            self.answer_to = None;
        }
        let (received, segment) = self.take_segment(segment, from, now)?;
        (received == Received::Deliver).then_some(segment.payload as &[u8])
    }

    /// What does not open, or does not fit the file that was offered, is dropped without an answer.
    fn take_segment<'d>(
        &mut self,
        segment: Option<Segment<'d>>,
        from: (SocketAddr, Option<IpAddr>),
        now: Instant,
    ) -> Option<(Received, Segment<'d>)> {
        let fits =
            |segment: &Segment<'_>| segment.payload.len() as u64 == self.payload_bytes(segment.seq);
        let Some(segment) = segment.filter(fits) else {
            self.dropped += 1;
            self.trace(now, TraceKind::Dropped);
            return None;
        };
        let Segment { seq, round, .. } = segment;
        self.heard = now;
        self.first_segment.get_or_insert(now);
        let received = self.gbn.handle_segment(seq, round);
        // Only what was never delivered before proves where the sender is: a stranger may send a recorded segment again.
        if received == Received::Deliver || self.answer_to.is_none() {
            self.answer_to = Some(from);
        }
        let kind = TraceKind::Segment {
            seq,
            round,
            received,
        };
        self.trace(now, kind);
        Some((received, segment))
    }

    /// Once the last byte is here, the writer may end.
    /// Ends with the last byte, which has its own time: a small file's first and last segment come in one train.
    fn end_if_complete(&mut self) {
        if self.last_byte.is_none() && self.gbn.expected_seq_num() == self.segments {
            self.last_byte = Some(now());
            self.writer.end();
        }
    }

    /// Counts what has been written as space, and tells the sender where it was told that there is none.
    fn grant_space(&mut self) -> Result<(), ReceiveError> {
        let had_none = self.gbn.free_segments() == 0;
        self.writer.reclaim();
        self.gbn.set_free_segments(self.writer.free_segments());
        if had_none && self.gbn.free_segments() > 0 {
            self.acknowledge(now())?;
        }
        Ok(())
    }

    fn send_ack(&mut self, ack: Ack, now: Instant) -> Result<(), ReceiveError> {
        let Some((to, source)) = self.answer_to else {
            return Ok(());
        };
        let datagram = match &mut self.group {
            Some(group) => {
                group.pace.acknowledged(now);
                group.acks.seal(wire_ack(ack))?
            }
            None => self.acks.seal(wire_ack(ack))?,
        };
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
            let group = self.group.as_ref().map(|group| group.stream);
            sink.record(now, group.unwrap_or(self.stream), kind);
        }
    }
}
