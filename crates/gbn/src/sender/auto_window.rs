//! The automatic window: the bandwidth-delay product of the path and a small margin.
//!
//! Go-Back-N sends the whole window again after a loss, so every segment in a queue adds to the cost of a loss. The best
//! window just fills the path, at any loss rate. The window therefore follows delay and ignores loss.
//!
//! - **Startup.** The initial window is sent as a packet train, and the spacing of its ACKs gives the rate of the
//!   bottleneck (Dovrolis, Ramanathan, Moore: *What do packet dispersion techniques measure?*, INFOCOM 2001). With the
//!   minimum round trip, that gives the window after one round trip.
//! - **Steady state.** The window then moves half of the way towards `window * min_rtt / rtt + margin` at each observation
//!   (Wei et al.: *FAST TCP*, 2006, after Brakmo and Peterson's Vegas, 1995). Each stream keeps only its margin in the
//!   queue, so streams that share a link get equal shares. The measured rate bounds the window, because random loss on a
//!   shared link looks like free capacity, and a short queue looks like an empty one.
//! - **Draining.** A stream that starts later measures the other streams' queue as part of its path. Each stream therefore
//!   reduces its window periodically, so that all can measure the true minimum round trip (Cardwell et al.: *BBR*, 2016).
//! - **Streams of one member.** They leave by the same link, and the member knows their number. Their margins and minimum
//!   windows would add up to a long queue that also delays chat. With eight streams that each keep at least a third of the
//!   path, the queue becomes longer than the path, is measured as the path, and grows without bound. The minima of one
//!   member's streams therefore add up to less than the path. They add up to nearly all of it, which keeps the windows
//!   equal.
//! - **Pacing.** Once the path is known, the window is spread over a round trip. Otherwise a burst waits in the queue in
//!   front of other streams' segments, which measure it as their own delay: the burstier of two streams would get the
//!   larger share. Pacing also lets a retransmitted window pass through a queue that is shorter than the window.

mod pacer;
mod path;
mod sample;

use std::time::{Duration, Instant};

pub(super) use self::sample::AckSample;
use self::{
    pacer::Pacer,
    path::{PacketTrain, Path},
    sample::Observation,
};
use crate::config::Window;

/// Segments sent at once before anything is known: 48 ms at 10 Mbit/s. A loss wastes half of it on average.
const INITIAL_WINDOW: f64 = 40.0;

/// Growth until the first ACK: 10 Mbit/s with segments of the usual size.
const STARTUP_SEGMENTS_PER_MS: f64 = 1.0;

/// The largest window before the first ACK.
const MAX_STARTUP_WINDOW: f64 = 512.0;

/// The shortest packet train that is measured: during startup, and later.
const STARTUP_TRAIN: u64 = 4;
const STEADY_TRAIN: u64 = 16;

/// After this many acknowledged segments, startup ends without a train that the path has spread. If the initial window is
/// short and the receiver collects ACKs, there may never be one.
const MAX_STARTUP_SEGMENTS: u64 = 256;

/// The largest window taken from a train's rate, as a multiple of the train's length. Less if streams share a link: a
/// stream that starts behind the initial windows of others measures those as its path.
const MAX_WINDOW_PER_TRAIN: f64 = 16.0;

/// The part of the way to the target window that each observation covers.
const GAIN: f64 = 0.5;

/// The bounds of the window in bandwidth-delay products: the lower one resists long queues of others, the upper one
/// queues so short that they look empty.
const MIN_BDP: f64 = 0.35;
const MAX_BDP: f64 = 1.25;

/// The sum of the lower bounds of one member's streams: below the path's capacity, but close to it.
const MIN_BDP_OF_MEMBER: f64 = 0.9;

/// After this many consecutive observations without a queue, the window grows by one margin, then by 2, 4 and so on. The
/// step is the same for a small window and a large one, so that streams that share newly free capacity converge.
const GROWTH_OBSERVATIONS: u32 = 2;
const MAX_DOUBLINGS: u32 = 8;

/// The number of observations between two drains, and the share of the in-flight segments that a drain keeps.
const DRAIN_INTERVAL: u32 = 16;
const DRAIN_SHARE: f64 = 0.75;

/// Two segments, so that one lost or delayed ACK does not stop the stream.
const MIN_WINDOW: f64 = 2.0;

/// Computes the window of one stream from its unambiguous ACKs.
#[derive(Debug, Clone)]
pub(super) struct AutoWindow {
    /// In segments.
    window: f64,
    /// The number of streams of this member that share its link, this one included.
    sharing: f64,
    /// `None` once the path is known.
    startup: Option<Startup>,
    path: Path,
    pacer: Pacer,
    train: Option<PacketTrain>,
    last_sample: Option<AckSample>,
    observation: Observation,
    observations: u32,
    /// Consecutive observations without a queue.
    without_queue: u32,
    /// During a drain, the window to return to.
    before_drain: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Startup {
    first_sent: Option<Instant>,
    ack_received: bool,
    first_sample: Option<Instant>,
    longest_train: u64,
    acknowledged: u64,
}

impl AutoWindow {
    pub(super) fn new() -> Self {
        Self {
            window: INITIAL_WINDOW,
            sharing: 1.0,
            startup: Some(Startup::default()),
            path: Path::default(),
            pacer: Pacer::default(),
            train: None,
            last_sample: None,
            observation: Observation::default(),
            observations: 0,
            without_queue: 0,
            before_drain: None,
        }
    }

    pub(super) fn set_sharing(&mut self, streams: u32) {
        self.sharing = f64::from(streams.max(1));
        let has_begun = |startup: Startup| startup.first_sent.is_some();
        if !self.startup.is_none_or(has_begun) {
            self.window = self.initial_window();
        }
    }

    /// Smaller if several streams share the link, because their initial windows form one queue.
    fn initial_window(&self) -> f64 {
        (INITIAL_WINDOW / self.sharing.sqrt()).max(MIN_WINDOW)
    }

    fn startup_segments_per_ms(&self) -> f64 {
        STARTUP_SEGMENTS_PER_MS / self.sharing.sqrt()
    }

    /// The segments that this stream keeps in the queue. The member's other streams keep as many each.
    fn margin(&self, in_flight: f64) -> f64 {
        self.path.margin(in_flight) / self.sharing.sqrt()
    }

    /// The smallest window, however long the queue.
    fn min_window(&self, bdp: f64) -> f64 {
        if self.sharing > 1.0 {
            bdp * MIN_BDP_OF_MEMBER / self.sharing
        } else {
            bdp * MIN_BDP
        }
    }

    pub(super) fn window(&self) -> Window {
        Window::try_from(self.window as u16).unwrap_or(Window::MIN)
    }

    pub(super) fn handle_transmit(&mut self, now: Instant, segments: u64) {
        self.pacer.spend(segments);
        if let Some(startup) = &mut self.startup {
            startup.first_sent.get_or_insert(now);
        }
    }

    /// Returns how many of `wanted` segments may be sent now.
    pub(super) fn pace(&mut self, now: Instant, wanted: u64) -> u64 {
        self.pacer.grant(now, wanted)
    }

    /// The time at which more may be sent without an ACK.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next_growth()
            .into_iter()
            .chain(self.pacer.next_at)
            .min()
    }

    /// The time at which the window grows without an ACK: only during startup, before the first one.
    fn next_growth(&self) -> Option<Instant> {
        let startup = self.startup.filter(|startup| !startup.ack_received)?;
        let more = self.window.floor() + 1.0 - self.initial_window();
        let milliseconds = (more / self.startup_segments_per_ms()).max(1.0);
        let at = startup.first_sent? + Duration::from_secs_f64(milliseconds / 1e3);
        (self.window < MAX_STARTUP_WINDOW).then_some(at)
    }

    /// Handles the time of [`Self::poll_timeout`]. An earlier call has no effect.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.pacer.handle_timeout(now);
        let first_sent = self.startup.and_then(|startup| startup.first_sent);
        if let Some(first_sent) = first_sent
            && self.next_growth().is_some_and(|at| at <= now)
        {
            let elapsed_ms = now.saturating_duration_since(first_sent).as_secs_f64() * 1e3;
            let grown = self.initial_window() + elapsed_ms * self.startup_segments_per_ms();
            self.window = grown.max(self.window.floor() + 1.0).min(MAX_STARTUP_WINDOW);
        }
    }

    /// Records that an ACK arrived, even an ambiguous one or one that does not advance the base.
    pub(super) fn handle_ack(&mut self) {
        if let Some(startup) = &mut self.startup {
            startup.ack_received = true;
        }
    }

    /// Records that an ambiguous ACK advanced the base. It interrupts the packet train.
    pub(super) fn handle_ambiguous_ack(&mut self) {
        self.train = None;
        self.last_sample = None;
    }

    /// Records the upper bound that a gap report gives on the round trip. Without it, a stream that loses its first segment
    /// would know only round trips behind its own initial window.
    pub(super) fn handle_gap(&mut self, now: Instant, upper_bound: Duration) {
        self.path.record_rtt(now, upper_bound);
    }

    pub(super) fn handle_loss(&mut self) {
        self.path.record_loss();
    }

    /// Updates the estimates and the window from an unambiguous ACK.
    pub(super) fn handle_sample(&mut self, sample: AckSample) {
        self.path.record(&sample);
        self.end_startup(&sample);
        self.follow_train(&sample);
        let is_in_burst = self.is_in_burst(&sample);
        self.last_sample = Some(sample);
        if self.startup.is_none() && self.observation.add(&sample, is_in_burst) {
            let round_trip = self.observation.mean();
            self.observation = Observation::beginning_at(sample.now);
            self.adjust(round_trip);
        }
        self.window = self.window.clamp(MIN_WINDOW, f64::from(u16::MAX));
        if self.startup.is_none() {
            self.pacer.set(self.window, self.path.min_rtt());
        }
    }

    /// Ends startup one round trip after the first sample, if a packet train has been measured by then.
    fn end_startup(&mut self, sample: &AckSample) {
        let Some(startup) = &mut self.startup else {
            return;
        };
        let first_sample = *startup.first_sample.get_or_insert(sample.now);
        startup.acknowledged += sample.advance;
        let is_late = startup.acknowledged > MAX_STARTUP_SEGMENTS;
        let is_over = sample.sent >= first_sample
            || sample.now.saturating_duration_since(first_sample) > self.path.min_rtt();
        if is_over && (startup.longest_train > 0 || is_late && self.use_unspread_train(sample)) {
            self.startup = None;
            self.observation = Observation::beginning_at(sample.now);
        }
    }

    /// Falls back to a train that arrived as it was sent, which gives only a lower bound of the path's rate. Returns
    /// whether there is one.
    fn use_unspread_train(&mut self, sample: &AckSample) -> bool {
        let train = self.train.filter(|train| train.includes(sample));
        let long = train.filter(|train| train.segments(sample) >= STARTUP_TRAIN);
        if let Some(train) = long {
            self.path.replace_rate(train.rate(sample));
        }
        long.is_some()
    }

    /// Measures the rate from trains of segments of one round.
    fn follow_train(&mut self, sample: &AckSample) {
        let Some(train) = self.train.filter(|train| train.includes(sample)) else {
            self.train = Some(PacketTrain { first: *sample });
            return;
        };
        let segments = train.segments(sample);
        let half_window = (self.window / 2.0) as u64;
        let Some(startup) = &mut self.startup else {
            let shortest = half_window.clamp(2, STEADY_TRAIN);
            if segments >= shortest && train.is_measurable(sample) {
                self.path.record_rate(train.rate(sample));
                if segments >= 2 * shortest {
                    self.train = Some(PacketTrain { first: *sample });
                }
            }
            return;
        };
        let is_longest = segments > startup.longest_train;
        if is_longest && segments >= STARTUP_TRAIN && train.was_spread_by_path(sample) {
            startup.longest_train = segments;
            self.path.replace_rate(train.rate(sample));
            let max_window_per_train = MAX_WINDOW_PER_TRAIN / self.sharing.sqrt();
            let bdp = (segments as f64 * max_window_per_train).min(self.path.bdp());
            self.window = bdp + self.margin(bdp);
        }
    }

    /// Whether the segment was sent in a burst, as after a go-back. It then waited in the queue for segments of its own
    /// stream.
    fn is_in_burst(&self, sample: &AckSample) -> bool {
        let Some(last) = self.last_sample.filter(|last| last.round == sample.round) else {
            return false;
        };
        let elapsed = sample.sent.saturating_duration_since(last.sent);
        let segments = sample.cumulative.saturating_sub(last.cumulative);
        elapsed.as_secs_f64() * self.path.max_rate() < segments as f64 / 2.0
    }

    /// The part of the bandwidth-delay product that is worth sending. Segments after a loss are sent again, and if streams
    /// share a link, they take capacity from the others.
    fn useful_bdp(&self, bdp: f64) -> f64 {
        if self.sharing > 1.0 {
            self.path
                .segments_between_losses()
                .clamp(bdp / self.sharing, bdp)
        } else {
            bdp
        }
    }

    /// Moves towards the window that keeps the margin in the queue. `round_trip` is in seconds.
    fn adjust(&mut self, round_trip: f64) {
        self.observations = self.observations.wrapping_add(1);
        self.path.age_rate(self.observations);
        if let Some(window) = self.before_drain.take() {
            self.window = window;
            return;
        }
        let in_flight = self.window * self.path.min_rtt().as_secs_f64() / round_trip;
        let margin = self.margin(in_flight);
        let has_queue = self.window - in_flight >= margin / 2.0;
        self.without_queue = if has_queue { 0 } else { self.without_queue + 1 };
        let mut window = self.window + GAIN * (in_flight + margin - self.window);
        let bdp = self.path.bdp();
        if self.without_queue >= GROWTH_OBSERVATIONS {
            let doublings = (self.without_queue - GROWTH_OBSERVATIONS).min(MAX_DOUBLINGS);
            let step = margin * f64::from(1_u32 << doublings);
            window = window.max(self.window + step.min(self.window));
        }
        let max_window = self.useful_bdp(bdp) * MAX_BDP + 2.0 * margin;
        self.window = window.min(max_window).max(self.min_window(bdp));
        if self.observations.is_multiple_of(DRAIN_INTERVAL) {
            self.before_drain = Some(self.window);
            self.window = in_flight * DRAIN_SHARE;
        }
    }
}
