//! The client's half of the handshake.

use std::fmt;

use spake2::Spake2;

use super::error::HandshakeError;
use super::frame::{self, Frame, SHARE_BYTES};
use super::keys::{Schedule, SessionKeys, Transcript, check_confirmation, start_pake};
use crate::key::random_bytes;
use crate::password::{StretchParams, StretchedPassword};

/// The client has sent its hello and waits for the challenge.
#[derive(Debug)]
pub struct ClientHandshake {
    transcript: Transcript,
}

impl ClientHandshake {
    /// Starts a handshake and returns the first frame to send.
    pub fn start() -> Result<(Self, Frame), HandshakeError> {
        let hello = frame::hello(&random_bytes()?);
        let mut transcript = Transcript::new();
        transcript.add_frame(hello.body());
        Ok((Self { transcript }, hello))
    }

    /// Handles the server's first frame.
    pub fn handle_challenge(mut self, body: &[u8]) -> Result<ClientChallenged, HandshakeError> {
        let (params, server_share) = frame::parse_challenge(body)?;
        self.transcript.add_frame(body);
        Ok(ClientChallenged {
            transcript: self.transcript,
            params,
            server_share,
        })
    }
}

/// The client knows the stretch parameters. The caller stretches the password, because that takes a while.
#[derive(Debug)]
pub struct ClientChallenged {
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
        let schedule = Schedule::derive(pake, &self.server_share, self.transcript.finish(&share))?;
        let proof = frame::proof(&share, &schedule.client_confirmation());
        Ok((ClientProved { schedule }, proof))
    }
}

/// The client has proved that it knows the password, and waits for the server's proof.
pub struct ClientProved {
    schedule: Schedule,
}

impl ClientProved {
    /// Handles the server's second frame. It returns keys only if both sides know the same password.
    pub fn handle_reply(self, body: &[u8]) -> Result<SessionKeys, HandshakeError> {
        let confirmation = frame::parse_accepted(body)?;
        check_confirmation(&confirmation, &self.schedule.server_confirmation())?;
        Ok(self.schedule.client_keys())
    }
}

impl fmt::Debug for ClientProved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientProved(..)")
    }
}
