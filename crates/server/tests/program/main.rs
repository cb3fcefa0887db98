//! Tests of the program: its output, its exit codes and its messages to members.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod console;
mod harness;
mod identity;
mod join;
mod kick;
mod limits;
mod outputs;
mod password;
mod posts;
mod shutdown;
mod slow_member;
mod terminal;
mod versions;
