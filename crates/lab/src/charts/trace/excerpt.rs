//! Which part of a transfer a space-time diagram shows, and how long a millisecond is in it.

use crate::trace::{Event, Flight, Kind, Trace};

/// What the diagram is asked to show, in milliseconds. With neither it chooses by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// From here on.
    pub(crate) from_ms: Option<f64>,
    /// Up to here.
    pub(crate) to_ms: Option<f64>,
}

/// The height of the part of the page that shows time, in points, at most, where the diagram chooses what it shows.
const MAX_HEIGHT: f64 = 1_900.0;
/// And where it was told, before everything is pressed together.
const MAX_ASKED_HEIGHT: f64 = 4_000.0;
/// Between two neighbouring arrivals.
const ROW: f64 = 25.0;
/// A wait that would be longer, and so is longer than a packet's way, is drawn so long, and marked.
const LONGEST_WAIT: f64 = 1.25 * MOST_WAY;
const SHORTENED_WAIT: f64 = 90.0;
/// How far down a packet's way leads, at least and at most.
const LEAST_WAY: f64 = 70.0;
const MOST_WAY: f64 = 230.0;

/// From times to heights: in proportion, but for long waits.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    /// Each time at which something happens, in milliseconds, with its height in points from above.
    marks: Vec<(f64, f64)>,
    points_per_ms: f64,
    /// The ends of each wait that was shortened, in milliseconds.
    pub(super) breaks: Vec<(f64, f64)>,
    pub(super) whole: bool,
}

impl Excerpt {
    pub(super) fn new(trace: &Trace, flights: &[Flight], limits: Limits) -> Self {
        let mut times: Vec<f64> = trace.events.iter().map(|event| ms(event.at_ns)).collect();
        times.dedup();
        let first = times.first().copied().unwrap_or_default();
        let last = times.last().copied().unwrap_or_default();
        let asked = limits.from_ms.is_some() || limits.to_ms.is_some();
        let from = limits.from_ms.unwrap_or(first);
        let to = limits.to_ms.unwrap_or(last);
        if asked {
            return Self::between(&times, from, to, scale(flights, from, to)).pressed();
        }
        let whole = Self::between(&times, first, last, scale(flights, first, last));
        if whole.height() <= MAX_HEIGHT {
            return whole;
        }
        let from = first_loss(trace).unwrap_or(first);
        let near = from + 20.0 * fastest(flights).unwrap_or(10.0);
        Self::between(&times, from, last, scale(flights, from, near)).cut()
    }

    fn between(times: &[f64], from: f64, to: f64, points_per_ms: f64) -> Self {
        let mut excerpt = Self {
            marks: vec![(from, 0.0)],
            points_per_ms,
            breaks: Vec::new(),
            whole: times.first().is_none_or(|first| *first >= from)
                && times.last().is_none_or(|last| *last <= to),
        };
        let begin = times.partition_point(|time| *time < from);
        for time in &times[begin..] {
            if *time > to {
                break;
            }
            let (before, height) = *excerpt.marks.last().unwrap_or(&(from, 0.0));
            let wait = (time - before) * points_per_ms;
            let shown = if wait > LONGEST_WAIT {
                excerpt.breaks.push((before, *time));
                SHORTENED_WAIT
            } else {
                wait
            };
            if *time > before {
                excerpt.marks.push((*time, height + shown));
            }
        }
        excerpt
    }

    /// Only so much as fits a page.
    fn cut(mut self) -> Self {
        let fits = self.marks.partition_point(|mark| mark.1 <= MAX_HEIGHT);
        self.marks.truncate(fits.max(2));
        let end = self.end();
        self.breaks.retain(|wait| wait.1 <= end);
        self.whole = false;
        self
    }

    /// All of it, however close together.
    fn pressed(mut self) -> Self {
        let factor = (MAX_ASKED_HEIGHT / self.height()).min(1.0);
        self.points_per_ms *= factor;
        for mark in &mut self.marks {
            mark.1 *= factor;
        }
        self
    }

    pub(super) fn begin(&self) -> f64 {
        self.marks.first().map_or(0.0, |mark| mark.0)
    }

    pub(super) fn end(&self) -> f64 {
        self.marks.last().map_or(0.0, |mark| mark.0)
    }

    pub(super) fn height(&self) -> f64 {
        self.marks.last().map_or(0.0, |mark| mark.1).max(1.0)
    }

    /// The height of a time. Before the beginning and after the end the scale goes on.
    pub(super) fn place(&self, time: f64) -> f64 {
        let after = self.marks.partition_point(|mark| mark.0 <= time);
        match (self.marks.get(after.wrapping_sub(1)), self.marks.get(after)) {
            (Some(low), Some(high)) => low.1 + (high.1 - low.1) * (time - low.0) / (high.0 - low.0),
            (Some(last), None) => last.1 + (time - last.0) * self.points_per_ms,
            (None, _) => (time - self.begin()) * self.points_per_ms,
        }
    }

    /// Round times, far enough apart for their labels, and none within a wait that was shortened.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let step = backroom_charts::round_step(70.0 / self.points_per_ms);
        let mut ticks: Vec<f64> = Vec::new();
        let mut tick = (self.begin() / step).ceil() * step;
        while tick <= self.end() && ticks.len() < 1_000 {
            let skipped = |wait: &&(f64, f64)| wait.0 < tick && tick < wait.1;
            match self.breaks.iter().find(skipped) {
                Some(wait) => tick = (wait.1 / step).ceil() * step,
                None => {
                    let clear = |last: &f64| self.place(tick) - self.place(*last) >= 30.0;
                    if ticks.last().is_none_or(clear) {
                        ticks.push(tick);
                    }
                    tick += step;
                }
            }
        }
        ticks
    }
}

pub(super) fn ms(at_ns: u64) -> f64 {
    at_ns as f64 / 1e6
}

/// How many points a millisecond takes, so that neighbouring arrivals can be told apart, and a packet's way is neither
/// level nor steep.
fn scale(flights: &[Flight], from: f64, to: f64) -> f64 {
    let mut arrivals: Vec<f64> = flights
        .iter()
        .filter(|flight| flight.is_segment())
        .filter_map(|flight| flight.arrived_ns().or(flight.sent_ns))
        .map(ms)
        .filter(|time| (from..=to).contains(time))
        .collect();
    arrivals.sort_by(f64::total_cmp);
    let mut gaps: Vec<f64> = arrivals
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|gap| *gap > 0.0)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let by_gap = gaps.get(gaps.len() / 4).map(|gap| ROW / gap);
    match (by_gap, fastest(flights)) {
        (Some(by_gap), Some(way)) => by_gap.clamp(LEAST_WAY / way, MOST_WAY / way),
        (None, Some(way)) => 120.0 / way,
        (Some(by_gap), None) => by_gap,
        (None, None) => ROW,
    }
}

/// The time of the fastest segment on its way, in milliseconds.
pub(super) fn fastest(flights: &[Flight]) -> Option<f64> {
    flights
        .iter()
        .filter(|flight| flight.is_segment())
        .filter_map(|flight| Some(flight.arrived_ns()?.saturating_sub(flight.sent_ns?)))
        .min()
        .map(|way| ms(way).max(1e-3))
}

/// When the segment that the sender first goes back to was sent before.
fn first_loss(trace: &Trace) -> Option<f64> {
    let goes_back = |(place, event): (usize, &Event)| match event.kind {
        Kind::GoBack { to, .. } => Some((place, to)),
        _ => None,
    };
    let (went_back, to) = trace.events.iter().enumerate().find_map(goes_back)?;
    let sent = trace.events[..went_back]
        .iter()
        .rev()
        .find(|event| matches!(event.kind, Kind::Send { seq, .. } if seq == to))?;
    Some(ms(sent.at_ns))
}

/// Whether a packet was in sight of the excerpt.
pub(super) fn is_in(excerpt: &Excerpt, flight: &Flight, arrives: f64) -> bool {
    let sent = flight.sent_ns.map_or(arrives, ms);
    sent <= excerpt.end() && arrives >= excerpt.begin()
}
