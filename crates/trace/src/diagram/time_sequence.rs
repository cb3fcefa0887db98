//! The time-sequence plot, as tcptrace draws it: when each segment was sent, acknowledged and lost.

use std::collections::HashSet;

use backroom_charts::font::text_width;
use backroom_charts::style::{self, Color};
use backroom_charts::{Canvas, Frame, MARGIN, PAGE_WIDTH, Picture, Position, Scale, Text, heading};
use backroom_vocabulary::format_number;
use backroom_vocabulary::trace::{Step, StepKind};

use super::page::{ACK, Caption, FIRST_TRANSMISSION, RETRANSMISSION, cross, ms};
use crate::flights::{FlightEnd, Packet, flights};
use crate::trace::Trace;

const LEGEND: f64 = 44.0;
const HEIGHT: f64 = 620.0;
const WINDOW: Color = style::LINES[5];
/// Marks within a square of this size, in points, are drawn once.
const CLOSE: f64 = 1.5;

pub(super) struct TimeSequence {
    title: String,
    subtitle: Vec<String>,
    /// Milliseconds in the unit of the time axis.
    unit_ms: f64,
    times: Scale,
    seqs: Scale,
    first_transmissions: Vec<(f64, f64)>,
    retransmissions: Vec<(f64, f64)>,
    lost: Vec<(f64, f64)>,
    /// A staircase, as is `window_end`.
    acknowledged: Vec<(f64, f64)>,
    window_end: Vec<(f64, f64)>,
}

impl TimeSequence {
    pub(super) fn new(trace: &Trace, caption: &Caption) -> Self {
        let end_ms = ms(trace.end_ns());
        let unit_ms = if end_ms >= 10_000.0 { 1_000.0 } else { 1.0 };
        let mut plot = Self {
            title: caption.title.clone(),
            subtitle: heading::wrapped(&caption.subtitle),
            unit_ms,
            times: Scale::from_zero(end_ms.max(1e-3) / unit_ms),
            seqs: Scale::from_zero(1.0),
            first_transmissions: Vec::new(),
            retransmissions: Vec::new(),
            lost: Vec::new(),
            acknowledged: Vec::new(),
            window_end: Vec::new(),
        };
        plot.add_segments(trace);
        plot.add_window(trace);
        let sent = plot.first_transmissions.iter().chain(&plot.retransmissions);
        let highest = sent.map(|point| point.1).fold(1.0, f64::max);
        plot.seqs = Scale::from_zero(highest + 1.0);
        let top = plot.seqs.ticks.last().copied().unwrap_or(highest);
        for step in &mut plot.window_end {
            step.1 = step.1.min(top);
        }
        plot
    }

    fn add_segments(&mut self, trace: &Trace) {
        for flight in flights(trace) {
            let Packet::Segment {
                seq,
                retransmission,
                ..
            } = flight.packet
            else {
                continue;
            };
            let Some(at_ns) = flight.sent_ns.or(flight.arrived_ns()) else {
                continue;
            };
            let point = (ms(at_ns) / self.unit_ms, seq as f64);
            let sent = if retransmission {
                &mut self.retransmissions
            } else {
                &mut self.first_transmissions
            };
            sent.push(point);
            if let FlightEnd::Lost(_) = flight.end {
                self.lost.push(point);
            }
        }
    }

    /// Adds what arriving ACKs acknowledge, or ACKs sent if only the receiver's side is known.
    fn add_window(&mut self, trace: &Trace) {
        let arrives = |step: &Step| matches!(step.kind, StepKind::AckArrive { .. });
        let sender_is_known = trace.steps.iter().any(arrives);
        let mut base = 0;
        let mut at = self
            .first_transmissions
            .first()
            .map_or(0.0, |point| point.0);
        self.add_corner(trace, at, base);
        for step in &trace.steps {
            let newest = match step.kind {
                StepKind::AckArrive { ack, .. } => step.base.unwrap_or(ack.cumulative),
                StepKind::AckSend { ack, .. } if !sender_is_known => ack.cumulative,
                _ => continue,
            };
            at = ms(step.at_ns) / self.unit_ms;
            if newest > base {
                self.add_corner(trace, at, base);
                base = newest;
                self.add_corner(trace, at, base);
            }
        }
        self.add_corner(trace, at, base);
    }

    fn add_corner(&mut self, trace: &Trace, at: f64, base: u64) {
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

    fn position(&self, (x, y): (f64, f64)) -> Position {
        self.frame()
            .at(self.times.fraction(x), self.seqs.fraction(y))
    }
}

impl Picture for TimeSequence {
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
        self.draw_steps(canvas, &self.acknowledged, ACK);
        let radius = if self.first_transmissions.len() > 300 {
            2.0
        } else {
            4.0
        };
        for point in self.thinned(&self.first_transmissions) {
            dot(canvas, point, radius, FIRST_TRANSMISSION);
        }
        for point in self.thinned(&self.retransmissions) {
            dot(canvas, point, radius + 0.5, RETRANSMISSION);
        }
        let radius = if self.lost.len() > 100 { 5.0 } else { 8.0 };
        for point in self.thinned(&self.lost) {
            cross(canvas, point, radius, 2.0);
        }
    }
}

impl TimeSequence {
    /// The positions of `points`, without those that would cover one another.
    fn thinned(&self, points: &[(f64, f64)]) -> Vec<Position> {
        let mut seen = HashSet::new();
        let positions = points.iter().map(|point| self.position(*point));
        positions
            .filter(|(x, y)| seen.insert(((x / CLOSE) as i64, (y / CLOSE) as i64)))
            .collect()
    }

    fn draw_steps(&self, canvas: &mut Canvas, steps: &[(f64, f64)], color: Color) {
        let mut positions = self.thinned(steps);
        positions.extend(steps.last().map(|last| self.position(*last)));
        canvas.line(&positions, color, 2.0);
    }

    fn draw_legend(&self, canvas: &mut Canvas) {
        let y = heading::bottom(&self.subtitle) + 8.0;
        let text = Text::new(style::TEXT_SIZE, style::INK);
        let mut x = MARGIN;
        for (label, color) in [
            ("first sent", FIRST_TRANSMISSION),
            ("sent again", RETRANSMISSION),
        ] {
            dot(canvas, (x + 8.0, y), 6.0, color);
            canvas.text(label, (x + 26.0, y), text);
            x += 26.0 + text_width(label, style::TEXT_SIZE) + 24.0;
        }
        cross(canvas, (x + 8.0, y), 8.0, 3.0);
        canvas.text("lost", (x + 26.0, y), text);
        x += 26.0 + text_width("lost", style::TEXT_SIZE) + 24.0;
        for (label, color) in [("acknowledged below", ACK), ("end of the window", WINDOW)] {
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
            let fraction = self.seqs.fraction(*tick);
            let line = [frame.at(0.0, fraction), frame.at(1.0, fraction)];
            canvas.line(&line, style::GRID, 1.0);
            let left = (line[0].0 - 10.0, line[0].1);
            canvas.text(&format_number(*tick), left, faint.right_aligned());
        }
        for tick in &self.times.ticks {
            let fraction = self.times.fraction(*tick);
            let line = [frame.at(fraction, 0.0), frame.at(fraction, 1.0)];
            canvas.line(&line, style::GRID, 1.0);
            let below = (line[0].0, line[0].1 + 22.0);
            canvas.text(&format_number(*tick), below, faint.centred());
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
