//! The frames of the handshake, byte by byte.

use super::capabilities::{Capabilities, FIRST_NEGOTIATED_VERSION, VersionMismatch, Versions};
use super::error::{HandshakeError, MAX_FRAME_BYTES};
use crate::features::Features;
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
        match self {
            Self::Version(mismatch) => refused_version(mismatch),
            Self::Busy => Frame::new(Kind::Refused, &[&[BUSY]]),
            _ => Frame::new(Kind::Refused, &[&[FAILED]]),
        }
    }

    /// Ignores what a later version appends.
    fn from_refusal(fields: &[u8], own: Versions) -> Self {
        match fields {
            [FAILED, ..] => Self::WrongPassword,
            [BUSY, ..] => Self::Busy,
            [OTHER_VERSION] => Self::Version(VersionMismatch { own, other: None }),
            [OTHER_VERSION, rest @ ..] => match Fields(rest).versions() {
                Ok(other) => Self::Version(VersionMismatch {
                    own,
                    other: Some(other),
                }),
                Err(error) => error,
            },
            _ => Self::Malformed,
        }
    }
}

/// Names the server's versions, except to a client before negotiation, which only understands the bare reason.
fn refused_version(mismatch: &VersionMismatch) -> Frame {
    let negotiates = |other: Versions| other.newest() >= FIRST_NEGOTIATED_VERSION;
    if !mismatch.other.is_some_and(negotiates) {
        return Frame::new(Kind::Refused, &[&[OTHER_VERSION]]);
    }
    let (newest, oldest) = (mismatch.own.newest(), mismatch.own.oldest());
    let fields: [&[u8]; 3] = [
        &[OTHER_VERSION],
        &newest.to_be_bytes(),
        &oldest.to_be_bytes(),
    ];
    Frame::new(Kind::Refused, &fields)
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
pub(super) fn hello(own: Capabilities, random: &[u8; 32]) -> Frame {
    let Capabilities { versions, features } = own;
    let fields: [&[u8]; 5] = [
        &MAGIC,
        &versions.newest().to_be_bytes(),
        random,
        &versions.oldest().to_be_bytes(),
        &features.bits().to_be_bytes(),
    ];
    Frame::new(Kind::Hello, &fields)
}

/// Returns what the client speaks. `own` is only for the error of a client before negotiation, whose frame is shorter.
pub(super) fn parse_hello(body: &[u8], own: Versions) -> Result<Capabilities, HandshakeError> {
    parse(body, Kind::Hello, own, |fields| {
        if fields.take()? != MAGIC {
            return Err(HandshakeError::Malformed);
        }
        let newest = fields.negotiating_version(own)?;
        fields.take::<32>()?;
        fields.capabilities(newest)
    })
}

/// The server's first frame.
pub(super) struct Challenge {
    /// What the server speaks.
    pub(super) capabilities: Capabilities,
    /// The stretch parameters, which are in range.
    pub(super) params: StretchParams,
    /// The server's share.
    pub(super) share: [u8; SHARE_BYTES],
}

impl Challenge {
    pub(super) fn encode(&self, random: &[u8; 32]) -> Frame {
        let Capabilities { versions, features } = self.capabilities;
        let fields: [&[u8]; 7] = [
            &versions.newest().to_be_bytes(),
            random,
            &self.params.salt,
            &self.params.iterations.to_be_bytes(),
            &self.share,
            &versions.oldest().to_be_bytes(),
            &features.bits().to_be_bytes(),
        ];
        Frame::new(Kind::Challenge, &fields)
    }

    pub(super) fn parse(body: &[u8], own: Versions) -> Result<Self, HandshakeError> {
        parse(body, Kind::Challenge, own, |fields| {
            let newest = fields.negotiating_version(own)?;
            fields.take::<32>()?;
            let salt = fields.take()?;
            let iterations = u32::from_be_bytes(fields.take()?);
            Ok(Self {
                share: fields.take()?,
                capabilities: fields.capabilities(newest)?,
                params: StretchParams::new(salt, iterations)?,
            })
        })
    }
}

/// The client's second frame.
pub(super) fn proof(share: &[u8; SHARE_BYTES], confirmation: &[u8; 32]) -> Frame {
    Frame::new(Kind::Proof, &[share, confirmation])
}

/// The fields of the client's second frame.
pub(super) struct Proof<'a> {
    pub(super) share: [u8; SHARE_BYTES],
    pub(super) confirmation: [u8; 32],
    /// What a later version appends.
    pub(super) appended: &'a [u8],
}

pub(super) fn parse_proof(body: &[u8], own: Versions) -> Result<Proof<'_>, HandshakeError> {
    parse(body, Kind::Proof, own, |fields| {
        Ok(Proof {
            share: fields.take()?,
            confirmation: fields.take()?,
            appended: fields.0,
        })
    })
}

/// The server's second frame. `identity` is the proof of its identity.
pub(super) fn accepted(confirmation: &[u8; 32], identity: &[u8]) -> Frame {
    Frame::new(Kind::Accepted, &[confirmation, identity])
}

/// Returns the confirmation, and the rest of the frame, which it confirms.
pub(super) fn parse_accepted(
    body: &[u8],
    own: Versions,
) -> Result<([u8; 32], &[u8]), HandshakeError> {
    parse(body, Kind::Accepted, own, |fields| {
        Ok((fields.take()?, fields.0))
    })
}

/// Reads the fields of a body, and ignores what a later version appends. A [`Kind::Refused`] in place of the expected kind
/// becomes its error.
fn parse<'a, T>(
    body: &'a [u8],
    kind: Kind,
    own: Versions,
    read: impl FnOnce(&mut Fields<'a>) -> Result<T, HandshakeError>,
) -> Result<T, HandshakeError> {
    match body.split_first() {
        Some((&first, rest)) if first == kind as u8 => read(&mut Fields(rest)),
        Some((&first, rest)) if first == Kind::Refused as u8 => {
            Err(HandshakeError::from_refusal(rest, own))
        }
        _ => Err(HandshakeError::Malformed),
    }
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

    /// The newest version of a side. A side before negotiation is refused here, because its frame has other fields.
    fn negotiating_version(&mut self, own: Versions) -> Result<u16, HandshakeError> {
        let newest = u16::from_be_bytes(self.take()?);
        if newest < FIRST_NEGOTIATED_VERSION {
            let other = Versions::new(newest, newest);
            return Err(VersionMismatch { own, other }.into());
        }
        Ok(newest)
    }

    /// The newest version came before.
    fn capabilities(&mut self, newest: u16) -> Result<Capabilities, HandshakeError> {
        let oldest = u16::from_be_bytes(self.take()?);
        Ok(Capabilities {
            versions: Versions::new(oldest, newest).ok_or(HandshakeError::Malformed)?,
            features: Features::from_bits(u64::from_be_bytes(self.take()?)),
        })
    }

    fn versions(&mut self) -> Result<Versions, HandshakeError> {
        let (newest, oldest) = (self.take()?, self.take()?);
        let versions = Versions::new(u16::from_be_bytes(oldest), u16::from_be_bytes(newest));
        versions.ok_or(HandshakeError::Malformed)
    }
}
