//! What members tell each other inside an envelope, where the server can't look.

use std::fmt;
use std::num::NonZeroU16;

use backroom_vocabulary::Cast;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{self, DecodeError, EncodeError};
use crate::file_name::FileName;
use crate::group::GroupOffer;
use crate::key::{Key, RandomError, random_bytes};
use crate::segment::SegmentBytes;
use crate::text::{MAX_TEXT_BYTES, Reason, Text};

/// The longest encoded [`Content`]: a full text and what is written around it.
pub const MAX_CONTENT_BYTES: usize = MAX_TEXT_BYTES + 64;

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
        /// BLAKE3 of the file, where a group's stream was offered: its members have each other's key, and could seal false
        /// segments. Those of a stream to one receiver are authentic and in order, and need no hash.
        hash: Option<[u8; 32]>,
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
    /// Sender: others are served first, it will come.
    Wait {
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
    /// The receiver's own Go-Back-N stream.
    pub lane: u16,
    /// The receiver's number within the transfer, which its ACKs carry.
    pub receiver: u16,
    /// The key of its segments.
    pub stream_key: Key,
    /// The UDP port that the first segments come from and their ACKs go to.
    pub sender_port: NonZeroU16,
    /// A stream to a group, which the segments come in first where the receiver hears it.
    pub group: Option<GroupOffer>,
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
            | Self::Cancel { transfer }
            | Self::Wait { transfer } => *transfer,
        }
    }
}

impl Content {
    /// Keys may be inside: the bytes are wiped when dropped, and never moved, so that no copy stays behind.
    pub(crate) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        let size =
            postcard::experimental::serialized_size(self).map_err(|_| EncodeError::Unencodable)?;
        let mut bytes = Zeroizing::new(vec![0; size]);
        postcard::to_slice(self, &mut bytes).map_err(|_| EncodeError::Unencodable)?;
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MAX_CONTENT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::group::{Group, GroupAddress};

    fn any_cast() -> impl Strategy<Value = Cast> {
        prop::sample::select(Cast::ALL)
    }

    #[test]
    fn a_cast_is_one_byte_on_the_wire() {
        let bytes = Cast::ALL.iter().map(|cast| codec::encode(cast).unwrap());
        assert!(bytes.eq([[0], [1], [2], [3]]));
    }

    fn any_offer() -> impl Strategy<Value = Offer> {
        let stream = (
            any::<u64>(),
            any::<u16>(),
            any::<u16>(),
            any::<[u8; 32]>(),
            16u16..=65_470,
            1u16..,
        );
        let group = prop::option::of((any::<[u8; 3]>(), 1u16.., any::<[u8; 32]>(), 1u16..));
        (stream, any_cast(), any::<String>(), any::<u64>(), group).prop_map(
            |(stream, cast, name, bytes, group)| {
                let (transfer, lane, receiver, key, segment_bytes, port) = stream;
                Offer {
                    transfer: TransferId(transfer),
                    cast,
                    name: FileName::sanitized(&name),
                    bytes,
                    segment_bytes: segment_bytes.try_into().unwrap(),
                    lane,
                    receiver,
                    stream_key: Key::from_bytes(key),
                    sender_port: port.try_into().unwrap(),
                    group: group.map(|([b, c, d], port, key, ack_every)| GroupOffer {
                        group: Group {
                            address: GroupAddress::try_from([239, b, c, d]).unwrap(),
                            port: port.try_into().unwrap(),
                        },
                        stream_key: Key::from_bytes(key),
                        ack_every: ack_every.try_into().unwrap(),
                    }),
                }
            },
        )
    }

    fn any_content() -> impl Strategy<Value = Content> {
        let transfer = any::<u64>().prop_map(TransferId);
        let reason = any::<String>().prop_map(Reason::new);
        prop_oneof![
            (any_cast(), any::<String>()).prop_map(|(cast, text)| Content::Text {
                cast,
                text: Text::new(text).unwrap()
            }),
            any_offer().prop_map(|offer| Content::File(FileMessage::Offer(offer))),
            (transfer, 1u16.., any::<[u8; 32]>(), any::<u32>()).prop_map(
                |(transfer, port, key, free_segments)| {
                    let (port, ack_key) = (port.try_into().unwrap(), Key::from_bytes(key));
                    Content::File(FileMessage::Accept {
                        transfer,
                        port,
                        ack_key,
                        free_segments,
                    })
                }
            ),
            (any::<u64>(), reason).prop_map(|(transfer, reason)| {
                Content::File(FileMessage::Decline {
                    transfer: TransferId(transfer),
                    reason,
                })
            }),
            (any::<u64>(), any::<Option<[u8; 32]>>()).prop_map(|(transfer, hash)| {
                Content::File(FileMessage::Finished {
                    transfer: TransferId(transfer),
                    hash,
                })
            }),
        ]
    }

    proptest! {
        #[test]
        fn contents_round_trip_and_allow_nothing_after_them(content in any_content()) {
            let mut encoded = content.encode().unwrap();
            prop_assert!(encoded.len() <= MAX_CONTENT_BYTES);
            prop_assert_eq!(Content::decode(&encoded), Ok(content));
            encoded.push(0);
            prop_assert_eq!(Content::decode(&encoded), Err(DecodeError::TrailingBytes(1)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(content) = Content::decode(&bytes) {
                prop_assert!(content.encode().is_ok());
            }
        }
    }

    #[test]
    fn the_longest_contents_fit() {
        let text = Text::new("x".repeat(MAX_TEXT_BYTES)).unwrap();
        let encoded = Content::Text {
            cast: Cast::Blockcast,
            text,
        }
        .encode()
        .unwrap();
        assert!(Content::decode(&encoded).is_ok());
        let refused = DecodeError::TooLong {
            bytes: MAX_CONTENT_BYTES + 1,
            max: MAX_CONTENT_BYTES,
        };
        assert_eq!(Content::decode(&[0; MAX_CONTENT_BYTES + 1]), Err(refused));
    }

    /// What a hostile sender may put into an offer, and what its receiver makes of it.
    #[test]
    fn an_offer_that_breaks_the_rules_is_malformed() {
        /// An [`Offer`] without its rules.
        #[derive(Serialize)]
        struct Hostile<'a>(
            u8,
            u8,
            u64,
            Cast,
            &'a str,
            u64,
            u16,
            u16,
            u16,
            [u8; 32],
            u16,
            Option<([u8; 4], u16, [u8; 32], u16)>,
        );

        let decode_group = |name, segment_bytes, port, group| {
            let offer = Hostile(
                1,
                0,
                7,
                Cast::Unicast,
                name,
                1_000,
                segment_bytes,
                1,
                0,
                [9; 32],
                port,
                group,
            );
            Content::decode(&postcard::to_stdvec(&offer).unwrap())
        };
        let decode = |name, segment_bytes, port| decode_group(name, segment_bytes, port, None);
        assert!(matches!(
            decode("name", 1_200, 4_000),
            Ok(Content::File(FileMessage::Offer(_)))
        ));
        for (name, segment_bytes, port) in [
            ("../name", 1_200, 4_000),
            ("..", 1_200, 4_000),
            ("/etc/passwd", 1_200, 4_000),
            ("na\u{1b}[2Jme", 1_200, 4_000),
            ("", 1_200, 4_000),
            ("name", 0, 4_000),
            ("name", 65_535, 4_000),
            ("name", 1_200, 0),
        ] {
            assert_eq!(
                decode(name, segment_bytes, port),
                Err(DecodeError::Malformed),
                "{name} {segment_bytes} {port}"
            );
        }
        let to_group = |address, port, ack_every| {
            let group = (address, port, [9; 32], ack_every);
            decode_group("name", 1_200, 4_000, Some(group))
        };
        assert!(to_group([239, 255, 1, 2], 4_000, 1).is_ok());
        for (address, port, ack_every) in [
            ([224, 0, 0, 1], 4_000, 1),
            ([192, 168, 1, 1], 4_000, 1),
            ([239, 255, 1, 2], 0, 1),
            ([239, 255, 1, 2], 4_000, 0),
        ] {
            assert_eq!(
                to_group(address, port, ack_every),
                Err(DecodeError::Malformed),
                "{address:?} {port} {ack_every}"
            );
        }
    }

    #[test]
    fn an_offer_knows_how_many_segments_it_has() {
        let segments = |bytes| {
            let offer = Offer {
                transfer: TransferId(1),
                cast: Cast::Unicast,
                name: FileName::sanitized("name"),
                bytes,
                segment_bytes: SegmentBytes::DEFAULT,
                lane: 1,
                receiver: 0,
                stream_key: Key::from_bytes([9; 32]),
                sender_port: NonZeroU16::MIN,
                group: None,
            };
            offer.segments()
        };
        assert_eq!([0, 1, 1_200, 1_201, 2_400].map(segments), [0, 1, 1, 2, 2]);
        assert_eq!(segments(u64::MAX), u64::MAX / 1_200 + 1);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let accept = FileMessage::Accept {
            transfer: TransferId(1),
            port: NonZeroU16::MIN,
            ack_key: Key::from_bytes([0xab; 32]),
            free_segments: 1,
        };
        let shown = format!("{accept:?}");
        assert!(
            shown.contains("Key(..)") && !shown.contains("171"),
            "{shown}"
        );
    }
}
