//! Shapes the network of one member of a room. A side container runs it, so the programs under test stay unchanged and
//! need no privileges.
//!
//! The shaper shares the member's network namespace and is the only process there with NET_ADMIN. The lab drives it over
//! stdin and stdout ([`protocol`]). It shapes UDP, and TCP of one port if asked. There are two backends:
//!
//! - `netem`: the kernel's network emulator.
//! - `nfqueue`: the simulator's link model decides packet by packet in user space, for kernels without netem.
//!
//! The shaper removes everything it installed when it receives `quit`, at end of input, and on SIGINT or SIGTERM.

mod backend;
mod error;
mod netem;
mod nfqueue;
mod probe;
pub mod protocol;
mod serve;
mod snmp;
mod tool;

pub use probe::SMALL_PACKET_BYTES;
pub use serve::{ShaperArgs, run};
