//! What arrived in order, hashed where that is asked for, and written.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::time::Instant;

use backroom_protocol::segment::SegmentBytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::file::slowness::Slowness;
use crate::file::timer::now;

/// Bytes written in one piece: a power of two, so that BLAKE3 hashes whole subtrees at full speed, and few enough to be in
/// the processor's cache still.
const CHUNK_BYTES: usize = 64 << 10;

/// The least space in segments, so that one chunk can fill while another is written.
pub(super) const MIN_FREE_SEGMENTS: u32 = 2;

/// Consecutive bytes of the file.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Those that end in it.
    segments: u32,
}

/// The file being written, with the chunk being filled. Dropped, it soon ends.
///
/// The space is a number of segments. Those pushed take from it until they are on their way to the disk.
#[derive(Debug)]
pub(super) struct Writer {
    filling: Chunk,
    chunk_bytes: usize,
    /// How many chunks may be under way: they are full but for the last.
    capacity: usize,
    spare: Vec<Chunk>,
    free_segments: u32,
    disk: Disk,
    slowness: Slowness,
}

/// Where chunks go.
#[derive(Debug)]
enum Disk {
    /// It keeps up, and is written to right away.
    Fast(Output),
    /// It has a thread.
    Slow(WriterThread),
    /// Nothing more is to be written.
    Ended(io::Result<Option<[u8; 32]>>),
}

/// The file and its hash so far.
#[derive(Debug)]
struct Output {
    file: File,
    hasher: Option<Box<blake3::Hasher>>,
}

#[derive(Debug)]
struct WriterThread {
    chunks: Option<mpsc::Sender<Chunk>>,
    written: mpsc::Receiver<Chunk>,
    thread: JoinHandle<io::Result<Option<[u8; 32]>>>,
}

impl Writer {
    /// A writer to `file`, with space for `free_segments`.
    pub(super) fn new(
        file: File,
        free_segments: u32,
        segment_bytes: SegmentBytes,
        with_hash: bool,
    ) -> Self {
        let free_segments = free_segments.max(MIN_FREE_SEGMENTS);
        let segment_bytes = usize::from(segment_bytes.value());
        let space_bytes = free_segments as usize * segment_bytes;
        // Half of the segments fill a chunk at most.
        let chunk_bytes = CHUNK_BYTES.min(free_segments as usize / 2 * segment_bytes);
        Self {
            filling: Chunk::default(),
            chunk_bytes,
            capacity: space_bytes / chunk_bytes + 2,
            spare: Vec::new(),
            free_segments,
            disk: Disk::Fast(Output {
                file,
                hasher: with_hash.then(Box::default),
            }),
            slowness: Slowness::default(),
        }
    }

    /// Segments that may be pushed.
    pub(super) fn free_segments(&self) -> u32 {
        self.free_segments
    }

    /// Whether writing failed: [`Writer::finish`] says why. A thread's failure shows once there is no space left.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.disk, Disk::Ended(Err(_)))
    }

    /// Takes the next segments' bytes. Only called while there is space.
    pub(super) fn push(&mut self, payloads: &mut [IoSlice<'_>]) {
        match &mut self.disk {
            Disk::Fast(output) if output.hasher.is_none() => {
                let begun = now();
                let written = output.write_vectored(payloads);
                self.note_write(begun, written);
            }
            _ => payloads.iter().for_each(|payload| self.collect(payload)),
        }
    }

    /// Fills chunks, for the hash or for the thread.
    fn collect(&mut self, payload: &[u8]) {
        self.free_segments = self.free_segments.saturating_sub(1);
        let mut rest = payload;
        while self.filling.bytes.len() + rest.len() >= self.chunk_bytes {
            let (fits, beyond) = rest.split_at(self.chunk_bytes - self.filling.bytes.len());
            self.filling.bytes.extend_from_slice(fits);
            self.filling.segments += u32::from(beyond.is_empty());
            self.flush();
            rest = beyond;
        }
        if !rest.is_empty() {
            self.filling.bytes.extend_from_slice(rest);
            self.filling.segments += 1;
        }
    }

    /// Ends the file with what was pushed so far.
    pub(super) fn end(&mut self) {
        if !self.filling.bytes.is_empty() {
            self.flush();
        }
        match &mut self.disk {
            Disk::Fast(output) => self.disk = Disk::Ended(Ok(output.hash())),
            Disk::Slow(thread) => thread.chunks = None,
            Disk::Ended(_) => {}
        }
    }

    fn flush(&mut self) {
        let next = self.spare.pop().unwrap_or_else(|| Chunk {
            bytes: Vec::with_capacity(self.chunk_bytes),
            segments: 0,
        });
        let chunk = std::mem::replace(&mut self.filling, next);
        match &mut self.disk {
            Disk::Fast(_) => self.write(chunk),
            Disk::Slow(thread) => thread.take(chunk),
            Disk::Ended(_) => self.take_back(chunk),
        }
    }

    fn write(&mut self, chunk: Chunk) {
        if let Disk::Fast(output) = &mut self.disk {
            let begun = now();
            let written = output.write(&chunk.bytes);
            self.note_write(begun, written);
        }
        self.take_back(chunk);
    }

    /// Leaves the rest to a thread where the disk is slow.
    fn note_write(&mut self, begun: Instant, written: io::Result<()>) {
        if let Err(error) = written {
            self.disk = Disk::Ended(Err(error));
        } else if self.slowness.note(begun) {
            self.start_thread();
        }
    }

    fn start_thread(&mut self) {
        self.disk = match std::mem::replace(&mut self.disk, Disk::Ended(Ok(None))) {
            Disk::Fast(output) => Disk::Slow(WriterThread::start(output, self.capacity)),
            other => other,
        };
    }

    /// Takes back the space of what has been written.
    pub(super) fn reclaim(&mut self) {
        while let Disk::Slow(thread) = &mut self.disk
            && let Ok(chunk) = thread.written.try_recv()
        {
            self.take_back(chunk);
        }
    }

    /// Waits until a thread has written something. False once nothing is written any more: then [`Writer::finish`] says
    /// how it ended. Cancel-safe.
    pub(super) async fn written(&mut self) -> bool {
        let chunk = match &mut self.disk {
            Disk::Fast(_) => std::future::pending().await,
            Disk::Slow(thread) => thread.written.recv().await,
            Disk::Ended(_) => None,
        };
        match chunk {
            Some(chunk) => {
                self.take_back(chunk);
                true
            }
            None => false,
        }
    }

    fn take_back(&mut self, mut chunk: Chunk) {
        self.free_segments += chunk.segments;
        chunk.segments = 0;
        chunk.bytes.clear();
        self.spare.push(chunk);
    }

    /// The hash of all that was written, where one is made, or why it could not be.
    pub(super) async fn finish(&mut self) -> io::Result<Option<[u8; 32]>> {
        self.end();
        match std::mem::replace(&mut self.disk, Disk::Ended(Ok(None))) {
            Disk::Slow(thread) => thread.thread.await.map_err(io::Error::from)?,
            Disk::Ended(result) => result,
            Disk::Fast(output) => Ok(output.hash()),
        }
    }
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.file.write_all(bytes)
    }

    /// Without a hash: from where they are.
    fn write_vectored(&mut self, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !pieces.is_empty() {
            match self.file.write_vectored(pieces) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => IoSlice::advance_slices(&mut pieces, bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn hash(&self) -> Option<[u8; 32]> {
        let hasher = self.hasher.as_ref()?;
        Some(hasher.finalize().into())
    }
}

impl WriterThread {
    /// A thread that `capacity` chunks may be on their way to.
    fn start(mut output: Output, capacity: usize) -> Self {
        let (chunks, mut to_write) = mpsc::channel::<Chunk>(capacity);
        let (done, written) = mpsc::channel(capacity);
        let thread = tokio::task::spawn_blocking(move || {
            while let Some(chunk) = to_write.blocking_recv() {
                output.write(&chunk.bytes)?;
                if done.blocking_send(chunk).is_err() {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            Ok(output.hash())
        });
        Self {
            chunks: Some(chunks),
            written,
            thread,
        }
    }

    fn take(&mut self, chunk: Chunk) {
        if let Some(chunks) = &self.chunks {
            // The channel has room for all the space there is; a thread that failed says so in `finish`.
            let _ = chunks.try_send(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use super::*;
    use crate::file::slowness::MAX_SLOW;

    const SEGMENT: usize = 16 << 10;

    fn segment_bytes() -> SegmentBytes {
        SegmentBytes::try_from(SEGMENT as u16).unwrap()
    }

    async fn within_a_while<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), future)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn space_is_used_up_by_what_a_slow_disk_has_not_taken_and_comes_back_with_it() {
        let (mut disk, file) = io::pipe().unwrap();
        let mut writer = Writer::new(File::from(OwnedFd::from(file)), 32, segment_bytes(), true);
        writer.start_thread();
        // A pipe holds 64 KiB, much less than these: the thread is stuck until somebody reads.
        writer.push(&mut [IoSlice::new(&[7; SEGMENT]); 32]);
        assert_eq!(writer.free_segments(), 0);
        let reading = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            disk.read_to_end(&mut read).map(|_| read)
        });
        while writer.free_segments() < 32 {
            assert!(within_a_while(writer.written()).await);
        }
        assert_eq!(
            writer.finish().await.unwrap(),
            Some(blake3::hash(&[7; 32 * SEGMENT]).into())
        );
        assert!(within_a_while(reading).await.unwrap().unwrap() == vec![7; 32 * SEGMENT]);
    }

    #[tokio::test]
    async fn a_disk_that_keeps_up_has_what_arrived_at_once_and_for_the_hash_by_chunks() {
        for (with_hash, written, free_segments) in
            [(false, 5 * SEGMENT, 32), (true, CHUNK_BYTES, 31)]
        {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut writer = Writer::new(file.reopen().unwrap(), 32, segment_bytes(), with_hash);
            writer.push(&mut [IoSlice::new(&[7; SEGMENT]); 5]);
            let bytes = std::fs::metadata(file.path()).unwrap().len();
            assert_eq!(
                (bytes, writer.free_segments()),
                (written as u64, free_segments)
            );
            writer.finish().await.unwrap();
            assert!(std::fs::read(file.path()).unwrap() == vec![7; 5 * SEGMENT]);
        }
    }

    #[tokio::test]
    async fn a_disk_that_does_not_keep_up_gets_a_thread_and_the_whole_file_in_order() {
        let (mut disk, file) = io::pipe().unwrap();
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            let mut piece = [0; SEGMENT];
            while let Ok(bytes @ 1..) = disk.read(&mut piece) {
                // The first chunk fits the pipe; each of the next few waits for as many of these pieces as it has.
                if read.len() < (1 + MAX_SLOW as usize) * CHUNK_BYTES {
                    std::thread::sleep(Duration::from_millis(5));
                }
                read.extend_from_slice(&piece[..bytes]);
            }
            read
        });
        let mut writer = Writer::new(File::from(OwnedFd::from(file)), 32, segment_bytes(), true);
        let contents: Vec<u8> = (0..32 * SEGMENT).map(|index| (index % 251) as u8).collect();
        let mut pieces: Vec<_> = contents.chunks(SEGMENT).map(IoSlice::new).collect();
        writer.push(&mut pieces);
        assert!(matches!(writer.disk, Disk::Slow(_)));
        assert_eq!(
            writer.finish().await.unwrap(),
            Some(blake3::hash(&contents).into())
        );
        drop(writer);
        assert!(reading.join().unwrap() == contents);
    }

    #[tokio::test]
    async fn a_disk_that_fails_ends_the_writing_with_its_reason() {
        let (disk, file) = io::pipe().unwrap();
        drop(disk);
        let file = File::from(OwnedFd::from(file));
        for has_thread in [false, true] {
            let file = file.try_clone().unwrap();
            let mut writer = Writer::new(file, 8, segment_bytes(), true);
            if has_thread {
                writer.start_thread();
            }
            writer.push(&mut [IoSlice::new(&[7; SEGMENT]); 8]);
            while within_a_while(writer.written()).await {}
            assert_eq!(
                writer.finish().await.unwrap_err().kind(),
                io::ErrorKind::BrokenPipe
            );
        }
    }

    #[tokio::test]
    async fn an_empty_file_has_the_hash_of_nothing() {
        let mut writer = Writer::new(tempfile::tempfile().unwrap(), 8, segment_bytes(), true);
        writer.end();
        assert!(!within_a_while(writer.written()).await);
        assert_eq!(
            writer.finish().await.unwrap(),
            Some(blake3::hash(b"").into())
        );
    }
}
