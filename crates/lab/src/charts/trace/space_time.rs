//! The textbook's space-time diagram: time runs down, a line for each side, an arrow for each packet.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::excerpt::{self, Excerpt, Limits, ms};
use super::notes::{self, Note};
use super::{
    ACKS, AGAIN, Caption, FIRST, MARGIN, NOTE_SIZE, Picture, after_head, cross, draw_head,
};
use crate::charts::canvas::{self, Canvas, Drawn, Place, Text};
use crate::charts::layout::PAGE_WIDTH;
use crate::charts::style;
use crate::words;
use backroom_trace::{Flight, FlightEnd, Packet, Trace, flights};
use backroom_vocabulary::trace::Side;

/// The heights of the names above the lines, and what is left below them.
const LEGEND: f64 = 44.0;
const NAMES: f64 = 60.0;
const BELOW: f64 = 50.0;
const TIME: f64 = 100.0;
const SENDER: f64 = 560.0;
const RECEIVER: f64 = 925.0;
/// Where on its way a lost packet is lost.
const LOST_AT: f64 = 0.6;
/// How far an arrow goes whose other end is not known.
const KNOWN_PART: f64 = 0.3;

/// One diagram.
pub(super) struct SpaceTime {
    title: String,
    subtitle: Vec<String>,
    excerpt: Excerpt,
    arrows: Vec<Arrow>,
    sender_notes: Vec<Note>,
    receiver_notes: Vec<Note>,
}

/// A packet's way over the page.
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
    pub(super) fn new(trace: &Trace, caption: &Caption, limits: Limits) -> Self {
        let flights = flights(trace);
        let excerpt = Excerpt::new(trace, &flights, limits);
        let mut parts = vec![caption.subtitle.clone()];
        if !excerpt.whole {
            parts.push(format!(
                "An excerpt: {} to {} ms of {} ms.",
                words::number(excerpt.begin()),
                words::number(excerpt.end()),
                words::number(ms(trace.end_ns()))
            ));
        }
        if !excerpt.breaks.is_empty() {
            parts.push("Long waits are shortened.".to_owned());
        }
        match trace.sides.as_slice() {
            [Side::Sender] => parts
                .push("Only the sender's side is known: arrows that leave it end open.".to_owned()),
            [Side::Receiver] => parts.push(
                "Only the receiver's side is known: arrows that leave it end open.".to_owned(),
            ),
            _ => {}
        }
        let within = |note: &Note| (excerpt.begin()..=excerpt.end()).contains(&note.at_ms);
        let kept = |notes: Vec<Note>| notes.into_iter().filter(|note| within(note)).collect();
        Self {
            title: caption.title.clone(),
            subtitle: super::wrapped(&parts.join(" ")),
            arrows: arrows(&flights, &excerpt),
            sender_notes: kept(notes::of_sender(trace)),
            receiver_notes: kept(notes::of_receiver(trace)),
            excerpt,
        }
    }

    fn top(&self) -> f64 {
        after_head(&self.subtitle) + LEGEND + NAMES
    }

    fn y(&self, time_ms: f64) -> f64 {
        self.top() + self.excerpt.place(time_ms)
    }
}

/// The arrows in sight. Where a packet was lost, it would have arrived with its neighbours.
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
        if excerpt::is_in(excerpt, flight, to_ms) {
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

impl Picture for SpaceTime {
    fn size(&self) -> (f64, f64) {
        (PAGE_WIDTH, self.top() + self.excerpt.height() + BELOW)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        canvas.fill(style::PAPER)?;
        draw_head(canvas, &self.title, &self.subtitle)?;
        self.draw_legend(canvas)?;
        self.draw_time(canvas)?;
        for arrow in &self.arrows {
            self.draw_arrow(canvas, arrow)?;
        }
        self.cover_what_is_out_of_sight(canvas)?;
        self.draw_sides(canvas)?;
        self.draw_labels(canvas)?;
        self.draw_notes(canvas, &self.sender_notes, true)?;
        self.draw_notes(canvas, &self.receiver_notes, false)
    }
}

impl SpaceTime {
    fn draw_legend<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        let y = after_head(&self.subtitle) + 8.0;
        let entries = [
            ("segment", FIRST, false),
            ("segment sent again", AGAIN, false),
            ("ACK", ACKS, true),
        ];
        let mut x = MARGIN;
        for (label, color, dashed) in entries {
            stroke(canvas, [(x, y), (x + 60.0, y)], color, dashed)?;
            arrow_head(canvas, (x, y), (x + 60.0, y), color)?;
            canvas.text(
                label,
                (x + 74.0, y),
                Text::plain(style::TEXT_SIZE, style::INK),
            )?;
            x += 74.0 + canvas::width(label, style::TEXT_SIZE) + 30.0;
        }
        cross(canvas, (x + 10.0, y), 8.0, style::INK, 3.0)?;
        let how = Text::plain(style::TEXT_SIZE, style::INK);
        canvas.text("lost", (x + 30.0, y), how)
    }

    fn draw_time<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        let faint = Text::plain(NOTE_SIZE, style::FAINT_INK);
        let names = self.top() - 32.0;
        canvas.text("ms", (TIME - 10.0, names), faint.to_the_left())?;
        for tick in self.excerpt.ticks() {
            let y = self.y(tick);
            canvas.line(&[(TIME, y), (PAGE_WIDTH - MARGIN, y)], style::GRID, 1.0)?;
            canvas.text(&words::number(tick), (TIME - 10.0, y), faint.to_the_left())?;
        }
        for (from, to) in &self.excerpt.breaks {
            let y = (self.y(*from) + self.y(*to)) / 2.0;
            let wait = format!("{} ms", words::number(to - from));
            canvas.text(&wait, (SENDER - 16.0, y), faint.to_the_left())?;
        }
        Ok(())
    }

    fn draw_sides<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        let (top, bottom) = (self.top(), self.top() + self.excerpt.height());
        for (x, name) in [(SENDER, "sender"), (RECEIVER, "receiver")] {
            let how = Text::plain(style::PANEL_TITLE_SIZE, style::INK).bold();
            canvas.text(name, (x, top - 32.0), how.centred())?;
            canvas.line(&[(x, top - 12.0), (x, bottom + 12.0)], style::INK, 3.0)?;
            for (from, to) in &self.excerpt.breaks {
                let y = (self.y(*from) + self.y(*to)) / 2.0;
                let corners = [(x - 4.0, y - 7.0), (x + 4.0, y + 7.0)];
                canvas.rectangle(corners, style::PAPER)?;
                for dy in [-7.0, 7.0] {
                    let slash = [(x - 9.0, y + dy + 4.0), (x + 9.0, y + dy - 4.0)];
                    canvas.line(&slash, style::INK, 2.0)?;
                }
            }
        }
        Ok(())
    }

    /// Where an arrow begins and ends on the page.
    fn ends(&self, arrow: &Arrow) -> (Place, Place) {
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

    fn draw_arrow<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, arrow: &Arrow) -> Drawn {
        let color = arrow.color();
        let (from, to) = self.ends(arrow);
        let is_ack = matches!(arrow.packet, Packet::Ack { .. });
        stroke(canvas, [from, to], color, is_ack)?;
        match arrow.end {
            ArrowEnd::Lost => cross(canvas, to, 8.0, style::INK, 3.0),
            _ => arrow_head(canvas, from, to, color),
        }
    }

    /// Arrows may begin before the first moment, and end after the last.
    fn cover_what_is_out_of_sight<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        let (top, bottom) = (self.top() - 14.0, self.top() + self.excerpt.height() + 14.0);
        let above = [
            (0.0, after_head(&self.subtitle) + LEGEND - 6.0),
            (PAGE_WIDTH, top),
        ];
        let (_, height) = self.size();
        canvas.rectangle(above, style::PAPER)?;
        canvas.rectangle([(0.0, bottom), (PAGE_WIDTH, height)], style::PAPER)?;
        let faint = Text::plain(NOTE_SIZE, style::FAINT_INK);
        canvas.text("ms", (TIME - 10.0, top - 18.0), faint.to_the_left())
    }

    /// The numbers on the arrows: those of lost packets first, and then as many as there is room for.
    fn draw_labels<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        let mut taken = Places::default();
        let lost_first = [true, false];
        for lost in lost_first {
            for arrow in &self.arrows {
                if (arrow.end == ArrowEnd::Lost) != lost {
                    continue;
                }
                let (from, to) = self.ends(arrow);
                let at = match arrow.end {
                    ArrowEnd::Lost => (to.0, to.1 - 20.0),
                    ArrowEnd::Arrived => between(from, to, 0.84),
                    // Short as they are, at their middle or the open end, off the line that they belong to.
                    ArrowEnd::Outgoing => between(from, to, 0.55),
                    ArrowEnd::Incoming => between(from, to, 0.1),
                };
                let (label, size) = (arrow.label(), NOTE_SIZE - 1.0);
                let half = canvas::width(&label, size) / 2.0;
                let low = self.top() + self.excerpt.height();
                if at.1 < self.top() - 12.0 || at.1 > low + 12.0 || !taken.take(at, half) {
                    continue;
                }
                let corners = [(at.0 - half, at.1 - 10.0), (at.0 + half, at.1 + 10.0)];
                canvas.rectangle(corners, style::PAPER)?;
                let how = Text::plain(size, arrow.color()).bold().centred();
                canvas.text(&label, at, how)?;
            }
        }
        Ok(())
    }

    /// The words beside a line: what went wrong first, and then as many as there is room for.
    fn draw_notes<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        notes: &[Note],
        of_sender: bool,
    ) -> Drawn {
        let mut taken = Places::default();
        for alarming in [true, false] {
            for note in notes.iter().filter(|note| note.alarming == alarming) {
                let y = self.y(note.at_ms);
                if !taken.take((0.0, y), 1.0) {
                    continue;
                }
                let color = if alarming { AGAIN } else { style::INK };
                let how = Text::plain(NOTE_SIZE, color);
                if of_sender {
                    canvas.text(&note.text, (SENDER - 16.0, y), how.to_the_left())?;
                } else {
                    canvas.text(&note.text, (RECEIVER + 16.0, y), how)?;
                }
            }
        }
        Ok(())
    }
}

impl Arrow {
    fn color(&self) -> RGBColor {
        match self.packet {
            Packet::Segment {
                retransmission: false,
                ..
            } => FIRST,
            Packet::Segment {
                retransmission: true,
                ..
            } => AGAIN,
            Packet::Ack { .. } => ACKS,
        }
    }

    fn label(&self) -> String {
        match self.packet {
            Packet::Segment { seq, .. } => seq.to_string(),
            Packet::Ack { ack, .. } => format!("ACK {}", ack.cumulative),
        }
    }
}

/// Where text stands already.
#[derive(Default)]
struct Places(Vec<(Place, f64)>);

impl Places {
    /// Takes a place for text that reaches so far to both sides, if it is free.
    fn take(&mut self, (x, y): Place, half: f64) -> bool {
        const ROW: f64 = 20.0;
        let meets = |((other_x, other_y), other_half): &(Place, f64)| {
            (y - other_y).abs() < ROW && (x - other_x).abs() < half + other_half
        };
        let free = !self.0.iter().any(meets);
        if free {
            self.0.push(((x, y), half));
        }
        free
    }
}

fn between(from: Place, to: Place, part: f64) -> Place {
    (
        from.0 + (to.0 - from.0) * part,
        from.1 + (to.1 - from.1) * part,
    )
}

fn stroke<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    places: [Place; 2],
    color: RGBColor,
    dashed: bool,
) -> Drawn {
    if dashed {
        canvas.dashed_line(&places, color, 1.8)
    } else {
        canvas.line(&places, color, 2.2)
    }
}

fn arrow_head<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    from: Place,
    to: Place,
    color: RGBColor,
) -> Drawn {
    const LENGTH: f64 = 13.0;
    const SPREAD: f64 = 0.42;
    let back = (from.1 - to.1).atan2(from.0 - to.0);
    for turn in [SPREAD, -SPREAD] {
        let angle = back + turn;
        let end = (to.0 + LENGTH * angle.cos(), to.1 + LENGTH * angle.sin());
        canvas.line(&[to, end], color, 2.2)?;
    }
    Ok(())
}
