//! One run: a row of `runs.csv`.

use serde::{Deserialize, Serialize};

/// The columns are the fields, in this order; what is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) comparison: String,
    pub(crate) contestant: String,
    /// What of its command line matters.
    pub(crate) options: String,
    /// Receivers.
    pub(crate) receivers: u16,
    /// From 1; 0 is a trial that looks for the best window and counts for nothing else.
    pub(crate) repetition: u32,
    /// Of the network's losses.
    pub(crate) seed: u64,
    /// Place in the order in which the runs of the comparison were begun, from 1.
    pub(crate) order: usize,
    /// Of the file. To several receivers it counts once.
    pub(crate) bytes: u64,
    pub(crate) seconds: Option<f64>,
    /// 10^6 bit/s.
    pub(crate) goodput_mbps: Option<f64>,
    /// Processor time of the sending program meanwhile; ours only, in steps of 10 ms.
    pub(crate) sender_processor_seconds: Option<f64>,
    /// Packets at the sender's and the receivers' shapers, both ways, and those lost there. Empty where nothing is shaped.
    pub(crate) packets: Option<u64>,
    pub(crate) packets_lost: Option<u64>,
    pub(crate) ok: bool,
    /// If not, why not.
    pub(crate) note: String,
    /// What was run for it.
    pub(crate) command: String,
}

impl Row {
    /// Takes note of how long it took.
    pub(crate) fn took(&mut self, seconds: f64) {
        self.seconds = Some(seconds);
        self.goodput_mbps = Some(self.bytes as f64 * 8.0 / seconds / 1e6);
        self.ok = true;
    }

    /// Takes note of why it does not count. The first reason stays.
    pub(crate) fn failed(&mut self, why: impl ToString) {
        self.ok = false;
        if self.note.is_empty() {
            self.note = why.to_string();
        }
    }

    /// Whether it is one of the measurements, and succeeded.
    pub(crate) fn counts(&self) -> bool {
        self.ok && self.repetition > 0
    }
}
