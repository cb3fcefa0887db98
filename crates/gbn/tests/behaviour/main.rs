//! The behaviour of Go-Back-N in virtual time, step by step and over simulated links.

#![allow(
    clippy::unwrap_used,
    reason = "a failure of a helper is a failure of its test"
)]

mod acks;
mod auto_window;
mod copies;
mod flow_control;
mod go_back;
mod group;
mod harness;
mod progress;
mod properties;
mod rounds;
mod straggler;
mod throughput;
mod timer;
mod window;
