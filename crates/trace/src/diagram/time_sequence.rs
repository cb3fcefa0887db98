//! The time-sequence plot, as tcptrace draws it: when each segment was sent, acknowledged and lost.

use std::collections::HashSet;
use std::path::Path;

use backroom_charts::font::text_width;
use backroom_charts::style::{self, Color};
use backroom_charts::{
    Axis, Canvas, ChartError, Frame, Heading, MARGIN, PAGE_WIDTH, Position, Scale, Text, draw_grid,
    save,
};
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
    heading: Heading,
    /// Milliseconds in the unit of the time axis.
    unit_ms: f64,
    times: Axis,
    seqs: Axis,
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
        let (unit_ms, time) = match end_ms >= 10_000.0 {
            true => (1_000.0, "time, s"),
            false => (1.0, "time, ms"),
        };
        let mut plot = Self {
            heading: Heading::new(&caption.title, &caption.subtitle),
            unit_ms,
            times: Axis::new(time, Scale::from_zero(end_ms.max(1e-3) / unit_ms)),
            seqs: Axis::new("sequence number", Scale::from_zero(1.0)),
            first_transmissions: Vec::new(),
            retransmissions: Vec::new(),
            lost: Vec::new(),
            acknowledged: Vec::new(),
            window_end: Vec::new(),
        };
        plot.add_segments(trace);
        plot.add_acknowledged(trace);
        let sent = plot.first_transmissions.iter().chain(&plot.retransmissions);
        let highest = sent.map(|point| point.1).fold(1.0, f64::max);
        plot.seqs.scale = Scale::from_zero(highest + 1.0);
        let top = plot.seqs.scale.ticks.last().copied().unwrap_or(highest);
        if let Some(window) = trace.window {
            let end = |(at, base): &(f64, f64)| (*at, (base + f64::from(window)).min(top));
            plot.window_end = plot.acknowledged.iter().map(end).collect();
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
    fn add_acknowledged(&mut self, trace: &Trace) {
        let arrives = |step: &Step| matches!(step.kind, StepKind::AckArrive { .. });
        let sender_is_known = trace.steps.iter().any(arrives);
        let begin = self.first_transmissions.first();
        let (mut at, mut base) = (begin.map_or(0.0, |point| point.0), 0);
        self.acknowledged.push((at, 0.0));
        for step in &trace.steps {
            let newest = match step.kind {
                StepKind::AckArrive { ack, .. } => step.base.unwrap_or(ack.cumulative),
                StepKind::AckSend { ack, .. } if !sender_is_known => ack.cumulative,
                _ => continue,
            };
            at = ms(step.at_ns) / self.unit_ms;
            if newest > base {
                self.acknowledged
                    .extend([(at, base as f64), (at, newest as f64)]);
                base = newest;
            }
        }
        self.acknowledged.push((at, base as f64));
    }

    fn frame(&self) -> Frame {
        let top = self.heading.bottom() + LEGEND + 20.0;
        Frame {
            left: MARGIN + 105.0,
            top,
            right: PAGE_WIDTH - MARGIN - 10.0,
            bottom: top + HEIGHT,
        }
    }

    fn position(&self, (x, y): (f64, f64)) -> Position {
        self.frame()
            .at(self.times.scale.fraction(x), self.seqs.scale.fraction(y))
    }

    pub(super) fn save(&self, folder: &Path) -> Result<Vec<String>, ChartError> {
        let height = self.frame().bottom + 100.0;
        let draw = |canvas: &mut Canvas| self.draw(canvas);
        save(folder, "time-sequence", &self.heading, height, draw)
    }

    fn draw(&self, canvas: &mut Canvas) {
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
        let y = self.heading.bottom() + 8.0;
        let mut x = MARGIN;
        for (label, color) in [
            ("first sent", FIRST_TRANSMISSION),
            ("sent again", RETRANSMISSION),
        ] {
            dot(canvas, (x + 8.0, y), 6.0, color);
            canvas.text(label, (x + 26.0, y), Text::NORMAL);
            x += 26.0 + text_width(label, style::TEXT_SIZE) + 24.0;
        }
        cross(canvas, (x + 8.0, y), 8.0, 3.0);
        canvas.text("lost", (x + 26.0, y), Text::NORMAL);
        x += 26.0 + text_width("lost", style::TEXT_SIZE) + 24.0;
        for (label, color) in [("acknowledged below", ACK), ("end of the window", WINDOW)] {
            canvas.line(&[(x, y), (x + 44.0, y)], color, style::LINE_WIDTH);
            canvas.text(label, (x + 54.0, y), Text::NORMAL);
            x += 54.0 + text_width(label, style::TEXT_SIZE) + 24.0;
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas) {
        let frame = self.frame();
        draw_grid(canvas, &frame, &self.times, &self.seqs);
        let label = Text::NORMAL.centred();
        let (middle, bottom) = frame.at(0.5, 0.0);
        canvas.text(&self.times.label, (middle, bottom + 62.0), label);
        let (left, middle) = frame.at(0.0, 0.5);
        canvas.text(&self.seqs.label, (left - 112.0, middle), label.upwards());
    }
}

fn dot(canvas: &mut Canvas, (x, y): Position, radius: f64, color: Color) {
    let corners = [(x - radius, y - radius), (x + radius, y + radius)];
    canvas.rectangle(corners, color);
}
