//! The server's half of the handshake.

use std::fmt;

use spake2::{Ed25519Group, Spake2};

use super::error::HandshakeError;
use super::frame::{self, Frame};
use super::keys::{Schedule, SessionKeys, Transcript, check_confirmation, start_pake};
use crate::key::random_bytes;
use crate::password::StretchedPassword;

/// The server waits for a client's hello.
#[derive(Debug)]
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
        frame::parse_hello(body)?;
        let (pake, share) = start_pake(Spake2::start_b, &self.password)?;
        let challenge = frame::challenge(&random_bytes()?, self.password.params(), &share);
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
        let (share, confirmation) = frame::parse_proof(body)?;
        let schedule = Schedule::derive(self.pake, &share, self.transcript.finish(&share))?;
        check_confirmation(&confirmation, &schedule.client_confirmation())?;
        let accepted = frame::accepted(&schedule.server_confirmation());
        Ok((schedule.server_keys(), accepted))
    }
}

impl fmt::Debug for ServerChallenged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerChallenged(..)")
    }
}
