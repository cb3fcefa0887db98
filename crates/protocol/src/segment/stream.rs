//! The start of every datagram: its kind and its stream.

use super::error::OpenError;
use crate::transfer_id::TransferId;

/// The lane of a transfer's stream to a group. The receivers' own lanes are numbered from 1.
pub const GROUP_LANE: u16 = 0;

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
}

impl StreamId {
    /// Writes the start of every datagram: kind, transfer, lane.
    pub(super) fn write_prefix(self, kind: Kind, header: &mut [u8]) {
        header[0] = kind as u8;
        header[1..9].copy_from_slice(&self.transfer.0.to_be_bytes());
        header[9..11].copy_from_slice(&self.lane.to_be_bytes());
    }

    /// Checks the start of a datagram and returns the rest of the header.
    pub(super) fn read_prefix(self, kind: Kind, header: &[u8]) -> Result<&[u8], OpenError> {
        let (found, rest) = header.split_first().ok_or(OpenError::Malformed)?;
        let (transfer, rest) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let (lane, rest) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        if *found != kind as u8 {
            return Err(OpenError::Malformed);
        }
        if u64::from_be_bytes(*transfer) != self.transfer.0
            || u16::from_be_bytes(*lane) != self.lane
        {
            return Err(OpenError::OtherStream);
        }
        Ok(rest)
    }
}
