//! The description of a simulated transfer.

use std::time::Duration;

use backroom_gbn::SenderConfig;
use backroom_link::LinkConfig;

/// One transfer from one sender to its receivers. As in the lab, a segment crosses the sender's egress, whose losses affect
/// all receivers, and then each receiver's last hop. An ACK crosses its receiver's egress.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) sender: SenderConfig,
    pub(crate) receivers: u16,
    pub(crate) segments: u64,
    /// Bytes of the file in a full segment. They need not fill the packet.
    pub(crate) payload_bytes: usize,
    /// IP packet of a segment, and of an ACK.
    pub(crate) segment_bytes: usize,
    pub(crate) ack_bytes: usize,
    /// The sender's egress.
    pub(crate) data: LinkConfig,
    /// Each receiver's last hop.
    pub(crate) last_hop: LinkConfig,
    /// The first receiver's last hop, if it differs.
    pub(crate) first_last_hop: Option<LinkConfig>,
    /// Each receiver's egress.
    pub(crate) ack: LinkConfig,
    /// The time that a receiver waits for more segments before it acknowledges.
    pub(crate) ack_delay: Duration,
    /// The receivers' buffers; `None` is unlimited.
    pub(crate) space: Option<Space>,
    /// Segments per call of `poll_transmit`.
    pub(crate) max_segments: usize,
    /// Whether the sender passes a segment to its link only when the link is idle, like a socket with back-pressure.
    pub(crate) waits_for_link: bool,
    /// Receivers from this number on fall silent at this time.
    pub(crate) silent_from: Option<(u16, Duration)>,
    /// Whether stragglers are removed.
    pub(crate) detect_stragglers: bool,
}

/// A receiver's buffer. The application reads up to `taken` segments each `every`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Space {
    pub(crate) capacity: u32,
    pub(crate) taken: u32,
    pub(crate) every: Duration,
}

impl Default for Scenario {
    /// 100 segments to one receiver over perfect links.
    fn default() -> Self {
        Self {
            seed: 1,
            sender: SenderConfig {
                max_stall: Duration::MAX,
                ..SenderConfig::default()
            },
            receivers: 1,
            segments: 100,
            payload_bytes: 24,
            segment_bytes: 1250,
            ack_bytes: 82,
            data: LinkConfig::default(),
            last_hop: LinkConfig::default(),
            first_last_hop: None,
            ack: LinkConfig::default(),
            ack_delay: Duration::ZERO,
            space: None,
            max_segments: usize::MAX,
            waits_for_link: false,
            silent_from: None,
            detect_stragglers: false,
        }
    }
}

impl Scenario {
    /// The last hop of a receiver.
    pub(crate) fn last_hop_of(&self, receiver: u16) -> &LinkConfig {
        match &self.first_last_hop {
            Some(link) if receiver == 0 => link,
            _ => &self.last_hop,
        }
    }
}
