//! The only sockets: the encrypted TCP connection and file transfer over UDP.
//!
//! - [`connection`]: a member's join and its encrypted records, from both sides.
//! - [`udp`]: one UDP socket with segmentation and receive offload, to which every loss is a lost datagram.
//! - [`mod@file`]: sending and receiving one file over one stream of Go-Back-N.
//!
//! Everything that travels is `backroom-protocol`'s, and every decision of Go-Back-N is `backroom-gbn`'s; here are
//! sockets, files, threads and time.

pub mod connection;
pub mod file;
mod poll;
pub mod udp;
mod waker;
