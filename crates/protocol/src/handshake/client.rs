//! The client's half of the handshake.

use std::fmt;

use spake2::Spake2;

use super::agreement::{Agreement, Established};
use super::capabilities::Capabilities;
use super::error::HandshakeError;
use super::frame::{self, Challenge, Frame, SHARE_BYTES};
use super::keys::{Schedule, Transcript, check_confirmation, start_pake};
use super::server_identity::ServerKey;
use crate::features::Features;
use crate::key::random_bytes;
use crate::password::{StretchParams, StretchedPassword};

/// The client has sent its hello and waits for the challenge.
#[derive(Debug)]
pub struct ClientHandshake {
    own: Capabilities,
    transcript: Transcript,
}

impl ClientHandshake {
    /// Starts a handshake and returns the first frame to send.
    pub fn start() -> Result<(Self, Frame), HandshakeError> {
        Self::start_with(Capabilities::CURRENT)
    }

    /// Starts a handshake as a program with these capabilities.
    pub fn start_with(own: Capabilities) -> Result<(Self, Frame), HandshakeError> {
        let hello = frame::hello(own, &random_bytes()?);
        let mut transcript = Transcript::new();
        transcript.add_frame(hello.body());
        Ok((Self { own, transcript }, hello))
    }

    /// Handles the server's first frame.
    pub fn handle_challenge(mut self, body: &[u8]) -> Result<ClientChallenged, HandshakeError> {
        let challenge = Challenge::parse(body, self.own.versions)?;
        let (version, features) = self.own.agree(challenge.capabilities)?;
        self.transcript.add_frame(body);
        Ok(ClientChallenged {
            negotiated: Negotiated {
                own: self.own,
                version,
                features,
            },
            transcript: self.transcript,
            params: challenge.params,
            server_share: challenge.share,
        })
    }
}

/// What both sides use, once the handshake has confirmed it.
#[derive(Debug, Clone, Copy)]
struct Negotiated {
    own: Capabilities,
    version: u16,
    features: Features,
}

/// The client knows the stretch parameters. The caller stretches the password, because that takes a while.
#[derive(Debug)]
pub struct ClientChallenged {
    negotiated: Negotiated,
    transcript: Transcript,
    params: StretchParams,
    server_share: [u8; SHARE_BYTES],
}

impl ClientChallenged {
    /// The parameters for [`StretchedPassword::stretch`].
    pub fn stretch_params(&self) -> StretchParams {
        self.params
    }

    /// Continues with the stretched password and returns the next frame to send.
    ///
    /// # Errors
    /// [`HandshakeError::WrongStretch`] if the password was stretched with other parameters, for instance for an earlier
    /// run of the server.
    pub fn prove(
        self,
        password: &StretchedPassword,
    ) -> Result<(ClientProved, Frame), HandshakeError> {
        if password.params() != self.params {
            return Err(HandshakeError::WrongStretch);
        }
        let (pake, share) = start_pake(Spake2::start_a, password)?;
        let binding = self.transcript.finish(&share, &[]);
        let schedule = Schedule::derive(pake, &self.server_share, binding)?;
        let proof = frame::proof(&share, &schedule.client_confirmation());
        let negotiated = self.negotiated;
        let proved = ClientProved {
            negotiated,
            schedule,
        };
        Ok((proved, proof))
    }
}

/// The client has proved that it knows the password, and waits for the server's proof.
pub struct ClientProved {
    negotiated: Negotiated,
    schedule: Schedule,
}

impl ClientProved {
    /// Handles the server's second frame. It returns keys only if both sides know the same password, agree on every byte, and
    /// the server owns the identity that it shows. The caller decides whether it expects this identity.
    pub fn handle_reply(self, body: &[u8]) -> Result<Established, HandshakeError> {
        let Negotiated {
            own,
            version,
            features,
        } = self.negotiated;
        let (confirmation, rest) = frame::parse_accepted(body, own.versions)?;
        check_confirmation(&confirmation, &self.schedule.server_confirmation(rest))?;
        let binding = *self.schedule.binding();
        Ok(Established {
            keys: self.schedule.client_keys(),
            agreement: Agreement {
                version,
                features,
                server: ServerKey::verify(rest, &binding)?,
                binding,
            },
        })
    }
}

#[cfg(test)]
impl ClientProved {
    /// The confirmation that a server with the password would send.
    pub(super) fn expected_confirmation(&self, rest: &[u8]) -> [u8; 32] {
        self.schedule.server_confirmation(rest)
    }
}

impl fmt::Debug for ClientProved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientProved(..)")
    }
}
