//! Sending a file, to one receiver or to a group.
//!
//! [`unicast`] serves one receiver and [`group`] many. Both drive a [`stream`], which reads, seals and transmits the segments and
//! takes the ACKs.

mod contents;
mod group;
mod path;
mod plaintext;
mod probe;
mod read_ahead;
mod reader;
mod receivers;
mod result;
mod route;
mod store;
mod stream;
mod unicast;

pub use group::{GroupChannels, GroupEnd, GroupReceiver, GroupRequest, MoveCause, send_to_group};
pub use result::{SendError, SendFailure, SendOutcome, SendTotals};
pub use unicast::{SendRequest, send_file};
