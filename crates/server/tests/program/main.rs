//! The real program from outside: its lines, its exits, and what members get from it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod console;
mod harness;
mod join;
mod kick;
mod limits;
mod password;
mod posts;
mod shutdown;
mod slow_member;
