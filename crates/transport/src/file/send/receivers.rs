//! Those a stream goes to, and what they answered.

use std::time::Instant;

use backroom_gbn::{Ack, ReceiverId};
use backroom_protocol::Key;
use backroom_protocol::segment::{AckOpener, Stream, ack_receiver};

use super::super::{Progress, gbn_ack};

/// One receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) id: ReceiverId,
    acks: AckOpener,
    pub(super) progress: Progress,
    /// The next segment it wants, and the space it has from there on.
    pub(super) cumulative: u64,
    pub(super) free_segments: u32,
    /// When it answered last.
    pub(super) heard: Option<Instant>,
}

/// The receivers of a stream, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Receivers {
    stream: Stream,
    all: Vec<Receiver>,
}

impl Receivers {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            all: Vec::new(),
        }
    }

    /// One more, that has what comes before `first_segment` and space for `free_segments` from there on.
    pub(super) fn insert(
        &mut self,
        number: u16,
        ack_key: &Key,
        first_segment: u64,
        free_segments: u32,
        progress: Progress,
    ) {
        let receiver = Receiver {
            id: ReceiverId(number),
            acks: AckOpener::new(self.stream, number, ack_key),
            progress,
            cumulative: first_segment,
            free_segments,
            heard: None,
        };
        let index = self.all.partition_point(|other| other.id < receiver.id);
        self.all.insert(index, receiver);
    }

    pub(super) fn all(&self) -> &[Receiver] {
        &self.all
    }

    pub(super) fn remove(&mut self, id: ReceiverId) -> Option<Receiver> {
        let index = self.index(id)?;
        Some(self.all.remove(index))
    }

    /// Opens a datagram with the key of the receiver that it claims to be from. `None` where it is no new ACK.
    pub(super) fn open(&mut self, datagram: &[u8], now: Instant) -> Option<(&Receiver, Ack)> {
        let id = ReceiverId(ack_receiver(self.stream, datagram)?);
        let index = self.index(id)?;
        let receiver = self.all.get_mut(index)?;
        let ack = gbn_ack(receiver.acks.open(datagram).ok()?);
        receiver.cumulative = ack.cumulative;
        receiver.free_segments = ack.free_segments;
        receiver.heard = Some(now);
        Some((receiver, ack))
    }

    fn index(&self, id: ReceiverId) -> Option<usize> {
        self.all
            .binary_search_by_key(&id, |receiver| receiver.id)
            .ok()
    }
}
