//! The part of a transfer that a space-time diagram shows, and its time scale.

use backroom_charts::round_step;
use backroom_vocabulary::trace::{Step, StepKind};

use super::page::ms;
use crate::flights::Flight;
use crate::trace::Trace;

/// The times to show, in milliseconds since the transfer began. Without any, the diagram shows the whole transfer if it
/// fits the page, else the part around the first loss.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeRange {
    /// The first time.
    pub from_ms: Option<f64>,
    /// The last time.
    pub to_ms: Option<f64>,
}

/// Greatest height of the time axis in points if the diagram chooses the range.
const MAX_CHOSEN_HEIGHT: f64 = 1_900.0;
/// Greatest height if the caller chose it. A longer range is compressed.
const MAX_HEIGHT: f64 = 4_000.0;
/// Distance of neighbouring arrivals.
const ROW: f64 = 25.0;
/// By how much an arrow descends, at least and at most: the time of the fastest packet.
const MIN_DESCENT: f64 = 70.0;
const MAX_DESCENT: f64 = 230.0;
/// A longer wait, which exceeds a packet's time in the network, is shortened and marked.
const MAX_WAIT: f64 = 1.25 * MAX_DESCENT;
const SHORTENED_WAIT: f64 = 90.0;

/// Maps times to heights: proportionally, except for long waits.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    /// The times of all steps in milliseconds, each with its height in points below the top.
    marks: Vec<(f64, f64)>,
    points_per_ms: f64,
    /// Start and end of each shortened wait, in milliseconds.
    pub(super) breaks: Vec<(f64, f64)>,
    /// Whether it is the whole transfer.
    pub(super) is_whole: bool,
}

impl Excerpt {
    pub(super) fn new(trace: &Trace, flights: &[Flight], range: TimeRange) -> Self {
        let mut times: Vec<f64> = trace.steps.iter().map(|step| ms(step.at_ns)).collect();
        times.dedup();
        let first = times.first().copied().unwrap_or_default();
        let last = times.last().copied().unwrap_or_default();
        let is_asked = range.from_ms.is_some() || range.to_ms.is_some();
        let from = range.from_ms.unwrap_or(first);
        let to = range.to_ms.unwrap_or(last);
        if is_asked {
            return Self::between(&times, from, to, scale(flights, from, to)).compressed();
        }
        let whole = Self::between(&times, first, last, scale(flights, first, last));
        if whole.height() <= MAX_CHOSEN_HEIGHT {
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
            is_whole: times.first().is_none_or(|first| *first >= from)
                && times.last().is_none_or(|last| *last <= to),
        };
        let begin = times.partition_point(|time| *time < from);
        for time in &times[begin..] {
            if *time > to {
                break;
            }
            let (before, height) = *excerpt.marks.last().unwrap_or(&(from, 0.0));
            let wait = (time - before) * points_per_ms;
            let shown = if wait > MAX_WAIT {
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

    /// Without what does not fit a page.
    fn cut(mut self) -> Self {
        let fits = self
            .marks
            .partition_point(|mark| mark.1 <= MAX_CHOSEN_HEIGHT);
        self.marks.truncate(fits.max(2));
        let end = self.end();
        self.breaks.retain(|wait| wait.1 <= end);
        self.is_whole = false;
        self
    }

    /// All of it, on a smaller scale if need be.
    fn compressed(mut self) -> Self {
        let factor = (MAX_HEIGHT / self.height()).min(1.0);
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

    /// The height in points below the top of a time in milliseconds, which may be outside of the excerpt.
    pub(super) fn position(&self, time: f64) -> f64 {
        let after = self.marks.partition_point(|mark| mark.0 <= time);
        match (self.marks.get(after.wrapping_sub(1)), self.marks.get(after)) {
            (Some(low), Some(high)) => low.1 + (high.1 - low.1) * (time - low.0) / (high.0 - low.0),
            (Some(last), None) => last.1 + (time - last.0) * self.points_per_ms,
            (None, _) => (time - self.begin()) * self.points_per_ms,
        }
    }

    /// Whether something that lasts from `begin` to `end` is partly visible.
    pub(super) fn shows(&self, begin: f64, end: f64) -> bool {
        begin <= self.end() && end >= self.begin()
    }

    /// Round times, far enough apart for their labels, and none within a shortened wait.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let step = round_step(70.0 / self.points_per_ms);
        let mut ticks: Vec<f64> = Vec::new();
        let mut tick = (self.begin() / step).ceil() * step;
        while tick <= self.end() && ticks.len() < 1_000 {
            let skipped = |wait: &&(f64, f64)| wait.0 < tick && tick < wait.1;
            match self.breaks.iter().find(skipped) {
                Some(wait) => tick = (wait.1 / step).ceil() * step,
                None => {
                    let clear = |last: &f64| self.position(tick) - self.position(*last) >= 30.0;
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

/// Points per millisecond, so that neighbouring arrivals are distinguishable and arrows neither level nor steep.
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
        (Some(by_gap), Some(transit)) => by_gap.clamp(MIN_DESCENT / transit, MAX_DESCENT / transit),
        (None, Some(transit)) => 120.0 / transit,
        (Some(by_gap), None) => by_gap,
        (None, None) => ROW,
    }
}

/// The shortest time that a segment took to arrive, in milliseconds.
pub(super) fn fastest(flights: &[Flight]) -> Option<f64> {
    flights
        .iter()
        .filter(|flight| flight.is_segment())
        .filter_map(|flight| Some(flight.arrived_ns()?.saturating_sub(flight.sent_ns?)))
        .min()
        .map(|transit| ms(transit).max(1e-3))
}

/// When the first segment that the sender goes back to was last sent before that.
fn first_loss(trace: &Trace) -> Option<f64> {
    let goes_back = |(index, step): (usize, &Step)| match step.kind {
        StepKind::GoBack { to, .. } => Some((index, to)),
        _ => None,
    };
    let (went_back, to) = trace.steps.iter().enumerate().find_map(goes_back)?;
    let sent = trace.steps[..went_back]
        .iter()
        .rev()
        .find(|step| matches!(step.kind, StepKind::Send { seq, .. } if seq == to))?;
    Some(ms(sent.at_ns))
}
