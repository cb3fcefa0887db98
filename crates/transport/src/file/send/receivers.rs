//! The receivers of a stream, and the last ACK of each.

use std::time::Instant;

use backroom_gbn::{Ack, ReceiverId};
use backroom_protocol::Key;
use backroom_protocol::segment::{AckOpener, StreamId, ack_receiver};

use crate::file::control::Progress;

/// What the sender knows about one receiver.
#[derive(Debug)]
pub(super) struct ReceiverState {
    pub(super) id: ReceiverId,
    acks: AckOpener,
    pub(super) progress: Progress,
    /// The first segment that it lacks, according to its last ACK.
    pub(super) cumulative: u64,
    /// Its space from there on.
    pub(super) free_segments: u32,
    /// When its last ACK arrived.
    pub(super) last_ack: Option<Instant>,
}

/// The receivers of a stream, sorted by their numbers.
#[derive(Debug)]
pub(super) struct Receivers {
    stream: StreamId,
    pub(super) all: Vec<ReceiverState>,
}

impl Receivers {
    pub(super) fn new(stream: StreamId) -> Self {
        Self {
            stream,
            all: Vec::new(),
        }
    }

    /// Adds a receiver that has everything before `first_segment`, and space for `free_segments` from there on.
    pub(super) fn insert(
        &mut self,
        number: u16,
        ack_key: &Key,
        first_segment: u64,
        free_segments: u32,
        progress: Progress,
    ) {
        let receiver = ReceiverState {
            id: ReceiverId(number),
            acks: AckOpener::new(self.stream, number, ack_key),
            progress,
            cumulative: first_segment,
            free_segments,
            last_ack: None,
        };
        let index = self.all.partition_point(|other| other.id < receiver.id);
        self.all.insert(index, receiver);
    }

    pub(super) fn remove(&mut self, id: ReceiverId) -> Option<ReceiverState> {
        let index = self.index(id)?;
        Some(self.all.remove(index))
    }

    /// Opens a datagram with the key of the receiver that it names. `None` if it is not a new ACK of a receiver.
    pub(super) fn open(&mut self, datagram: &[u8], now: Instant) -> Option<(&ReceiverState, Ack)> {
        let id = ReceiverId(ack_receiver(self.stream, datagram)?);
        let index = self.index(id)?;
        let receiver = self.all.get_mut(index)?;
        let ack = receiver.acks.open(datagram).ok()?;
        receiver.cumulative = ack.cumulative;
        receiver.free_segments = ack.free_segments;
        receiver.last_ack = Some(now);
        Some((receiver, ack))
    }

    fn index(&self, id: ReceiverId) -> Option<usize> {
        self.all
            .binary_search_by_key(&id, |receiver| receiver.id)
            .ok()
    }
}
