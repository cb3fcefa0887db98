//! Panels with two axes: lines through points, or boxes side by side.

use backroom_vocabulary::format_number;

use super::canvas::{Canvas, Position, Text};
use super::font::text_width;
use super::layout::{Contents, Frame};
use super::legend::{Entry, Sample};
use super::scale::Scale;
use super::style;

const HEIGHT: f64 = 290.0;
const LEFT: f64 = 106.0;

/// Panels with the same axes and legend.
#[derive(Clone, Debug)]
pub struct Plane {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The labels of the series.
    pub legend: Vec<String>,
    /// Draw points as boxes side by side, without lines between them.
    pub boxes: bool,
    /// The panels.
    pub panels: Vec<PlanePanel>,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// Where values are on it.
    pub scale: Scale,
    /// Values are multiplied by this for the labels of the marks.
    pub label_factor: f64,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct PlanePanel {
    /// What distinguishes it from the others. May be empty.
    pub title: String,
    /// Later series cover earlier ones.
    pub series: Vec<Series>,
}

/// Points of one kind, connected by a line unless they are boxes.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its index in the legend, which determines colour and marker.
    pub index: usize,
    /// The points from left to right.
    pub points: Vec<Point>,
    /// Positions of a dashed line beside them: what a model predicts. May be empty.
    pub model: Vec<(f64, f64)>,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Position on the x axis.
    pub x: f64,
    /// The value, usually a median.
    pub middle: f64,
    /// Ends of the error bar, or of the box.
    pub inner: (f64, f64),
    /// Ends of the whiskers of a box.
    pub outer: (f64, f64),
    /// Another value marked on the whiskers.
    pub tick: Option<f64>,
}

impl Point {
    /// A value with an interval.
    pub fn within(x: f64, value: f64, interval: (f64, f64)) -> Self {
        Self {
            x,
            middle: value,
            inner: interval,
            outer: interval,
            tick: None,
        }
    }
}

impl Axis {
    /// An axis whose marks show the values as they are.
    pub fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self {
            label: label.into(),
            scale,
            label_factor: 1.0,
        }
    }
}

impl Plane {
    /// Panels with scales that fit their points. `labels` are those of the x axis and the y axis.
    pub fn new(
        labels: (&'static str, &'static str),
        legend: Vec<String>,
        boxes: bool,
        panels: Vec<PlanePanel>,
    ) -> Self {
        let points = || {
            let series = panels.iter().flat_map(|panel| &panel.series);
            series.flat_map(|series| &series.points)
        };
        let xs: Vec<_> = points().map(|point| point.x).collect();
        let ys = || points().flat_map(|point| [point.outer.0, point.outer.1]);
        let x_scale = match boxes {
            true => Scale::evenly_spaced(&xs),
            false => Scale::logarithmic_at(&xs),
        };
        let y_scale = Scale::covering(ys());
        Self {
            x: Axis::new(labels.0, x_scale),
            y: Axis::new(labels.1, y_scale),
            legend,
            boxes,
            panels,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let mut series = self.panels.iter().flat_map(|panel| &panel.series);
        series.all(|series| series.points.is_empty())
    }

    pub(crate) fn legend_entries(&self) -> Vec<Entry> {
        let mut series = self.panels.iter().flat_map(|panel| &panel.series);
        let has_model = series.any(|series| !series.model.is_empty());
        let measured = self.legend.iter().enumerate().map(|(series, label)| {
            let label = if label.is_empty() { "measured" } else { label };
            Entry::new(Sample::Series(series), label)
        });
        let model = has_model.then(|| Entry::new(Sample::Model, "model"));
        measured.chain(model).collect()
    }

    pub(crate) fn contents(&self) -> Contents<'_> {
        const MAX_BOXES_IN_HALF_A_PAGE: usize = 18;
        let boxes = self.x.scale.ticks.len() * self.legend.len();
        let is_wide = self.boxes && boxes > MAX_BOXES_IN_HALF_A_PAGE;
        Contents {
            titles: self.panels.iter().map(|panel| &*panel.title).collect(),
            columns: if is_wide { 1 } else { 2 },
            height: HEIGHT,
            left: LEFT,
        }
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas, panel: &PlanePanel, frame: &Frame) {
        self.draw_axes(canvas, frame);
        for series in &panel.series {
            self.draw_model(canvas, series, frame);
        }
        for series in &panel.series {
            match self.boxes {
                true => self.draw_boxes(canvas, series, frame),
                false => self.draw_line(canvas, series, frame),
            }
        }
    }

    fn draw_axes(&self, canvas: &mut Canvas, frame: &Frame) {
        draw_grid(canvas, frame, &self.x, &self.y);
        let x_axis = [frame.at(0.0, 0.0), frame.at(1.0, 0.0)];
        canvas.line(&x_axis, style::FAINT_INK, 1.5);
        let (middle, bottom) = frame.at(0.5, 0.0);
        let label = Text::NORMAL.centred();
        canvas.text(&self.x.label, (middle, bottom + 60.0), label);
        let (left, middle) = frame.at(0.0, 0.5);
        canvas.text(&self.y.label, (left - 86.0, middle), label.upwards());
    }

    fn at(&self, frame: &Frame, x: f64, y: f64) -> Position {
        frame.at(self.x.scale.fraction(x), self.y.scale.fraction(y))
    }

    fn draw_model(&self, canvas: &mut Canvas, series: &Series, frame: &Frame) {
        let (color, _) = style::of_series(series.index);
        let model = series.model.iter();
        let positions: Vec<_> = model.map(|(x, y)| self.at(frame, *x, *y)).collect();
        canvas.dashed_line(&positions, color, style::MODEL_WIDTH);
    }

    /// Draws a line through the middles with an error bar at each.
    fn draw_line(&self, canvas: &mut Canvas, series: &Series, frame: &Frame) {
        const HALF_CAP: f64 = 6.0;
        let (color, marker) = style::of_series(series.index);
        let points = series.points.iter();
        let middles: Vec<_> = points
            .map(|point| self.at(frame, point.x, point.middle))
            .collect();
        canvas.line(&middles, color, style::LINE_WIDTH);
        let radius = style::marker_radius(series.index);
        for point in &series.points {
            let low = self.at(frame, point.x, point.inner.0);
            let high = self.at(frame, point.x, point.inner.1);
            if low.1 - high.1 > 2.0 * radius {
                canvas.line(&[low, high], color, 2.0);
                for (x, y) in [low, high] {
                    canvas.line(&[(x - HALF_CAP, y), (x + HALF_CAP, y)], color, 2.0);
                }
            }
        }
        for middle in middles {
            canvas.marker(middle, marker, radius, color);
        }
    }

    /// Draws a box for each point. Those of all series at the same x are side by side.
    fn draw_boxes(&self, canvas: &mut Canvas, series: &Series, frame: &Frame) {
        const SHARE: f64 = 0.84;
        const LIGHT: f64 = 0.65;
        const RADIUS: f64 = 5.0;
        let (color, marker) = style::of_series(series.index);
        let count = self.legend.len() as f64;
        let slot = (frame.right - frame.left) / self.x.scale.ticks.len() as f64 * SHARE;
        let half = slot / count * 0.36;
        let aside = ((series.index as f64 + 0.5) / count - 0.5) * slot;
        for point in &series.points {
            let at = |y: f64| {
                let (x, y) = self.at(frame, point.x, y);
                (x + aside, y)
            };
            let across = |y: f64| [(at(y).0 - half, at(y).1), (at(y).0 + half, at(y).1)];
            let (low, high) = point.outer;
            canvas.line(&[at(low), at(high)], color, 2.0);
            for end in [low, high].into_iter().chain(point.tick) {
                canvas.line(&across(end), color, 2.0);
            }
            let [lower_left, _] = across(point.inner.0);
            let [_, upper_right] = across(point.inner.1);
            let corners = [lower_left, upper_right];
            canvas.rectangle(corners, style::mixed(color, style::PAPER, LIGHT));
            canvas.outline(corners, color, 2.0);
            canvas.marker(at(point.middle), marker, RADIUS, color);
        }
    }
}

/// Draws a line across `frame` for each mark of both axes, and the labels of the marks as far as there is space.
pub fn draw_grid(canvas: &mut Canvas, frame: &Frame, x: &Axis, y: &Axis) {
    for tick in &y.scale.ticks {
        let height = y.scale.fraction(*tick);
        let (left, right) = (frame.at(0.0, height), frame.at(1.0, height));
        canvas.line(&[left, right], style::GRID, 1.0);
        let label = format_number(tick * y.label_factor);
        canvas.text(&label, (left.0 - 10.0, left.1), Text::FAINT.right_aligned());
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in &x.scale.ticks {
        let fraction = x.scale.fraction(*tick);
        let (bottom, top) = (frame.at(fraction, 0.0), frame.at(fraction, 1.0));
        canvas.line(&[bottom, top], style::GRID, 1.0);
        let label = format_number(tick * x.label_factor);
        let half = text_width(&label, style::TEXT_SIZE) / 2.0;
        if bottom.0 - half >= free_from {
            let below = (bottom.0, bottom.1 + 22.0);
            canvas.text(&label, below, Text::FAINT.centred());
            free_from = bottom.0 + half + 8.0;
        }
    }
}
