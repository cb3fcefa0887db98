//! The sender: one window, one cursor and one timer, for one or more receivers.

mod auto_window;
mod delays;
mod events;
mod group;
mod recovery;
mod rto;
mod sent;
mod stall;
mod stats;
pub(crate) mod straggler;
mod window;

use std::time::Instant;

use self::{
    auto_window::AutoWindow,
    events::Events,
    group::{AckStatus, Group},
    rto::Rto,
    sent::SentLog,
    stall::Stall,
};
pub use self::{
    delays::SegmentDelays,
    events::{GoBackCause, SenderEvent},
    group::{LossCause, ReceiverId, ReceiverProgress},
    stats::SenderStats,
};
use crate::{
    ack::{Ack, Transmit},
    config::{SenderConfig, Window, WindowSetting},
};

/// The sending end of one stream, to one receiver or a group (Kurose & Ross 3.4.3).
///
/// ```text
///   base             cursor          next_seq_num      base + window
///    |  sent, unacked  |  to be resent    |  usable         |  not usable
/// ```
///
/// `base` is the lowest cumulative ACK of the live receivers. Going back moves the cursor but not `next_seq_num`, which
/// remains the highest segment sent + 1, so that a late cumulative ACK stays valid.
///
/// The timer belongs to `base`. It restarts when an ACK advances `base`, when `base` itself is sent again, and when an ACK
/// shows that segments sent before `base` are still arriving. Duplicate ACKs of segments after a lost `base` do not
/// restart it.
///
/// Going back without progress is spaced out: the third retry of `base` and later ones send only that segment, and gap reports
/// trigger three at most. The others wait for the timer, which backs off. A receiver that holds up `base` for [`SenderConfig::max_stall`] is lost.
#[derive(Debug, Clone)]
pub struct Sender {
    config: SenderConfig,
    window: Window,
    auto_window: Option<AutoWindow>,
    group: Group,
    cursor: u64,
    next_seq_num: u64,
    /// The end of the segments that the caller can provide so far.
    available: u64,
    /// Whether `available` is the end of the transfer.
    complete: bool,
    finished: bool,
    round: u16,
    sent: SentLog,
    timer: Option<Instant>,
    stall: Stall,
    rto: Rto,
    /// The first segment whose ACK is measured next. It limits RTT measurements to one a round trip (RFC 6298 section 3).
    timed_from: u64,
    probe: Probe,
    events: Events,
    stats: SenderStats,
}

/// The zero-window probe: one segment beyond the receiver's space, so that its ACK reports the space it has by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    None,
    Due,
    Sent(u64),
}

impl Sender {
    /// Creates a sender that starts at segment 0. Receivers count as having unlimited space until their first ACK.
    pub fn new(config: SenderConfig, receivers: impl IntoIterator<Item = ReceiverId>) -> Self {
        Self::starting_at(0, config, receivers)
    }

    /// Creates a sender to receivers that already have all segments below `base` from another stream.
    pub fn starting_at(
        base: u64,
        config: SenderConfig,
        receivers: impl IntoIterator<Item = ReceiverId>,
    ) -> Self {
        let rto = Rto::new(config.timeout);
        let (window, auto_window) = match config.window {
            WindowSetting::Fixed(window) => (window, None),
            WindowSetting::Auto => {
                let auto_window = AutoWindow::new();
                (auto_window.window(), Some(auto_window))
            }
        };
        Self {
            config,
            window,
            auto_window,
            group: Group::new(receivers, base),
            cursor: base,
            next_seq_num: base,
            available: base,
            complete: false,
            finished: false,
            round: 0,
            sent: SentLog::new(window),
            timer: None,
            stall: Stall::default(),
            timed_from: base,
            probe: Probe::None,
            events: Events::default(),
            stats: SenderStats {
                rto: rto.current(),
                ..SenderStats::default()
            },
            rto,
        }
    }

    /// Allows the segments below `end` to be sent. An `end` below an earlier one has no effect.
    pub fn make_available(&mut self, end: u64) {
        if !self.complete {
            self.available = self.available.max(end);
        }
    }

    /// Ends the transfer with the segments made available so far.
    pub fn finish(&mut self) {
        self.complete = true;
        self.report_finished();
    }

    /// Returns the next run of at most `max_segments` to send now.
    pub fn poll_transmit(&mut self, now: Instant, max_segments: usize) -> Option<Transmit> {
        let first = self.cursor;
        let retransmission = first < self.next_seq_num;
        let end = self.sendable_end().min(if retransmission {
            self.next_seq_num
        } else {
            self.available
        });
        let count = end.saturating_sub(first).min(max_segments as u64);
        if count == 0 {
            self.await_space(now);
            self.begin_stall(now);
            return None;
        }
        // Pacing comes last: it grants tokens only for segments that window and space allow.
        let count = self.pace(now, count)?;
        if self.probe == Probe::Due {
            self.probe = Probe::Sent(first);
        }
        self.cursor = first + count;
        self.next_seq_num = self.next_seq_num.max(self.cursor);
        self.sent.record(first..self.cursor, self.round, now);
        if self.timer.is_none() || (retransmission && first == self.base()) {
            self.timer = Some(now + self.rto.current());
        }
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_transmit(now, count);
        }
        self.count_transmission(count, retransmission);
        self.begin_stall(now);
        Some(Transmit {
            first,
            count: count as usize,
            round: self.round,
            retransmission,
            copies: self.config.copies,
        })
    }

    /// Handles an ACK. An ACK from an unknown receiver, or for segments never sent, is only counted.
    pub fn handle_ack(&mut self, now: Instant, from: ReceiverId, ack: Ack) {
        let old_base = self.base();
        let status = self.group.acknowledge(from, &ack, self.next_seq_num);
        if status == AckStatus::Refused {
            self.stats.acks_refused += 1;
            return;
        }
        self.stats.acks += 1;
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_ack();
        }
        if status == AckStatus::Stale {
            return;
        }
        if self.base() > old_base {
            self.measure_rtt(now, old_base, &ack);
            self.sample_window(now, old_base, &ack);
            self.base_advanced();
            self.timer = Some(now + self.rto.current());
        } else if self.answers_segment_before_base(&ack) {
            self.timer = Some(now + self.rto.current());
        }
        self.handle_refused_probe(&ack);
        if let Some(gap_round) = ack.gap_round {
            self.sample_gap(now, ack.cumulative, gap_round);
            self.handle_gap(from, ack.cumulative, gap_round);
        }
        self.stop_idle_timers();
        self.begin_stall(now);
        if self.complete && ack.cumulative == self.available {
            self.report_finished();
        }
    }

    /// Handles the expiry of the timer. A call before [`poll_timeout`](Self::poll_timeout) has no effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_timeout(now);
        }
        self.apply_auto_window();
        self.drop_stalled_receivers(now);
        if self.timer.is_none_or(|at| now < at) {
            return;
        }
        self.timer = None;
        self.rto.back_off();
        // Before going back: dropping a receiver may advance the base, and ends the back-off that it caused.
        self.drop_silent_receivers(now);
        if self.is_out_of_space() {
            self.probe();
        } else if self.outstanding() > 0 {
            self.stats.timeouts += 1;
            self.go_back(self.base(), GoBackCause::Timeout);
        }
        self.stats.record_rto(&self.rto);
    }

    /// The time at which to call [`handle_timeout`](Self::handle_timeout), unless another call changes it first.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let auto_window = self.auto_window.as_ref().and_then(AutoWindow::poll_timeout);
        let stall = self.stall_deadline();
        self.timer.into_iter().chain(auto_window).chain(stall).min()
    }

    /// Returns the next event. Of [`BaseAdvanced`](SenderEvent::BaseAdvanced) and [`GoBack`](SenderEvent::GoBack) only the
    /// newest is kept; no other event is lost.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.events.pop()
    }

    /// Stops serving a receiver and returns whether it was served. The others continue.
    pub fn remove_receiver(&mut self, receiver: ReceiverId) -> bool {
        let old_base = self.base();
        let removed = self.group.remove(receiver);
        if self.base() > old_base {
            self.base_advanced();
        }
        self.stop_idle_timers();
        self.report_finished();
        removed
    }

    /// Sets the free space of a receiver, in segments, if it is known before the first ACK.
    pub fn set_free_segments(&mut self, receiver: ReceiverId, free_segments: u32) {
        self.group.set_free_segments(receiver, free_segments);
    }

    /// Sets a fixed window, also in place of an automatic one. Outstanding segments beyond a smaller window stay
    /// outstanding, but are not sent again until the window reaches them.
    pub fn set_window(&mut self, window: Window) {
        self.auto_window = None;
        self.resize_window(window);
    }

    /// Sets the number of streams, this one included, that leave this host by the same link. The automatic window and the
    /// adaptive timeout of the first flight use it.
    pub fn set_sharing(&mut self, streams: u32) {
        self.rto.set_sharing(streams, self.window.segments().into());
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.set_sharing(streams);
            self.apply_auto_window();
        }
    }

    /// The current window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The oldest segment that some live receiver has not acknowledged.
    pub fn base(&self) -> u64 {
        self.group.base()
    }

    /// The highest segment sent so far + 1. Going back does not lower it.
    pub fn next_seq_num(&self) -> u64 {
        self.next_seq_num
    }

    /// The number of segments sent and not acknowledged by every live receiver. Never more than the largest window used.
    pub fn outstanding(&self) -> u64 {
        if self.group.live.is_empty() {
            0
        } else {
            self.next_seq_num - self.base()
        }
    }

    /// The current round: the number of go-backs so far, modulo 2^16.
    pub fn round(&self) -> u16 {
        self.round
    }

    /// The live receivers, sorted by id.
    pub fn receivers(&self) -> &[ReceiverProgress] {
        &self.group.live
    }

    /// Whether no receiver is left to serve; see [`SenderEvent::Finished`].
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The counters and measurements so far.
    pub fn stats(&self) -> &SenderStats {
        &self.stats
    }

    /// The end of the segments that the window and the receivers' space allow to be sent.
    fn sendable_end(&self) -> u64 {
        if self.group.live.is_empty() {
            return self.base();
        }
        let probe_end = match self.probe {
            Probe::Due => self.base() + 1,
            Probe::None | Probe::Sent(_) => self.base(),
        };
        let window_end = self.base() + u64::from(self.window.segments());
        let retry_end = self.retry_end().unwrap_or(u64::MAX);
        window_end
            .min(retry_end)
            .min(self.group.space_end().max(probe_end))
    }

    fn count_transmission(&mut self, count: u64, retransmission: bool) {
        let copied = count * u64::from(self.config.copies.count() - 1);
        self.stats.segments_copied += copied;
        self.stats.segments_sent += count + copied;
        if retransmission {
            self.stats.segments_retransmitted += count;
        } else {
            self.stats.segments += count;
        }
    }

    /// Measures the round trip if the ACK identifies the transmission that it answers (Karn's algorithm). In a group, an
    /// ACK that advances the base is from the slowest receiver, so the timer suits the slowest.
    fn measure_rtt(&mut self, now: Instant, old_base: u64, ack: &Ack) {
        let answered = ack.cumulative.saturating_sub(1);
        let is_unambiguous = self.sent.round(answered) == ack.accepted_round;
        if !is_unambiguous {
            return self.bound_rtt(now, old_base, ack);
        }
        if self.rto.is_first_flight() {
            // No more than a window, so it fits.
            let acknowledged = (self.base() - old_base) as u32;
            self.rto
                .record_wait(acknowledged, self.sent.age(answered, now));
        }
        if answered >= self.timed_from {
            self.rto.record_rtt(self.sent.age(answered, now));
            self.timed_from = self.cursor.max(ack.cumulative);
            self.stats.record_rto(&self.rto);
        }
    }

    /// Takes the time since the round in which the segment was accepted, which is at least its round trip, if several
    /// timeouts in a row have measured none. By Karn's rule alone the timer would stay below a round trip that is longer
    /// than the cap of the back-off.
    fn bound_rtt(&mut self, now: Instant, old_base: u64, ack: &Ack) {
        let answers_last_retry = self.rto.is_expected(self.sent.age(old_base, now));
        if !self.rto.is_perhaps_too_short() || answers_last_retry {
            return;
        }
        if let Some(bound) = self.sent.round_age(ack.accepted_round, now) {
            self.rto.record_rtt(bound);
            self.timed_from = self.cursor.max(ack.cumulative);
            self.stats.record_rto(&self.rto);
        }
    }

    /// Moves the cursor and the probe along with the base.
    fn base_advanced(&mut self) {
        let base = self.base();
        self.end_stall();
        self.cursor = self.cursor.max(base);
        if matches!(self.probe, Probe::Sent(seq) if seq < base) {
            self.probe = Probe::None;
        }
        self.events.push(SenderEvent::BaseAdvanced { base });
    }

    fn stop_idle_timers(&mut self) {
        if !self.is_waiting() {
            self.timer = None;
            self.end_stall();
        }
    }

    fn report_finished(&mut self) {
        if self.complete {
            while let Some(receiver) = self.group.next_finished(self.available) {
                self.events.push(SenderEvent::ReceiverFinished { receiver });
            }
        }
        if !self.finished && self.group.all_finished() {
            self.finished = true;
            self.events.push(SenderEvent::Finished);
        }
    }
}
