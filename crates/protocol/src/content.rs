//! The plaintext of envelopes: messages between members, which the server cannot read.

use std::num::NonZeroU16;

use backroom_vocabulary::Cast;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{self, DecodeError, EncodeError};
use crate::extensions::Extensions;
use crate::features::Features;
use crate::file_attributes::FileAttributes;
use crate::file_name::FileName;
use crate::group::GroupOffer;
use crate::key::Key;
use crate::segment::SegmentBytes;
use crate::text::{MAX_TEXT_BYTES, Reason, Text};
pub use crate::transfer_id::TransferId;

/// The size limit of an encoded [`Content`]: the longest text and its framing.
pub const MAX_CONTENT_BYTES: usize = MAX_TEXT_BYTES + 64;

/// The plaintext of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A chat message.
    Text {
        /// The sender's claim of how it addressed the message. A receiver cannot check it.
        cast: Cast,
        /// The message as its sender wrote it.
        text: Text,
    },
    /// A control message of a file transfer, always to one member.
    File(FileMessage),
}

/// The control messages of a file transfer. The segments themselves travel over UDP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileMessage {
    /// Sender: offers a file.
    Offer(Offer),
    /// Receiver: accepts the offer.
    Accept {
        /// The offer's transfer.
        transfer: TransferId,
        /// The receiver's UDP port.
        port: NonZeroU16,
        /// The key with which the receiver seals its ACKs.
        ack_key: Key,
        /// The initial receive window, in segments.
        free_segments: u32,
        /// The features used for this transfer: those of the offer that the receiver has too.
        features: Features,
        /// Fields of later versions.
        extensions: Extensions,
    },
    /// Receiver: declines the offer.
    Decline {
        /// The offer's transfer.
        transfer: TransferId,
        /// Shown to the sender.
        reason: Reason,
    },
    /// Sender: all segments were acknowledged.
    Finished {
        /// The accepted transfer.
        transfer: TransferId,
        /// The BLAKE3 hash of the file, if a stream to a group was offered. Its receivers share the stream's key and could
        /// forge segments for each other. A stream to one receiver is authenticated and ordered without a hash.
        hash: Option<[u8; 32]>,
    },
    /// Receiver: the file is complete, its hash matches, and it is saved under its final name.
    Received {
        /// The finished transfer.
        transfer: TransferId,
    },
    /// Either side: the transfer failed.
    Failed {
        /// The transfer that ends with this message.
        transfer: TransferId,
        /// Shown to the other side.
        reason: Reason,
    },
    /// Either side: the user cancelled the transfer.
    Cancel {
        /// The transfer that ends with this message.
        transfer: TransferId,
    },
    /// Sender: other receivers are served first. The receiver keeps waiting. Receiver: other files are received first. The sender
    /// keeps waiting for the answer to its offer.
    Wait {
        /// The offered or accepted transfer.
        transfer: TransferId,
    },
    /// The group does not serve the receiver: what it lacks comes to it alone.
    Alone {
        /// The transfer.
        transfer: TransferId,
        /// The sender's UDP port for this receiver.
        port: NonZeroU16,
    },
}

/// A file offered to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Identifies the transfer in all later messages and datagrams.
    pub transfer: TransferId,
    /// The sender's claim of how it addressed the file. A receiver cannot check it.
    pub cast: Cast,
    /// The file's base name.
    pub name: FileName,
    /// The size of the file.
    pub bytes: u64,
    /// The file's permissions and modification time.
    pub attributes: FileAttributes,
    /// The payload of each segment but the last.
    pub segment_bytes: SegmentBytes,
    /// The lane of the receiver's own stream.
    pub lane: u16,
    /// The receiver's number within the transfer. Its ACKs carry it.
    pub receiver: u16,
    /// The key of the segments of the receiver's own stream.
    pub stream_key: Key,
    /// The sender's UDP port: the source of the first segments, and the destination of their ACKs.
    pub sender_port: NonZeroU16,
    /// A stream to a group. The segments come by it first, if the receiver can receive it.
    pub group: Option<GroupOffer>,
    /// The features that the sender has for this transfer.
    pub features: Features,
    /// Fields of later versions.
    pub extensions: Extensions,
}

impl Offer {
    /// The number of segments of the file.
    pub fn segments(&self) -> u64 {
        self.bytes.div_ceil(u64::from(self.segment_bytes.value()))
    }
}

impl FileMessage {
    /// The transfer to which the message belongs.
    pub fn transfer(&self) -> TransferId {
        match self {
            Self::Offer(offer) => offer.transfer,
            Self::Accept { transfer, .. }
            | Self::Decline { transfer, .. }
            | Self::Finished { transfer, .. }
            | Self::Received { transfer }
            | Self::Failed { transfer, .. }
            | Self::Cancel { transfer }
            | Self::Wait { transfer }
            | Self::Alone { transfer, .. } => *transfer,
        }
    }
}

impl Content {
    /// The bytes may contain keys, so they are wiped when dropped. The buffer is allocated once at its final size, because
    /// growing it would leave a copy behind.
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
    use crate::file_attributes::{ModifiedTime, Permissions};
    use crate::group::{Group, GroupAddress};

    const CASTS: [Cast; 4] = [
        Cast::Unicast,
        Cast::Multicast,
        Cast::Broadcast,
        Cast::Blockcast,
    ];

    fn any_cast() -> impl Strategy<Value = Cast> {
        prop::sample::select(&CASTS[..])
    }

    #[test]
    fn a_cast_is_one_byte_on_the_wire() {
        let bytes = CASTS.iter().map(|cast| codec::encode(cast).unwrap());
        assert!(bytes.eq([[0], [1], [2], [3]]));
    }

    fn any_extensions() -> impl Strategy<Value = Extensions> {
        let value = prop::collection::vec(any::<u8>(), 0..40);
        prop::collection::btree_map(any::<u16>(), value, 0..4)
            .prop_map(|values| Extensions::new(values).unwrap())
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
        let attributes = (any::<u32>(), any::<i64>(), any::<u32>());
        let file = (any::<String>(), any::<u64>(), attributes);
        let later = (any::<u64>(), any_extensions());
        (stream, any_cast(), file, group, later).prop_map(
            |(stream, cast, (name, bytes, attributes), group, (features, extensions))| {
                let (transfer, lane, receiver, key, segment_bytes, port) = stream;
                Offer {
                    transfer: TransferId(transfer),
                    cast,
                    name: FileName::sanitized(&name),
                    bytes,
                    attributes: FileAttributes {
                        permissions: Permissions::of_mode(attributes.0),
                        modified: ModifiedTime::nearest(attributes.1, attributes.2),
                    },
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
                    features: Features::from_bits(features),
                    extensions,
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
            (
                transfer,
                1u16..,
                any::<[u8; 32]>(),
                any::<u32>(),
                any::<u64>(),
                any_extensions()
            )
                .prop_map(
                    |(transfer, port, key, free_segments, features, extensions)| {
                        let (port, ack_key) = (port.try_into().unwrap(), Key::from_bytes(key));
                        Content::File(FileMessage::Accept {
                            transfer,
                            port,
                            ack_key,
                            free_segments,
                            features: Features::from_bits(features),
                            extensions,
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
        fn contents_round_trip_and_reject_trailing_bytes(content in any_content()) {
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

    /// Attributes without their checks: permissions, and seconds and nanoseconds of the modification time.
    type RawAttributes = (u16, i64, u32);

    /// A group without its checks.
    type RawGroup = ([u8; 4], u16, [u8; 32], u16);

    const PLAIN: RawAttributes = (0o644, 1_700_000_000, 0);

    /// Decodes an [`Offer`] that was encoded without its checks.
    fn decode_offer(
        name: &str,
        attributes: RawAttributes,
        segment_bytes: u16,
        port: u16,
        group: Option<RawGroup>,
    ) -> Result<Content, DecodeError> {
        #[derive(Serialize)]
        struct Hostile<'a>(
            u8,
            u8,
            u64,
            Cast,
            &'a str,
            u64,
            RawAttributes,
            u16,
            u16,
            u16,
            [u8; 32],
            u16,
            Option<RawGroup>,
            u64,
            Vec<(u16, Vec<u8>)>,
        );
        let offer = Hostile(
            1,
            0,
            7,
            Cast::Unicast,
            name,
            1_000,
            attributes,
            segment_bytes,
            1,
            0,
            [9; 32],
            port,
            group,
            u64::MAX,
            vec![(9, vec![1, 2]), (40_000, vec![])],
        );
        Content::decode(&postcard::to_stdvec(&offer).unwrap())
    }

    #[test]
    fn a_hostile_offer_is_malformed() {
        let decode =
            |name, segment_bytes, port| decode_offer(name, PLAIN, segment_bytes, port, None);
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
        for attributes in [
            (0o4755, 1_700_000_000, 0),
            (0o644, i64::MAX, 0),
            (0o644, i64::MIN, 0),
            (0o644, 0, 1_000_000_000),
        ] {
            assert_eq!(
                decode_offer("name", attributes, 1_200, 4_000, None),
                Err(DecodeError::Malformed),
                "{attributes:?}"
            );
        }
    }

    #[test]
    fn a_hostile_group_is_malformed() {
        let to_group = |address, port, ack_every| {
            let group = (address, port, [9; 32], ack_every);
            decode_offer("name", PLAIN, 1_200, 4_000, Some(group))
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
    fn offers_count_their_segments() {
        let segments = |bytes| {
            let offer = Offer {
                transfer: TransferId(1),
                cast: Cast::Unicast,
                name: FileName::sanitized("name"),
                bytes,
                attributes: FileAttributes {
                    permissions: Permissions::of_mode(0o644),
                    modified: ModifiedTime::nearest(0, 0),
                },
                segment_bytes: SegmentBytes::DEFAULT,
                lane: 1,
                receiver: 0,
                stream_key: Key::from_bytes([9; 32]),
                sender_port: NonZeroU16::MIN,
                group: None,
                features: Features::NONE,
                extensions: Extensions::NONE,
            };
            offer.segments()
        };
        assert_eq!([0, 1, 1_184, 1_185, 2_368].map(segments), [0, 1, 1, 2, 2]);
        assert_eq!(segments(u64::MAX), u64::MAX / 1_184 + 1);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let accept = FileMessage::Accept {
            transfer: TransferId(1),
            port: NonZeroU16::MIN,
            ack_key: Key::from_bytes([0xab; 32]),
            free_segments: 1,
            features: Features::NONE,
            extensions: Extensions::NONE,
        };
        let shown = format!("{accept:?}");
        assert!(
            shown.contains("Key(..)") && !shown.contains("171"),
            "{shown}"
        );
    }
}
