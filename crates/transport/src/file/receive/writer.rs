//! The thread that hashes what arrived in order, and writes it.

use std::fs::File;
use std::io::{self, Write};

use backroom_protocol::segment::SegmentBytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes handed to the thread in one piece: a power of two, so that BLAKE3 hashes whole subtrees at full speed.
const CHUNK_BYTES: usize = 256 << 10;

/// The least space in segments, so that one chunk can fill while another is written.
pub(super) const MIN_FREE_SEGMENTS: u32 = 2;

/// Consecutive bytes of the file.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Those that end in it.
    segments: u32,
}

/// The running writer, with the chunk being filled. Dropped, it soon ends.
///
/// The space is a number of segments. Those pushed take from it until they are on their way to the disk.
#[derive(Debug)]
pub(super) struct Writer {
    filling: Chunk,
    chunk_bytes: usize,
    spare: Vec<Chunk>,
    free_segments: u32,
    chunks: Option<mpsc::Sender<Chunk>>,
    written: mpsc::Receiver<Chunk>,
    thread: Option<JoinHandle<io::Result<[u8; 32]>>>,
}

impl Writer {
    /// Starts to write to `file`, with space for `free_segments`.
    pub(super) fn start(file: File, free_segments: u32, segment_bytes: SegmentBytes) -> Self {
        let free_segments = free_segments.max(MIN_FREE_SEGMENTS);
        let segment_bytes = usize::from(segment_bytes.value());
        let space_bytes = free_segments as usize * segment_bytes;
        // Half of the segments fill a chunk at most.
        let chunk_bytes = CHUNK_BYTES.min(free_segments as usize / 2 * segment_bytes);
        // Chunks are full but for the last, so no more than these are ever under way.
        let capacity = space_bytes / chunk_bytes + 2;
        let (chunks, to_write) = mpsc::channel(capacity);
        let (done, written) = mpsc::channel(capacity);
        Self {
            filling: Chunk::default(),
            chunk_bytes,
            spare: Vec::new(),
            free_segments,
            chunks: Some(chunks),
            written,
            thread: Some(tokio::task::spawn_blocking(move || {
                write_all(file, to_write, &done)
            })),
        }
    }

    /// Segments that may be pushed.
    pub(super) fn free_segments(&self) -> u32 {
        self.free_segments
    }

    /// Takes the next segment's bytes. Only called while there is space.
    pub(super) fn push(&mut self, payload: &[u8]) {
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
        self.chunks = None;
    }

    fn flush(&mut self) {
        let next = self.spare.pop().unwrap_or_else(|| Chunk {
            bytes: Vec::with_capacity(self.chunk_bytes),
            segments: 0,
        });
        let chunk = std::mem::replace(&mut self.filling, next);
        if let Some(chunks) = &self.chunks {
            // The channel has room for all the space there is; a thread that failed says so in `finish`.
            let _ = chunks.try_send(chunk);
        }
    }

    /// Takes back the space of what has been written. True where there was any.
    pub(super) fn reclaim(&mut self) -> bool {
        let mut reclaimed = false;
        while let Ok(chunk) = self.written.try_recv() {
            self.take_back(chunk);
            reclaimed = true;
        }
        reclaimed
    }

    /// Waits until something has been written. False once the thread has ended: then [`Writer::finish`] says how.
    /// Cancel-safe.
    pub(super) async fn written(&mut self) -> bool {
        match self.written.recv().await {
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

    /// The hash of all that was written, or why it could not be.
    pub(super) async fn finish(&mut self) -> io::Result<[u8; 32]> {
        self.end();
        match self.thread.take() {
            Some(thread) => thread.await.map_err(io::Error::from)?,
            None => Err(io::Error::other(
                "the writing thread was asked twice for its hash",
            )),
        }
    }
}

fn write_all(
    mut file: File,
    mut chunks: mpsc::Receiver<Chunk>,
    done: &mpsc::Sender<Chunk>,
) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk.bytes);
        file.write_all(&chunk.bytes)?;
        if done.blocking_send(chunk).is_err() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use super::*;

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
        let mut writer = Writer::start(File::from(OwnedFd::from(file)), 32, segment_bytes());
        // A pipe holds 64 KiB, much less than these: the thread is stuck until somebody reads.
        for _ in 0..32 {
            writer.push(&[7; SEGMENT]);
        }
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
            *blake3::hash(&[7; 32 * SEGMENT]).as_bytes()
        );
        assert!(within_a_while(reading).await.unwrap().unwrap() == vec![7; 32 * SEGMENT]);
    }

    #[tokio::test]
    async fn a_disk_that_fails_ends_the_writing_with_its_reason() {
        let (disk, file) = io::pipe().unwrap();
        drop(disk);
        let mut writer = Writer::start(File::from(OwnedFd::from(file)), 8, segment_bytes());
        (0..8).for_each(|_| writer.push(&[7; SEGMENT]));
        while within_a_while(writer.written()).await {}
        assert_eq!(
            writer.finish().await.unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }

    #[tokio::test]
    async fn an_empty_file_has_the_hash_of_nothing() {
        let mut writer = Writer::start(tempfile::tempfile().unwrap(), 8, segment_bytes());
        writer.end();
        assert!(!within_a_while(writer.written()).await);
        assert_eq!(
            writer.finish().await.unwrap(),
            *blake3::hash(b"").as_bytes()
        );
    }
}
