//! The errors of sealing and opening datagrams.

/// A datagram cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The buffer cannot hold header, payload and tag.
    #[error("invalid segment length: {bytes} bytes")]
    Length {
        /// The length of the buffer.
        bytes: usize,
    },
    /// The sequence number is not higher than the last one, so its nonce may have been used.
    #[error("segment {seq} was already sealed; retransmit the sealed bytes")]
    SeqReused {
        /// The rejected sequence number.
        seq: u64,
    },
    /// The key has reached its limit.
    #[error("the stream has reached the limit of its key")]
    KeyUsedUp,
}

/// A datagram does not open. The receiver drops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The kind or the length is wrong.
    #[error("malformed datagram")]
    Malformed,
    /// The datagram belongs to another stream or receiver.
    #[error("datagram of another stream")]
    OtherStream,
    /// The datagram was modified, or sealed with another key.
    #[error("the datagram failed authentication")]
    NotAuthentic,
    /// The ACK or probe is not newer than the last one.
    #[error("repeated or reordered datagram")]
    Replayed,
}
