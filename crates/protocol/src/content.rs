//! What members tell each other inside an envelope, where the server can't look.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{self, DecodeError, EncodeError};
use crate::file_name::FileName;
use crate::key::{Key, RandomError, random_bytes};
use crate::segment::SegmentBytes;
use crate::text::{MAX_TEXT_BYTES, Reason, Text};

/// The longest encoded [`Content`]: a full text and what is written around it.
pub const MAX_CONTENT_BYTES: usize = MAX_TEXT_BYTES + 64;

/// How a message or file was addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cast {
    /// To one member.
    Unicast,
    /// To the members listed.
    Multicast,
    /// To everyone.
    Broadcast,
    /// To everyone but the members listed.
    Blockcast,
}

impl Cast {
    /// All four, in the order of the report.
    pub const ALL: [Self; 4] = [
        Self::Unicast,
        Self::Multicast,
        Self::Broadcast,
        Self::Blockcast,
    ];

    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Blockcast => "blockcast",
        }
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Cast {
    type Err = UnknownCast;

    fn from_str(text: &str) -> Result<Self, UnknownCast> {
        Self::ALL
            .into_iter()
            .find(|cast| cast.as_str() == text)
            .ok_or(UnknownCast)
    }
}

/// No cast of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cast is unicast, multicast, broadcast or blockcast")]
pub struct UnknownCast;

/// The number of a file transfer: random, chosen by its sender, the same for all receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransferId(pub u64);

impl TransferId {
    /// A number that nobody has used before.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(u64::from_be_bytes(random_bytes()?)))
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What an envelope holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A chat message.
    Text {
        /// How its sender addressed it (so it says).
        cast: Cast,
        /// The message.
        text: Text,
    },
    /// About a file; always to one member.
    File(FileMessage),
}

/// What sender and receiver of a file agree on before, and say after, its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileMessage {
    /// Sender: there is a file for you.
    Offer(Offer),
    /// Receiver: send it.
    Accept {
        /// Which.
        transfer: TransferId,
        /// The UDP port that the segments shall go to.
        port: NonZeroU16,
        /// The key that the receiver seals its ACKs with.
        ack_key: Key,
        /// Free space, in segments, to begin with.
        free_segments: u32,
    },
    /// Receiver: don't.
    Decline {
        /// Which.
        transfer: TransferId,
        /// Why.
        reason: Reason,
    },
    /// Sender: that was all.
    Finished {
        /// Which.
        transfer: TransferId,
        /// BLAKE3 of the bytes that were sent.
        hash: [u8; 32],
    },
    /// Receiver: all of it is here, the hash matches, and it has its name.
    Received {
        /// Which.
        transfer: TransferId,
    },
    /// Either: it went wrong.
    Failed {
        /// Which.
        transfer: TransferId,
        /// How.
        reason: Reason,
    },
    /// Either: its user ended it.
    Cancel {
        /// Which.
        transfer: TransferId,
    },
}

/// A file offered to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The transfer's number.
    pub transfer: TransferId,
    /// How the sender addressed it (so it says).
    pub cast: Cast,
    /// The file's base name.
    pub name: FileName,
    /// The file's size.
    pub bytes: u64,
    /// The payload of each segment but the last.
    pub segment_bytes: SegmentBytes,
    /// The Go-Back-N stream that the segments come in.
    pub lane: u16,
    /// The receiver's number within the transfer, which its ACKs carry.
    pub receiver: u16,
    /// The key of the stream's segments.
    pub stream_key: Key,
    /// The UDP port that the segments come from and the ACKs go to.
    pub sender_port: NonZeroU16,
}

impl Offer {
    /// How many segments the file has.
    pub fn segments(&self) -> u64 {
        self.bytes.div_ceil(u64::from(self.segment_bytes.value()))
    }
}

impl FileMessage {
    /// The transfer that it is about.
    pub fn transfer(&self) -> TransferId {
        match self {
            Self::Offer(offer) => offer.transfer,
            Self::Accept { transfer, .. }
            | Self::Decline { transfer, .. }
            | Self::Finished { transfer, .. }
            | Self::Received { transfer }
            | Self::Failed { transfer, .. }
            | Self::Cancel { transfer } => *transfer,
        }
    }
}

impl Content {
    /// Keys may be inside: the bytes are wiped when dropped, and never moved, so that no copy stays behind.
    pub(crate) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        let size =
            postcard::experimental::serialized_size(self).map_err(|_| EncodeError::OutOfBounds)?;
        let mut bytes = Zeroizing::new(vec![0; size]);
        postcard::to_slice(self, &mut bytes).map_err(|_| EncodeError::OutOfBounds)?;
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MAX_CONTENT_BYTES)
    }
}
