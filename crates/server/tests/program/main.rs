//! The real program from outside: its lines, its exits, and what members get from it.

mod console;
mod harness;
mod join;
mod kick;
mod limits;
mod password;
mod posts;
mod shutdown;
mod slow_member;
