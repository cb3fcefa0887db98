//! What a transfer did, step by step, and what can be made of it.
//!
//! ```text
//! a simulation, or lines from clients -> Trace -> the steps of one receiver -> diagrams, lines, a capture
//! ```
//!
//! A [`Trace`] has the steps of one transfer. [`read`] and [`write()`] are its JSON lines, [`diagram`] draws it and
//! [`write_pcapng`] makes a capture for Wireshark.

mod capture;
pub mod diagram;
mod flights;
mod lines;
mod trace;

pub use self::capture::write_pcapng;
pub use self::lines::{ReadError, read, write};
pub use self::trace::Trace;
