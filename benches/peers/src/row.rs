//! One run: a row of `runs.csv`.

use serde::{Deserialize, Serialize};

/// The fields are the columns, in this order. Unknown values are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) comparison: String,
    pub(crate) contestant: String,
    /// The relevant options of its command line.
    pub(crate) options: String,
    pub(crate) receivers: u16,
    /// From 1. 0 is a trial that searches the best window and is not a measurement.
    pub(crate) repetition: u32,
    /// Seed of the network's losses.
    pub(crate) seed: u64,
    /// Position in the order in which the runs of the comparison were started, from 1.
    pub(crate) order: usize,
    /// Size of the file. It counts once for several receivers.
    pub(crate) bytes: u64,
    pub(crate) seconds: Option<f64>,
    /// 10^6 bit/s.
    pub(crate) goodput_mbps: Option<f64>,
    /// Processor time of the sending program during the transfer, in steps of 10 ms. Only for backroom.
    pub(crate) sender_processor_seconds: Option<f64>,
    /// Packets at the shapers of the sender and the receivers in both directions. Empty without shaping.
    pub(crate) packets: Option<u64>,
    /// Those of them that the shapers lost.
    pub(crate) packets_lost: Option<u64>,
    pub(crate) ok: bool,
    /// Why it failed.
    pub(crate) note: String,
    /// The command, or the input of our client.
    pub(crate) command: String,
}

impl Row {
    /// Records a successful transfer.
    pub(crate) fn took(&mut self, seconds: f64) {
        self.seconds = Some(seconds);
        self.goodput_mbps = Some(self.bytes as f64 * 8.0 / seconds / 1e6);
        self.ok = true;
    }

    /// Records why the run does not count. Keeps the first reason.
    pub(crate) fn failed(&mut self, why: impl ToString) {
        self.ok = false;
        if self.note.is_empty() {
            self.note = why.to_string();
        }
    }

    /// Whether it is a successful measurement.
    pub(crate) fn counts(&self) -> bool {
        self.ok && self.repetition > 0
    }
}
