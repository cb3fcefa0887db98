//! Reads and hashes a file from front to back.

use std::ops::Range;

use crate::file::source::{SourceError, SourceFile};

/// Read and hashed in one piece. It is a power of two and aligned, so that BLAKE3 hashes whole subtrees at full speed.
const BLOCK_BYTES: usize = 64 << 10;

/// A file that is read at most one block ahead.
#[derive(Debug, Clone)]
pub(super) struct Plaintext {
    source: SourceFile,
    hasher: Box<blake3::Hasher>,
    /// Where the next block begins in the file.
    offset: u64,
    buffer: Vec<u8>,
    /// The part of the buffer that was not taken yet.
    held: Range<usize>,
}

impl Plaintext {
    /// Starts at the beginning. At most `max_bytes` can be taken in one call.
    pub(super) fn new(source: SourceFile, max_bytes: usize) -> Self {
        Self {
            source,
            hasher: Box::default(),
            offset: 0,
            buffer: vec![0; max_bytes + BLOCK_BYTES],
            held: 0..0,
        }
    }

    /// Hashes the next block before `end`. True once everything before `end` was hashed.
    pub(super) fn skip_towards(&mut self, end: u64) -> Result<bool, SourceError> {
        if self.offset < end {
            self.held = 0..0;
            self.read_block(end)?;
            self.held = 0..0;
        }
        Ok(self.offset >= end)
    }

    /// Takes the next bytes; fewer at the end of the file.
    pub(super) fn take(&mut self, bytes: usize) -> Result<&[u8], SourceError> {
        if self.held.len() < bytes {
            self.buffer.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
        }
        while self.held.len() < bytes && self.offset < self.source.bytes() {
            self.read_block(u64::MAX)?;
        }
        let taken = self.held.start..self.held.end.min(self.held.start + bytes);
        self.held.start = taken.end;
        Ok(&self.buffer[taken])
    }

    /// The hash of everything that was read.
    pub(super) fn hash(&self) -> [u8; 32] {
        self.hasher.finalize().into()
    }

    /// Reads up to the next block boundary, but not beyond `end` or the end of the file.
    fn read_block(&mut self, end: u64) -> Result<(), SourceError> {
        let boundary = (self.offset / BLOCK_BYTES as u64 + 1) * BLOCK_BYTES as u64;
        let end = boundary.min(end).min(self.source.bytes());
        let bytes = end.saturating_sub(self.offset) as usize;
        let block = &mut self.buffer[self.held.end..self.held.end + bytes];
        self.source.read_at(block, self.offset)?;
        self.hasher.update(block);
        self.held.end += bytes;
        self.offset += bytes as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(bytes: usize) -> (tempfile::NamedTempFile, Vec<u8>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let contents: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
        fs::write(file.path(), &contents).unwrap();
        (file, contents)
    }

    #[test]
    fn pieces_of_any_size_are_the_file_and_its_hash() {
        let (file, contents) = file(3 * BLOCK_BYTES + 17);
        for piece in [1_000, 62_400, BLOCK_BYTES, BLOCK_BYTES + 1] {
            let source = SourceFile::open(file.path()).unwrap();
            let mut plaintext = Plaintext::new(source, piece);
            for expected in contents.chunks(piece) {
                assert!(plaintext.take(piece).unwrap() == expected);
            }
            assert_eq!(plaintext.hash(), *blake3::hash(&contents).as_bytes());
        }
    }

    #[test]
    fn what_is_skipped_is_hashed_too() {
        let (file, contents) = file(3 * BLOCK_BYTES);
        for skipped in [0, 1_000, BLOCK_BYTES, 2 * BLOCK_BYTES + 5, contents.len()] {
            let source = SourceFile::open(file.path()).unwrap();
            let mut plaintext = Plaintext::new(source, 1_000);
            while !plaintext.skip_towards(skipped as u64).unwrap() {}
            for expected in contents[skipped..].chunks(1_000) {
                assert!(plaintext.take(1_000).unwrap() == expected);
            }
            assert_eq!(plaintext.hash(), *blake3::hash(&contents).as_bytes());
        }
    }
}
