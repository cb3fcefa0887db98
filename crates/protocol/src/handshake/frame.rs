//! The frames of the handshake, byte by byte.

use super::error::{HandshakeError, MAX_FRAME_BYTES, VERSION};
use crate::password::StretchParams;

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
        let fields = fields.concat();
        let length = 1 + fields.len();
        debug_assert!(length <= MAX_FRAME_BYTES);
        Self([&(length as u16).to_be_bytes()[..], &[kind as u8], &fields].concat())
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

/// A failure that depends on the password, or a malformed frame. One code for both reveals nothing about the password.
const FAILED: u8 = 1;
const OTHER_VERSION: u8 = 2;
const BUSY: u8 = 3;

impl HandshakeError {
    /// The frame with which a server refuses a handshake. It may be sent at any time and ends the connection.
    pub fn refusal(&self) -> Frame {
        let code = match self {
            Self::Version => OTHER_VERSION,
            Self::Busy => BUSY,
            _ => FAILED,
        };
        Frame::new(Kind::Refused, &[&[code]])
    }

    fn from_refusal(fields: &[u8]) -> Self {
        match fields {
            [FAILED] => Self::WrongPassword,
            [OTHER_VERSION] => Self::Version,
            [BUSY] => Self::Busy,
            _ => Self::Malformed,
        }
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

/// The client's first frame. The random bytes only make the transcript unique.
pub(super) fn hello(random: &[u8; 32]) -> Frame {
    Frame::new(Kind::Hello, &[&MAGIC, &VERSION.to_be_bytes(), random])
}

pub(super) fn parse_hello(body: &[u8]) -> Result<(), HandshakeError> {
    parse(body, Kind::Hello, |fields| {
        if fields.take()? != MAGIC {
            return Err(HandshakeError::Malformed);
        }
        fields.version()?;
        fields.take::<32>().map(drop)
    })
}

/// The server's first frame.
pub(super) fn challenge(
    random: &[u8; 32],
    params: StretchParams,
    share: &[u8; SHARE_BYTES],
) -> Frame {
    let (version, iterations) = (VERSION.to_be_bytes(), params.iterations.to_be_bytes());
    let fields: [&[u8]; 5] = [&version, random, &params.salt, &iterations, share];
    Frame::new(Kind::Challenge, &fields)
}

/// Returns the parameters, which are in range, and the server's share.
pub(super) fn parse_challenge(
    body: &[u8],
) -> Result<(StretchParams, [u8; SHARE_BYTES]), HandshakeError> {
    let (salt, iterations, share) = parse(body, Kind::Challenge, |fields| {
        fields.version()?;
        fields.take::<32>()?;
        Ok((fields.take()?, fields.take()?, fields.take()?))
    })?;
    let params = StretchParams::new(salt, u32::from_be_bytes(iterations))?;
    Ok((params, share))
}

/// The client's second frame.
pub(super) fn proof(share: &[u8; SHARE_BYTES], confirmation: &[u8; 32]) -> Frame {
    Frame::new(Kind::Proof, &[share, confirmation])
}

/// Returns the client's share and its confirmation.
pub(super) fn parse_proof(body: &[u8]) -> Result<([u8; SHARE_BYTES], [u8; 32]), HandshakeError> {
    parse(body, Kind::Proof, |fields| {
        Ok((fields.take()?, fields.take()?))
    })
}

/// The server's second frame.
pub(super) fn accepted(confirmation: &[u8; 32]) -> Frame {
    Frame::new(Kind::Accepted, &[confirmation])
}

pub(super) fn parse_accepted(body: &[u8]) -> Result<[u8; 32], HandshakeError> {
    parse(body, Kind::Accepted, |fields| fields.take())
}

/// Reads all fields of a body. A [`Kind::Refused`] in place of the expected kind becomes its error.
fn parse<T>(
    body: &[u8],
    kind: Kind,
    read: impl FnOnce(&mut Fields<'_>) -> Result<T, HandshakeError>,
) -> Result<T, HandshakeError> {
    let mut fields = match body.split_first() {
        Some((&first, rest)) if first == kind as u8 => Fields(rest),
        Some((&first, rest)) if first == Kind::Refused as u8 => {
            return Err(HandshakeError::from_refusal(rest));
        }
        _ => return Err(HandshakeError::Malformed),
    };
    let frame = read(&mut fields)?;
    if !fields.0.is_empty() {
        return Err(HandshakeError::Malformed);
    }
    Ok(frame)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], HandshakeError> {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .ok_or(HandshakeError::Malformed)?;
        self.0 = rest;
        Ok(*field)
    }

    fn version(&mut self) -> Result<(), HandshakeError> {
        match u16::from_be_bytes(self.take()?) {
            VERSION => Ok(()),
            _ => Err(HandshakeError::Version),
        }
    }
}
