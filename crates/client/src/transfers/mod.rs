//! Files that are being sent and received. Each transfer has a number and tasks of its own, and sends events to the session.
//!
//! An outgoing file (`outgoing`) has one task for each receiver (`recipient`) and one for those that a multicast group serves
//! (`group`); an incoming file (`incoming`) has one task. The session carries their messages to the other members, and hands
//! over the replies.

mod active;
mod cancellation;
mod channel;
mod group;
mod incoming;
mod manager;
mod outgoing;
mod outgoing_file;
mod recipient;
mod shared;
mod socket;
mod summary;

pub(crate) use active::ActiveTransfers;
pub(crate) use channel::TransferEvent;
pub(crate) use manager::Transfers;
pub(crate) use shared::Config;
