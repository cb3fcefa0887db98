//! Pings to members whose name is wanted by a client with the same identity.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backroom_protocol::room::MemberId;

/// The time that a member has to answer.
pub(crate) const PROBE_TIME: Duration = Duration::from_secs(2);

/// The members that were asked and have not answered, with the times at which they count as lost.
#[derive(Debug, Default)]
pub(super) struct Probes(BTreeMap<MemberId, Instant>);

impl Probes {
    /// Starts to wait for an answer. Returns whether the member must be asked: it is not if it was asked already.
    pub(super) fn start(&mut self, now: Instant, id: MemberId) -> bool {
        let is_new = !self.0.contains_key(&id);
        self.0.entry(id).or_insert(now + PROBE_TIME);
        is_new
    }

    pub(super) fn is_waiting(&self, id: MemberId) -> bool {
        self.0.contains_key(&id)
    }

    /// The member has sent something, or is gone.
    pub(super) fn end(&mut self, id: MemberId) {
        self.0.remove(&id);
    }

    /// Removes and returns the members that did not answer in time.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<MemberId> {
        let (expired, waiting) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(_, deadline)| *deadline <= now);
        self.0 = waiting;
        let expired: BTreeMap<_, _> = expired;
        expired.into_keys().collect()
    }

    /// The time of the next expiry.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
}
