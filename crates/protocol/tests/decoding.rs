//! Decoding of messages from the network: any bytes give a message within bounds or an error.

use std::net::{IpAddr, SocketAddr};

use backroom_protocol::handshake::{Agreement, Lifetime, ServerKey, VERSION};
use backroom_protocol::room::MAX_MEMBERS;
use backroom_protocol::{
    ClientMessage, Credential, DecodeError, Features, Identity, Join, KeyPair, MAX_RECORD_BYTES,
    MemberId, MemberInfo, Message, Name, Part, Post, PublicKey, Reason, Refusal, ServerMessage,
    Subject,
};
use proptest::prelude::*;

fn key() -> PublicKey {
    KeyPair::generate().expect("random bytes").public_key()
}

fn any_key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_filter_map("of small order", |bytes| PublicKey::try_from(bytes).ok())
}

fn credential(seed: [u8; 32], binding: [u8; 32]) -> Credential {
    let identity = Identity::from_seed(&seed);
    let agreement = Agreement {
        version: VERSION,
        features: Features::NONE,
        server: ServerKey {
            key: identity.key(),
            lifetime: Lifetime::Lasting,
        },
        binding: binding.into(),
    };
    let subject = Subject {
        name: &Name::new("Ada").expect("visible characters"),
        public_key: &key(),
        features: Features::NONE,
    };
    Credential::sign(&identity, &agreement, subject)
}

fn any_credential() -> impl Strategy<Value = Option<Credential>> {
    prop::option::of(any::<[[u8; 32]; 2]>().prop_map(|[seed, binding]| credential(seed, binding)))
}

fn any_features() -> impl Strategy<Value = Features> {
    any::<u64>().prop_map(Features::from_bits)
}

fn any_name() -> impl Strategy<Value = Name> {
    "[a-zA-Zé名]{1,32}".prop_map(|name| Name::new(&name).expect("visible characters"))
}

fn any_id() -> impl Strategy<Value = MemberId> {
    any::<u32>().prop_map(MemberId)
}

fn any_reason() -> impl Strategy<Value = Reason> {
    "\\PC{0,600}".prop_map(Reason::new)
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=max)
}

fn any_member() -> impl Strategy<Value = MemberInfo> {
    (
        any_id(),
        any_name(),
        any::<IpAddr>(),
        any::<u16>(),
        any_key(),
        any_features(),
        any_credential(),
    )
        .prop_map(
            |(id, name, ip, port, public_key, features, credential)| MemberInfo {
                id,
                name,
                address: SocketAddr::new(ip, port),
                public_key,
                features,
                credential,
            },
        )
}

fn members() -> impl Strategy<Value = Vec<MemberInfo>> {
    prop::collection::vec(any_member(), 0..5)
}

fn any_post() -> impl Strategy<Value = Post> {
    let part = (any_id(), bytes(81)).prop_map(|(to, sealed)| Part { to, sealed });
    (bytes(300), prop::collection::vec(part, 0..5))
        .prop_map(|(content, parts)| Post { content, parts })
}

fn any_client_message() -> impl Strategy<Value = ClientMessage> {
    prop_oneof![
        (any_name(), any_key(), any_features(), any_credential()).prop_map(
            |(name, public_key, features, credential)| {
                ClientMessage::Join(Join {
                    name,
                    public_key,
                    features,
                    credential,
                })
            }
        ),
        any_post().prop_map(ClientMessage::Post),
        any_id().prop_map(|target| ClientMessage::Kick { target }),
        Just(ClientMessage::Users),
        Just(ClientMessage::Ping),
        Just(ClientMessage::Leave),
        Just(ClientMessage::Pong),
    ]
}

fn any_refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        prop::option::of(any_name()).prop_map(|suggestion| Refusal::NameTaken { suggestion }),
        any::<u32>().prop_map(|limit| Refusal::RoomFull { limit }),
        any::<u32>().prop_map(|seconds| Refusal::Banned { seconds }),
        any_reason().prop_map(Refusal::Other),
    ]
}

fn any_server_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        (any_id(), members()).prop_map(|(you, members)| ServerMessage::Joined { you, members }),
        any_refusal().prop_map(ServerMessage::Refused),
        any_member().prop_map(ServerMessage::MemberJoined),
        any_id().prop_map(|id| ServerMessage::MemberLeft { id }),
        members().prop_map(ServerMessage::Users),
        (any_id(), bytes(300), bytes(81)).prop_map(|(from, content, sealed)| {
            ServerMessage::Delivery {
                from,
                content,
                sealed,
            }
        }),
        prop::collection::vec(any_id(), 0..9).prop_map(|to| ServerMessage::Undelivered { to }),
        (any_id(), any::<u32>(), any::<u32>()).prop_map(|(target, votes, needed)| {
            ServerMessage::Vote {
                target,
                votes,
                needed,
            }
        }),
        (any_id(), any_name()).prop_map(|(target, name)| ServerMessage::Kicked { target, name }),
        any_reason().prop_map(|reason| ServerMessage::Rejected { reason }),
        Just(ServerMessage::Pong),
        Just(ServerMessage::Ping),
        any_reason().prop_map(|reason| ServerMessage::Closing { reason }),
    ]
}

proptest! {
    #[test]
    fn client_messages_round_trip_and_reject_trailing_bytes(message in any_client_message()) {
        let mut encoded = message.encode().unwrap();
        prop_assert_eq!(ClientMessage::decode(&encoded), Ok(message));
        encoded.push(0);
        prop_assert_eq!(ClientMessage::decode(&encoded), Err(DecodeError::TrailingBytes(1)));
    }

    #[test]
    fn server_messages_round_trip_and_reject_trailing_bytes(message in any_server_message()) {
        let mut encoded = message.encode().unwrap();
        prop_assert_eq!(ServerMessage::decode(&encoded), Ok(message));
        encoded.push(0);
        prop_assert_eq!(ServerMessage::decode(&encoded), Err(DecodeError::TrailingBytes(1)));
    }

    #[test]
    fn a_truncated_message_is_an_error(message in any_server_message(), cut in any::<prop::sample::Index>()) {
        let encoded = message.encode().unwrap();
        prop_assert!(ServerMessage::decode(&encoded[..cut.index(encoded.len())]).is_err());
    }

    #[test]
    fn a_borrowed_delivery_has_the_same_encoding(from in any_id(), content in bytes(300), sealed in bytes(81)) {
        let borrowed = ServerMessage::encode_delivery(from, &content, &sealed).unwrap();
        prop_assert_eq!(borrowed, ServerMessage::Delivery { from, content, sealed }.encode().unwrap());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in bytes(400)) {
        // What does decode is within bounds, and so can be encoded again.
        if let Ok(message) = ClientMessage::decode(&bytes) {
            prop_assert!(message.encode().is_ok());
        }
        if let Ok(message) = ServerMessage::decode(&bytes) {
            prop_assert!(message.encode().is_ok());
        }
    }

    #[test]
    fn modified_messages_never_panic(
        message in any_client_message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut encoded = message.encode().unwrap();
        for (at, byte) in changes {
            let at = at.index(encoded.len());
            encoded[at] = byte;
        }
        let _ = ClientMessage::decode(&encoded);
    }
}

/// A varint as postcard writes it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[test]
fn missing_announced_lengths_allocate_nothing() {
    for length in [1, 1 << 20, u64::from(u32::MAX), 1 << 62, u64::MAX] {
        for message in [
            [&[1][..], &varint(length)].concat(),    // Post: content
            [&[1, 0][..], &varint(length)].concat(), // Post: no content, parts
            [&[0][..], &varint(length)].concat(),    // Join: name
        ] {
            assert_eq!(ClientMessage::decode(&message), Err(DecodeError::Malformed));
        }
        for message in [
            [&[0, 0][..], &varint(length)].concat(), // Joined: members
            [&[6][..], &varint(length)].concat(),    // Undelivered
            [&[9][..], &varint(length)].concat(),    // Rejected: reason
        ] {
            assert_eq!(ServerMessage::decode(&message), Err(DecodeError::Malformed));
        }
    }
}

#[test]
fn lists_and_byte_strings_stop_at_their_bounds() {
    let part = |sealed| Part {
        to: MemberId(1),
        sealed: vec![0; sealed],
    };
    let decodes = |content, parts| {
        let encoded = ClientMessage::Post(Post {
            content: vec![0; content],
            parts,
        })
        .encode()
        .expect("a record's size");
        ClientMessage::decode(&encoded).is_ok()
    };
    assert!(decodes(0, vec![part(81); MAX_MEMBERS]));
    assert!(!decodes(0, vec![part(0); MAX_MEMBERS + 1]));
    assert!(!decodes(0, vec![part(82)]));
    assert!(decodes(65_536 + 64 + 16, vec![]));
    assert!(!decodes(65_536 + 64 + 17, vec![]));
}

#[test]
fn a_full_room_fits_into_a_record() {
    let member = MemberInfo {
        id: MemberId(u32::MAX),
        name: Name::new(&"名".repeat(32)).unwrap(),
        address: "[ff02:1234:5678:9abc:def0:1234:5678:9abc]:65535"
            .parse()
            .unwrap(),
        public_key: key(),
        features: Features::from_bits(u64::MAX),
        credential: Some(credential([1; 32], [2; 32])),
    };
    let encoded = ServerMessage::Users(vec![member; MAX_MEMBERS])
        .encode()
        .unwrap();
    assert!(ServerMessage::decode(&encoded).is_ok());
}

#[test]
fn oversized_messages_are_not_parsed() {
    let bytes = MAX_RECORD_BYTES + 1;
    let refused = DecodeError::TooLong {
        bytes,
        max: MAX_RECORD_BYTES,
    };
    assert_eq!(ClientMessage::decode(&vec![3; bytes]), Err(refused.clone()));
    assert_eq!(ServerMessage::decode(&vec![3; bytes]), Err(refused));
    let message = ClientMessage::Post(Post {
        content: vec![0; bytes],
        parts: vec![],
    });
    assert!(message.encode().is_err());
}

#[test]
fn invalid_fields_make_a_message_malformed() {
    let join = |name: &str, key: [u8; 32]| {
        let message = [&[0, name.len() as u8][..], name.as_bytes(), &key, &[0, 0]].concat();
        ClientMessage::decode(&message)
    };
    assert!(join("Ada", *key().as_bytes()).is_ok());
    for name in [
        "",
        "a|b",
        "a\u{1b}[2J",
        "zero\u{200b}width",
        "much too long to be the name of a member",
    ] {
        assert_eq!(
            join(name, *key().as_bytes()),
            Err(DecodeError::Malformed),
            "{name:?}"
        );
    }
    assert_eq!(
        join("Ada", [0; 32]),
        Err(DecodeError::Malformed),
        "a key of small order"
    );
    let join_as = |identity: [u8; 32]| {
        let fields = [&[0, 3][..], b"Ada", key().as_bytes(), &[0, 1]].concat();
        ClientMessage::decode(&[&fields[..], &identity, &[9; 32], &[9; 64]].concat())
    };
    assert!(join_as(*Identity::from_seed(&[1; 32]).key().as_bytes()).is_ok());
    let refused = Err(DecodeError::Malformed);
    assert_eq!(join_as([0; 32]), refused, "an identity of small order");
}
