//! Buffers for datagrams that the kernel coalesced (GRO), and how they are split again.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{BATCH_SIZE, RecvMeta};

/// The most bytes the kernel coalesces into one buffer.
const MAX_TRAIN_BYTES: usize = 65_535;

/// Reusable buffers, each for one train of coalesced datagrams.
#[derive(Debug)]
pub struct ReceiveBuffers {
    bytes: Vec<u8>,
    buffer_bytes: usize,
    metas: Vec<RecvMeta>,
    filled: usize,
}

/// One datagram as it arrived, writable so that it can be opened in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The UDP payload.
    pub contents: &'a mut [u8],
    /// The sender's address, which UDP does not authenticate.
    pub source: SocketAddr,
    /// The local address it was sent to, if the system reports it.
    pub destination: Option<IpAddr>,
}

impl ReceiveBuffers {
    /// Each buffer holds the longest train: a shorter one would silently lose the rest of it.
    pub(super) fn new(datagram_bytes: usize, gro_segments: usize, buffers: usize) -> Self {
        let buffers = buffers.clamp(1, BATCH_SIZE);
        let buffer_bytes = (datagram_bytes * gro_segments).clamp(1, MAX_TRAIN_BYTES);
        Self {
            bytes: vec![0; buffer_bytes * buffers],
            buffer_bytes,
            metas: vec![RecvMeta::default(); buffers],
            filled: 0,
        }
    }

    /// Lets `receive` fill the buffers and describe them.
    pub(super) fn fill(
        &mut self,
        receive: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> io::Result<usize>,
    ) -> io::Result<()> {
        self.filled = 0;
        let mut chunks = self.bytes.chunks_exact_mut(self.buffer_bytes);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        self.filled = receive(&mut slices[..self.metas.len()], &mut self.metas)?;
        Ok(())
    }

    /// Whether the last receive filled all buffers, so that more datagrams may be waiting.
    pub fn is_full(&self) -> bool {
        self.filled == self.metas.len()
    }

    /// The datagrams of the last receive, in order of arrival. Empty datagrams are left out.
    pub fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        let trains = self.bytes.chunks_exact_mut(self.buffer_bytes);
        let filled = self.metas[..self.filled].iter();
        trains
            .zip(filled)
            .filter(|(_, meta)| meta.stride != 0)
            .flat_map(|(train, meta)| {
                let length = meta.len.min(train.len());
                train[..length]
                    .chunks_mut(meta.stride)
                    .map(|contents| Datagram {
                        contents,
                        source: meta.addr,
                        destination: meta.dst_ip,
                    })
            })
    }
}
