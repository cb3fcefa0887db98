//! The start of every datagram: its kind and its stream.

use super::error::OpenError;
use crate::key::Key;
use crate::transfer_id::TransferId;

/// The lane of a transfer's stream to a group. The receivers' own lanes are numbered from 1.
pub const GROUP_LANE: u16 = 0;

/// The size of the start of every datagram: kind, transfer, lane.
pub(super) const PREFIX_BYTES: usize = 11;

/// Identifies a Go-Back-N stream. Every datagram carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// The transfer to which the stream belongs.
    pub transfer: TransferId,
    /// The stream within the transfer: [`GROUP_LANE`], or the lane of one receiver.
    pub lane: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Data = 1,
    Ack = 2,
    Probe = 3,
    Answer = 4,
}

impl StreamId {
    /// Derives a key of this stream. `number` must have the same length in all uses of a label.
    pub(super) fn derive(self, key: &Key, label: &[u8], number: &[u8]) -> Key {
        let (transfer, lane) = (self.transfer.0.to_be_bytes(), self.lane.to_be_bytes());
        key.derive(&[label, &transfer, &lane, number])
    }

    fn prefix(self, kind: Kind) -> [u8; PREFIX_BYTES] {
        let mut prefix = [0; PREFIX_BYTES];
        prefix[0] = kind as u8;
        prefix[1..9].copy_from_slice(&self.transfer.0.to_be_bytes());
        prefix[9..].copy_from_slice(&self.lane.to_be_bytes());
        prefix
    }

    /// Writes the start of a datagram and returns the rest of the header.
    pub(super) fn write_prefix(self, kind: Kind, header: &mut [u8]) -> &mut [u8] {
        let (prefix, rest) = header.split_at_mut(PREFIX_BYTES);
        prefix.copy_from_slice(&self.prefix(kind));
        rest
    }

    /// Checks the start of a datagram and returns the rest of the header.
    pub(super) fn read_prefix(self, kind: Kind, header: &[u8]) -> Result<&[u8], OpenError> {
        let (found, rest) = header
            .split_first_chunk::<PREFIX_BYTES>()
            .ok_or(OpenError::Malformed)?;
        if found[0] != kind as u8 {
            return Err(OpenError::Malformed);
        }
        if *found != self.prefix(kind) {
            return Err(OpenError::OtherStream);
        }
        Ok(rest)
    }

    /// Writes the header of a data or ACK datagram: `number` is the round or the receiver, `counter` the sequence number
    /// or the ACK's counter.
    pub(super) fn write_header(self, kind: Kind, number: u16, counter: u64, header: &mut [u8]) {
        let rest = self.write_prefix(kind, header);
        rest[..2].copy_from_slice(&number.to_be_bytes());
        rest[2..].copy_from_slice(&counter.to_be_bytes());
    }

    /// Reads what [`write_header`](Self::write_header) wrote: `number` and `counter`.
    pub(super) fn read_header(self, kind: Kind, header: &[u8]) -> Result<(u16, u64), OpenError> {
        let mut rest = self.read_prefix(kind, header)?;
        let number = u16::from_be_bytes(take(&mut rest)?);
        Ok((number, u64::from_be_bytes(take(&mut rest)?)))
    }
}

/// Takes the next field of `rest`.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], OpenError> {
    let (field, after) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
    *rest = after;
    Ok(*field)
}

/// The stream that a datagram claims to belong to, so that it can be handed to it. `None` if it is too short.
pub fn stream_of(datagram: &[u8]) -> Option<StreamId> {
    let prefix = datagram.first_chunk::<PREFIX_BYTES>()?;
    let transfer = prefix[1..].first_chunk::<8>()?;
    let lane = prefix[9..].first_chunk::<2>()?;
    Some(StreamId {
        transfer: TransferId(u64::from_be_bytes(*transfer)),
        lane: u16::from_be_bytes(*lane),
    })
}
