//! Drawing what has two axes.

use backroom_sim::format_number;
use plotters::prelude::DrawingBackend;

use super::super::canvas::{self, Canvas, Drawn, Text};
use super::super::data::{Line, Plane, PlanePanel, Point};
use super::super::layout::{self, Contents, Frame};
use super::super::style;
use super::Entry;

pub(super) fn legend(plane: &Plane) -> Vec<Entry> {
    let measured = plane
        .legend
        .iter()
        .enumerate()
        .map(|(place, label)| Entry::Measured {
            place,
            label: label.clone(),
        });
    measured
        .chain(plane.has_theory.then_some(Entry::Theory))
        .collect()
}

pub(super) fn contents(plane: &Plane) -> Contents {
    const MOST_BOXES_IN_HALF_A_PAGE: usize = 18;
    let boxes = plane.x.scale.ticks.len() * plane.legend.len();
    let columns = match plane.boxes && boxes > MOST_BOXES_IN_HALF_A_PAGE {
        true => 1,
        false => 2,
    };
    Contents {
        subtitle_lines: 0,
        panels: plane.panels.len(),
        columns,
        height: layout::HEIGHT,
        left: layout::LEFT,
        titled: plane.panels.iter().any(|panel| !panel.title.is_empty()),
        legend: Vec::new(),
    }
}

pub(super) fn draw<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plane: &Plane,
    frames: &[Frame],
) -> Drawn {
    for (panel, frame) in plane.panels.iter().zip(frames) {
        draw_axes(canvas, plane, panel, frame)?;
        for line in &panel.lines {
            draw_theory(canvas, plane, line, frame)?;
        }
        for line in &panel.lines {
            match plane.boxes {
                true => draw_boxes(canvas, plane, line, frame)?,
                false => draw_line(canvas, plane, line, frame)?,
            }
        }
    }
    Ok(())
}

/// A box for each cell, beside those of the other lines at the same place.
fn draw_boxes<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plane: &Plane,
    line: &Line,
    frame: &Frame,
) -> Drawn {
    const SHARE: f64 = 0.84;
    const LIGHT: f64 = 0.65;
    const RADIUS: f64 = 5.0;
    let (color, marker) = style::of_line(line.place);
    let lines = plane.legend.len() as f64;
    let slot = (frame.right - frame.left) / plane.x.scale.ticks.len() as f64 * SHARE;
    let half = slot / lines * 0.36;
    let aside = ((line.place as f64 + 0.5) / lines - 0.5) * slot;
    for Point {
        x,
        middle,
        inner,
        outer,
        tick,
    } in &line.points
    {
        let at = |y: f64| {
            let (x, y) = frame.at(plane.x.scale.place(*x), plane.y.scale.place(y));
            (x + aside, y)
        };
        let across = |y: f64| [(at(y).0 - half, at(y).1), (at(y).0 + half, at(y).1)];
        canvas.line(&[at(outer.0), at(outer.1)], color, 2.0)?;
        for end in [outer.0, outer.1].into_iter().chain(*tick) {
            canvas.line(&across(end), color, 2.0)?;
        }
        let [lower_left, _] = across(inner.0);
        let [_, upper_right] = across(inner.1);
        let corners = [(lower_left.0, upper_right.1), (upper_right.0, lower_left.1)];
        canvas.rectangle(corners, style::mixed(color, style::PAPER, LIGHT))?;
        canvas.outline(corners, color, 2.0)?;
        canvas.marker(at(*middle), marker, RADIUS, color)?;
    }
    Ok(())
}

fn draw_axes<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plane: &Plane,
    panel: &PlanePanel,
    frame: &Frame,
) -> Drawn {
    let (x, y) = (&plane.x, &plane.y);
    let text = Text::plain(style::TEXT_SIZE, style::INK);
    let faint = Text::plain(style::TEXT_SIZE, style::FAINT_INK);
    let title = Text::plain(style::PANEL_TITLE_SIZE, style::INK).bold();
    canvas.text(&panel.title, (frame.left, frame.top - 28.0), title)?;
    for tick in &y.scale.ticks {
        let place = y.scale.place(*tick);
        canvas.line(
            &[frame.at(0.0, place), frame.at(1.0, place)],
            style::GRID,
            1.0,
        )?;
        let (left, height) = frame.at(0.0, place);
        canvas.text(
            &format_number(tick * y.label_factor),
            (left - 10.0, height),
            faint.to_the_left(),
        )?;
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in &x.scale.ticks {
        let place = x.scale.place(*tick);
        canvas.line(
            &[frame.at(place, 0.0), frame.at(place, 1.0)],
            style::GRID,
            1.0,
        )?;
        let (middle, bottom) = frame.at(place, 0.0);
        let label = format_number(tick * x.label_factor);
        let half = canvas::width(&label, style::TEXT_SIZE) / 2.0;
        if middle - half >= free_from {
            canvas.text(&label, (middle, bottom + 22.0), faint.centred())?;
            free_from = middle + half + 8.0;
        }
    }
    canvas.line(
        &[frame.at(0.0, 0.0), frame.at(1.0, 0.0)],
        style::FAINT_INK,
        1.5,
    )?;
    let (middle, bottom) = frame.at(0.5, 0.0);
    canvas.text(&x.label, (middle, bottom + 60.0), text.centred())?;
    let (left, middle) = frame.at(0.0, 0.5);
    canvas.text(&y.label, (left - 86.0, middle), text.centred().upwards())
}

fn draw_theory<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plane: &Plane,
    line: &Line,
    frame: &Frame,
) -> Drawn {
    let (color, _) = style::of_line(line.place);
    let places: Vec<_> = line
        .theory
        .iter()
        .map(|(x, y)| frame.at(plane.x.scale.place(*x), plane.y.scale.place(*y)))
        .collect();
    canvas.dashed_line(&places, color, style::THEORY_WIDTH)
}

/// The line through the medians, and at each a bar over its interval.
fn draw_line<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plane: &Plane,
    line: &Line,
    frame: &Frame,
) -> Drawn {
    const BAR_END: f64 = 6.0;
    let (color, marker) = style::of_line(line.place);
    let at = |x: f64, y: f64| frame.at(plane.x.scale.place(x), plane.y.scale.place(y));
    let medians: Vec<_> = line
        .points
        .iter()
        .map(|point| at(point.x, point.middle))
        .collect();
    canvas.line(&medians, color, style::LINE_WIDTH)?;
    let radius = style::marker_radius(line.place);
    for point in &line.points {
        let low = at(point.x, point.inner.0);
        let high = at(point.x, point.inner.1);
        if low.1 - high.1 > 2.0 * radius {
            canvas.line(&[low, high], color, 2.0)?;
            for (x, y) in [low, high] {
                canvas.line(&[(x - BAR_END, y), (x + BAR_END, y)], color, 2.0)?;
            }
        }
    }
    for median in medians {
        canvas.marker(median, marker, radius, color)?;
    }
    Ok(())
}
