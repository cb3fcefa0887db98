//! The room: a server that relays messages without being able to read them.
//!
//! From the outside in:
//! - [`options`] and [`password`]: the command line and the source of the password.
//! - [`server`]: ports, [`console`] and signals. `listener`, `admission` and `throttle` limit how many clients may join at
//!   the same time, and how often.
//! - `session`: one connection, from the handshake to its end. `rate_limit` and `token_bucket` limit how fast it may send;
//!   `outbox` is its output queue, bounded in bytes.
//! - `hub`: the room, shared by all sessions.
//! - [`room`]: the room itself, a state machine without sockets or a clock.
//!
//! A message takes one path: session, hub, room, back through the hub into the outboxes of its recipients, and from there
//! to their sessions. Nothing on this path waits for a member. A member whose outbox is full is disconnected.

mod admission;
mod hub;
mod listener;
mod open_files;
mod outbox;
mod printer;
mod rate_limit;
mod session;
mod throttle;
mod token_bucket;

pub mod console;
pub mod options;
pub mod password;
pub mod room;
pub mod server;

pub use admission::AdmissionConfig;
pub use rate_limit::RateLimitConfig;
pub use session::SessionConfig;
