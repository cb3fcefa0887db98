//! One combination of values, one from each axis.

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use backroom_link::{LinkConfig, Loss};
use backroom_vocabulary::{Cast, Delivery};

use crate::loss::{Burst, LossSide};
use crate::wire;

/// One combination of the values of all axes. Its repetitions are summarised together.
///
/// [`Axis`](crate::Axis) reads and writes the fields as text. The default is the blank cell that the product of the axes
/// starts from, not the default values of the axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Who receives.
    pub cast: Cast,
    /// How several receivers are reached.
    pub delivery: Delivery,
    /// Number of receivers.
    pub receivers: u16,
    /// N of Go-Back-N for each stream, in segments.
    pub window: WindowSetting,
    /// What makes the sender go back.
    pub recovery: Recovery,
    /// The retransmission timer.
    pub timeout: Timeout,
    /// How many times each segment is sent.
    pub copies: Copies,
    /// Rate, delay, jitter, queue and loss of each member's link.
    pub link: LinkConfig,
    /// The fraction of packets that `link` loses in the long run, from 0 to 0.5.
    pub loss: f64,
    /// Whether the losses come in bursts.
    pub burst: Burst,
    /// Where packets are lost.
    pub loss_side: LossSide,
    /// Size of the file.
    pub file_bytes: u64,
    /// File bytes carried by one segment.
    pub segment_bytes: u16,
}

impl Cell {
    /// Configuration of the egress link of each member.
    pub fn egress(&self) -> LinkConfig {
        let mut link = self.link.clone();
        if self.loss_side == LossSide::Receivers {
            link.loss = Loss::None;
        }
        link
    }

    /// Loss at each member's ingress. The ingress has no other effect on packets.
    pub fn ingress_loss(&self) -> Loss {
        match self.loss_side {
            LossSide::Sender => Loss::None,
            LossSide::Receivers => self.link.loss.clone(),
        }
    }

    /// Members of the room: the sender, the receivers, and those present without being addressed.
    pub fn members(&self) -> u16 {
        let bystanders = match self.cast {
            Cast::Unicast | Cast::Broadcast => 0,
            Cast::Multicast | Cast::Blockcast => 1,
        };
        1 + self.receivers + bystanders
    }

    /// Segments of the file. An empty file is one empty segment.
    pub fn segments(&self) -> u64 {
        self.file_bytes
            .div_ceil(u64::from(self.segment_bytes))
            .max(1)
    }

    /// Size of the IP packet with segment `seq`. The last segment carries the rest of the file.
    pub(crate) fn data_packet_bytes(&self, seq: u64) -> usize {
        let segment_bytes = u64::from(self.segment_bytes);
        let left = self.file_bytes.saturating_sub(seq * segment_bytes);
        left.min(segment_bytes) as usize + usize::from(wire::DATA_OVERHEAD_BYTES)
    }

    /// Sets the mean loss and the burst length, and derives the loss model of the link.
    pub(crate) fn set_loss(&mut self, loss: f64, burst: Burst) {
        (self.loss, self.burst) = (loss, burst);
        self.link.loss = burst.loss(loss);
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            cast: Cast::Unicast,
            delivery: Delivery::Parallel,
            receivers: 1,
            window: WindowSetting::default(),
            recovery: Recovery::default(),
            timeout: Timeout::default(),
            copies: Copies::default(),
            link: LinkConfig::default(),
            loss: 0.0,
            burst: Burst::Random,
            loss_side: LossSide::Sender,
            file_bytes: 0,
            segment_bytes: 1,
        }
    }
}

/// Seed of the egress link of `member` in a run with the seed `run_seed`. The sender is member 0, receivers follow from
/// 1.
pub fn egress_seed(run_seed: u64, member: u16) -> u64 {
    link_seed(run_seed, 2 * u64::from(member))
}

/// Seed of the losses at the ingress of `member`.
pub fn ingress_seed(run_seed: u64, member: u16) -> u64 {
    link_seed(run_seed, 2 * u64::from(member) + 1)
}

/// A seed for one link of a run. Neighbouring runs and links get unrelated seeds (Steele et al. 2014, SplitMix64).
fn link_seed(run_seed: u64, link: u64) -> u64 {
    let mixed = |seed: u64| {
        let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        seed ^ (seed >> 31)
    };
    mixed(mixed(run_seed) ^ link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::tests::cell;

    #[test]
    fn loss_happens_on_the_requested_side() {
        let cell = |side: &str| cell(&["loss=0.1", &format!("loss_side={side}")]);
        assert_eq!(cell("sender").egress().loss, Loss::Random(0.1));
        assert_eq!(cell("sender").ingress_loss(), Loss::None);
        assert_eq!(cell("receivers").egress().loss, Loss::None);
        assert_eq!(cell("receivers").ingress_loss(), Loss::Random(0.1));
    }

    #[test]
    fn links_and_runs_have_seeds_of_their_own() {
        let mut seeds: Vec<_> = (0..4)
            .flat_map(|run| {
                (0..4).flat_map(move |member| [egress_seed(run, member), ingress_seed(run, member)])
            })
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 32);
    }
}
