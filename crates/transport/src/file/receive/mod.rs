//! Receiving a file.

mod ack_pace;
mod folder;
mod greeter;
mod group;
mod part;
mod part_error;
mod pieces;
mod request;
mod stream;
mod writer;

pub use folder::{DownloadFolder, ReceiveLimits};
pub use group::GroupMembership;
pub use part::PartFile;
pub use part_error::PartFileError;
pub use request::{ReceiveError, ReceiveOptions, ReceiveOutcome, ReceiveRequest, SenderMessage};
pub use stream::receive_file;
