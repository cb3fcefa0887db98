//! The room: a server that relays messages without being able to read them.
//!
//! From the outside in:
//! - [`run`] is the program. [`options`] is its command line, `password` finds the password,
//!   and `identity` the identity.
//! - [`server`]: ports, `console` and signals. `listener`, `admission` and `throttle` limit how many clients may join at the
//!   same time, and how often.
//! - `session`: one connection, from the handshake to its end. `rate_limit` and `token_bucket` limit how fast it may send;
//!   `outbox` is its output queue, bounded in bytes.
//! - `hub`: the room, shared by all sessions.
//! - `room`: the room itself, a state machine without sockets or a clock.
//!
//! A message takes one path: session, hub, room, back through the hub into the outboxes of its recipients, and from there
//! to their sessions. Nothing on this path waits for a member. A member whose outbox is full is disconnected.

mod admission;
mod app;
mod console;
mod hub;
mod identity;
mod listener;
mod outbox;
mod password;
mod rate_limit;
mod room;
mod session;
mod throttle;
mod token_bucket;

pub mod options;
pub mod server;

pub use app::run;
