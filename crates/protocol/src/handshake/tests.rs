//! Programs of different versions, and what a later version may change.

use std::sync::Arc;

use spake2::Spake2;

use super::frame::{self, Challenge};
use super::keys::{Schedule, SessionKeys, Transcript, check_confirmation, start_pake};
use super::*;
use crate::features::Features;
use crate::identity::Identity;
use crate::key::random_bytes;
use crate::key::tests::bytes;
use crate::password::{Password, StretchParams, StretchedPassword};

/// What a later version appends to each of its frames.
const APPENDED: &[u8] = b"fields of a later version";

fn password() -> StretchedPassword {
    use std::sync::LazyLock;
    static STRETCHED: LazyLock<StretchedPassword> = LazyLock::new(|| {
        let password = Password::new("correct horse".to_owned()).unwrap();
        StretchedPassword::stretch(&password, StretchParams::new([7; 16], 600_000).unwrap())
    });
    STRETCHED.clone()
}

fn identity() -> Arc<ServerIdentity> {
    Arc::new(ServerIdentity {
        identity: Identity::from_seed(&bytes(3)),
        lifetime: Lifetime::Lasting,
    })
}

fn speaks(oldest: u16, newest: u16, features: u64) -> Capabilities {
    Capabilities {
        versions: Versions::new(oldest, newest).unwrap(),
        features: Features::from_bits(features),
    }
}

fn server(own: Capabilities) -> ServerHandshake {
    ServerHandshake::new(password(), identity()).with_capabilities(own)
}

/// Frames in transit, by their order: 0 hello, 1 challenge, 2 proof, 3 accepted.
type Change = fn(usize, &mut Vec<u8>);

/// A handshake between two programs. A man in the middle applies `change` to the frames.
fn join(
    client: Capabilities,
    answering: Capabilities,
    change: Change,
) -> Result<(Established, Established), HandshakeError> {
    let transit = |frame, sent: &Frame| {
        let mut body = sent.body().to_vec();
        change(frame, &mut body);
        body
    };
    let (client, hello) = ClientHandshake::start_with(client)?;
    let (server, challenge) = match server(answering).handle_hello(&transit(0, &hello)) {
        Ok(answer) => answer,
        // The client's error, which is what its user sees.
        Err(error) => return Err(client.handle_challenge(error.refusal().body()).unwrap_err()),
    };
    let client = client.handle_challenge(&transit(1, &challenge))?;
    let (client, proof) = client.prove(&password())?;
    let (at_server, accepted) = server.handle_proof(&transit(2, &proof))?;
    let at_client = client.handle_reply(&transit(3, &accepted))?;
    Ok((at_client, at_server))
}

fn unchanged(_: usize, _: &mut Vec<u8>) {}

fn longer(frame: &Frame) -> Vec<u8> {
    [frame.body(), APPENDED].concat()
}

fn agree(mut client: SessionKeys, mut server: SessionKeys) {
    let mut record = Vec::new();
    client.send.seal(b"hello", &mut record).unwrap();
    assert_eq!(server.receive.open(&mut record[4..]).unwrap(), b"hello");
}

#[test]
fn versions_one_apart_use_what_both_have() {
    for (client, server, version, features) in [
        (speaks(3, 3, 0b01), speaks(3, 3, 0b11), 3, 0b01),
        (speaks(3, 4, 0b111), speaks(3, 3, 0b101), 3, 0b101),
        (speaks(3, 3, 0b101), speaks(3, 4, 0b110), 3, 0b100),
        (speaks(3, 4, u64::MAX), speaks(3, 4, 1 << 63), 4, 1 << 63),
        (speaks(4, 5, 0), speaks(3, 4, u64::MAX), 4, 0),
    ] {
        let (at_client, at_server) = join(client, server, unchanged).unwrap();
        assert_eq!(at_client.agreement, at_server.agreement);
        assert_eq!(at_client.agreement.version, version);
        assert_eq!(at_client.agreement.features, Features::from_bits(features));
        assert_eq!(at_client.agreement.server, identity().server_key());
        agree(at_client.keys, at_server.keys);
    }
}

#[test]
fn versions_two_apart_are_refused_with_both_versions() {
    for (client, server) in [
        (speaks(3, 3, 0), speaks(4, 5, 0)),
        (speaks(4, 5, 0), speaks(3, 3, 0)),
    ] {
        let mismatch = VersionMismatch {
            own: client.versions,
            other: Some(server.versions),
        };
        let refused = join(client, server, unchanged).unwrap_err();
        assert_eq!(refused, HandshakeError::Version(mismatch));
    }
}

/// Version 2 has frames of a fixed size, and understands only the bare reason.
#[test]
fn a_client_of_version_2_gets_its_own_refusal() {
    let hello = [&[1][..], b"backroom", &[0, 2], &[9; 32]].concat();
    let error = server(Capabilities::CURRENT)
        .handle_hello(&hello)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the other side speaks protocol version 2 and this program version 3; upgrade the program on the other side"
    );
    assert_eq!(error.refusal().as_bytes(), [0, 2, 5, 2]);
}

/// A server of version 2 reads the version before anything else, and answers with the bare reason.
#[test]
fn a_server_of_version_2_is_reported_as_too_old() {
    let (client, hello) = ClientHandshake::start().unwrap();
    assert_eq!(hello.body()[..11], *b"\x01backroom\x00\x03");
    let error = client.handle_challenge(&[5, 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the other side speaks protocol version 2 or older and this program version 3; upgrade the program on the other side"
    );
}

#[test]
fn a_later_client_may_append_fields() {
    let hello = longer(&frame::hello(speaks(3, 4, 7), &random_bytes().unwrap()));
    let (server, challenge) = server(Capabilities::CURRENT).handle_hello(&hello).unwrap();
    let parsed = Challenge::parse(challenge.body(), Versions::CURRENT).unwrap();
    let mut transcript = Transcript::new();
    transcript.add_frame(&hello);
    transcript.add_frame(challenge.body());
    let (pake, share) = start_pake(Spake2::start_a, &password()).unwrap();
    let binding = transcript.finish(&share, APPENDED);
    let schedule = Schedule::derive(pake, &parsed.share, binding).unwrap();
    let proof = longer(&frame::proof(&share, &schedule.client_confirmation()));
    let (established, accepted) = server.handle_proof(&proof).unwrap();
    let (confirmation, rest) = frame::parse_accepted(accepted.body(), Versions::CURRENT).unwrap();
    let expected = schedule.server_confirmation(rest);
    assert_eq!(check_confirmation(&confirmation, &expected), Ok(()));
    assert_eq!(established.agreement.version, 3);
    assert_eq!(established.agreement.binding, binding);
    agree(schedule.client_keys(), established.keys);
}

#[test]
fn a_later_server_may_append_fields() {
    let (client, hello) = ClientHandshake::start().unwrap();
    let (pake, share) = start_pake(Spake2::start_b, &password()).unwrap();
    let challenge = Challenge {
        capabilities: speaks(3, 4, u64::MAX),
        params: password().params(),
        share,
    };
    let challenge = longer(&challenge.encode(&random_bytes().unwrap()));
    let client = client.handle_challenge(&challenge).unwrap();
    let (client, proof) = client.prove(&password()).unwrap();
    let mut transcript = Transcript::new();
    transcript.add_frame(hello.body());
    transcript.add_frame(&challenge);
    let proof = frame::parse_proof(proof.body(), Versions::CURRENT).unwrap();
    let binding = transcript.finish(&proof.share, &[]);
    let schedule = Schedule::derive(pake, &proof.share, binding).unwrap();
    let identity = [&identity().prove(&binding)[..], APPENDED].concat();
    let accepted = frame::accepted(&schedule.server_confirmation(&identity), &identity);
    let established = client.handle_reply(accepted.body()).unwrap();
    assert_eq!(established.agreement.version, 3);
    assert_eq!(established.agreement.features, Features::CURRENT);
    agree(established.keys, schedule.server_keys());
}

/// Appended fields are ignored, but not free to change: the confirmations cover them.
#[test]
fn appended_fields_are_authenticated() {
    let appended: [Change; 4] = [
        |frame, body| body.extend((frame == 0).then_some(1)),
        |frame, body| body.extend((frame == 1).then_some(1)),
        |frame, body| body.extend((frame == 2).then_some(1)),
        |frame, body| body.extend((frame == 3).then_some(1)),
    ];
    for change in appended {
        let refused = join(Capabilities::CURRENT, Capabilities::CURRENT, change);
        assert_eq!(refused.unwrap_err(), HandshakeError::WrongPassword);
    }
}

/// Each change makes one side believe that the other speaks less than it does.
#[test]
fn a_downgrade_by_a_man_in_the_middle_is_detected() {
    const HELLO_NEWEST: usize = 10;
    const HELLO_FEATURES: usize = 52;
    const CHALLENGE_NEWEST: usize = 2;
    const CHALLENGE_FEATURES: usize = 97;
    let downgrades: [Change; 4] = [
        |frame, body| {
            if frame == 0 {
                assert_eq!(std::mem::replace(&mut body[HELLO_NEWEST], 3), 4);
            }
        },
        |frame, body| {
            if frame == 0 {
                assert_eq!(std::mem::take(&mut body[HELLO_FEATURES]), 5);
            }
        },
        |frame, body| {
            if frame == 1 {
                assert_eq!(std::mem::replace(&mut body[CHALLENGE_NEWEST], 3), 4);
            }
        },
        |frame, body| {
            if frame == 1 {
                assert_eq!(std::mem::take(&mut body[CHALLENGE_FEATURES]), 5);
            }
        },
    ];
    let both = speaks(3, 4, 5);
    assert!(join(both, both, unchanged).is_ok());
    for downgrade in downgrades {
        let refused = join(both, both, downgrade);
        assert_eq!(refused.unwrap_err(), HandshakeError::WrongPassword);
    }
}

/// Someone who knows the password answers a join in place of the server, and forwards the server's own proof of identity.
#[test]
fn the_identity_of_another_handshake_is_refused() {
    let (member, hello) = ClientHandshake::start().unwrap();
    let impostor = Arc::new(ServerIdentity {
        identity: Identity::from_seed(&bytes(4)),
        lifetime: Lifetime::Lasting,
    });
    let impostor = ServerHandshake::new(password(), impostor);
    let (impostor, challenge) = impostor.handle_hello(hello.body()).unwrap();
    let (member, proof) = member
        .handle_challenge(challenge.body())
        .and_then(|member| member.prove(&password()))
        .unwrap();
    let (established, _) = impostor.handle_proof(proof.body()).unwrap();
    // As it is, the member sees that this is not the server which it knows.
    let own = identity().server_key();
    assert_ne!(established.agreement.server, own);

    let (other, _) = join(Capabilities::CURRENT, Capabilities::CURRENT, unchanged).unwrap();
    let stolen = identity().prove(&other.agreement.binding);
    let forged = frame::accepted(&member.expected_confirmation(&stolen), &stolen);
    let refused = member.handle_reply(forged.body()).unwrap_err();
    assert_eq!(refused, HandshakeError::ServerIdentity);
}

#[test]
fn an_unknown_lifetime_or_a_short_identity_is_malformed() {
    let (established, _) = join(Capabilities::CURRENT, Capabilities::CURRENT, unchanged).unwrap();
    let binding = established.agreement.binding;
    let proof = identity().prove(&binding);
    assert_eq!(
        ServerKey::verify(&proof, &binding),
        Ok(identity().server_key())
    );
    let mut later = proof;
    later[32] = 2;
    assert_eq!(
        ServerKey::verify(&later, &binding),
        Err(HandshakeError::Malformed)
    );
    let short = &proof[..proof.len() - 1];
    assert_eq!(
        ServerKey::verify(short, &binding),
        Err(HandshakeError::Malformed)
    );
    let mut ephemeral = proof;
    ephemeral[32] = 0;
    let refused = Err(HandshakeError::ServerIdentity);
    assert_eq!(
        ServerKey::verify(&ephemeral, &binding),
        refused,
        "the lifetime is signed"
    );
}
