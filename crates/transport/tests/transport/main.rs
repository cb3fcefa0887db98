//! The crate from outside, over real sockets on loopback: one module a behaviour.

#![allow(
    clippy::unwrap_used,
    reason = "a test whose preparation fails has failed"
)]

mod connection;
mod endings;
mod files;
mod group;
mod lossy;
mod sources;
mod support;
mod tampering;
