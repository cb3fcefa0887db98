//! Receiving a file.

mod ack_pace;
mod folder;
mod group;
mod part;
mod pieces;
mod request;
mod stream;
mod writer;

pub use folder::{DownloadFolder, ReceiveLimits};
pub use group::GroupMembership;
pub use part::{PartFile, PartFileError};
pub use request::{ReceiveError, ReceiveOptions, ReceiveOutcome, ReceiveRequest, SenderMessage};
pub use stream::receive_file;
