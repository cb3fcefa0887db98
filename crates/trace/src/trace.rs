//! All steps of one transfer.

use backroom_vocabulary::trace::{Side, Step};

/// The steps of one transfer, in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The transfer's number on the wire.
    pub transfer: u64,
    /// When the transfer's time begins, in microseconds since the UNIX epoch.
    pub origin_us: u64,
    /// The sides whose steps are known.
    pub sides: Vec<Side>,
    /// The sender's window in segments, if it is fixed and known.
    pub window: Option<u16>,
    /// Size of the file.
    pub bytes: u64,
    /// Payload of each segment but the last.
    pub segment_bytes: u16,
    /// The steps.
    pub steps: Vec<Step>,
    /// How many steps are missing, because they could not be written fast enough.
    pub missing: u64,
}

impl Trace {
    /// The steps that concern `receiver`, of which there may be none.
    pub fn of_receiver(&self, receiver: u16) -> Self {
        let concerns = |step: &&Step| {
            let whole_group = step.stream == 0 && step.receiver == 0;
            step.receiver == receiver || whole_group
        };
        Self {
            steps: self.steps.iter().filter(concerns).copied().collect(),
            sides: self.sides.clone(),
            ..*self
        }
    }

    /// The receivers that have steps, in rising order.
    pub fn receivers(&self) -> Vec<u16> {
        let mut receivers: Vec<_> = self.steps.iter().map(|step| step.receiver).collect();
        receivers.sort_unstable();
        receivers.dedup();
        receivers.retain(|receiver| *receiver > 0);
        receivers
    }

    /// Whether the steps of both sides are known.
    pub fn has_both_sides(&self) -> bool {
        [Side::Sender, Side::Receiver]
            .iter()
            .all(|side| self.sides.contains(side))
    }

    /// When the last step was, in nanoseconds since the transfer's time began.
    pub fn end_ns(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.at_ns)
    }
}
