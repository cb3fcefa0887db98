//! A file's UDP datagrams: sealed segments and probes one way, sealed acknowledgements the other.
//!
//! All integers are big endian. A datagram that does not open is dropped without a word.
//!
//! | data | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 1 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | round | 2 | | no |
//! | seq | 8 | | yes |
//! | payload | 1 to [`MAX_SEGMENT_BYTES`] | yes | yes |
//! | tag | 16 | | |
//!
//! | ACK | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 2 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | receiver | 2 | | yes |
//! | counter | 8 | | yes |
//! | cumulative | 8 | yes | yes |
//! | accepted round | 2 | yes | yes |
//! | gap: 0 or 1 | 1 | yes | yes |
//! | gap round | 2 | yes | yes |
//! | free segments | 4 | yes | yes |
//! | tag | 16 | | |
//!
//! | probe | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 3 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | number | 4 | | yes |
//! | tag | 16 | | |

mod ack;
mod data;
mod probe;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use ack::{ACK_BYTES, Ack, AckOpener, AckSealer, ack_receiver};
pub use data::{SEGMENTS_PER_EPOCH, Segment, SegmentOpener, SegmentSealer, set_round};
pub use probe::{PROBE_BYTES, ProbeOpener, ProbeSealer};

use crate::content::TransferId;
use crate::record::TAG_BYTES;

/// What stands in front of a payload, and in front of an ACK's sealed part.
pub const HEADER_BYTES: usize = 21;

/// What a data datagram has beside its payload.
pub const SEGMENT_OVERHEAD: usize = HEADER_BYTES + TAG_BYTES;

/// The least payload of a full segment.
pub const MIN_SEGMENT_BYTES: u16 = 16;

/// The most payload of a segment: what fits into a UDP datagram over IPv4 (65,507 bytes).
pub const MAX_SEGMENT_BYTES: u16 = 65_507 - SEGMENT_OVERHEAD as u16;

/// The lane of a transfer's stream to a group. Receivers' own lanes are numbered from 1 on.
pub const GROUP_LANE: u16 = 0;

/// The payload of a file's segments (the last may be shorter), in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct SegmentBytes(u16);

impl SegmentBytes {
    /// 1,200 bytes, which every path takes without fragmenting (RFC 9000, 14).
    pub const DEFAULT: Self = Self(1_200);

    /// The number of bytes.
    pub fn value(self) -> u16 {
        self.0
    }

    /// The size of a full segment's datagram.
    pub fn datagram_bytes(self) -> usize {
        usize::from(self.0) + SEGMENT_OVERHEAD
    }
}

impl Default for SegmentBytes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u16> for SegmentBytes {
    type Error = BadSegmentBytes;

    fn try_from(bytes: u16) -> Result<Self, BadSegmentBytes> {
        if (MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(BadSegmentBytes)
        }
    }
}

impl From<SegmentBytes> for u16 {
    fn from(bytes: SegmentBytes) -> Self {
        bytes.0
    }
}

impl FromStr for SegmentBytes {
    type Err = BadSegmentBytes;

    fn from_str(text: &str) -> Result<Self, BadSegmentBytes> {
        text.parse::<u16>().map_err(|_| BadSegmentBytes)?.try_into()
    }
}

impl fmt::Display for SegmentBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A segment's payload can't have this size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a segment carries {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES} bytes")]
pub struct BadSegmentBytes;

/// A Go-Back-N stream of a transfer: what a datagram must say to belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// The transfer.
    pub transfer: TransferId,
    /// Its stream: one for each receiver, and [`GROUP_LANE`].
    pub lane: u16,
}

/// Why a datagram can't be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The buffer is not header, payload and tag.
    #[error("a datagram of {bytes} bytes is no segment")]
    Length {
        /// The buffer's length.
        bytes: usize,
    },
    /// The number is not above the last one: its nonce may have been used.
    #[error("segment {seq} was sealed before; a segment is sealed once and sent again as it is")]
    SeqReused {
        /// The number.
        seq: u64,
    },
    /// The key is used up.
    #[error("the stream's key is used up")]
    KeyUsedUp,
}

/// Why a datagram is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its length is not that of what it claims to be.
    #[error("not a datagram of this protocol")]
    Malformed,
    /// It belongs to another stream or receiver.
    #[error("a datagram of another stream")]
    OtherStream,
    /// It was not sealed with this stream's key, or was changed.
    #[error("a datagram is not authentic")]
    NotAuthentic,
    /// An ACK that is not newer than the last.
    #[error("a repeated or overtaken ACK")]
    Replayed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Data = 1,
    Ack = 2,
    Probe = 3,
}

impl StreamId {
    /// What all kinds of datagram begin with: kind, transfer, lane.
    fn write_prefix(self, kind: Kind, header: &mut [u8]) {
        header[0] = kind as u8;
        header[1..9].copy_from_slice(&self.transfer.0.to_be_bytes());
        header[9..11].copy_from_slice(&self.lane.to_be_bytes());
    }

    /// Checks what all kinds begin with and returns the rest of the header.
    fn read_prefix(self, kind: Kind, header: &[u8]) -> Result<&[u8], OpenError> {
        let (found, rest) = header.split_first().ok_or(OpenError::Malformed)?;
        let (transfer, rest) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let (lane, rest) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        if *found != kind as u8 {
            return Err(OpenError::Malformed);
        }
        if u64::from_be_bytes(*transfer) != self.transfer.0
            || u16::from_be_bytes(*lane) != self.lane
        {
            return Err(OpenError::OtherStream);
        }
        Ok(rest)
    }
}
