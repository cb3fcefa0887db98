//! The room: a server that relays what it cannot read.
//!
//! From the outside in:
//! - [`options`] and [`password`]: what the program is told.
//! - [`server`]: ports, [`console`], signals; `listener`, `admission` and `throttle`: who may begin a
//!   join, and how often.
//! - `session`: one connection, from the handshake to the last words; `pace` and `bucket`: how
//!   fast it may talk; `outbox`: what waits to be written to it, bounded in bytes.
//! - `hub`: the room as all sessions share it.
//! - [`room`]: the room itself, a state machine without sockets or a clock.
//!
//! A message goes in one direction: session, hub, room, and from there through the hub into the
//! outboxes of those who get it, from which their sessions write it. Nothing on this way waits
//! for a member: one whose outbox is full is put out at once.

mod admission;
mod announcer;
mod bucket;
mod hub;
mod listener;
mod open_files;
mod outbox;
mod pace;
mod session;
mod throttle;

pub mod console;
pub mod options;
pub mod password;
pub mod room;
pub mod server;

pub use admission::AdmissionConfig;
pub use pace::PaceConfig;
pub use session::SessionConfig;
