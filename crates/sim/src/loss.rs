//! How packets are lost: where, and whether one by one or in bursts.

use backroom_link::{GilbertElliott, Loss};
use backroom_vocabulary::ParseNameError;
use strum::{Display, EnumString, VariantNames};

/// Where packets are lost. Only IP multicast depends on it: a packet of its single stream that is lost at the sender's
/// side is lost for all receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, VariantNames)]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = ParseNameError,
    parse_err_fn = ParseNameError::of::<Self>
)]
pub enum LossSide {
    /// At each member's egress, before the network copies the packet: shared by all receivers.
    Sender,
    /// At each member's ingress: every receiver loses independently.
    Receivers,
}

/// Whether losses are independent or come in bursts.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Burst {
    /// Each packet is lost independently, with the same probability.
    Random,
    /// Mean number of packets lost in a row.
    Mean(f64),
}

impl Burst {
    /// The loss model of a link that loses this fraction of packets.
    ///
    /// A burst of mean length `L` ends with the probability `r = 1 / L` and begins with the probability `p`, so that
    /// the loss is `p / (p + r)`. The good state loses nothing, the bad state everything (Gilbert 1960; the terms are
    /// those of netem's `gemodel`).
    pub(crate) fn loss(self, fraction: f64) -> Loss {
        match self {
            _ if fraction == 0.0 => Loss::None,
            Self::Random => Loss::Random(fraction),
            Self::Mean(length) => {
                let r = 1.0 / length;
                Loss::GilbertElliott(GilbertElliott {
                    p: r * fraction / (1.0 - fraction),
                    r,
                    loss_good: 0.0,
                    loss_bad: 1.0,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_has_the_requested_mean_and_length() {
        let Loss::GilbertElliott(GilbertElliott { p, r, .. }) = Burst::Mean(8.0).loss(0.02) else {
            panic!("a burst is a Gilbert-Elliott loss");
        };
        assert!((p / (p + r) - 0.02).abs() < 1e-12);
        assert!((1.0 / r - 8.0).abs() < 1e-12);
    }

    #[test]
    fn without_loss_there_are_no_bursts() {
        assert!(matches!(Burst::Mean(8.0).loss(0.0), Loss::None));
    }
}
