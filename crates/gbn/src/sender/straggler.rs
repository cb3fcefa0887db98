//! How long the fast receivers of a group wait for a slow one.

use std::time::{Duration, Instant};

use super::{ReceiverId, ReceiverProgress, Sender};

/// The share of time above which the others wait too much for one receiver: without it they would be four times as
/// fast.
const MAX_SHARE: f64 = 0.75;

/// The least time over which that share is taken: several go-backs, so that chance alone moves nobody.
const MIN_MEMORY: Duration = Duration::from_secs(2);

/// The same in round trips, the shortest measured: a slow receiver's own are no reason to wait longer for it.
const MEMORY_ROUND_TRIPS: u32 = 32;

/// Watches a group for receivers that hold up the others.
///
/// The others wait for a receiver while no new segment may be sent though some are left, and it is half a window behind the
/// fastest, or the only reason: another has everything that was sent and space for more, and this one has not. Each
/// receiver's share of such time is an exponentially weighted mean over about two seconds, or 32 round trips where that
/// is longer. Losses that hit all receivers alike give none of them such a share; a receiver that stands still has it
/// after 1.4 times as long. The end of the transfer counts for nobody: those who have everything don't wait.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    last: Option<Instant>,
    /// In the order of ids, as the sender's.
    watched: Vec<Watched>,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    id: ReceiverId,
    /// The share of time in which it was waited for.
    share: f64,
    /// Whether it was when last looked at.
    waited_for: bool,
}

impl Patience {
    /// Takes note of how things stand, and names a receiver that is too slow for the others, if there is one. To be
    /// called after each `handle_*` of the sender, once it has sent what it may.
    pub fn observe(&mut self, now: Instant, sender: &Sender) -> Option<ReceiverId> {
        let elapsed = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        let kept = (-elapsed.as_secs_f64() / memory(sender).as_secs_f64()).exp();
        let wait = sender.wait();
        self.follow(sender.receivers());
        let mut slowest: Option<Watched> = None;
        for (watched, receiver) in self.watched.iter_mut().zip(sender.receivers()) {
            let during = if watched.waited_for { 1.0 } else { 0.0 };
            watched.share = watched.share * kept + during * (1.0 - kept);
            watched.waited_for = wait.is_some_and(|wait| wait.is_for(receiver));
            if watched.waited_for && slowest.is_none_or(|other| watched.share > other.share) {
                slowest = Some(*watched);
            }
        }
        slowest
            .filter(|watched| watched.share > MAX_SHARE)
            .map(|watched| watched.id)
    }

    /// When [`observe`](Self::observe) would name a receiver if nothing changes before.
    pub fn poll_timeout(&self, sender: &Sender) -> Option<Instant> {
        let last = self.last?;
        let share = self
            .watched
            .iter()
            .filter(|watched| watched.waited_for)
            .map(|watched| watched.share)
            .reduce(f64::max)?;
        let memories = ((1.0 - share) / (1.0 - MAX_SHARE)).ln().max(0.0);
        let wait = memory(sender).mul_f64(memories);
        Some(last + wait + Duration::from_millis(1))
    }

    /// Forgets those that are served no more.
    fn follow(&mut self, receivers: &[ReceiverProgress]) {
        if self.watched.len() == receivers.len() {
            return;
        }
        let old = std::mem::take(&mut self.watched);
        let mut old = old.into_iter().peekable();
        for receiver in receivers {
            while old.next_if(|watched| watched.id < receiver.id).is_some() {}
            let known = old.next_if(|watched| watched.id == receiver.id);
            self.watched.push(known.unwrap_or(Watched {
                id: receiver.id,
                share: 0.0,
                waited_for: false,
            }));
        }
    }
}

/// What keeps new segments from being sent.
#[derive(Debug, Clone, Copy)]
struct Wait {
    next_seq_num: u64,
    /// Those who have less are far behind the fastest.
    far_behind: u64,
    somebody_is_ready: bool,
}

impl Wait {
    fn is_for(&self, receiver: &ReceiverProgress) -> bool {
        let is_only_reason = self.somebody_is_ready && !self.is_ready(receiver);
        receiver.cumulative < self.far_behind || is_only_reason
    }

    /// Whether this receiver has all that was sent, and space for more.
    fn is_ready(&self, receiver: &ReceiverProgress) -> bool {
        receiver.cumulative == self.next_seq_num && receiver.space_end > self.next_seq_num
    }
}

impl Sender {
    /// What is waited for, if window or space keep new segments from being sent.
    fn wait(&self) -> Option<Wait> {
        let next_seq_num = self.next_seq_num;
        let all_sent = self.complete && self.available <= next_seq_num;
        if all_sent || next_seq_num < self.sendable_end() {
            return None;
        }
        let fastest = self.receivers().iter().map(|receiver| receiver.cumulative);
        let half_window = u64::from(self.window.segments() / 2);
        let mut wait = Wait {
            next_seq_num,
            far_behind: fastest.max()?.saturating_sub(half_window),
            somebody_is_ready: false,
        };
        wait.somebody_is_ready = self
            .receivers()
            .iter()
            .any(|receiver| wait.is_ready(receiver));
        Some(wait)
    }
}

fn memory(sender: &Sender) -> Duration {
    let round_trips = sender.stats().min_rtt.unwrap_or_default() * MEMORY_ROUND_TRIPS;
    round_trips.max(MIN_MEMORY)
}
