//! The crate from outside, over real sockets on loopback: one module a behaviour.

mod connection;
mod endings;
mod files;
mod lossy;
mod support;
mod tampering;
