//! Sizes of segments and their datagrams.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::record::TAG_BYTES;

/// The size of the header of data and ACK datagrams.
pub const HEADER_BYTES: usize = 21;

/// The bytes of a data datagram in addition to its payload.
pub const SEGMENT_OVERHEAD: usize = HEADER_BYTES + TAG_BYTES;

/// The smallest payload of a full segment.
pub const MIN_SEGMENT_BYTES: u16 = 16;

/// The largest payload of a segment: a UDP datagram over IPv4 holds 65,507 bytes.
pub const MAX_SEGMENT_BYTES: u16 = 65_507 - SEGMENT_OVERHEAD as u16;

/// The payload of a file's segments in bytes. The last segment may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16")]
pub struct SegmentBytes(u16);

impl SegmentBytes {
    /// 1,184 bytes. The packet of such a segment fits 1,280 bytes, which every IPv6 path carries (RFC 8200, section 5), also
    /// through a tunnel, and has 11 bytes to spare for a longer header.
    pub const DEFAULT: Self = Self(1_184);

    /// The size in bytes.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The size of the datagram of a full segment.
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

/// The segment size is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the segment size must be {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES} bytes")]
pub struct BadSegmentBytes;
