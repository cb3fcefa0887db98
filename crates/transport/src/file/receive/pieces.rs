//! Collects the payloads of one receive for one write.

use std::io::IoSlice;

use super::writer::Writer;

/// Trains of datagrams received in one call and answered by one ACK. They are few, so that the ACK goes out soon.
pub(super) const BUFFERS: usize = 4;

/// As many as the buffers usually hold: the kernel puts at most 64 datagrams into a train.
const MAX_PIECES: usize = 64 * BUFFERS;

/// Consecutive parts of the file, in the receive buffers where they were opened.
pub(super) struct Pieces<'d> {
    pieces: [IoSlice<'d>; MAX_PIECES],
    count: usize,
}

impl<'d> Pieces<'d> {
    pub(super) fn new() -> Self {
        Self {
            pieces: [IoSlice::new(&[]); MAX_PIECES],
            count: 0,
        }
    }

    /// Adds the next piece. If there is no room, writes the others first.
    pub(super) fn push(&mut self, piece: &'d [u8], writer: &mut Writer) {
        if self.count == MAX_PIECES {
            self.write(writer);
        }
        self.pieces[self.count] = IoSlice::new(piece);
        self.count += 1;
    }

    pub(super) fn write(&mut self, writer: &mut Writer) {
        writer.push(&mut self.pieces[..self.count]);
        self.count = 0;
    }
}
