//! The UDP datagrams of a file: sealed segments and probes from the sender, sealed acknowledgements, answers to probes and greetings from the receivers.
//!
//! All integers are big endian. A datagram that does not open is silently dropped.
//!
//! | data | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 1 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | round | 2 | | no |
//! | seq | 8 | | yes |
//! | payload | 1 to [`MAX_SEGMENT_BYTES`] | yes | yes |
//! | tag | 16 | | |
//!
//! | ACK | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 2 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | receiver | 2 | | yes |
//! | counter | 8 | | yes |
//! | cumulative | 8 | yes | yes |
//! | accepted round | 2 | yes | yes |
//! | gap: 0 or 1 | 1 | yes | yes |
//! | gap round | 2 | yes | yes |
//! | free segments | 4 | yes | yes |
//! | tag | 16 | | |
//!
//! | probe | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 3 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | number | 4 | | yes |
//! | tag | 16 | | |
//!
//! | answer | bytes | sealed | authenticated |
//! | --- | --- | --- | --- |
//! | kind = 4 | 1 | | yes |
//! | transfer | 8 | | yes |
//! | lane | 2 | | yes |
//! | receiver | 2 | | yes |
//! | number of the probe, or 2^32 - 1 in a greeting | 4 | | yes |
//! | tag | 16 | | |

mod ack;
mod answer;
mod data;
mod error;
mod probe;
mod size;
mod stream;

pub use ack::{ACK_BYTES, AckOpener, AckSealer, ack_receiver};
pub use answer::{ANSWER_BYTES, Answer, AnswerCipher};
pub use data::{SEGMENTS_PER_EPOCH, Segment, SegmentOpener, SegmentSealer, set_round};
pub use error::{OpenError, SealError};
pub use probe::{PROBE_BYTES, ProbeOpener, ProbeSealer};
pub use size::{
    BadSegmentBytes, HEADER_BYTES, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, SEGMENT_OVERHEAD,
    SegmentBytes,
};
pub use stream::{GROUP_LANE, StreamId, stream_of};
