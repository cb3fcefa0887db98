//! Reads a file and seals each segment once.

use std::time::{Duration, Instant};

use backroom_protocol::segment::SegmentSealer;

use super::contents::Contents;
use super::read_ahead::ReadAhead;
use super::result::SendError;
use super::store::Batch;
use crate::file::layout::Layout;
use crate::file::slow_disk::SlowDiskDetector;
use crate::file::source::SourceFile;
use crate::file::waker::Waker;

/// Segments are sealed with the round of a first transmission before any go-back.
pub(super) const SEALED_ROUND: u16 = 0;

/// A file on its way into sealed batches.
///
/// A disk that keeps up is read no further than is about to be sent, so that a batch is still in the processor's cache when the
/// kernel copies it. Batches are reused: once there are as many as the window needs, nothing is allocated.
pub(super) struct Reader {
    disk: Disk,
    layout: Layout,
    sealer: SegmentSealer,
    spare: Vec<Batch>,
    slow_disk: SlowDiskDetector,
    waker: Waker,
}

/// Where the file comes from.
enum Disk {
    /// It keeps up, and this thread reads from it.
    Fast(Contents),
    /// Another thread reads from it.
    Slow(ReadAhead),
}

/// The result of one read.
#[derive(Debug)]
pub(super) enum Read {
    /// The next batch, sealed.
    Batch(Batch),
    /// Only hashed a part of what lies before the next batch.
    Skipped,
    /// The other thread has not delivered the next batch. It calls the waker when it has.
    Pending,
}

impl Reader {
    /// The first batch is the one that contains `first_segment`.
    pub(super) fn new(
        source: SourceFile,
        with_hash: bool,
        layout: Layout,
        first_segment: u64,
        sealer: SegmentSealer,
        waker: Waker,
    ) -> Self {
        let contents = Contents::new(source, with_hash, layout, first_segment);
        Self {
            disk: Disk::Fast(contents),
            layout,
            sealer,
            spare: Vec::new(),
            slow_disk: SlowDiskDetector::default(),
            waker,
        }
    }

    /// Reads some more. Only called before the end.
    pub(super) fn read(&mut self) -> Result<Read, SendError> {
        match &mut self.disk {
            Disk::Fast(contents) => {
                let mut batch = self.spare.pop().unwrap_or_default();
                let begun = Instant::now();
                let has_read = contents.read(&mut batch)?;
                self.record_read(begun.elapsed());
                if has_read {
                    self.seal(batch)
                } else {
                    self.recycle(batch);
                    Ok(Read::Skipped)
                }
            }
            Disk::Slow(ahead) => match ahead.take()? {
                Some(batch) => self.seal(batch),
                None => Ok(Read::Pending),
            },
        }
    }

    /// Takes back a batch that is no longer needed, for its memory.
    pub(super) fn recycle(&mut self, batch: Batch) {
        match &mut self.disk {
            Disk::Fast(_) => self.spare.push(batch),
            Disk::Slow(ahead) => ahead.recycle(batch),
        }
    }

    /// The hash of what was read, if one is made.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        match &self.disk {
            Disk::Fast(contents) => contents.hash(),
            Disk::Slow(ahead) => ahead.hash,
        }
    }

    /// Leaves the rest of a slow disk to another thread: ACKs that wait for a read would look like long round trips.
    fn record_read(&mut self, elapsed: Duration) {
        if let Disk::Fast(contents) = &self.disk
            && self.slow_disk.record(elapsed)
            && !contents.is_at_end()
        {
            match ReadAhead::start(contents.clone(), self.waker.clone()) {
                Ok(ahead) => {
                    self.disk = Disk::Slow(ahead);
                    // The other thread has batches of its own.
                    self.spare = Vec::new();
                }
                Err(error) => tracing::debug!(%error, "no thread for a slow disk"),
            }
        }
    }

    fn seal(&mut self, mut batch: Batch) -> Result<Read, SendError> {
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let datagrams = batch.datagrams.chunks_mut(datagram_bytes);
        for (seq, datagram) in (batch.first_segment..).zip(datagrams) {
            self.sealer.seal(seq, SEALED_ROUND, datagram)?;
        }
        Ok(Read::Batch(batch))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use backroom_protocol::segment::{SegmentBytes, StreamId};
    use backroom_protocol::{Key, TransferId};

    use rustix::event::{PollFd, PollFlags};

    use super::*;
    use crate::file::slow_disk::MAX_SLOW;
    use crate::file::source::SourceError;
    use crate::poll::wait_until;

    const SEGMENT: usize = 1_000;

    fn file(bytes: usize) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let contents: Vec<u8> = (0..bytes).map(|index| (index % 251) as u8).collect();
        fs::write(file.path(), contents).unwrap();
        file
    }

    fn reader(source: &SourceFile, key: &Key, with_hash: bool, first_segment: u64) -> Reader {
        let segment_bytes = SegmentBytes::try_from(SEGMENT as u16).unwrap();
        let stream = StreamId {
            transfer: TransferId(1),
            lane: 1,
        };
        let sealer = SegmentSealer::new(stream, key);
        let layout = Layout::new(source.bytes(), segment_bytes);
        let waker = Waker::new().unwrap();
        Reader::new(
            source.clone(),
            with_hash,
            layout,
            first_segment,
            sealer,
            waker,
        )
    }

    /// Reports reads that took so long that another thread takes over.
    fn read_slowly(reader: &mut Reader) {
        for _ in 0..MAX_SLOW {
            reader.record_read(Duration::from_secs(1));
        }
        assert!(matches!(reader.disk, Disk::Slow(_)));
    }

    fn datagrams(reader: &mut Reader, segments: u64) -> Result<Vec<u8>, SendError> {
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
                Read::Pending => {
                    let source = &mut [PollFd::new(&reader.waker, PollFlags::IN)];
                    let deadline = Instant::now() + Duration::from_secs(20);
                    wait_until(source, Some(deadline)).unwrap();
                    assert!(!source[0].revents().is_empty());
                    reader.waker.clear();
                }
            }
        }
        Ok(sealed)
    }

    #[test]
    fn a_disk_that_does_not_keep_up_gets_a_thread_and_the_same_is_sealed() {
        let file = file(5_000 * SEGMENT + 17);
        let source = SourceFile::open(file.path()).unwrap();
        let key = Key::generate().unwrap();
        for (with_hash, first_segment) in [(true, 0), (true, 700), (false, 0), (false, 700)] {
            let per_batch = Layout::new(1, SegmentBytes::try_from(SEGMENT as u16).unwrap());
            let segments = 5_001 - per_batch.batch_start(first_segment);
            let mut fast = reader(&source, &key, with_hash, first_segment);
            let mut slow = reader(&source, &key, with_hash, first_segment);
            read_slowly(&mut slow);
            let expected = datagrams(&mut fast, segments).unwrap();
            assert!(datagrams(&mut slow, segments).unwrap() == expected);
            assert_eq!(fast.hash().is_some(), with_hash);
            assert_eq!(slow.hash(), fast.hash());
        }
    }

    #[test]
    fn a_disk_that_does_not_keep_up_and_fails_says_why() {
        let file = file(5_000 * SEGMENT);
        let source = SourceFile::open(file.path()).unwrap();
        let mut reader = reader(&source, &Key::generate().unwrap(), true, 0);
        fs::write(file.path(), "short").unwrap();
        read_slowly(&mut reader);
        let failed = datagrams(&mut reader, 5_000).unwrap_err();
        assert!(matches!(failed, SendError::Source(SourceError::Changed)));
    }
}
