//! The window that finds itself: the path's bandwidth-delay product, and next to nothing on top.
//!
//! Go-Back-N sends the whole window again after a loss, so what stands in a queue is what a loss costs beyond a round
//! trip. The best window just fills the path, however much is lost; and so it follows delay alone.
//!
//! - **Opening.** A few dozen segments at once are a train, and the spacing of their ACKs is the bottleneck's rate
//!   (Dovrolis, Ramanathan, Moore: *What do packet dispersion techniques measure?*, INFOCOM 2001). With the least round trip
//!   that gives the window after one of them.
//! - **Steady.** From then on the window goes towards `window * base / round trip + margin`, half the way each time
//!   (Wei et al.: *FAST TCP*, 2006, after Brakmo and Peterson's Vegas, 1995): each stream keeps its margin in the queue and no
//!   more, and so those that share a link get equal shares. The rate bounds how far it may go: random loss on a shared
//!   link looks like room, and so does a short queue like one that is empty.
//! - **Draining.** Who comes later takes the others' queue for a part of the path. Now and then each stream makes room, so
//!   that all see the path as it is (Cardwell et al.: *BBR*, 2016).
//! - **Sharing.** The streams of one member leave by one link, and it knows how many they are. What each keeps in the queue,
//!   and the least that it insists on, would add up, and chat waits behind all of it: with eight that each insist on a third
//!   of the path the queue is longer than the path, is taken for the path, and so grows. So they insist on less than the path
//!   between them, but on nearly all of it, which keeps their windows alike.
//! - **Pacing.** Once the path is known the window is spread over a round trip. A burst stands in the queue before others'
//!   segments and they take it for theirs: of two streams the more bursty one would get the larger share. And a window
//!   that is sent again whole need not fit into a short queue.

mod pacer;
mod path;

use std::time::{Duration, Instant};

use self::{
    pacer::Pacer,
    path::{Path, Train},
};
use crate::config::Window;

/// Segments sent at once, before anything is known: 48 ms at 10 Mbit/s, of which a loss wastes half.
const FIRST_WINDOW: f64 = 40.0;

/// What is added for each millisecond until the first ACK: 10 Mbit/s with the usual segments.
const OPENING_SEGMENTS_PER_MS: f64 = 1.0;

/// The most that is sent before the first ACK.
const MAX_OPENING: f64 = 512.0;

/// A train of so many segments tells a rate; while the stream opens, and later.
const OPENING_TRAIN: u64 = 4;
const STEADY_TRAIN: u64 = 16;

/// After so many answered segments the opening ends without a train that the path spread. Where the first window is short and
/// ACKs collect, there may never be one.
const PATIENT_SEGMENTS: u64 = 256;

/// How many times the segments of a train the window may be that is made of its rate. A part of that where streams share a
/// link: whoever begins behind the others' first windows takes these for the path.
const CONFIDENCE: f64 = 16.0;

/// The part of the way to the new window that is gone each time.
const GAIN: f64 = 0.5;

/// Of the bandwidth-delay product: not less, however long others' queues, and not more, however short.
const LEAST_SHARE: f64 = 0.35;
const MOST_SHARE: f64 = 1.25;

/// The same where the others are of this member: what all of them insist on is less than the path, and nearly all of it.
const LEAST_SHARE_AMONG_OWN: f64 = 0.9;

/// From so many observations in a row without a queue on, the window grows by a margin, then by two, four and so on: by as
/// much for a small window as for a large one, so that those who share what became free get nearer to each other.
const QUIET: u32 = 2;
const MAX_DOUBLINGS: u32 = 8;

/// Every so many observations the stream makes room, down to this share of what was not in the queue.
const DRAIN_EVERY: u32 = 16;
const DRAIN_SHARE: f64 = 0.75;

/// Two segments, so that an ACK that is lost or waited for doesn't stop the stream.
const LEAST_WINDOW: f64 = 2.0;

/// Finds the window of one stream from its unambiguous ACKs.
#[derive(Debug, Clone)]
pub(super) struct AutoWindow {
    window: f64,
    /// Streams of this member that share its link, with this one.
    sharing: f64,
    /// While nothing is known yet.
    opening: Option<Opening>,
    path: Path,
    pacer: Pacer,
    train: Option<Train>,
    last: Option<Answer>,
    observation: Observation,
    observations: u32,
    quiet: u32,
    /// The window before the stream made room, while it does.
    before_draining: Option<f64>,
}

/// An ACK that proves which transmission it answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) now: Instant,
    /// When the segment before `cumulative` was sent, in `round`.
    pub(super) sent: Instant,
    pub(super) cumulative: u64,
    pub(super) round: u16,
    /// How far it moved the base.
    pub(super) advance: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Opening {
    first_sent: Option<Instant>,
    heard: bool,
    first_answer: Option<Instant>,
    longest_train: u64,
    answered: u64,
}

/// The round trips of segments that were sent with the window as it is: over a round trip from the first of them on.
#[derive(Debug, Clone, Copy, Default)]
struct Observation {
    began: Option<Instant>,
    first_answer: Option<Instant>,
    round_trips: f64,
    count: u32,
}

impl Answer {
    pub(super) fn round_trip(&self) -> Duration {
        self.now.saturating_duration_since(self.sent)
    }
}

impl AutoWindow {
    pub(super) fn new() -> Self {
        Self {
            window: FIRST_WINDOW,
            sharing: 1.0,
            opening: Some(Opening::default()),
            path: Path::default(),
            pacer: Pacer::default(),
            train: None,
            last: None,
            observation: Observation::default(),
            observations: 0,
            quiet: 0,
            before_draining: None,
        }
    }

    /// Sets how many streams of this member share its link, with this one.
    pub(super) fn set_sharing(&mut self, streams: u32) {
        self.sharing = f64::from(streams.max(1));
        let has_begun = |opening: Opening| opening.first_sent.is_some();
        if !self.opening.is_none_or(has_begun) {
            self.window = self.first_window();
        }
    }

    /// The first windows of many streams are one queue.
    fn first_window(&self) -> f64 {
        (FIRST_WINDOW / self.sharing.sqrt()).max(LEAST_WINDOW)
    }

    fn opening_segments_per_ms(&self) -> f64 {
        OPENING_SEGMENTS_PER_MS / self.sharing.sqrt()
    }

    /// What this stream keeps in the queue, of which the others of its member keep as much.
    fn margin(&self, on_the_way: f64) -> f64 {
        self.path.margin(on_the_way) / self.sharing.sqrt()
    }

    /// The least window, however long the queue.
    fn least(&self, full: f64) -> f64 {
        if self.sharing > 1.0 {
            full * LEAST_SHARE_AMONG_OWN / self.sharing
        } else {
            full * LEAST_SHARE
        }
    }

    /// The window of now.
    pub(super) fn window(&self) -> Window {
        Window::try_from(self.window as u16).unwrap_or(Window::MIN)
    }

    /// Takes note that something was sent.
    pub(super) fn handle_transmit(&mut self, now: Instant, segments: u64) {
        self.pacer.spend(segments);
        if let Some(opening) = &mut self.opening {
            opening.first_sent.get_or_insert(now);
        }
    }

    /// How many of `wanted` segments may go now.
    pub(super) fn pace(&mut self, now: Instant, wanted: u64) -> u64 {
        self.pacer.grant(now, wanted)
    }

    /// When more may be sent though no ACK comes.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let pacer = self.pacer.poll_timeout();
        self.next_growth().into_iter().chain(pacer).min()
    }

    /// When the window grows by itself: before the first ACK.
    fn next_growth(&self) -> Option<Instant> {
        let opening = self.opening.filter(|opening| !opening.heard)?;
        let more = self.window.floor() + 1.0 - self.first_window();
        let milliseconds = (more / self.opening_segments_per_ms()).max(1.0);
        let at = opening.first_sent? + Duration::from_secs_f64(milliseconds / 1e3);
        (self.window < MAX_OPENING).then_some(at)
    }

    /// Grows where it is time to.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.pacer.handle_timeout(now);
        let first_sent = self.opening.and_then(|opening| opening.first_sent);
        if let Some(first_sent) = first_sent
            && self.next_growth().is_some_and(|at| at <= now)
        {
            let elapsed_ms = now.saturating_duration_since(first_sent).as_secs_f64() * 1e3;
            let grown = self.first_window() + elapsed_ms * self.opening_segments_per_ms();
            self.window = grown.max(self.window.floor() + 1.0).min(MAX_OPENING);
        }
    }

    /// Takes note of an ACK, whatever it says.
    pub(super) fn handle_ack(&mut self) {
        if let Some(opening) = &mut self.opening {
            opening.heard = true;
        }
    }

    /// Takes note that the base moved by an ACK that proves nothing.
    pub(super) fn handle_ambiguous(&mut self) {
        self.train = None;
        self.last = None;
    }

    /// Learns from a gap report that a round trip took at most so long. Without it a stream whose first segment is lost would
    /// know no round trip but those behind its own first window.
    pub(super) fn handle_gap(&mut self, now: Instant, most: Duration) {
        self.path.note_round_trip(now, most);
    }

    /// Takes note that it goes back.
    pub(super) fn handle_loss(&mut self) {
        self.path.note_loss();
    }

    /// Learns from an ACK.
    pub(super) fn handle_answer(&mut self, answer: Answer) {
        self.path.note(&answer);
        self.end_opening(&answer);
        self.follow_train(&answer);
        let is_in_burst = self.is_in_burst(&answer);
        self.last = Some(answer);
        if self.opening.is_none() && self.observation.note(&answer, is_in_burst) {
            let round_trip = self.observation.mean();
            self.observe_from(answer.now);
            self.adjust(round_trip);
        }
        self.window = self.window.clamp(LEAST_WINDOW, f64::from(u16::MAX));
        if self.opening.is_none() {
            self.pacer.set(self.window, self.path.base());
        }
    }

    /// The path is known once segments are answered that were sent after the first answer, or would have been.
    fn end_opening(&mut self, answer: &Answer) {
        let Some(opening) = &mut self.opening else {
            return;
        };
        let first_answer = *opening.first_answer.get_or_insert(answer.now);
        opening.answered += answer.advance;
        let is_late = opening.answered > PATIENT_SEGMENTS;
        let is_over = answer.sent >= first_answer
            || answer.now.saturating_duration_since(first_answer) > self.path.base();
        if is_over && (opening.longest_train > 0 || is_late && self.take_slow_train(answer)) {
            self.opening = None;
            self.observe_from(answer.now);
        }
    }

    /// Makes do with a train that came as it was sent, and so tells only a rate that the path has at least. True where there
    /// is one.
    fn take_slow_train(&mut self, answer: &Answer) -> bool {
        let train = self.train.filter(|train| train.is_of(answer));
        let long = train.filter(|train| train.segments(answer) >= OPENING_TRAIN);
        if let Some(train) = long {
            self.path.replace_rate(train.rate(answer));
        }
        long.is_some()
    }

    fn observe_from(&mut self, now: Instant) {
        self.observation = Observation {
            began: Some(now),
            ..Observation::default()
        };
    }

    /// Measures the rate by trains of segments of one round.
    fn follow_train(&mut self, answer: &Answer) {
        let Some(train) = self.train.filter(|train| train.is_of(answer)) else {
            self.train = Some(Train::new(answer));
            return;
        };
        let segments = train.segments(answer);
        let half_window = (self.window / 2.0) as u64;
        let Some(opening) = &mut self.opening else {
            let least = half_window.clamp(2, STEADY_TRAIN);
            if segments >= least && train.is_measurable(answer) {
                self.path.note_rate(train.rate(answer));
                if segments >= 2 * least {
                    self.train = Some(Train::new(answer));
                }
            }
            return;
        };
        let is_longest = segments > opening.longest_train;
        if is_longest && segments >= OPENING_TRAIN && train.was_spread_by_path(answer) {
            opening.longest_train = segments;
            self.path.replace_rate(train.rate(answer));
            let confidence = CONFIDENCE / self.sharing.sqrt();
            let known = (segments as f64 * confidence).min(self.path.segments());
            self.window = known + self.margin(known);
        }
    }

    /// Whether the segment waited in the queue for others of its own stream that were sent with it, as after going back.
    fn is_in_burst(&self, answer: &Answer) -> bool {
        let Some(last) = self.last.filter(|last| last.round == answer.round) else {
            return false;
        };
        let elapsed = answer.sent.saturating_duration_since(last.sent);
        let segments = answer.cumulative.saturating_sub(last.cumulative);
        elapsed.as_secs_f64() * self.path.rate() < segments as f64 / 2.0
    }

    /// The part of what fills the path that is worth sending: beyond a loss all is sent again, and where streams share a link
    /// it takes the place of what others send.
    fn useful(&self, full: f64) -> f64 {
        if self.sharing > 1.0 {
            self.path
                .segments_between_losses()
                .clamp(full / self.sharing, full)
        } else {
            full
        }
    }

    /// Goes towards the window that leaves the margin in the queue.
    fn adjust(&mut self, round_trip: f64) {
        self.observations = self.observations.wrapping_add(1);
        self.path.age_rate(self.observations);
        if let Some(window) = self.before_draining.take() {
            self.window = window;
            return;
        }
        let on_the_way = self.window * self.path.base().as_secs_f64() / round_trip;
        let margin = self.margin(on_the_way);
        let is_quiet = self.window - on_the_way < margin / 2.0;
        self.quiet = if is_quiet { self.quiet + 1 } else { 0 };
        let mut window = self.window + GAIN * (on_the_way + margin - self.window);
        let full = self.path.segments();
        if self.quiet >= QUIET {
            let step = margin * f64::from(1_u32 << (self.quiet - QUIET).min(MAX_DOUBLINGS));
            window = window.max(self.window + step.min(self.window));
        }
        let most = self.useful(full) * MOST_SHARE + 2.0 * margin;
        self.window = window.min(most).max(self.least(full));
        if self.observations.is_multiple_of(DRAIN_EVERY) {
            self.before_draining = Some(self.window);
            self.window = on_the_way * DRAIN_SHARE;
        }
    }
}

impl Observation {
    /// Takes note of an answer. True where there are enough.
    fn note(&mut self, answer: &Answer, is_in_burst: bool) -> bool {
        if self.began.is_some_and(|began| answer.sent < began) {
            return false;
        }
        if !is_in_burst {
            let round_trip = answer.round_trip().max(path::LEAST_ROUND_TRIP);
            self.round_trips += round_trip.as_secs_f64();
            self.count += 1;
        }
        let first_answer = *self.first_answer.get_or_insert(answer.now);
        answer.sent >= first_answer && self.count > 0
    }

    fn mean(&self) -> f64 {
        self.round_trips / f64::from(self.count.max(1))
    }
}
