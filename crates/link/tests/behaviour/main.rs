//! What a link does to packets, in virtual time.

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

use backroom_link::{Link, LinkConfig, Verdict};

/// The beginning of virtual time.
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

/// Sends so many packets of 1,250 bytes, a millisecond apart: at 10 Mbit/s exactly as fast as they are transmitted.
fn send_steadily(config: &LinkConfig, seed: u64, packets: u64) -> (Link, Vec<Verdict>) {
    config.validate().unwrap();
    let mut link = Link::new(config.clone(), seed);
    let verdicts = (0..packets)
        .map(|n| link.send(epoch() + ms(n), 1250))
        .collect();
    (link, verdicts)
}

/// When the packet arrives, since the beginning.
fn arrival(verdict: &Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Deliver { at, .. } => Some(*at - epoch()),
        Verdict::Drop(_) => None,
    }
}

fn lost(verdicts: &[Verdict]) -> Vec<usize> {
    (0..verdicts.len())
        .filter(|index| arrival(&verdicts[*index]).is_none())
        .collect()
}
