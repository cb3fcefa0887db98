//! The server's half of the handshake.

use std::fmt;

use spake2::{Ed25519Group, Spake2};

use super::error::HandshakeError;
use super::frame::{Accepted, Challenge, Frame, Hello, Proof};
use super::keys::{Schedule, SessionKeys, Transcript, check_confirmation, server_share};
use crate::key::random_bytes;
use crate::password::StretchedPassword;

/// The server waits for a client's hello.
pub struct ServerHandshake {
    password: StretchedPassword,
}

impl ServerHandshake {
    /// Creates the state of a new connection. The server stretches the password once, when it starts.
    pub fn new(password: StretchedPassword) -> Self {
        Self { password }
    }

    /// Handles the client's first frame and returns the frame to send. It takes a few scalar multiplications.
    pub fn handle_hello(self, body: &[u8]) -> Result<(ServerChallenged, Frame), HandshakeError> {
        Hello::parse(body)?;
        let (pake, share) = server_share(&self.password)?;
        let params = self.password.params();
        let challenge = Challenge {
            random: random_bytes()?,
            salt: *params.salt(),
            iterations: params.iterations(),
            share,
        }
        .emit();
        let mut transcript = Transcript::new();
        transcript.add_frame(body);
        transcript.add_frame(challenge.body());
        Ok((ServerChallenged { transcript, pake }, challenge))
    }
}

/// The server waits for the client's proof. [`handle_proof`](Self::handle_proof) consumes this state, so each connection can
/// test only one password.
pub struct ServerChallenged {
    transcript: Transcript,
    pake: Spake2<Ed25519Group>,
}

impl ServerChallenged {
    /// Checks the client's second frame and returns the frame to send. The client is admitted. The server sends nothing that
    /// depends on the password before this check.
    pub fn handle_proof(self, body: &[u8]) -> Result<(SessionKeys, Frame), HandshakeError> {
        let proof = Proof::parse(body)?;
        let schedule = Schedule::derive(
            self.pake,
            &proof.share,
            self.transcript.finish(&proof.share),
        )?;
        check_confirmation(&proof.confirmation, &schedule.client_confirmation())?;
        let accepted = Accepted {
            confirmation: schedule.server_confirmation(),
        };
        Ok((schedule.server_keys(), accepted.emit()))
    }
}

impl fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerHandshake(..)")
    }
}

impl fmt::Debug for ServerChallenged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerChallenged(..)")
    }
}
