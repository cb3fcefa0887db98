//! The key schedule: HKDF over the SPAKE2 secret and a transcript of every byte exchanged.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use spake2::{Ed25519Group, Spake2};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::binding::ChannelBinding;
use super::error::HandshakeError;
use super::frame::SHARE_BYTES;
use crate::key::{self, Key};
use crate::password::StretchedPassword;
use crate::record::{RecordOpener, RecordSealer};

const CLIENT_IDENTITY: &[u8] = b"backroom client v1";
const SERVER_IDENTITY: &[u8] = b"backroom server v1";
const TRANSCRIPT_LABEL: &[u8] = b"backroom handshake v3";

/// A key for each direction.
#[derive(Debug)]
pub struct SessionKeys {
    /// Seals the records that this side sends.
    pub send: RecordSealer,
    /// Opens the records that this side receives.
    pub receive: RecordOpener,
}

/// SHA-256 over every byte of the handshake, in the order of sending.
#[derive(Debug)]
pub(super) struct Transcript(Sha256);

impl Transcript {
    pub(super) fn new() -> Self {
        Self(Sha256::new_with_prefix(TRANSCRIPT_LABEL))
    }

    /// Adds a frame as it was sent: length, then body.
    pub(super) fn add_frame(&mut self, body: &[u8]) {
        self.0.update((body.len() as u16).to_be_bytes());
        self.0.update(body);
    }

    /// Adds the client's second frame, except its confirmation, which depends on this hash: the share, and what a later
    /// version appends.
    pub(super) fn finish(
        mut self,
        client_share: &[u8; SHARE_BYTES],
        appended: &[u8],
    ) -> ChannelBinding {
        self.0.update(client_share);
        self.0.update(appended);
        ChannelBinding::from(<[u8; 32]>::from(self.0.finalize()))
    }
}

type StartSide =
    fn(&spake2::Password, &spake2::Identity, &spake2::Identity) -> (Spake2<Ed25519Group>, Vec<u8>);

/// Starts SPAKE2 as the client (`Spake2::start_a`) or the server (`Spake2::start_b`). Returns the share to send.
pub(super) fn start_pake(
    side: StartSide,
    password: &StretchedPassword,
) -> Result<(Spake2<Ed25519Group>, [u8; SHARE_BYTES]), HandshakeError> {
    let (pake, share) = side(
        &spake2::Password::new(password.bytes.as_slice()),
        &spake2::Identity::new(CLIENT_IDENTITY),
        &spake2::Identity::new(SERVER_IDENTITY),
    );
    let share = share.try_into().map_err(|_| HandshakeError::Malformed)?;
    Ok((pake, share))
}

/// The keys derived from the SPAKE2 secret and the transcript (RFC 5869; the labels are the `info`).
pub(super) struct Schedule {
    client_to_server: Key,
    server_to_client: Key,
    confirm_client: Zeroizing<[u8; 64]>,
    confirm_server: Zeroizing<[u8; 64]>,
    binding: ChannelBinding,
}

impl Schedule {
    /// Finishes SPAKE2 with the other side's share. An invalid share counts as a wrong password, so that both get the same
    /// reply.
    pub(super) fn derive(
        pake: Spake2<Ed25519Group>,
        other_share: &[u8; SHARE_BYTES],
        binding: ChannelBinding,
    ) -> Result<Self, HandshakeError> {
        let secret = Zeroizing::new(
            pake.finish(other_share)
                .map_err(|_| HandshakeError::WrongPassword)?,
        );
        Ok(Self::from_secret(&secret, binding))
    }

    fn from_secret(secret: &[u8], binding: ChannelBinding) -> Self {
        // With the hash of the transcript as the salt, any modified byte of the handshake gives other keys.
        let hkdf = Hkdf::<Sha256>::new(Some(binding.as_bytes()), secret);
        Self {
            client_to_server: expand(&hkdf, b"backroom v1 client to server"),
            server_to_client: expand(&hkdf, b"backroom v1 server to client"),
            confirm_client: Zeroizing::new(key::expand(&hkdf, &[b"backroom v1 confirm client"])),
            confirm_server: Zeroizing::new(key::expand(&hkdf, &[b"backroom v1 confirm server"])),
            binding,
        }
    }

    pub(super) fn binding(&self) -> &ChannelBinding {
        &self.binding
    }

    pub(super) fn client_confirmation(&self) -> [u8; 32] {
        confirmation(&self.confirm_client, &self.binding, &[])
    }

    /// Also confirms the rest of the server's second frame.
    pub(super) fn server_confirmation(&self, rest: &[u8]) -> [u8; 32] {
        confirmation(&self.confirm_server, &self.binding, rest)
    }

    pub(super) fn client_keys(&self) -> SessionKeys {
        SessionKeys {
            send: RecordSealer::new(&self.client_to_server),
            receive: RecordOpener::new(&self.server_to_client),
        }
    }

    pub(super) fn server_keys(&self) -> SessionKeys {
        SessionKeys {
            send: RecordSealer::new(&self.server_to_client),
            receive: RecordOpener::new(&self.client_to_server),
        }
    }
}

/// Compares confirmations in constant time.
pub(super) fn check_confirmation(
    received: &[u8; 32],
    expected: &[u8; 32],
) -> Result<(), HandshakeError> {
    if received.ct_eq(expected).into() {
        Ok(())
    } else {
        Err(HandshakeError::WrongPassword)
    }
}

fn expand(hkdf: &Hkdf<Sha256>, label: &[u8]) -> Key {
    Key::from_bytes(key::expand(hkdf, &[label]))
}

/// HMAC-SHA256 of the transcript's hash and of the rest of a frame. The key has the block size of HMAC-SHA256.
fn confirmation(key: &[u8; 64], binding: &ChannelBinding, rest: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new(key.into())
        .chain_update(binding.as_bytes())
        .chain_update(rest)
        .finalize()
        .into_bytes()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};

    /// Computed with Python's hashlib and hmac.
    #[test]
    fn the_key_schedule_matches_another_implementation() {
        let schedule = Schedule::from_secret(&bytes(0), bytes(32).into());
        for (found, expected) in [
            (
                schedule.client_to_server.as_bytes(),
                "544ee93ecc097ec3f2714564af63450df8e353b013f20d5ddd3ceafbf44ed5c6",
            ),
            (
                schedule.server_to_client.as_bytes(),
                "a2e3fe29f2370c3e7d38b5060678c4cd05ffc345ad5d4b711a07544c641e0456",
            ),
            (
                &schedule.client_confirmation(),
                "7462f169b1d584fd464e66f13958b4c2aacbbcf93f16fe61935f1ef8e5d531bc",
            ),
            (
                &schedule.server_confirmation(&[]),
                "dd1017e3da7e8e93f0bb7a29345a9f4527e9dc0423a59f10ce654af9747a2622",
            ),
            (
                &schedule.server_confirmation(b"rest"),
                "c86ce1397de178b23a30aee1b4be43bbf456779b1f0445509e522f0ff5a2e5de",
            ),
        ] {
            assert_eq!(found[..], unhex(expected));
        }
    }

    /// Computed with Python's hashlib: `hello` and `challenge` with their lengths, then the share and what follows it.
    #[test]
    fn the_transcript_covers_every_byte() {
        let mut transcript = Transcript::new();
        transcript.add_frame(b"hello");
        transcript.add_frame(b"challenge");
        let expected = "0b68f5371353f56782147ad93b9cbbbfaa0bda45cf653549a114268273b07fe3";
        let binding = transcript.finish(&[7; SHARE_BYTES], b"appended");
        assert_eq!(binding.as_bytes()[..], unhex(expected));
    }

    #[test]
    fn all_keys_are_distinct_and_not_zero() {
        let schedule = Schedule::from_secret(&bytes(0), bytes(32).into());
        let keys = [
            schedule.client_to_server.as_bytes(),
            schedule.server_to_client.as_bytes(),
            schedule.confirm_client.first_chunk().unwrap(),
            schedule.confirm_server.first_chunk().unwrap(),
            &schedule.client_confirmation(),
            &schedule.server_confirmation(&[]),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert_ne!(*key, &[0; 32]);
            assert!(!keys[..i].contains(key));
        }
    }

    #[test]
    fn keys_depend_on_the_secret_and_the_transcript() {
        let keys = |secret: [u8; 32], binding: [u8; 32]| {
            let schedule = Schedule::from_secret(&secret, binding.into());
            [
                *schedule.client_to_server.as_bytes(),
                *schedule.server_to_client.as_bytes(),
            ]
        };
        let [a, b, c] = [
            keys(bytes(0), bytes(1)),
            keys(bytes(1), bytes(1)),
            keys(bytes(0), bytes(0)),
        ];
        assert!((0..2).all(|i| a[i] != b[i] && a[i] != c[i] && b[i] != c[i]));
    }
}
