//! Writes what arrived in order, and hashes it if that is asked for.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem;
use std::sync::mpsc::{self, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use backroom_protocol::segment::SegmentBytes;

use crate::file::slow_disk::SlowDiskDetector;
use crate::file::waker::Waker;

/// Bytes written in one piece: a power of two, so that BLAKE3 hashes whole subtrees at full speed, and few enough to still be
/// in the processor's cache.
const CHUNK_BYTES: usize = 64 << 10;

/// The least space in segments: one chunk can fill while another is written.
pub(super) const MIN_FREE_SEGMENTS: u32 = 2;

/// Consecutive bytes of the file.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// The number of segments that end in it.
    segments: u32,
}

/// Writes a file in order.
///
/// The space is a number of segments. A pushed segment uses it until it has been written.
#[derive(Debug)]
pub(super) struct Writer {
    filling: Chunk,
    chunk_bytes: usize,
    spare: Vec<Chunk>,
    /// The number of segments that may be pushed.
    pub(super) free_segments: u32,
    disk: Disk,
    slow_disk: SlowDiskDetector,
    waker: Waker,
}

/// Where chunks go.
#[derive(Debug)]
enum Disk {
    /// It keeps up, and this thread writes to it.
    Fast(Output),
    /// Another thread writes to it.
    Slow(WriterThread),
    /// Nothing more is to be written. With the hash, or the reason why writing failed.
    Ended(io::Result<Option<[u8; 32]>>),
}

/// The file and its hash so far.
#[derive(Debug)]
struct Output {
    file: File,
    hasher: Option<Box<blake3::Hasher>>,
}

/// The channels are not bounded, because the space is.
#[derive(Debug)]
struct WriterThread {
    /// `None` once the file has ended.
    chunks: Option<mpsc::Sender<Chunk>>,
    written: mpsc::Receiver<Chunk>,
    thread: JoinHandle<io::Result<Option<[u8; 32]>>>,
}

impl Writer {
    /// A writer with space for `free_segments`. `waker` ends the receiver's wait when a slow disk has written something.
    pub(super) fn new(
        file: File,
        free_segments: u32,
        segment_bytes: SegmentBytes,
        with_hash: bool,
        waker: Waker,
    ) -> Self {
        let free_segments = free_segments.max(MIN_FREE_SEGMENTS);
        let segment_bytes = usize::from(segment_bytes.value());
        // At most half of the segments fill a chunk, so that there is always space while a chunk is written.
        let chunk_bytes = CHUNK_BYTES.min(free_segments as usize / 2 * segment_bytes);
        Self {
            filling: Chunk::default(),
            chunk_bytes,
            spare: Vec::new(),
            free_segments,
            disk: Disk::Fast(Output {
                file,
                hasher: with_hash.then(Box::default),
            }),
            slow_disk: SlowDiskDetector::default(),
            waker,
        }
    }

    /// Takes the payloads of the next segments. Only called while there is space.
    pub(super) fn push(&mut self, payloads: &mut [IoSlice<'_>]) {
        match &mut self.disk {
            Disk::Fast(output) if output.hasher.is_none() => {
                let begun = Instant::now();
                let written = output.write_vectored(payloads);
                self.record_write(begun.elapsed(), written);
            }
            _ => payloads.iter().for_each(|payload| self.collect(payload)),
        }
    }

    /// Copies into chunks, which the hash and the other thread need.
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
        let chunk = mem::replace(&mut self.filling, next);
        match &mut self.disk {
            Disk::Fast(output) => {
                let begun = Instant::now();
                let written = output.write(&chunk.bytes);
                self.record_write(begun.elapsed(), written);
                self.take_back(chunk);
            }
            Disk::Slow(thread) => {
                if let Some(chunks) = &thread.chunks {
                    // A thread that has failed gives the reason in `finish`.
                    let _ = chunks.send(chunk);
                }
            }
            Disk::Ended(_) => self.take_back(chunk),
        }
    }

    /// Leaves the rest of a slow disk to another thread, so that ACKs do not wait for it.
    fn record_write(&mut self, elapsed: Duration, written: io::Result<()>) {
        if let Err(error) = written {
            self.disk = Disk::Ended(Err(error));
        } else if self.slow_disk.record(elapsed) {
            self.start_thread();
        }
    }

    fn start_thread(&mut self) {
        self.disk = match mem::replace(&mut self.disk, Disk::Ended(Ok(None))) {
            Disk::Fast(output) => match WriterThread::start(output, self.waker.clone()) {
                Ok(thread) => Disk::Slow(thread),
                Err(error) => Disk::Ended(Err(error)),
            },
            other => other,
        };
    }

    /// Takes back the space of what has been written. False once nothing more is written: [`Writer::finish`] then gives the
    /// result without waiting long.
    pub(super) fn reclaim(&mut self) -> bool {
        loop {
            let written = match &self.disk {
                Disk::Fast(_) => return true,
                Disk::Slow(thread) => thread.written.try_recv(),
                Disk::Ended(_) => return false,
            };
            match written {
                Ok(chunk) => self.take_back(chunk),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take_back(&mut self, mut chunk: Chunk) {
        self.free_segments += chunk.segments;
        chunk.segments = 0;
        chunk.bytes.clear();
        self.spare.push(chunk);
    }

    /// Waits until everything is written. Returns the hash, if one is made.
    ///
    /// # Errors
    /// The reason why writing failed.
    pub(super) fn finish(&mut self) -> io::Result<Option<[u8; 32]>> {
        self.end();
        match mem::replace(&mut self.disk, Disk::Ended(Ok(None))) {
            Disk::Slow(thread) => thread.thread.join().unwrap_or_else(|_| {
                Err(io::Error::other("the thread that writes the file panicked"))
            }),
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

    /// Writes pieces without copying them. Only for a file without a hash.
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
        Some(self.hasher.as_ref()?.finalize().into())
    }
}

impl WriterThread {
    fn start(output: Output, waker: Waker) -> io::Result<Self> {
        let (chunks, to_write) = mpsc::channel();
        let (done, written) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("write-behind".into())
            .spawn(move || {
                let result = write_all(output, to_write, done, &waker);
                // After the channel is closed: an early end must not leave the receiver waiting.
                waker.wake();
                result
            })?;
        Ok(Self {
            chunks: Some(chunks),
            written,
            thread,
        })
    }
}

fn write_all(
    mut output: Output,
    chunks: mpsc::Receiver<Chunk>,
    done: mpsc::Sender<Chunk>,
    waker: &Waker,
) -> io::Result<Option<[u8; 32]>> {
    for chunk in chunks {
        output.write(&chunk.bytes)?;
        if done.send(chunk).is_err() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        waker.wake();
    }
    Ok(output.hash())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use rustix::event::{PollFd, PollFlags};

    use super::*;
    use crate::file::slow_disk::MAX_SLOW;
    use crate::poll::wait_until;

    const SEGMENT: usize = 16 << 10;

    fn segment_bytes() -> SegmentBytes {
        SegmentBytes::try_from(SEGMENT as u16).unwrap()
    }

    fn writer(file: File, free_segments: u32, with_hash: bool) -> Writer {
        let waker = Waker::new().unwrap();
        Writer::new(file, free_segments, segment_bytes(), with_hash, waker)
    }

    /// Waits for the other thread.
    fn wait(writer: &Writer) {
        let source = &mut [PollFd::new(&writer.waker, PollFlags::IN)];
        wait_until(source, Some(Instant::now() + Duration::from_secs(20))).unwrap();
        assert!(!source[0].revents().is_empty());
        writer.waker.clear();
    }

    #[test]
    fn space_is_used_up_by_what_a_slow_disk_has_not_taken_and_comes_back_with_it() {
        let (mut disk, file) = io::pipe().unwrap();
        let mut writer = writer(File::from(OwnedFd::from(file)), 32, true);
        writer.start_thread();
        // A pipe holds 64 KiB, much less than these: the thread is stuck until somebody reads.
        writer.push(&mut [IoSlice::new(&[7; SEGMENT]); 32]);
        assert_eq!(writer.free_segments, 0);
        let reading = thread::spawn(move || {
            let mut read = Vec::new();
            disk.read_to_end(&mut read).map(|_| read)
        });
        while writer.free_segments < 32 {
            wait(&writer);
            assert!(writer.reclaim());
        }
        assert_eq!(
            writer.finish().unwrap(),
            Some(blake3::hash(&[7; 32 * SEGMENT]).into())
        );
        assert!(reading.join().unwrap().unwrap() == vec![7; 32 * SEGMENT]);
    }

    #[test]
    fn a_disk_that_keeps_up_has_what_arrived_at_once_and_for_the_hash_by_chunks() {
        for (with_hash, written, free_segments) in
            [(false, 5 * SEGMENT, 32), (true, CHUNK_BYTES, 31)]
        {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut writer = writer(file.reopen().unwrap(), 32, with_hash);
            writer.push(&mut [IoSlice::new(&[7; SEGMENT]); 5]);
            let bytes = std::fs::metadata(file.path()).unwrap().len();
            assert_eq!(
                (bytes, writer.free_segments),
                (written as u64, free_segments)
            );
            writer.finish().unwrap();
            assert!(std::fs::read(file.path()).unwrap() == vec![7; 5 * SEGMENT]);
        }
    }

    #[test]
    fn a_disk_that_does_not_keep_up_gets_a_thread_and_the_whole_file_in_order() {
        let (mut disk, file) = io::pipe().unwrap();
        let reading = thread::spawn(move || {
            let mut read = Vec::new();
            let mut piece = [0; SEGMENT];
            while let Ok(bytes @ 1..) = disk.read(&mut piece) {
                // The first chunk fits the pipe; each of the next few waits for as many of these pieces as it has.
                if read.len() < (1 + MAX_SLOW as usize) * CHUNK_BYTES {
                    thread::sleep(Duration::from_millis(5));
                }
                read.extend_from_slice(&piece[..bytes]);
            }
            read
        });
        let mut writer = writer(File::from(OwnedFd::from(file)), 32, true);
        let contents: Vec<u8> = (0..32 * SEGMENT).map(|index| (index % 251) as u8).collect();
        let mut pieces: Vec<_> = contents.chunks(SEGMENT).map(IoSlice::new).collect();
        writer.push(&mut pieces);
        assert!(matches!(writer.disk, Disk::Slow(_)));
        assert_eq!(
            writer.finish().unwrap(),
            Some(blake3::hash(&contents).into())
        );
        drop(writer);
        assert!(reading.join().unwrap() == contents);
    }

    #[test]
    fn a_disk_that_fails_ends_the_writing_with_its_reason() {
        let (disk, file) = io::pipe().unwrap();
        drop(disk);
        let file = File::from(OwnedFd::from(file));
        for has_thread in [false, true] {
            let file = file.try_clone().unwrap();
            let mut writer = writer(file, 8, true);
            if has_thread {
                writer.start_thread();
            }
            writer.push(&mut [IoSlice::new(&[7; SEGMENT]); 8]);
            while writer.reclaim() {
                wait(&writer);
            }
            assert_eq!(
                writer.finish().unwrap_err().kind(),
                io::ErrorKind::BrokenPipe
            );
        }
    }

    #[test]
    fn an_empty_file_has_the_hash_of_nothing() {
        let mut writer = writer(tempfile::tempfile().unwrap(), 8, true);
        writer.end();
        assert!(!writer.reclaim());
        assert_eq!(writer.finish().unwrap(), Some(blake3::hash(b"").into()));
    }
}
