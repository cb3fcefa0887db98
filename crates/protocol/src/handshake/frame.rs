//! The frames of the handshake, byte by byte.

use super::error::{HandshakeError, MAX_FRAME_BYTES, VERSION};

/// The size of the big-endian length in front of a frame's body.
pub const FRAME_HEADER_BYTES: usize = 2;

/// The size of a SPAKE2 share: the letter of the side and a compressed Edwards point.
pub(super) const SHARE_BYTES: usize = 33;

/// The start of every connection. It lets the server recognise other protocols immediately.
const MAGIC: [u8; 8] = *b"backroom";

/// An encoded frame: header and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    fn new(kind: Kind, fields: &[&[u8]]) -> Self {
        let body = 1 + fields.iter().map(|field| field.len()).sum::<usize>();
        debug_assert!(body <= MAX_FRAME_BYTES);
        let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES + body);
        bytes.extend_from_slice(&(body as u16).to_be_bytes());
        bytes.push(kind as u8);
        fields
            .iter()
            .for_each(|field| bytes.extend_from_slice(field));
        Self(bytes)
    }

    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the header, as the `handle_*` methods of the other side take them.
    pub fn body(&self) -> &[u8] {
        &self.0[FRAME_HEADER_BYTES..]
    }
}

/// Returns the length of the body that follows a header. Call this before reading the body.
pub fn frame_length(header: [u8; FRAME_HEADER_BYTES]) -> Result<usize, HandshakeError> {
    let bytes = usize::from(u16::from_be_bytes(header));
    if !(1..=MAX_FRAME_BYTES).contains(&bytes) {
        return Err(HandshakeError::FrameLength { bytes });
    }
    Ok(bytes)
}

/// The reason of a refusal, as the server states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// A failure that depends on the password, or a malformed frame. One code for both reveals nothing about the password.
    Failed = 1,
    /// The client's version differs from the server's.
    Version = 2,
    /// The server has reached its limit of concurrent handshakes.
    Busy = 3,
}

/// The frame that refuses a handshake. It may be sent at any time and ends the connection.
pub fn refused(code: RefusalCode) -> Frame {
    Frame::new(Kind::Refused, &[&[code as u8]])
}

impl HandshakeError {
    /// The frame with which a server answers this error.
    pub fn refusal(&self) -> Frame {
        refused(match self {
            Self::Version => RefusalCode::Version,
            Self::Busy => RefusalCode::Busy,
            _ => RefusalCode::Failed,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hello = 1,
    Challenge = 2,
    Proof = 3,
    Accepted = 4,
    Refused = 5,
}

/// The client's first frame.
pub(super) struct Hello {
    pub(super) random: [u8; 32],
}

impl Hello {
    pub(super) fn emit(&self) -> Frame {
        Frame::new(Kind::Hello, &[&MAGIC, &VERSION.to_be_bytes(), &self.random])
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = Fields::new(body, Kind::Hello)?;
        if fields.take::<8>()? != MAGIC {
            return Err(HandshakeError::Malformed);
        }
        fields.version()?;
        let hello = Self {
            random: fields.take()?,
        };
        fields.end()?;
        Ok(hello)
    }
}

/// The server's first frame.
pub(super) struct Challenge {
    pub(super) random: [u8; 32],
    pub(super) salt: [u8; 16],
    pub(super) iterations: u32,
    pub(super) share: [u8; SHARE_BYTES],
}

impl Challenge {
    pub(super) fn emit(&self) -> Frame {
        let iterations = self.iterations.to_be_bytes();
        Frame::new(
            Kind::Challenge,
            &[
                &VERSION.to_be_bytes(),
                &self.random,
                &self.salt,
                &iterations,
                &self.share,
            ],
        )
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = Fields::new(body, Kind::Challenge)?;
        fields.version()?;
        let challenge = Self {
            random: fields.take()?,
            salt: fields.take()?,
            iterations: u32::from_be_bytes(fields.take()?),
            share: fields.take()?,
        };
        fields.end()?;
        Ok(challenge)
    }
}

/// The client's second frame.
pub(super) struct Proof {
    pub(super) share: [u8; SHARE_BYTES],
    pub(super) confirmation: [u8; 32],
}

impl Proof {
    pub(super) fn emit(&self) -> Frame {
        Frame::new(Kind::Proof, &[&self.share, &self.confirmation])
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = Fields::new(body, Kind::Proof)?;
        let proof = Self {
            share: fields.take()?,
            confirmation: fields.take()?,
        };
        fields.end()?;
        Ok(proof)
    }
}

/// The server's second frame.
pub(super) struct Accepted {
    pub(super) confirmation: [u8; 32],
}

impl Accepted {
    pub(super) fn emit(&self) -> Frame {
        Frame::new(Kind::Accepted, &[&self.confirmation])
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = Fields::new(body, Kind::Accepted)?;
        let accepted = Self {
            confirmation: fields.take()?,
        };
        fields.end()?;
        Ok(accepted)
    }
}

/// Reads the fields of a body in order. A [`Kind::Refused`] in place of the expected kind becomes its error.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn new(body: &'a [u8], kind: Kind) -> Result<Self, HandshakeError> {
        match body.split_first() {
            Some((&first, rest)) if first == kind as u8 => Ok(Self(rest)),
            Some((&first, rest)) if first == Kind::Refused as u8 => Err(refusal(rest)),
            _ => Err(HandshakeError::Malformed),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], HandshakeError> {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .ok_or(HandshakeError::Malformed)?;
        self.0 = rest;
        Ok(*field)
    }

    fn version(&mut self) -> Result<(), HandshakeError> {
        if u16::from_be_bytes(self.take()?) != VERSION {
            return Err(HandshakeError::Version);
        }
        Ok(())
    }

    fn end(self) -> Result<(), HandshakeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(HandshakeError::Malformed)
        }
    }
}

fn refusal(fields: &[u8]) -> HandshakeError {
    const FAILED: u8 = RefusalCode::Failed as u8;
    const VERSION: u8 = RefusalCode::Version as u8;
    const BUSY: u8 = RefusalCode::Busy as u8;
    match fields {
        [FAILED] => HandshakeError::WrongPassword,
        [VERSION] => HandshakeError::Version,
        [BUSY] => HandshakeError::Busy,
        _ => HandshakeError::Malformed,
    }
}
