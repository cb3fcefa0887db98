//! What is to be simulated.

use std::time::Duration;

use backroom_gbn::SenderConfig;
use backroom_link::LinkConfig;

use super::simulation::{Outcome, Simulation, Violation};

/// One transfer from one sender to some receivers. What crosses which link is the lab's rule: a segment crosses the
/// sender's egress, where all receivers lose together, and then each receiver's own way; an ACK its receiver's egress.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) sender: SenderConfig,
    pub(crate) receivers: u16,
    pub(crate) segments: u64,
    /// What is carried of the file in a full segment; it need not fill the packet.
    pub(crate) payload_bytes: usize,
    /// IP packet of a segment, and of an ACK.
    pub(crate) segment_bytes: usize,
    pub(crate) ack_bytes: usize,
    /// The sender's egress.
    pub(crate) data: LinkConfig,
    /// Each receiver's own part of the way.
    pub(crate) last_hop: LinkConfig,
    /// Another one, for the first receiver.
    pub(crate) first_last_hop: Option<LinkConfig>,
    /// Each receiver's egress.
    pub(crate) ack: LinkConfig,
    /// How long a receiver waits for more segments before it acknowledges.
    pub(crate) ack_delay: Duration,
    /// Receivers with limited space; `None` is without limit.
    pub(crate) space: Option<Space>,
    /// Segments per call of `poll_transmit`.
    pub(crate) max_segments: usize,
    /// Whether the sender hands a segment to its link only when that is idle, as a socket with back-pressure would.
    pub(crate) waits_for_link: bool,
    /// Receivers from this number on fall silent at this time.
    pub(crate) silent_from: Option<(u16, Duration)>,
    /// Whether receivers that are too slow for the others are taken out.
    pub(crate) patience: bool,
}

/// A receiver's buffer, and how fast its bytes are taken out: up to `taken` segments each `every`.
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
                max_timeouts: u32::MAX,
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
            patience: false,
        }
    }
}

impl Scenario {
    /// The receiver's own part of the way.
    pub(crate) fn last_hop_of(&self, receiver: u16) -> &LinkConfig {
        match &self.first_last_hop {
            Some(link) if receiver == 0 => link,
            _ => &self.last_hop,
        }
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// What should never happen, with all that is needed to see it happen again.
    pub(crate) fn run(&self) -> Result<Outcome, Violation> {
        Simulation::new(self).run().map_err(|violation| {
            Violation(format!("{}\nseed {} of {self:#?}", violation.0, self.seed))
        })
    }
}
