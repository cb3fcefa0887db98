//! Receiving a file.

mod ack_pace;
mod greeter;
mod group;
mod part;
mod pieces;
mod request;
mod stream;
mod writer;

pub use group::GroupMembership;
pub use part::{PartFile, PartFileError, ReceiveLimits};
pub use request::{ReceiveError, ReceiveOptions, ReceiveOutcome, ReceiveRequest, SenderMessage};
pub use stream::receive_file;
