//! The protocol between the lab and a shaper: one JSON object per line, one reply per command.

use std::fmt;
use std::net::Ipv4Addr;

use backroom_link::LinkConfig;
use serde::{Deserialize, Serialize};

/// A command to a shaper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Apply this configuration and reset the counters.
    Configure(Box<ShaperConfig>),
    /// Report the counters since the last `configure`.
    Stats,
    /// Measure the path to another shaper with datagrams of its own. They are shaped and counted like all others.
    Probe(Probe),
    /// Remove the shaping and exit.
    Quit,
}

/// How to shape a member's UDP, and its TCP of at most one port. Other traffic is not shaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShaperConfig {
    /// The link for outgoing packets.
    pub egress: LinkConfig,
    /// Random seed of the outgoing link. netem needs Linux 6.7 and iproute2 6.6 for it; [`ShaperStats::seeded`] tells.
    pub egress_seed: u64,
    /// The link for incoming packets.
    pub ingress: LinkConfig,
    /// Random seed of the incoming link.
    pub ingress_seed: u64,
    /// Size of the IP packets that fill the link, in bytes. netem needs it to size its delay line.
    pub packet_bytes: usize,
    /// Also shape TCP to and from this port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    /// Leave random loss of incoming packets to the kernel, so no packet waits for user space. `ingress_seed` then has no
    /// effect. Only valid if the links do nothing else. netem always works in the kernel and ignores this.
    #[serde(default)]
    pub loss_in_kernel: bool,
}

/// How to measure the path to another shaper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The address of the other shaper.
    pub peer: Ipv4Addr,
    /// Size of the IP packets that measure the rate, in bytes.
    pub packet_bytes: usize,
    /// How many packets to send back to back. 0 skips the rate.
    pub train: u32,
    /// How long to wait for a reply.
    pub timeout_ms: u64,
    /// Whether packets are lost at the end of the link rather than at its start.
    pub lost_after_transmission: bool,
}

/// The measurement of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// Round-trip time of a small packet in milliseconds. `None` without a reply.
    pub rtt_ms: Option<f64>,
    /// Rate in 10^6 bit/s. `None` if it was not requested or there were too few replies.
    pub rate_mbps: Option<f64>,
}

/// A shaper's reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Sent once at the start, before any command.
    Ready,
    /// The configuration is in force.
    Configured,
    /// The counters.
    Stats(Box<ShaperStats>),
    /// The measurement of the path.
    Probed(Probed),
    /// The shaping is removed.
    Closed,
    /// The command had no effect.
    Error {
        /// The reason, and the fix if there is one.
        message: String,
    },
}

/// Counters since the last `configure`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShaperStats {
    /// Outgoing packets.
    pub egress: DirectionStats,
    /// Incoming packets. All zero if they are not shaped.
    pub ingress: DirectionStats,
    /// Datagrams that found the buffer of their socket full.
    pub receive_drops: u64,
    /// Whether the seeds of the configuration decided what was lost. netem takes them only from Linux 6.7 and iproute2
    /// 6.6 on.
    #[serde(default)]
    pub seeded: bool,
}

/// Counters of one direction. Bytes are those of IP packets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DirectionStats {
    /// Packets that reached the shaper.
    pub offered: u64,
    /// Their bytes.
    pub offered_bytes: u64,
    /// Packets dropped by the loss model.
    pub lost: u64,
    /// Packets dropped because the link's queue was full.
    pub queue_drops: u64,
    /// Packets lost because the shaper did not keep up. Anything but 0 invalidates the run.
    pub overrun: u64,
    /// Packets let through.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Time a packet spent in the shaper: queueing, transmission and delay. `None` if the backend cannot measure it.
    pub sojourn: Option<TimeSummary>,
    /// How much later than the link model says a packet was released. `None` if the backend cannot measure it.
    pub lateness: Option<TimeSummary>,
    /// The delay as it really was: from the time the packet would have left a transmitter with the link's rate until its
    /// release. `None` if the backend cannot measure it.
    pub propagation: Option<TimeSummary>,
    /// Rate in 10^6 bit/s while packets followed each other without a pause. `None` if the link was never busy, or if the
    /// backend cannot measure it.
    pub busy_rate_mbps: Option<f64>,
    /// Total length of these periods.
    pub busy_seconds: f64,
}

/// Summary of a distribution of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeSummary {
    /// Minimum.
    pub min_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Maximum.
    pub max_ms: f64,
}

/// Which backends work here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The kernel's network emulator.
    pub netem: Availability,
    /// Verdicts from user space through NFQUEUE.
    pub nfqueue: Availability,
}

/// Whether a backend works here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// A trial succeeded.
    Works,
    /// It does not work, with the reason.
    Missing(String),
}

impl Availability {
    /// Why it does not work. `None` if it does.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Works => None,
            Self::Missing(reason) => Some(reason),
        }
    }
}

impl<E: fmt::Display> From<Result<(), E>> for Availability {
    fn from(tried: Result<(), E>) -> Self {
        match tried {
            Ok(()) => Self::Works,
            Err(error) => Self::Missing(error.to_string()),
        }
    }
}
