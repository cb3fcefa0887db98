//! Takes the datagrams that have arrived, and answers them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use backroom_gbn::{Ack, Received};
use backroom_protocol::segment::{PROBE_BYTES, Segment};

use super::ReceiveStream;
use crate::file::receive::group::GroupLane;
use crate::file::receive::pieces::Pieces;
use crate::file::receive::request::ReceiveError;
use crate::file::trace::TraceKind;
use crate::udp::{Datagram, ReceiveBuffers};

impl ReceiveStream {
    /// Takes what has arrived and answers it with one ACK. True if there may be more.
    pub(super) fn take_datagrams(
        &mut self,
        buffers: &mut ReceiveBuffers,
    ) -> Result<bool, ReceiveError> {
        if !self.endpoint.try_receive(buffers)? {
            return Ok(false);
        }
        let now = Instant::now();
        let mut pieces = Pieces::new();
        for datagram in buffers.datagrams() {
            if datagram.contents.len() == PROBE_BYTES {
                self.answer_own_probe(&datagram)?;
            } else if let Some(payload) = self.handle_datagram(datagram, now) {
                pieces.push(payload, &mut self.writer);
            }
        }
        pieces.write(&mut self.writer);
        self.update_progress();
        // The group's ACKs have their own pace.
        if self.group.is_none() {
            self.gbn.set_free_segments(self.writer.free_segments);
            self.acknowledge(now)?;
        }
        Ok(true)
    }

    /// Takes what has come from the group. True if there may be more.
    pub(super) fn take_group_datagrams(&mut self) -> Result<bool, ReceiveError> {
        let Some(mut group) = self.group.take() else {
            return Ok(false);
        };
        let has_received = group.endpoint.try_receive(&mut group.buffers)?;
        let now = Instant::now();
        let is_probed = has_received && self.handle_group_datagrams(&mut group, now);
        let is_ack_due = self.last_byte.is_some() || group.pace.is_due(now);
        self.group = Some(group);
        if is_probed {
            self.answer_probe(now)?;
        }
        if is_ack_due {
            self.acknowledge(now)?;
        }
        Ok(has_received)
    }

    /// True if there was a probe among them.
    fn handle_group_datagrams(&mut self, group: &mut GroupLane, now: Instant) -> bool {
        let mut is_probed = false;
        let mut pieces = Pieces::new();
        for datagram in group.buffers.datagrams() {
            // The group's address is no source address for ACKs.
            let from = (datagram.source, None);
            if datagram.contents.len() == PROBE_BYTES {
                if group.probes.open(datagram.contents).is_ok() {
                    self.peer.get_or_insert(from);
                    is_probed = true;
                }
                continue;
            }
            let segment = group.opener.open(datagram.contents).ok();
            if let Some((received, segment)) = self.take_segment(segment, from, now) {
                group.pace.record_segment(received, segment.round);
                if received == Received::Deliver {
                    pieces.push(segment.payload, &mut self.writer);
                }
            }
        }
        pieces.write(&mut self.writer);
        self.update_progress();
        is_probed
    }

    /// Takes a datagram to this receiver alone, and returns the payload that it delivers. The first authentic one ends the
    /// membership in the group.
    fn handle_datagram<'d>(&mut self, datagram: Datagram<'d>, now: Instant) -> Option<&'d [u8]> {
        let from = (datagram.source, datagram.destination);
        let segment = self.opener.open(datagram.contents).ok();
        if segment.is_some() && self.group.take().is_some() {
            self.gbn.change_stream();
            self.trace.stream = self.stream;
            self.peer = None;
        }
        let (received, segment) = self.take_segment(segment, from, now)?;
        // Anyone may send a recorded segment again, from elsewhere.
        if received == Received::Deliver {
            self.greeter.handle_segment(from.0, now);
        }
        (received == Received::Deliver).then_some(segment.payload as &[u8])
    }

    /// Drops what is not authentic or does not fit the offered file, without an answer.
    fn take_segment<'d>(
        &mut self,
        segment: Option<Segment<'d>>,
        from: (SocketAddr, Option<IpAddr>),
        now: Instant,
    ) -> Option<(Received, Segment<'d>)> {
        let fits = |segment: &Segment<'_>| {
            segment.payload.len() as u64 == self.layout.payload_bytes(segment.seq)
        };
        let Some(segment) = segment.filter(fits) else {
            self.dropped += 1;
            self.trace.record(now, TraceKind::Dropped);
            return None;
        };
        let Segment { seq, round, .. } = segment;
        self.first_segment.get_or_insert(now);
        let received = self.gbn.handle_segment(seq, round);
        // Once everything has arrived, the sender may still be waiting for an ACK.
        if received == Received::Deliver || self.last_byte.is_some() {
            self.record_progress(now);
        } else {
            self.has_heard = true;
        }
        // Only a segment that was not delivered before proves where the sender is: anyone may send a recorded one again.
        if received == Received::Deliver || self.peer.is_none() {
            self.peer = Some(from);
        }
        let kind = TraceKind::Segment {
            seq,
            round,
            received,
        };
        self.trace.record(now, kind);
        Some((received, segment))
    }

    fn update_progress(&mut self) {
        let delivered = self.layout.bytes_below(self.gbn.expected_seq_num());
        self.progress.set(delivered);
        self.end_if_complete();
    }

    pub(super) fn acknowledge(&mut self, now: Instant) -> Result<(), ReceiveError> {
        match self.gbn.poll_transmit() {
            Some(ack) => self.send_ack(ack, now),
            None => Ok(()),
        }
    }

    /// Proves to the sender that this receiver gets what is sent to its address. The answer goes to where the probe came from, from
    /// where it arrived.
    fn answer_own_probe(&mut self, probe: &Datagram<'_>) -> Result<(), ReceiveError> {
        match self.greeter.answer(probe.contents)? {
            Some(answer) => {
                let (to, source) = (probe.source, probe.destination);
                self.endpoint.try_send(to, source, &answer, answer.len());
            }
            None => self.dropped += 1,
        }
        Ok(())
    }

    /// Tells the sender that the group reaches this receiver: an ACK of what has arrived, which is nothing yet.
    fn answer_probe(&mut self, now: Instant) -> Result<(), ReceiveError> {
        self.record_progress(now);
        let ack = Ack {
            cumulative: self.gbn.expected_seq_num(),
            accepted_round: 0,
            gap_round: None,
            free_segments: self.gbn.free_segments(),
        };
        self.send_ack(ack, now)
    }

    fn send_ack(&mut self, ack: Ack, now: Instant) -> Result<(), ReceiveError> {
        let Some((to, source)) = self.peer else {
            return Ok(());
        };
        let datagram = match &mut self.group {
            Some(group) => {
                group.pace.record_ack(now);
                group.acks.seal(ack)?
            }
            None => self.acks.seal(ack)?,
        };
        let sent = self
            .endpoint
            .try_send(to, source, &datagram, datagram.len());
        // A full socket buffer loses the ACK, as the network might. The next one says the same.
        if sent.datagrams > 0 {
            self.trace.record(now, TraceKind::AckSent(ack));
        }
        Ok(())
    }
}
