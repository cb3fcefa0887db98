//! What the lab and a shaper say to each other: one JSON object a line, a reply to each command.

use std::fmt;
use std::net::Ipv4Addr;

use backroom_link::LinkConfig;
use serde::{Deserialize, Serialize};

/// What the lab asks of a shaper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Shape like this from now on, and count from zero.
    Configure(Box<ShaperConfig>),
    /// Say what was seen since the last `configure`.
    Stats,
    /// Measure the path to another shaper with datagrams of your own. They are shaped and counted as all others.
    Probe(Probe),
    /// Take the shaping away and end.
    Quit,
}

/// How a member's UDP is shaped, and of its TCP that of one port at most. Nothing else of its traffic is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShaperConfig {
    /// What happens to packets on their way out.
    pub egress: LinkConfig,
    /// Seed of everything random on the way out. netem on kernels before 6.6 takes none.
    pub egress_seed: u64,
    /// What happens to packets on their way in.
    pub ingress: LinkConfig,
    /// Seed of everything random on the way in.
    pub ingress_seed: u64,
    /// Size of the IP packets that fill the link. netem's delay line has to be told how many it holds.
    pub packet_bytes: usize,
    /// TCP to and from this port is shaped too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    /// Random loss on the way in, where nothing else happens in either direction, is left to the kernel: no packet
    /// waits for user space, but `ingress_seed` means nothing. netem always works in the kernel.
    #[serde(default)]
    pub loss_in_kernel: bool,
}

/// How to measure a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The address of the other shaper, which answers.
    pub peer: Ipv4Addr,
    /// Size of the IP packets that measure the rate.
    pub packet_bytes: usize,
    /// So many of them, one right after the other; 0 leaves the rate out.
    pub train: u32,
    /// How long an answer may take.
    pub patience_ms: u64,
    /// Whether packets are lost where the link ends, and not where it begins.
    pub lost_after_transmission: bool,
}

/// What a path was measured to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// Round trip of a small packet in milliseconds; `None` where none came back.
    pub rtt_ms: Option<f64>,
    /// Rate in 10^6 bit/s; `None` where it was not asked for or could not be told.
    pub rate_mbps: Option<f64>,
}

/// What a shaper answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Said once, before any command: it is there and may be told what to do.
    Ready,
    /// The network is shaped as asked.
    Configured,
    /// What was seen.
    Stats(Box<ShaperStats>),
    /// What a path was measured to be.
    Probed(Probed),
    /// The shaping is gone.
    Closed,
    /// The command had no effect.
    Error {
        /// Why, and what would mend it.
        message: String,
    },
}

/// What a shaper saw since it was configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShaperStats {
    /// Packets on their way out.
    pub egress: DirectionStats,
    /// Packets on their way in; all zero where nothing happens to them there.
    pub ingress: DirectionStats,
    /// Packets that arrived and found the buffer of their socket full.
    pub receive_drops: u64,
}

/// Counts of one direction. Bytes are those of IP packets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DirectionStats {
    /// Packets that came to the shaper.
    pub offered: u64,
    /// Their bytes.
    pub offered_bytes: u64,
    /// Packets lost because the loss model said so.
    pub lost: u64,
    /// Packets dropped because the link's queue was full.
    pub queue_drops: u64,
    /// Packets lost because the shaper itself did not keep up. Should be 0: these were in nobody's plan.
    pub overrun: u64,
    /// Packets that went on their way.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// From a packet's arrival until it was let go: queueing, transmission and delay. `None` where it can't be seen.
    pub sojourn: Option<Spread>,
    /// How much later than the link's model a packet was let go. `None` where it can't be seen.
    pub lateness: Option<Spread>,
    /// From when a packet would have left a transmitter of the link's rate until it was let go: the delay alone, as it
    /// really was. `None` where it can't be seen.
    pub propagation: Option<Spread>,
    /// Rate in 10^6 bit/s while packets followed each other without a pause. netem, which does not say when that was:
    /// the highest over any quarter of a second, which is less where the link was never busy for so long. `None`
    /// without such a time.
    pub busy_rate_mbps: Option<f64>,
    /// How long that was, altogether.
    pub busy_seconds: f64,
}

/// A distribution of times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min_ms: f64,
    /// The mean.
    pub mean_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// 99 of 100 are no longer.
    pub p99_ms: f64,
    /// The greatest.
    pub max_ms: f64,
}

/// Which ways of shaping this kernel has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The kernel's network emulator.
    pub netem: Availability,
    /// Verdicts from user space.
    pub nfqueue: Availability,
}

/// Whether something works here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It was tried and works.
    Works,
    /// It does not, and this is why.
    Missing(String),
}

impl Availability {
    /// Why it does not work; `None` where it does.
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
