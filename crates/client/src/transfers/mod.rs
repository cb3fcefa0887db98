//! Files that are being sent and received. Each transfer has a number and tasks of its own, and sends events to the session.
//!
//! An outgoing file waits in the `queue` until few enough are under way. Then it (`outgoing`) has one task for each receiver (`recipient`) and one for those that a multicast group serves
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
mod queue;
mod recipient;
mod shared;
mod socket;
mod summary;
mod turns;

pub(crate) use active::ActiveTransfers;
pub(crate) use channel::TransferEvent;
pub(crate) use manager::Transfers;
pub(crate) use shared::Config;
