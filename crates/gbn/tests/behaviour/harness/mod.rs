//! A simulation of one sender, its receivers and the links between them in virtual time, from event to event.

mod content;
mod network;
mod scenario;
pub(crate) mod shared_link;
mod simulation;
mod trace;

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use backroom_gbn::{Ack, Sender, SenderEvent, Transmit};

pub(crate) use content::SplitMix64;
pub(crate) use scenario::{Scenario, Space};
pub(crate) use simulation::Outcome;
pub(crate) use trace::{Event, TraceEntry};

/// The start of virtual time.
#[allow(
    clippy::disallowed_methods,
    reason = "an Instant has to come from somewhere"
)]
pub(crate) fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The instant `milliseconds` after the start of virtual time.
pub(crate) fn at(milliseconds: u64) -> Instant {
    epoch() + ms(milliseconds)
}

/// An ACK without a gap, from a receiver with space, for segments accepted in round 0.
pub(crate) fn ack(cumulative: u64) -> Ack {
    Ack {
        cumulative,
        accepted_round: 0,
        gap_round: None,
        free_segments: 1_000_000,
    }
}

/// An ACK that reports a gap.
pub(crate) fn gap(cumulative: u64, gap_round: u16) -> Ack {
    Ack {
        gap_round: Some(gap_round),
        ..ack(cumulative)
    }
}

/// Everything the sender sends now.
pub(crate) fn transmit_all(sender: &mut Sender, now: Instant) -> Vec<Transmit> {
    std::iter::from_fn(|| sender.poll_transmit(now, usize::MAX)).collect()
}

/// The sequence numbers of everything the sender sends now.
pub(crate) fn sent_now(sender: &mut Sender, now: Instant) -> Vec<u64> {
    transmit_all(sender, now)
        .iter()
        .flat_map(Transmit::segments)
        .collect()
}

pub(crate) fn events(sender: &mut Sender) -> Vec<SenderEvent> {
    std::iter::from_fn(|| sender.poll_event()).collect()
}
