//! The time-sequence plot: which segment was sent, acknowledged and lost when, as tcptrace draws it.

use std::collections::HashSet;

use backroom_charts::font::text_width;
use backroom_charts::style::{self, Color};
use backroom_charts::{
    Canvas, Frame, MARGIN, PAGE_WIDTH, Picture, Position, Scale, Text, heading, number,
};

use super::excerpt::ms;
use super::{ACKS, AGAIN, Caption, FIRST, cross};
use crate::trace::{Carries, End, Kind, Trace, flights};

const LEGEND: f64 = 44.0;
const HEIGHT: f64 = 620.0;
const WINDOW: Color = style::LINES[5];
/// Marks closer than this to one another are drawn once, in points.
const CLOSE: f64 = 1.5;

/// One plot.
pub(super) struct Sequence {
    title: String,
    subtitle: Vec<String>,
    /// Times are in this many milliseconds.
    unit_ms: f64,
    times: Scale,
    seqs: Scale,
    first: Vec<(f64, f64)>,
    again: Vec<(f64, f64)>,
    lost: Vec<(f64, f64)>,
    /// What is acknowledged, and where the window ends: steps.
    acknowledged: Vec<(f64, f64)>,
    window_end: Vec<(f64, f64)>,
}

impl Sequence {
    pub(super) fn new(trace: &Trace, caption: &Caption) -> Self {
        let end_ms = ms(trace.end_ns());
        let unit_ms = if end_ms >= 10_000.0 { 1_000.0 } else { 1.0 };
        let mut plot = Self {
            title: caption.title.clone(),
            subtitle: heading::wrapped(&caption.subtitle),
            unit_ms,
            times: Scale::from_zero(end_ms.max(1e-3) / unit_ms),
            seqs: Scale::from_zero(1.0),
            first: Vec::new(),
            again: Vec::new(),
            lost: Vec::new(),
            acknowledged: Vec::new(),
            window_end: Vec::new(),
        };
        plot.take_packets(trace);
        plot.take_window(trace);
        let sent = plot.first.iter().chain(&plot.again);
        let highest = sent.map(|point| point.1).fold(1.0, f64::max);
        plot.seqs = Scale::from_zero(highest + 1.0);
        let top = plot.seqs.ticks.last().copied().unwrap_or(highest);
        for step in &mut plot.window_end {
            step.1 = step.1.min(top);
        }
        plot
    }

    fn take_packets(&mut self, trace: &Trace) {
        for flight in flights(trace) {
            let Carries::Segment { seq, again, .. } = flight.carries else {
                continue;
            };
            let Some(at_ns) = flight.sent_ns.or(flight.arrived_ns()) else {
                continue;
            };
            let point = (ms(at_ns) / self.unit_ms, seq as f64);
            let sent = if again {
                &mut self.again
            } else {
                &mut self.first
            };
            sent.push(point);
            if let End::Lost(_) = flight.end {
                self.lost.push(point);
            }
        }
    }

    /// What the sender has heard; where only the receiver's side is known, what it said.
    fn take_window(&mut self, trace: &Trace) {
        let hears = |kind: &Kind| matches!(kind, Kind::AckArrive { .. });
        let heard = trace.events.iter().any(|event| hears(&event.kind));
        let mut base = 0;
        let mut at = self.first.first().map_or(0.0, |point| point.0);
        self.step(trace, at, base);
        for event in &trace.events {
            let newest = match event.kind {
                Kind::AckArrive { ack, .. } => event.base.unwrap_or(ack.cumulative),
                Kind::AckSend { ack, .. } if !heard => ack.cumulative,
                _ => continue,
            };
            at = ms(event.at_ns) / self.unit_ms;
            if newest > base {
                self.step(trace, at, base);
                base = newest;
                self.step(trace, at, base);
            }
        }
        self.step(trace, at, base);
    }

    fn step(&mut self, trace: &Trace, at: f64, base: u64) {
        self.acknowledged.push((at, base as f64));
        if let Some(window) = trace.window {
            self.window_end
                .push((at, (base + u64::from(window)) as f64));
        }
    }

    fn frame(&self) -> Frame {
        let top = heading::bottom(&self.subtitle) + LEGEND + 20.0;
        Frame {
            left: MARGIN + 105.0,
            top,
            right: PAGE_WIDTH - MARGIN - 10.0,
            bottom: top + HEIGHT,
        }
    }

    fn place(&self, (x, y): (f64, f64)) -> Position {
        self.frame()
            .at(self.times.fraction(x), self.seqs.fraction(y))
    }
}

impl Picture for Sequence {
    fn size(&self) -> (f64, f64) {
        (PAGE_WIDTH, self.frame().bottom + 100.0)
    }

    fn description(&self) -> String {
        format!("{}: {}", self.title, self.subtitle.join(" "))
    }

    fn draw(&self, canvas: &mut Canvas) {
        heading::draw(canvas, &self.title, &self.subtitle);
        self.draw_legend(canvas);
        self.draw_axes(canvas);
        self.draw_steps(canvas, &self.window_end, WINDOW);
        self.draw_steps(canvas, &self.acknowledged, ACKS);
        let radius = if self.first.len() > 300 { 2.0 } else { 4.0 };
        for point in self.thinned(&self.first) {
            dot(canvas, point, radius, FIRST);
        }
        for point in self.thinned(&self.again) {
            dot(canvas, point, radius + 0.5, AGAIN);
        }
        let radius = if self.lost.len() > 100 { 5.0 } else { 8.0 };
        for point in self.thinned(&self.lost) {
            cross(canvas, point, radius, style::INK, 2.0);
        }
    }
}

impl Sequence {
    /// The places of `points`, without those that would fall on one another.
    fn thinned(&self, points: &[(f64, f64)]) -> Vec<Position> {
        let mut seen = HashSet::new();
        let places = points.iter().map(|point| self.place(*point));
        places
            .filter(|(x, y)| seen.insert(((x / CLOSE) as i64, (y / CLOSE) as i64)))
            .collect()
    }

    fn draw_steps(&self, canvas: &mut Canvas, steps: &[(f64, f64)], color: Color) {
        let mut places = self.thinned(steps);
        places.extend(steps.last().map(|last| self.place(*last)));
        canvas.line(&places, color, 2.0);
    }

    fn draw_legend(&self, canvas: &mut Canvas) {
        let y = heading::bottom(&self.subtitle) + 8.0;
        let text = Text::new(style::TEXT_SIZE, style::INK);
        let mut x = MARGIN;
        for (label, color) in [("first sent", FIRST), ("sent again", AGAIN)] {
            dot(canvas, (x + 8.0, y), 6.0, color);
            canvas.text(label, (x + 26.0, y), text);
            x += 26.0 + text_width(label, style::TEXT_SIZE) + 24.0;
        }
        cross(canvas, (x + 8.0, y), 8.0, style::INK, 3.0);
        canvas.text("lost", (x + 26.0, y), text);
        x += 26.0 + text_width("lost", style::TEXT_SIZE) + 24.0;
        for (label, color) in [("acknowledged below", ACKS), ("end of the window", WINDOW)] {
            canvas.line(&[(x, y), (x + 44.0, y)], color, style::LINE_WIDTH);
            canvas.text(label, (x + 54.0, y), text);
            x += 54.0 + text_width(label, style::TEXT_SIZE) + 24.0;
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas) {
        let frame = self.frame();
        let faint = Text::new(style::TEXT_SIZE, style::FAINT_INK);
        let text = Text::new(style::TEXT_SIZE, style::INK);
        for tick in &self.seqs.ticks {
            let place = self.seqs.fraction(*tick);
            let line = [frame.at(0.0, place), frame.at(1.0, place)];
            canvas.line(&line, style::GRID, 1.0);
            let left = (line[0].0 - 10.0, line[0].1);
            canvas.text(&number(*tick), left, faint.right_aligned());
        }
        for tick in &self.times.ticks {
            let place = self.times.fraction(*tick);
            let line = [frame.at(place, 0.0), frame.at(place, 1.0)];
            canvas.line(&line, style::GRID, 1.0);
            let below = (line[0].0, line[0].1 + 22.0);
            canvas.text(&number(*tick), below, faint.centred());
        }
        let label = if self.unit_ms > 1.0 {
            "time, s"
        } else {
            "time, ms"
        };
        let (middle, bottom) = frame.at(0.5, 0.0);
        canvas.text(label, (middle, bottom + 62.0), text.centred());
        let (left, middle) = frame.at(0.0, 0.5);
        canvas.text(
            "sequence number",
            (left - 112.0, middle),
            text.centred().upwards(),
        )
    }
}

fn dot(canvas: &mut Canvas, (x, y): Position, radius: f64, color: Color) {
    let corners = [(x - radius, y - radius), (x + radius, y + radius)];
    canvas.rectangle(corners, color);
}
