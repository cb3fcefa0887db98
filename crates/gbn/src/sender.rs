//! The sender: one window, one cursor, one timer, for one receiver or many.

mod auto_window;
mod delays;
mod events;
mod group;
mod patience;
mod recovery;
mod rto;
mod sent;
mod stats;
mod window;

use std::time::Instant;

use self::{
    auto_window::AutoWindow,
    events::Events,
    group::{Group, Standing},
    rto::Rto,
    sent::SentLog,
};
pub use self::{
    delays::SegmentDelays,
    events::{GoBackCause, SenderEvent},
    group::{ReceiverId, ReceiverProgress},
    patience::Patience,
    stats::SenderStats,
};
use crate::{
    ack::{Ack, Transmit},
    config::{SenderConfig, Window, WindowSetting},
};

/// The sending end of one stream, to one receiver or to a group (Kurose & Ross 3.4.3).
///
/// ```text
///   base             cursor          next_seq_num      base + window
///    |  sent, unacked  |  to be resent    |  usable         |  not usable
/// ```
///
/// `base` is the least cumulative ACK of the live receivers. Going back moves the cursor and never `next_seq_num`,
/// which stays the highest segment sent + 1: a cumulative ACK that arrives late remains valid.
///
/// The one timer belongs to `base`. It starts anew when an ACK advances `base`, when `base` itself is sent again, and
/// when an ACK shows that what was sent before `base` is still arriving. The duplicate ACKs of what came after a lost
/// `base` don't touch it.
#[derive(Debug, Clone)]
pub struct Sender {
    config: SenderConfig,
    window: Window,
    auto_window: Option<AutoWindow>,
    group: Group,
    cursor: u64,
    next_seq_num: u64,
    /// Segments below this exist.
    available: u64,
    /// Whether `available` is the end of the transfer.
    complete: bool,
    finished: bool,
    round: u16,
    sent: SentLog,
    timer: Option<Instant>,
    rto: Rto,
    /// The first segment whose ACK is timed next: one measurement a round trip (RFC 6298 section 3).
    timed_from: u64,
    probe: Probe,
    events: Events,
    stats: SenderStats,
}

/// Asking a receiver without space again: one segment beyond what it has space for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    None,
    Due,
    Sent(u64),
}

impl Sender {
    /// A sender of segments from 0 on to these receivers, each taken to have unlimited space until it says otherwise.
    pub fn new(config: SenderConfig, receivers: impl IntoIterator<Item = ReceiverId>) -> Self {
        Self::starting_at(0, config, receivers)
    }

    /// A sender to receivers that have what comes before `base` from another stream.
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
            timed_from: base,
            probe: Probe::None,
            events: Events::default(),
            stats: SenderStats::new(rto.current()),
            rto,
        }
    }

    /// Lets the segments below `end` be sent. An `end` below an earlier one changes nothing.
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

    /// The next run of at most `max_segments` to send now.
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
            return None;
        }
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
        Some(Transmit {
            first,
            count: count as usize,
            round: self.round,
            retransmission,
            copies: self.config.copies,
        })
    }

    /// Takes an ACK. One from nobody that is served, or for segments never sent, is refused and counted.
    pub fn handle_ack(&mut self, now: Instant, from: ReceiverId, ack: Ack) {
        let old_base = self.base();
        let standing = self.group.acknowledge(from, &ack, self.next_seq_num);
        if standing == Standing::Refused {
            self.stats.acks_refused += 1;
            return;
        }
        self.stats.acks += 1;
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_ack();
        }
        if standing == Standing::Overtaken {
            return;
        }
        if self.base() > old_base {
            self.time_round_trip(now, &ack);
            self.find_window(now, old_base, &ack);
            self.base_advanced();
            self.timer = Some(now + self.rto.current());
        } else if self.is_from_before_base(&ack) {
            self.timer = Some(now + self.rto.current());
        }
        self.handle_refused_probe(&ack);
        if let Some(gap_round) = ack.gap_round {
            self.bound_round_trip(now, ack.cumulative, gap_round);
            self.handle_gap(ack.cumulative, gap_round);
        }
        self.stop_idle_timer();
        if self.complete && ack.cumulative == self.available {
            self.report_finished();
        }
    }

    /// Handles the timer's end. Before [`poll_timeout`](Self::poll_timeout) it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_timeout(now);
        }
        self.take_window();
        if self.timer.is_none_or(|at| now < at) {
            return;
        }
        self.timer = None;
        self.rto.back_off();
        self.drop_silent_receivers(now);
        if self.is_out_of_space() {
            self.probe();
        } else if self.outstanding() > 0 {
            self.stats.timeouts += 1;
            self.go_back(self.base(), GoBackCause::Timeout);
        }
        self.stats.note(&self.rto);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let growth = self.auto_window.as_ref().and_then(AutoWindow::poll_timeout);
        self.timer.into_iter().chain(growth).min()
    }

    /// What has happened: where the base is now, the newest going back, each receiver's end, and the end of all.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.events.pop()
    }

    /// Stops serving a receiver; false where it wasn't served. The others go on.
    pub fn remove_receiver(&mut self, receiver: ReceiverId) -> bool {
        let old_base = self.base();
        let removed = self.group.remove(receiver);
        if self.base() > old_base {
            self.base_advanced();
        }
        self.stop_idle_timer();
        self.report_finished();
        removed
    }

    /// Sets the space of a receiver in segments, where it was told before the first ACK.
    pub fn set_free_segments(&mut self, receiver: ReceiverId, free_segments: u32) {
        self.group.set_free_segments(receiver, free_segments);
    }

    /// Fixes the window. What is outstanding stays so; nothing beyond the new window is sent, not even again.
    pub fn set_window(&mut self, window: Window) {
        self.auto_window = None;
        self.resize_window(window);
    }

    /// Tells a window that finds itself how many streams of this member share its link, with this one.
    pub fn set_sharing(&mut self, streams: u32) {
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.set_sharing(streams);
            self.take_window();
        }
    }

    /// The window of now.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The oldest segment that some live receiver has not acknowledged.
    pub fn base(&self) -> u64 {
        self.group.base()
    }

    /// The highest segment sent + 1.
    pub fn next_seq_num(&self) -> u64 {
        self.next_seq_num
    }

    /// Segments sent and not acknowledged by every live receiver: never more than the window.
    pub fn outstanding(&self) -> u64 {
        if self.group.is_empty() {
            0
        } else {
            self.next_seq_num - self.base()
        }
    }

    /// The round in which segments are sent now.
    pub fn round(&self) -> u16 {
        self.round
    }

    /// The live receivers, in the order of their ids.
    pub fn receivers(&self) -> &[ReceiverProgress] {
        self.group.live()
    }

    /// Whether no receiver is left to serve: [`SenderEvent::Finished`].
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// What has been counted and measured.
    pub fn stats(&self) -> &SenderStats {
        &self.stats
    }

    /// The first segment that neither the window nor the receivers' space allows.
    fn sendable_end(&self) -> u64 {
        if self.group.is_empty() {
            return self.base();
        }
        let least_space_end = match self.probe {
            Probe::Due => self.base() + 1,
            Probe::None | Probe::Sent(_) => self.base(),
        };
        let window_end = self.base() + u64::from(self.window.segments());
        window_end.min(self.group.space_end().max(least_space_end))
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

    /// Takes a measurement where the ACK proves which transmission of which segment it answers (Karn's rule). As the
    /// ACK advanced the base, in a group it is from the slowest receiver.
    fn time_round_trip(&mut self, now: Instant, ack: &Ack) {
        let answered = ack.cumulative.saturating_sub(1);
        let proven = self.sent.round(answered) == ack.accepted_round;
        if proven && answered >= self.timed_from {
            self.rto.measured(self.sent.age(answered, now));
            self.timed_from = self.cursor.max(ack.cumulative);
            self.stats.note(&self.rto);
        }
    }

    /// Moves what the base has passed.
    fn base_advanced(&mut self) {
        let base = self.base();
        self.cursor = self.cursor.max(base);
        if matches!(self.probe, Probe::Sent(seq) if seq < base) {
            self.probe = Probe::None;
        }
        self.events.push(SenderEvent::BaseAdvanced { base });
    }

    fn stop_idle_timer(&mut self) {
        if self.outstanding() == 0 && !self.is_out_of_space() {
            self.timer = None;
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
