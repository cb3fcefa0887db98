//! The server's half of the handshake.

use std::fmt;
use std::sync::Arc;

use spake2::{Ed25519Group, Spake2};

use super::agreement::{Agreement, Established};
use super::capabilities::Capabilities;
use super::error::HandshakeError;
use super::frame::{self, Challenge, Frame};
use super::keys::{Schedule, Transcript, check_confirmation, start_pake};
use super::server_identity::ServerIdentity;
use crate::features::Features;
use crate::key::random_bytes;
use crate::password::StretchedPassword;

/// The server waits for a client's hello.
#[derive(Debug)]
pub struct ServerHandshake {
    own: Capabilities,
    password: StretchedPassword,
    identity: Arc<ServerIdentity>,
}

impl ServerHandshake {
    /// Creates the state of a new connection. The server stretches the password once, when it starts.
    pub fn new(password: StretchedPassword, identity: Arc<ServerIdentity>) -> Self {
        Self {
            own: Capabilities::CURRENT,
            password,
            identity,
        }
    }

    /// Answers as a program with these capabilities.
    #[must_use]
    pub fn with_capabilities(self, own: Capabilities) -> Self {
        Self { own, ..self }
    }

    /// Handles the client's first frame and returns the frame to send. It takes a few scalar multiplications.
    pub fn handle_hello(self, body: &[u8]) -> Result<(ServerChallenged, Frame), HandshakeError> {
        let client = frame::parse_hello(body, self.own.versions)?;
        let (version, features) = self.own.agree(client)?;
        let (pake, share) = start_pake(Spake2::start_b, &self.password)?;
        let challenge = Challenge {
            capabilities: self.own,
            params: self.password.params(),
            share,
        };
        let challenge = challenge.encode(&random_bytes()?);
        let mut transcript = Transcript::new();
        transcript.add_frame(body);
        transcript.add_frame(challenge.body());
        let challenged = ServerChallenged {
            own: self.own,
            version,
            features,
            identity: self.identity,
            transcript,
            pake,
        };
        Ok((challenged, challenge))
    }
}

/// The server waits for the client's proof. [`handle_proof`](Self::handle_proof) consumes this state, so each connection can
/// test only one password.
pub struct ServerChallenged {
    own: Capabilities,
    version: u16,
    features: Features,
    identity: Arc<ServerIdentity>,
    transcript: Transcript,
    pake: Spake2<Ed25519Group>,
}

impl ServerChallenged {
    /// Checks the client's second frame and returns the frame to send. The client is admitted. The server sends nothing that
    /// depends on the password before this check, and does not sign.
    pub fn handle_proof(self, body: &[u8]) -> Result<(Established, Frame), HandshakeError> {
        let proof = frame::parse_proof(body, self.own.versions)?;
        let binding = self.transcript.finish(&proof.share, proof.appended);
        let schedule = Schedule::derive(self.pake, &proof.share, binding)?;
        check_confirmation(&proof.confirmation, &schedule.client_confirmation())?;
        let identity = self.identity.prove(&binding);
        let accepted = frame::accepted(&schedule.server_confirmation(&identity), &identity);
        let established = Established {
            keys: schedule.server_keys(),
            agreement: Agreement {
                version: self.version,
                features: self.features,
                server: self.identity.server_key(),
                binding,
            },
        };
        Ok((established, accepted))
    }
}

impl fmt::Debug for ServerChallenged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerChallenged(..)")
    }
}
