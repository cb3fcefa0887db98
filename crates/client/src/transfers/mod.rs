//! Files that are being sent and received. Each transfer has a number and tasks of its own, and sends events to the session.
//!
//! An outgoing file (`outgoing`) has one task for each receiver (`recipient`) and one for those that a multicast group serves
//! (`group`); an incoming file (`incoming`) has one task. The session carries their messages to the other members, and hands
//! over the replies.

mod board;
mod channel;
mod group;
mod incoming;
mod limits;
mod manager;
mod outgoing;
mod recipient;
mod socket;
mod stop;
mod summary;

pub use board::Board;
pub(crate) use channel::TransferEvent;
pub use limits::Limits;
pub use manager::{NoSuchTransfer, Transfers};
