//! The behaviour of a link, in virtual time.

#![allow(
    clippy::unwrap_used,
    reason = "a failure of a helper is a failure of its test"
)]

mod config;
mod impairments;
mod loss;
mod properties;
mod transmission;

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use backroom_link::{Link, LinkConfig, LinkStats, Verdict};

/// The start of virtual time.
#[allow(
    clippy::disallowed_methods,
    reason = "an Instant has to come from somewhere"
)]
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Sends packets of 1,250 bytes, one a millisecond: exactly the rate at which 10 Mbit/s transmits them.
fn send_steadily(config: &LinkConfig, seed: u64, packets: u64) -> (Link, Vec<Verdict>) {
    config.validate().unwrap();
    let mut link = Link::new(config.clone(), seed);
    let verdicts = (0..packets)
        .map(|n| link.send(epoch() + ms(n), 1250))
        .collect();
    (link, verdicts)
}

/// The time of arrival since the start.
fn arrival(verdict: &Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Deliver { at, .. } => Some(*at - epoch()),
        Verdict::Drop(_) => None,
    }
}

/// The fraction of the offered packets that the loss model dropped.
fn measured_loss(stats: LinkStats) -> f64 {
    stats.dropped_by_loss as f64 / stats.offered as f64
}

fn lost(verdicts: &[Verdict]) -> Vec<usize> {
    (0..verdicts.len())
        .filter(|index| arrival(&verdicts[*index]).is_none())
        .collect()
}
