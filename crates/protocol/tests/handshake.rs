//! The handshake between two sides with the same password, and with anyone else.

use std::sync::{Arc, LazyLock};

use backroom_protocol::handshake::{
    ClientChallenged, ClientHandshake, Frame, HandshakeError, Lifetime, MAX_FRAME_BYTES,
    ServerChallenged, ServerHandshake, ServerIdentity, SessionKeys, VersionMismatch, Versions,
    frame_length,
};
use backroom_protocol::record::RecordOpener;
use backroom_protocol::{Identity, Password, StretchParams, StretchedPassword};

const PARAMS_SALT: [u8; 16] = [7; 16];

static RIGHT: LazyLock<StretchedPassword> = LazyLock::new(|| stretched("correct horse"));
static WRONG: LazyLock<StretchedPassword> = LazyLock::new(|| stretched("battery staple"));

fn stretched(password: &str) -> StretchedPassword {
    let params = StretchParams::new(PARAMS_SALT, 600_000).expect("allowed");
    StretchedPassword::stretch(
        &Password::new(password.to_owned()).expect("allowed"),
        params,
    )
}

fn server(password: &StretchedPassword) -> ServerHandshake {
    let identity = ServerIdentity {
        identity: Identity::from_seed(&[5; 32]),
        lifetime: Lifetime::Lasting,
    };
    ServerHandshake::new(password.clone(), Arc::new(identity))
}

/// A handshake up to the challenge: both states and the frames so far.
fn challenged() -> (ClientChallenged, ServerChallenged, Frame, Frame) {
    let (client, hello) = ClientHandshake::start().expect("random bytes");
    let (server, challenge) = server(&RIGHT)
        .handle_hello(hello.body())
        .expect("a good hello");
    let client = client
        .handle_challenge(challenge.body())
        .expect("a good challenge");
    (client, server, hello, challenge)
}

fn relay(from: &mut SessionKeys, to: &mut SessionKeys, message: &[u8]) {
    let mut frame = Vec::new();
    from.send.seal(message, &mut frame).expect("short enough");
    let (header, body) = frame.split_first_chunk_mut().expect("a header");
    assert_eq!(RecordOpener::body_length(*header), Ok(body.len()));
    assert_eq!(to.receive.open(body).expect("authentic"), message);
}

/// Runs a handshake in which each frame passes through `change` (0 hello, 1 challenge, 2 proof, 3 accepted). Returns
/// whether each side accepted the other.
fn accepted_with(change: impl Fn(usize, &mut Vec<u8>)) -> (bool, bool) {
    let changed = |i, frame: &Frame| {
        let mut body = frame.body().to_vec();
        change(i, &mut body);
        body
    };
    let (client, hello) = ClientHandshake::start().expect("random bytes");
    let Ok((server, challenge)) = server(&RIGHT).handle_hello(&changed(0, &hello)) else {
        return (false, false);
    };
    let proved = client
        .handle_challenge(&changed(1, &challenge))
        .and_then(|client| client.prove(&RIGHT));
    let Ok((client, proof)) = proved else {
        return (false, false);
    };
    let Ok((_, accepted)) = server.handle_proof(&changed(2, &proof)) else {
        return (false, false);
    };
    (client.handle_reply(&changed(3, &accepted)).is_ok(), true)
}

#[test]
fn the_same_password_gives_both_sides_matching_keys() {
    let (client, server, ..) = challenged();
    assert_eq!(client.stretch_params(), RIGHT.params());
    let (client, proof) = client.prove(&RIGHT).unwrap();
    let (at_server, accepted) = server.handle_proof(proof.body()).unwrap();
    let at_client = client.handle_reply(accepted.body()).unwrap();
    assert_eq!(at_client.agreement, at_server.agreement);
    let (mut client_keys, mut server_keys) = (at_client.keys, at_server.keys);
    for message in [&b"a"[..], b"", b"the third"] {
        relay(&mut client_keys, &mut server_keys, message);
        relay(&mut server_keys, &mut client_keys, message);
    }
}

#[test]
fn a_record_of_one_direction_does_not_open_in_the_other() {
    let (client, server, ..) = challenged();
    let (client, proof) = client.prove(&RIGHT).unwrap();
    let (_, accepted) = server.handle_proof(proof.body()).unwrap();
    let mut keys = client.handle_reply(accepted.body()).unwrap().keys;
    let mut frame = Vec::new();
    keys.send.seal(b"reflected", &mut frame).unwrap();
    assert!(keys.receive.open(&mut frame[4..]).is_err());
}

#[test]
fn a_wrong_password_reveals_nothing_else() {
    let (client, server, ..) = challenged();
    let (client, proof) = client.prove(&WRONG).unwrap();
    let error = server.handle_proof(proof.body()).unwrap_err();
    assert_eq!(error, HandshakeError::WrongPassword);
    assert_eq!(
        client.handle_reply(error.refusal().body()).unwrap_err(),
        HandshakeError::WrongPassword
    );
    assert_eq!(error.to_string(), "wrong password");
}

#[test]
fn a_server_with_a_wrong_password_is_detected() {
    let (client, hello) = ClientHandshake::start().unwrap();
    let (server, challenge) = server(&WRONG).handle_hello(hello.body()).unwrap();
    let (client, proof) = client
        .handle_challenge(challenge.body())
        .unwrap()
        .prove(&RIGHT)
        .unwrap();
    assert!(server.handle_proof(proof.body()).is_err());
    // Whatever it says instead of its confirmation, here the client's own, is not believed.
    let mut accepted = proof.body()[34..].to_vec();
    accepted.insert(0, 4);
    assert_eq!(
        client.handle_reply(&accepted).unwrap_err(),
        HandshakeError::WrongPassword
    );
}

#[test]
fn every_failed_proof_gets_the_same_reply() {
    let mut replies = Vec::new();
    for i in 0..4 {
        let (client, server, ..) = challenged();
        let (_, proof) = client.prove(if i == 0 { &WRONG } else { &RIGHT }).unwrap();
        let mut body = proof.body().to_vec();
        match i {
            0 => {}
            1 => body[40] ^= 1,
            2 => body.truncate(50),
            _ => body[1..].fill(0xff),
        }
        replies.push(server.handle_proof(&body).unwrap_err().refusal());
    }
    assert!(replies.iter().all(|reply| reply == &replies[0]));
}

#[test]
fn any_modified_byte_fails_the_handshake() {
    assert_eq!(
        accepted_with(|_, _| {}),
        (true, true),
        "unchanged it succeeds"
    );
    for (frame, length) in [(0, 53), (1, 98), (2, 66), (3, 130)] {
        for byte in 0..length {
            for flip in [0x01, 0x80] {
                let (client, server) = accepted_with(|i, body| {
                    if i == frame {
                        assert_eq!(body.len(), length);
                        body[byte] ^= flip;
                    }
                });
                assert!(
                    !client,
                    "the client accepted with byte {byte} of frame {frame} changed"
                );
                assert!(
                    frame == 3 || !server,
                    "the server accepted with byte {byte} of frame {frame} changed"
                );
            }
        }
    }
}

#[test]
fn truncated_and_extended_frames_fail() {
    for frame in 0..4 {
        for change in [0, 1, 2] {
            let (client, _) = accepted_with(|i, body| {
                if i == frame {
                    match change {
                        0 => drop(body.pop()),
                        1 => body.push(0),
                        _ => body.clear(),
                    }
                }
            });
            assert!(!client, "frame {frame}, change {change}");
        }
    }
}

#[test]
fn frame_lengths_are_checked_before_reading() {
    for bytes in [0, MAX_FRAME_BYTES + 1, 0xffff] {
        assert_eq!(
            frame_length((bytes as u16).to_be_bytes()),
            Err(HandshakeError::FrameLength { bytes })
        );
    }
    assert_eq!(frame_length([2, 0]), Ok(512));
    let (_, hello) = ClientHandshake::start().unwrap();
    assert_eq!(
        frame_length([hello.as_bytes()[0], hello.as_bytes()[1]]),
        Ok(hello.body().len())
    );
}

#[test]
fn a_client_rejects_out_of_range_iterations() {
    for iterations in [0u32, 1, 100_000, 599_999, 10_000_001, u32::MAX] {
        let (client, hello) = ClientHandshake::start().unwrap();
        let (_, challenge) = server(&RIGHT).handle_hello(hello.body()).unwrap();
        let mut body = challenge.body().to_vec();
        assert_eq!(body[51..55], 600_000u32.to_be_bytes());
        body[51..55].copy_from_slice(&iterations.to_be_bytes());
        let error = client.handle_challenge(&body).unwrap_err();
        assert!(
            matches!(error, HandshakeError::Iterations(bad) if bad.iterations == iterations),
            "{error}"
        );
    }
}

#[test]
fn a_modified_salt_fails_the_handshake() {
    let (client, hello) = ClientHandshake::start().unwrap();
    let (server, challenge) = server(&RIGHT).handle_hello(hello.body()).unwrap();
    let mut body = challenge.body().to_vec();
    body[35] ^= 1;
    let client = client.handle_challenge(&body).unwrap();
    let password = Password::new("correct horse".to_owned()).unwrap();
    let stretched = StretchedPassword::stretch(&password, client.stretch_params());
    let (_, proof) = client.prove(&stretched).unwrap();
    assert_eq!(
        server.handle_proof(proof.body()).unwrap_err(),
        HandshakeError::WrongPassword
    );
}

#[test]
fn a_password_stretched_for_another_server_is_not_used() {
    let (client, ..) = challenged();
    let other = StretchParams::new([8; 16], 600_000).unwrap();
    let password = Password::new("correct horse".to_owned()).unwrap();
    let result = client.prove(&StretchedPassword::stretch(&password, other));
    assert_eq!(result.unwrap_err(), HandshakeError::WrongStretch);
}

#[test]
fn a_recorded_proof_cannot_be_replayed() {
    let (client, _, hello, _) = challenged();
    let (_, proof) = client.prove(&RIGHT).unwrap();
    let (server, _) = server(&RIGHT).handle_hello(hello.body()).unwrap();
    assert_eq!(
        server.handle_proof(proof.body()).unwrap_err(),
        HandshakeError::WrongPassword
    );
}

#[test]
fn a_reflected_share_is_refused() {
    let (_, server, _, challenge) = challenged();
    let mut proof = vec![3];
    proof.extend_from_slice(&challenge.body()[55..88]);
    proof.extend_from_slice(&[0; 32]);
    assert_eq!(
        server.handle_proof(&proof).unwrap_err(),
        HandshakeError::WrongPassword
    );
}

#[test]
fn version_and_load_are_reported_and_other_protocols_recognised() {
    let (_, hello) = ClientHandshake::start().unwrap();
    let mut newer = hello.body().to_vec();
    // Only a version that is two newer.
    (newer[10], newer[44]) = (5, 4);
    let error = server(&RIGHT).handle_hello(&newer).unwrap_err();
    let other = Versions::new(4, 5);
    let own = Versions::CURRENT;
    assert_eq!(error, VersionMismatch { own, other }.into());
    assert_eq!(error.refusal().as_bytes(), [0, 6, 5, 2, 0, 3, 0, 3]);
    let client = || ClientHandshake::start().unwrap().0;
    for bare in [&[5, 2][..], &[5, 2, 0, 5, 0, 4]] {
        let other = if bare.len() > 2 { other } else { None };
        let refused = client().handle_challenge(bare).unwrap_err();
        assert_eq!(refused, VersionMismatch { own, other }.into());
    }
    let busy = HandshakeError::Busy.refusal();
    assert_eq!(
        client().handle_challenge(busy.body()).unwrap_err(),
        HandshakeError::Busy
    );
    assert_eq!(
        server(&RIGHT).handle_hello(b"GET / HTTP/1.1").unwrap_err(),
        HandshakeError::Malformed
    );
}

/// An eavesdropper sees constants, the parameters, random bytes, two shares, two confirmations, and the server's identity
/// with a signature of the other bytes. Only the shares and the
/// confirmations depend on the password, and they differ in every run. No byte is therefore a function of the password
/// alone, against which an attacker could test guesses. (That a share hides the password is a theorem about SPAKE2 and
/// cannot be tested here.)
#[test]
fn no_message_depends_on_the_password_alone() {
    let join = || {
        let (client, server, hello, challenge) = challenged();
        let (_, proof) = client.prove(&RIGHT).unwrap();
        let (_, accepted) = server.handle_proof(proof.body()).unwrap();
        [hello, challenge, proof, accepted].map(|frame| frame.as_bytes().to_vec())
    };
    let (first, second) = (join(), join());
    // Where the two joins of the same password to the same server must agree, and all that they agree in.
    let constant = [
        (0, 0..13, b"\x00\x35\x01backroom\x00\x03".to_vec()),
        (0, 45..55, b"\x00\x03\0\0\0\0\0\0\0\0".to_vec()),
        (1, 0..5, b"\x00\x62\x02\x00\x03".to_vec()),
        (
            1,
            37..57,
            [&PARAMS_SALT[..], &600_000u32.to_be_bytes()].concat(),
        ),
        (1, 57..58, b"B".to_vec()),
        (1, 90..100, b"\x00\x03\0\0\0\0\0\0\0\0".to_vec()),
        (2, 0..4, b"\x00\x42\x03A".to_vec()),
        (3, 0..3, b"\x00\x82\x04".to_vec()),
        (
            3,
            35..68,
            [&Identity::from_seed(&[5; 32]).key().as_bytes()[..], &[1]].concat(),
        ),
    ];
    for (frame, range, bytes) in &constant {
        assert_eq!(first[*frame][range.clone()], bytes[..]);
        assert_eq!(second[*frame][range.clone()], bytes[..]);
    }
    // Everything else is fresh: randoms, shares, confirmations, the signature.
    for (frame, range) in [
        (0, 13..45),
        (1, 5..37),
        (1, 58..90),
        (2, 4..36),
        (2, 36..68),
        (3, 3..35),
        (3, 68..132),
    ] {
        assert_ne!(first[frame][range.clone()], second[frame][range]);
    }
}

#[test]
fn debug_output_of_states_shows_no_secrets() {
    let (client, server, ..) = challenged();
    let shown = format!("{server:?}");
    assert_eq!(shown, "ServerChallenged(..)");
    let (proved, proof) = client.prove(&RIGHT).unwrap();
    assert_eq!(format!("{proved:?}"), "ClientProved(..)");
    let (established, _) = server.handle_proof(proof.body()).unwrap();
    let keys = established.keys;
    // The exact text, so that this fails if the cipher's library ever shows its key.
    assert_eq!(
        format!("{keys:?}"),
        "SessionKeys { send: RecordSealer { cipher: AesGcm { .. }, counter: 0 }, \
         receive: RecordOpener { cipher: AesGcm { .. }, counter: 0, failed: false } }"
    );
}
