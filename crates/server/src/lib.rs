//! The room: a server that relays what it cannot read.

mod bucket;
mod outbox;
mod throttle;

pub mod room;
