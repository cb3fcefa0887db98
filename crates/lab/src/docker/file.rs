//! The file that is sent: incompressible bytes that depend only on the file's size, so every lab sends the same file.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The sender's folder for files. It must not be a tmpfs: uploads to a container do not reach its mounts.
pub const FOLDER: &str = "/var/tmp";
const CHUNK_BYTES: u64 = 256 * 1024;
/// A tar archive consists of blocks of this size and ends with two empty ones.
const BLOCK_BYTES: u64 = 512;

/// The path of the file of `bytes` in a container.
pub(super) fn path(bytes: u64) -> String {
    format!("{FOLDER}/{}", name(bytes))
}

fn name(bytes: u64) -> String {
    format!("backroom-{bytes}")
}

/// The file of `bytes` as a tar archive, generated while it is uploaded.
pub(super) fn archive(bytes: u64) -> io::Result<impl Stream<Item = Bytes> + Send + 'static> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name(bytes))?;
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_cksum();
    let header = Bytes::copy_from_slice(header.as_bytes());
    let padding = vec![0; (bytes.next_multiple_of(BLOCK_BYTES) - bytes + 2 * BLOCK_BYTES) as usize];
    let parts = std::iter::once(header)
        .chain(content(bytes))
        .chain(std::iter::once(Bytes::from(padding)));
    Ok(stream::iter(parts))
}

fn content(bytes: u64) -> impl Iterator<Item = Bytes> + Send + 'static {
    let mut random = ChaCha8Rng::seed_from_u64(bytes);
    (0..bytes.div_ceil(CHUNK_BYTES)).map(move |index| {
        let mut chunk = vec![0; CHUNK_BYTES.min(bytes - index * CHUNK_BYTES) as usize];
        random.fill_bytes(&mut chunk);
        Bytes::from(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_has_the_requested_size_and_is_always_the_same() {
        for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1] {
            let once: Vec<u8> = content(bytes).flatten().collect();
            assert_eq!(once.len() as u64, bytes);
            assert_eq!(once, content(bytes).flatten().collect::<Vec<u8>>());
        }
    }

    #[test]
    fn files_of_different_sizes_differ_from_the_start() {
        let (short, long) = (content(1000).next().unwrap(), content(2000).next().unwrap());
        assert_ne!(short[..100], long[..100]);
    }
}
