//! Traces: every step of one transfer, from the simulator or from real clients, and what is made of them.
//!
//! ```text
//! sim, or lines that clients wrote -> Trace -> the stream to one receiver -> pictures, lines, pcapng
//! ```

mod event;
mod flight;
mod lines;
mod pcapng;
mod recorder;

pub(crate) use event::{Event, Kind, Side, Trace};
pub(crate) use flight::{Carries, End, Flight, flights};
pub(crate) use lines::{read, write};
pub(crate) use pcapng::write_pcapng;
pub(crate) use recorder::simulate;
