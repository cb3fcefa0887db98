//! The UDP socket of a stream, its own or one that many streams share, with segmentation offload (GSO) for sending and receive
//! offload (GRO).
//!
//! A datagram that the network or the kernel refuses counts as lost, because Go-Back-N repairs exactly that. Only a full
//! socket buffer is reported.

mod batch;
mod endpoint;
mod inbox;
mod multicast;
mod ports;
mod queue;
mod receive;
mod route;
mod routes;
mod shared;

pub(crate) use batch::{MAX_GSO_DATAGRAMS, batch_limit};
pub use batch::{MAX_UDP_PAYLOAD_BYTES, Sent};
pub use endpoint::{UdpEndpoint, UdpOptions};
pub use ports::{BadPortRange, PortRange, PortUse, Ports};
pub use receive::{Datagram, ReceiveBuffers};
pub use route::Route;
