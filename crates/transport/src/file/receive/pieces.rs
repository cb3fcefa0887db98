//! What one call received, gathered for one write.

use std::io::IoSlice;

use super::driver::BUFFERS;
use super::writer::Writer;

/// As many as the buffers usually hold: the kernel puts 64 datagrams into a train at most.
const MAX_PIECES: usize = 64 * BUFFERS;

/// Consecutive bytes of the file, which lie where they were opened.
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

    /// Adds the next piece, after writing the others where there are too many.
    pub(super) fn push(&mut self, piece: &'d [u8], writer: &mut Writer) {
        if self.count == MAX_PIECES {
            self.write(writer);
        }
        self.pieces[self.count] = IoSlice::new(piece);
        self.count += 1;
    }

    /// Hands all of them to the writer.
    pub(super) fn write(&mut self, writer: &mut Writer) {
        writer.push(&mut self.pieces[..self.count]);
        self.count = 0;
    }
}
