//! Straggler detection: finds the receivers that hold up a group.

use std::time::{Duration, Instant};

use super::{
    Sender,
    group::{ReceiverId, ReceiverProgress},
};

/// A receiver that blocks the group for a larger share of the time is a straggler: without it, the others would be at
/// least four times as fast.
const MAX_BLOCKED_SHARE: f64 = 0.75;

/// The shortest time constant of the moving average. It spans several go-backs, so that chance alone does not make a
/// straggler.
const MIN_TIME_CONSTANT: Duration = Duration::from_secs(2);

/// The time constant in minimum round trips, if that is longer. The minimum is that of the fast receivers: a slow receiver's
/// round trips must not delay its own detection.
const TIME_CONSTANT_ROUND_TRIPS: u32 = 32;

/// Detects the stragglers of a group.
///
/// The group is blocked while segments remain but window or space prevent new ones from being sent. A receiver blocks it
/// if it is more than half a window behind the fastest. It also does if it is the only obstacle: another receiver has
/// everything that was sent and space for more, and this one does not.
///
/// The detector averages the time for which each receiver blocks the group, with exponential weights over two seconds, or
/// over 32 round trips if that is longer. Losses that affect all receivers equally make no straggler. A receiver that stops
/// is detected after 1.4 time constants. The end of the transfer does not count, because finished receivers wait for
/// nothing.
#[derive(Debug, Clone, Default)]
pub struct StragglerDetector {
    last: Option<Instant>,
    /// Sorted by id, like the sender's receivers.
    watched: Vec<Watched>,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    id: ReceiverId,
    /// The average share of the time for which it blocked the group, from 0 to 1.
    blocked_share: f64,
    /// Whether it blocked the group at the last observation.
    is_blocking: bool,
}

impl StragglerDetector {
    /// Updates the averages and returns the worst straggler, if any. Call this after each `handle_*` of the sender, once
    /// the sender has sent all that it may.
    pub fn observe(&mut self, now: Instant, sender: &Sender) -> Option<ReceiverId> {
        let elapsed = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        let kept = (-elapsed.as_secs_f64() / time_constant(sender).as_secs_f64()).exp();
        let is_blocking = sender.blocks_new_segments();
        self.update_receivers(sender.receivers());
        let mut slowest: Option<Watched> = None;
        for (watched, receiver) in self.watched.iter_mut().zip(sender.receivers()) {
            let during = if watched.is_blocking { 1.0 } else { 0.0 };
            watched.blocked_share = watched.blocked_share * kept + during * (1.0 - kept);
            watched.is_blocking = is_blocking(receiver);
            let is_slowest =
                slowest.is_none_or(|other| watched.blocked_share > other.blocked_share);
            if watched.is_blocking && is_slowest {
                slowest = Some(*watched);
            }
        }
        slowest
            .filter(|watched| watched.blocked_share > MAX_BLOCKED_SHARE)
            .map(|watched| watched.id)
    }

    /// The time at which [`observe`](Self::observe) would return a straggler if nothing changes before.
    pub fn poll_timeout(&self, sender: &Sender) -> Option<Instant> {
        let last = self.last?;
        let share = self
            .watched
            .iter()
            .filter(|watched| watched.is_blocking)
            .map(|watched| watched.blocked_share)
            .reduce(f64::max)?;
        // While a receiver blocks, its share after `t` is 1 - (1 - share) * exp(-t / time constant).
        let time_constants = ((1.0 - share) / (1.0 - MAX_BLOCKED_SHARE)).ln().max(0.0);
        let wait = time_constant(sender).mul_f64(time_constants);
        Some(last + wait + Duration::from_millis(1))
    }

    /// Follows changes of the sender's receivers.
    fn update_receivers(&mut self, receivers: &[ReceiverProgress]) {
        // Receivers are only ever removed, so an equal number means that they are the same.
        if self.watched.len() == receivers.len() {
            return;
        }
        let old = std::mem::take(&mut self.watched);
        self.watched.extend(receivers.iter().map(|receiver| {
            let known = old.iter().find(|watched| watched.id == receiver.id);
            known.copied().unwrap_or(Watched {
                id: receiver.id,
                blocked_share: 0.0,
                is_blocking: false,
            })
        }));
    }
}

impl Sender {
    /// Returns whether a receiver is why window or space prevent the remaining segments from being sent.
    fn blocks_new_segments(&self) -> impl Fn(&ReceiverProgress) -> bool + use<> {
        let next_seq_num = self.next_seq_num;
        let all_sent = self.complete && self.available <= next_seq_num;
        let is_blocked = !all_sent && next_seq_num >= self.sendable_end();
        let positions = self.receivers().iter().map(|receiver| receiver.cumulative);
        let half_window = u64::from(self.window.segments() / 2);
        let far_behind = positions.max().unwrap_or(0).saturating_sub(half_window);
        // It has everything that was sent, and space for more.
        let is_ready = move |receiver: &ReceiverProgress| {
            receiver.cumulative == next_seq_num && receiver.space_end > next_seq_num
        };
        let any_is_ready = self.receivers().iter().any(is_ready);
        move |receiver| {
            let is_only_obstacle = any_is_ready && !is_ready(receiver);
            is_blocked && (receiver.cumulative < far_behind || is_only_obstacle)
        }
    }
}

fn time_constant(sender: &Sender) -> Duration {
    let round_trips = sender.stats().min_rtt.unwrap_or_default() * TIME_CONSTANT_ROUND_TRIPS;
    round_trips.max(MIN_TIME_CONSTANT)
}
