//! Reads a file and seals its segments, each once.

use std::io;
use std::time::Instant;

use backroom_protocol::segment::SegmentSealer;

use super::SendError;
use super::contents::Contents;
use super::read_ahead::ReadAhead;
use super::store::{Batch, Layout};
use crate::file::SourceFile;
use crate::file::slowness::Slowness;
use crate::file::timer::now;

/// The round that segments are sealed with: that of a first transmission before any go-back.
pub(super) const SEALED_ROUND: u16 = 0;

/// A file on its way into sealed batches.
///
/// From a disk that keeps up it reads no more than is about to be sent, so that a batch is still in the processor's cache when
/// the kernel copies it. Once as many batches have been made as the window needs, nothing is allocated any more.
pub(super) struct Reader {
    disk: Disk,
    layout: Layout,
    sealer: SegmentSealer,
    spare: Vec<Batch>,
    slowness: Slowness,
}

/// Where the file comes from.
enum Disk {
    /// It keeps up, and is read from right away.
    Fast(Contents),
    /// It has a thread.
    Slow(ReadAhead),
}

/// What came of reading.
#[derive(Debug)]
pub(super) enum Read {
    /// The next batch.
    Batch(Batch),
    /// Some of what lies before it was hashed.
    Skipped,
    /// The disk is at it: [`Reader::ready`] tells when it has been.
    Pending,
}

impl Reader {
    /// Batches come from that of `first_segment` on.
    pub(super) fn new(
        source: SourceFile,
        with_hash: bool,
        layout: Layout,
        first_segment: u64,
        sealer: SegmentSealer,
    ) -> Self {
        let contents = Contents::new(source, with_hash, layout, first_segment);
        Self {
            disk: Disk::Fast(contents),
            layout,
            sealer,
            spare: Vec::new(),
            slowness: Slowness::default(),
        }
    }

    /// Reads some more. Only called before the end.
    pub(super) fn read(&mut self) -> Result<Read, SendError> {
        match &mut self.disk {
            Disk::Fast(contents) => {
                let first = contents.next_segment();
                let mut batch = self.spare.pop().unwrap_or_default();
                let begun = now();
                let has_read = contents.read(&mut batch)?;
                self.note_read(begun);
                if has_read {
                    self.seal(first, batch)
                } else {
                    self.recycle(batch);
                    Ok(Read::Skipped)
                }
            }
            Disk::Slow(ahead) => match ahead.take()? {
                Some((first, batch)) => self.seal(first, batch),
                None => Ok(Read::Pending),
            },
        }
    }

    /// Waits until more was read than has been taken. Cancel-safe.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        match &mut self.disk {
            Disk::Fast(_) => Ok(()),
            Disk::Slow(ahead) => ahead.ready().await,
        }
    }

    /// Takes back the memory of a batch that is not needed any more.
    pub(super) fn recycle(&mut self, batch: Batch) {
        match &mut self.disk {
            Disk::Fast(_) => self.spare.push(batch),
            Disk::Slow(ahead) => ahead.recycle(batch),
        }
    }

    /// The hash of what was read, where one is made.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        match &self.disk {
            Disk::Fast(contents) => contents.hash(),
            Disk::Slow(ahead) => ahead.hash(),
        }
    }

    /// Leaves the rest to a thread where the disk is slow: ACKs that wait for it tell long round trips.
    fn note_read(&mut self, begun: Instant) {
        if let Disk::Fast(contents) = &self.disk
            && self.slowness.note(begun)
            && !contents.is_at_end()
        {
            self.disk = Disk::Slow(ReadAhead::start(contents.clone()));
            // The thread has memory of its own, which comes back to it.
            self.spare = Vec::new();
        }
    }

    fn seal(&mut self, first: u64, mut batch: Batch) -> Result<Read, SendError> {
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let datagrams = batch.datagrams.chunks_mut(datagram_bytes);
        for (seq, datagram) in (first..).zip(datagrams) {
            self.sealer.seal(seq, SEALED_ROUND, datagram)?;
        }
        Ok(Read::Batch(batch))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use backroom_protocol::segment::{SegmentBytes, Stream};
    use backroom_protocol::{Key, TransferId};

    use super::*;
    use crate::file::SourceError;
    use crate::file::slowness::MAX_SLOW;

    const SEGMENT: usize = 1_000;

    fn file(bytes: usize) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let contents: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
        fs::write(file.path(), contents).unwrap();
        file
    }

    fn reader(source: &SourceFile, key: &Key, with_hash: bool, first_segment: u64) -> Reader {
        let segment_bytes = SegmentBytes::try_from(SEGMENT as u16).unwrap();
        let stream = Stream {
            transfer: TransferId(1),
            lane: 1,
        };
        let sealer = SegmentSealer::new(stream, key);
        let layout = Layout::new(source.bytes(), segment_bytes);
        Reader::new(source.clone(), with_hash, layout, first_segment, sealer)
    }

    /// Reads that took so long that they are the last ones here.
    fn read_slowly(reader: &mut Reader) {
        let before = now().checked_sub(Duration::from_secs(1)).unwrap();
        for _ in 0..MAX_SLOW {
            reader.note_read(before);
        }
        assert!(matches!(reader.disk, Disk::Slow(_)));
    }

    async fn datagrams(reader: &mut Reader, segments: u64) -> Result<Vec<u8>, SendError> {
        let mut sealed = Vec::new();
        let mut count = 0;
        while count < segments {
            match reader.read()? {
                Read::Batch(batch) => {
                    sealed.extend_from_slice(&batch.datagrams);
                    count += batch.segments as u64;
                    reader.recycle(batch);
                }
                Read::Skipped => {}
                Read::Pending => reader.ready().await.unwrap(),
            }
        }
        Ok(sealed)
    }

    #[tokio::test]
    async fn a_disk_that_does_not_keep_up_gets_a_thread_and_the_same_is_sealed() {
        let file = file(5_000 * SEGMENT + 17);
        let source = SourceFile::open(file.path()).unwrap();
        let key = Key::generate().unwrap();
        for (with_hash, first_segment) in [(true, 0), (true, 700), (false, 0), (false, 700)] {
            let per_batch = Layout::new(1, SegmentBytes::try_from(SEGMENT as u16).unwrap());
            let segments = 5_001 - per_batch.batch_start(first_segment);
            let mut fast = reader(&source, &key, with_hash, first_segment);
            let mut slow = reader(&source, &key, with_hash, first_segment);
            read_slowly(&mut slow);
            let expected = datagrams(&mut fast, segments).await.unwrap();
            assert!(datagrams(&mut slow, segments).await.unwrap() == expected);
            assert_eq!(fast.hash().is_some(), with_hash);
            assert_eq!(slow.hash(), fast.hash());
        }
    }

    #[tokio::test]
    async fn a_disk_that_does_not_keep_up_and_fails_says_why() {
        let file = file(5_000 * SEGMENT);
        let source = SourceFile::open(file.path()).unwrap();
        let mut reader = reader(&source, &Key::generate().unwrap(), true, 0);
        fs::write(file.path(), "short").unwrap();
        read_slowly(&mut reader);
        let failed = datagrams(&mut reader, 5_000).await.unwrap_err();
        assert!(matches!(
            failed,
            SendError::Source(SourceError::Shrank { .. })
        ));
    }
}
