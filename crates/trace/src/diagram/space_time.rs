//! The space-time diagram: time runs downwards, each side is a line, each packet an arrow.

use std::path::Path;

use backroom_charts::font::text_width;
use backroom_charts::style::{self, Color};
use backroom_charts::{Canvas, ChartError, Heading, MARGIN, PAGE_WIDTH, Position, Text, save};
use backroom_vocabulary::format_number;
use backroom_vocabulary::trace::Side;

use super::annotations::{self, Annotation};
use super::excerpt::{self, Excerpt, TimeRange};
use super::page::{ACK, Caption, FIRST_TRANSMISSION, RETRANSMISSION, cross, ms};
use crate::flights::{Flight, FlightEnd, Packet, flights};
use crate::trace::Trace;

/// Heights of the parts of the page, in points.
const LEGEND_HEIGHT: f64 = 44.0;
const NAMES_HEIGHT: f64 = 60.0;
const BOTTOM_HEIGHT: f64 = 50.0;
/// Distances from the left edge.
const TIME: f64 = 100.0;
const SENDER: f64 = 560.0;
const RECEIVER: f64 = 925.0;
const ANNOTATION_SIZE: f64 = 15.5;
/// The fraction of its arrow at which a lost packet ends.
const LOST_AT: f64 = 0.6;
/// The length of an arrow whose other end is not known, as a fraction.
const KNOWN_PART: f64 = 0.3;

pub(super) struct SpaceTime {
    heading: Heading,
    excerpt: Excerpt,
    arrows: Vec<Arrow>,
    at_sender: Vec<Annotation>,
    at_receiver: Vec<Annotation>,
}

/// A packet on the page.
struct Arrow {
    packet: Packet,
    from_ms: f64,
    to_ms: f64,
    end: ArrowEnd,
}

#[derive(Clone, Copy, PartialEq)]
enum ArrowEnd {
    Arrived,
    Lost,
    /// Only where it was sent is known.
    Outgoing,
    /// Only where it arrived is known.
    Incoming,
}

impl SpaceTime {
    pub(super) fn new(trace: &Trace, caption: &Caption, range: TimeRange) -> Self {
        let flights = flights(trace);
        let excerpt = Excerpt::new(trace, &flights, range);
        let mut parts = vec![caption.subtitle.clone()];
        if !excerpt.is_whole {
            parts.push(format!(
                "An excerpt: {} to {} ms of {} ms.",
                format_number(excerpt.begin()),
                format_number(excerpt.end()),
                format_number(ms(trace.end_ns()))
            ));
        }
        if !excerpt.breaks.is_empty() {
            parts.push("Long waits are shortened.".to_owned());
        }
        if let [side] = trace.sides.as_slice() {
            let side = match side {
                Side::Sender => "sender",
                Side::Receiver => "receiver",
            };
            parts.push(format!(
                "Only the {side}'s side is known: arrows that leave it end open."
            ));
        }
        let visible = |mut annotations: Vec<Annotation>| {
            annotations.retain(|annotation| excerpt.shows(annotation.at_ms, annotation.at_ms));
            annotations
        };
        Self {
            heading: Heading::new(&caption.title, &parts.join(" ")),
            arrows: arrows(&flights, &excerpt),
            at_sender: visible(annotations::of_sender(trace)),
            at_receiver: visible(annotations::of_receiver(trace)),
            excerpt,
        }
    }

    fn top(&self) -> f64 {
        self.heading.bottom() + LEGEND_HEIGHT + NAMES_HEIGHT
    }

    fn bottom(&self) -> f64 {
        self.top() + self.excerpt.height()
    }

    fn y(&self, time_ms: f64) -> f64 {
        self.top() + self.excerpt.position(time_ms)
    }

    pub(super) fn save(&self, folder: &Path) -> Result<Vec<String>, ChartError> {
        let height = self.bottom() + BOTTOM_HEIGHT;
        save(folder, "space-time", &self.heading, height, |canvas| {
            self.draw_legend(canvas);
            self.draw_time(canvas);
            for arrow in &self.arrows {
                self.draw_arrow(canvas, arrow);
            }
            self.cover_outside(canvas);
            self.draw_sides(canvas);
            self.draw_labels(canvas);
            self.draw_annotations(canvas, &self.at_sender, true);
            self.draw_annotations(canvas, &self.at_receiver, false);
        })
    }
}

/// The visible arrows. A lost packet points to where it would have arrived: not before its predecessor.
fn arrows(flights: &[Flight], excerpt: &Excerpt) -> Vec<Arrow> {
    let fastest = excerpt::fastest(flights).unwrap_or(1.0);
    let mut last_arrival = [0.0; 2];
    let mut arrows = Vec::new();
    for flight in flights {
        let kind = usize::from(flight.is_segment());
        let sent = flight.sent_ns.map(ms);
        let arrived = flight.arrived_ns().map(ms);
        let (from_ms, to_ms, end) = match (sent, arrived, flight.end) {
            (Some(sent), Some(arrived), _) => (sent, arrived, ArrowEnd::Arrived),
            (Some(sent), None, FlightEnd::Unknown) => (sent, sent + fastest, ArrowEnd::Outgoing),
            (Some(sent), None, _) => {
                let would_arrive = (sent + fastest).max(last_arrival[kind]);
                (sent, would_arrive, ArrowEnd::Lost)
            }
            (None, Some(arrived), _) => (arrived - fastest, arrived, ArrowEnd::Incoming),
            (None, None, _) => continue,
        };
        last_arrival[kind] = f64::max(last_arrival[kind], to_ms);
        if excerpt.shows(sent.unwrap_or(to_ms), to_ms) {
            arrows.push(Arrow {
                packet: flight.packet,
                from_ms,
                to_ms,
                end,
            });
        }
    }
    arrows
}

impl SpaceTime {
    fn draw_legend(&self, canvas: &mut Canvas) {
        let y = self.heading.bottom() + 8.0;
        let entries = [
            ("segment", FIRST_TRANSMISSION, false),
            ("segment sent again", RETRANSMISSION, false),
            ("ACK", ACK, true),
        ];
        let mut x = MARGIN;
        for (label, color, dashed) in entries {
            stroke(canvas, [(x, y), (x + 60.0, y)], color, dashed);
            arrow_head(canvas, (x, y), (x + 60.0, y), color);
            canvas.text(label, (x + 74.0, y), Text::NORMAL);
            x += 74.0 + text_width(label, style::TEXT_SIZE) + 30.0;
        }
        cross(canvas, (x + 10.0, y), 8.0, 3.0);
        canvas.text("lost", (x + 30.0, y), Text::NORMAL);
    }

    fn draw_time(&self, canvas: &mut Canvas) {
        let faint = Text::new(ANNOTATION_SIZE, style::FAINT_INK);
        let names = self.top() - 32.0;
        canvas.text("ms", (TIME - 10.0, names), faint.right_aligned());
        for tick in self.excerpt.ticks() {
            let y = self.y(tick);
            canvas.line(&[(TIME, y), (PAGE_WIDTH - MARGIN, y)], style::GRID, 1.0);
            canvas.text(
                &format_number(tick),
                (TIME - 10.0, y),
                faint.right_aligned(),
            );
        }
        for (from, to) in &self.excerpt.breaks {
            let y = (self.y(*from) + self.y(*to)) / 2.0;
            let wait = format!("{} ms", format_number(to - from));
            canvas.text(&wait, (SENDER - 16.0, y), faint.right_aligned());
        }
    }

    fn draw_sides(&self, canvas: &mut Canvas) {
        let (top, bottom) = (self.top(), self.bottom());
        for (x, name) in [(SENDER, "sender"), (RECEIVER, "receiver")] {
            canvas.text(name, (x, top - 32.0), Text::PANEL_TITLE.centred());
            canvas.line(&[(x, top - 12.0), (x, bottom + 12.0)], style::INK, 3.0);
            for (from, to) in &self.excerpt.breaks {
                let y = (self.y(*from) + self.y(*to)) / 2.0;
                let corners = [(x - 4.0, y - 7.0), (x + 4.0, y + 7.0)];
                canvas.rectangle(corners, style::PAPER);
                for dy in [-7.0, 7.0] {
                    let slash = [(x - 9.0, y + dy + 4.0), (x + 9.0, y + dy - 4.0)];
                    canvas.line(&slash, style::INK, 2.0);
                }
            }
        }
    }

    /// Where an arrow begins and ends on the page.
    fn ends(&self, arrow: &Arrow) -> (Position, Position) {
        let (from, to) = match arrow.packet {
            Packet::Segment { .. } => (SENDER, RECEIVER),
            Packet::Ack { .. } => (RECEIVER, SENDER),
        };
        let (from, to) = ((from, self.y(arrow.from_ms)), (to, self.y(arrow.to_ms)));
        match arrow.end {
            ArrowEnd::Arrived => (from, to),
            ArrowEnd::Lost => (from, between(from, to, LOST_AT)),
            ArrowEnd::Outgoing => (from, between(from, to, KNOWN_PART)),
            ArrowEnd::Incoming => (between(to, from, KNOWN_PART), to),
        }
    }

    fn draw_arrow(&self, canvas: &mut Canvas, arrow: &Arrow) {
        let color = arrow.color();
        let (from, to) = self.ends(arrow);
        let is_ack = matches!(arrow.packet, Packet::Ack { .. });
        stroke(canvas, [from, to], color, is_ack);
        match arrow.end {
            ArrowEnd::Lost => cross(canvas, to, 8.0, 3.0),
            _ => arrow_head(canvas, from, to, color),
        }
    }

    /// Covers arrows that begin above the excerpt or end below it.
    fn cover_outside(&self, canvas: &mut Canvas) {
        let (top, bottom) = (self.top() - 14.0, self.bottom() + 14.0);
        let above = [
            (0.0, self.heading.bottom() + LEGEND_HEIGHT - 6.0),
            (PAGE_WIDTH, top),
        ];
        let end = self.bottom() + BOTTOM_HEIGHT;
        canvas.rectangle(above, style::PAPER);
        canvas.rectangle([(0.0, bottom), (PAGE_WIDTH, end)], style::PAPER);
        let faint = Text::new(ANNOTATION_SIZE, style::FAINT_INK);
        canvas.text("ms", (TIME - 10.0, top - 18.0), faint.right_aligned());
    }

    /// Labels the arrows, those of lost packets first, as far as there is space.
    fn draw_labels(&self, canvas: &mut Canvas) {
        let mut taken = OccupiedSpace::default();
        for lost in [true, false] {
            let wanted = |arrow: &&Arrow| (arrow.end == ArrowEnd::Lost) == lost;
            for arrow in self.arrows.iter().filter(wanted) {
                let (from, to) = self.ends(arrow);
                let at = match arrow.end {
                    ArrowEnd::Lost => (to.0, to.1 - 20.0),
                    ArrowEnd::Arrived => between(from, to, 0.84),
                    // Away from the side's line, because these arrows are short.
                    ArrowEnd::Outgoing => between(from, to, 0.55),
                    ArrowEnd::Incoming => between(from, to, 0.1),
                };
                let (label, size) = (arrow.label(), ANNOTATION_SIZE - 1.0);
                let half = text_width(&label, size) / 2.0;
                let shown = self.top() - 12.0..=self.bottom() + 12.0;
                if !shown.contains(&at.1) || !taken.take(at, half) {
                    continue;
                }
                let corners = [(at.0 - half, at.1 - 10.0), (at.0 + half, at.1 + 10.0)];
                canvas.rectangle(corners, style::PAPER);
                let how = Text::new(size, arrow.color()).bold().centred();
                canvas.text(&label, at, how);
            }
        }
    }

    /// Writes annotations beside a side's line, problems first, as far as there is space.
    fn draw_annotations(&self, canvas: &mut Canvas, annotations: &[Annotation], at_sender: bool) {
        let mut taken = OccupiedSpace::default();
        for is_problem in [true, false] {
            let wanted = |annotation: &&Annotation| annotation.is_problem == is_problem;
            for annotation in annotations.iter().filter(wanted) {
                let y = self.y(annotation.at_ms);
                if !taken.take((0.0, y), 1.0) {
                    continue;
                }
                let color = if is_problem {
                    RETRANSMISSION
                } else {
                    style::INK
                };
                let how = Text::new(ANNOTATION_SIZE, color);
                if at_sender {
                    canvas.text(&annotation.text, (SENDER - 16.0, y), how.right_aligned());
                } else {
                    canvas.text(&annotation.text, (RECEIVER + 16.0, y), how);
                }
            }
        }
    }
}

impl Arrow {
    fn color(&self) -> Color {
        match self.packet {
            Packet::Segment {
                retransmission: false,
                ..
            } => FIRST_TRANSMISSION,
            Packet::Segment {
                retransmission: true,
                ..
            } => RETRANSMISSION,
            Packet::Ack { .. } => ACK,
        }
    }

    fn label(&self) -> String {
        match self.packet {
            Packet::Segment { seq, .. } => seq.to_string(),
            Packet::Ack { ack, .. } => format!("ACK {}", ack.cumulative),
        }
    }
}

/// The space that text takes already: centres and half widths.
#[derive(Default)]
struct OccupiedSpace(Vec<(Position, f64)>);

impl OccupiedSpace {
    /// Takes the space for text of this centre and half width, if it is free.
    fn take(&mut self, (x, y): Position, half: f64) -> bool {
        const ROW: f64 = 20.0;
        let overlaps = |((other_x, other_y), other_half): &(Position, f64)| {
            (y - other_y).abs() < ROW && (x - other_x).abs() < half + other_half
        };
        let free = !self.0.iter().any(overlaps);
        if free {
            self.0.push(((x, y), half));
        }
        free
    }
}

fn between(from: Position, to: Position, fraction: f64) -> Position {
    (
        from.0 + (to.0 - from.0) * fraction,
        from.1 + (to.1 - from.1) * fraction,
    )
}

fn stroke(canvas: &mut Canvas, ends: [Position; 2], color: Color, dashed: bool) {
    if dashed {
        canvas.dashed_line(&ends, color, 1.8);
    } else {
        canvas.line(&ends, color, 2.2);
    }
}

fn arrow_head(canvas: &mut Canvas, from: Position, to: Position, color: Color) {
    const LENGTH: f64 = 13.0;
    const SPREAD: f64 = 0.42;
    let back = (from.1 - to.1).atan2(from.0 - to.0);
    for turn in [SPREAD, -SPREAD] {
        let angle = back + turn;
        let end = (to.0 + LENGTH * angle.cos(), to.1 + LENGTH * angle.sin());
        canvas.line(&[to, end], color, 2.2);
    }
}
