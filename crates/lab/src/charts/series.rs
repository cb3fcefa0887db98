//! Charts of numbers that no sweep measured: what other benches of the project draw in the same look.

use std::path::Path;

use super::ChartError;
use super::data::{Chart, Dimension, Line, Picture, Plane, PlanePanel, Point};
use super::draw;
use super::scale::Scale;

/// Values that are farther apart are compared by their ratio.
const LARGE_RATIO: f64 = 20.0;

/// One picture of several panels with the same axes.
#[derive(Clone, Debug)]
pub struct SeriesChart {
    /// The file's name without extension.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What all of it has in common.
    pub subtitle: String,
    /// What goes to the right, with its unit.
    pub x_label: &'static str,
    /// What goes up, with its unit.
    pub y_label: &'static str,
    /// The names of the series, which all panels share.
    pub legend: Vec<String>,
    /// Whether the points are boxes beside each other and nothing connects them.
    pub boxes: bool,
    /// The coordinate systems.
    pub panels: Vec<SeriesPanel>,
}

/// One coordinate system.
#[derive(Clone, Debug, Default)]
pub struct SeriesPanel {
    /// What is particular to it; may be empty.
    pub title: String,
    /// Points, each with the place of its series in the legend.
    pub points: Vec<(usize, SeriesPoint)>,
}

/// What was measured in one place.
#[derive(Clone, Copy, Debug)]
pub struct SeriesPoint {
    /// Where along the x axis.
    pub x: f64,
    /// The value itself, usually a median.
    pub middle: f64,
    /// A bar over it, or a box around it.
    pub inner: (f64, f64),
    /// What the lines beyond a box reach to.
    pub outer: (f64, f64),
}

impl SeriesPoint {
    /// A single value.
    pub fn single(x: f64, value: f64) -> Self {
        Self {
            x,
            middle: value,
            inner: (value, value),
            outer: (value, value),
        }
    }
}

/// Draws `series` as SVG and as PNG into `folder`. Returns the names of the files; none where there is nothing to draw.
///
/// # Errors
/// [`ChartError`] when a file can't be drawn or written.
pub fn draw_series(series: &SeriesChart, folder: &Path) -> Result<Vec<String>, ChartError> {
    let Some(plane) = plane(series) else {
        return Ok(Vec::new());
    };
    let chart = Chart {
        name: series.name.clone(),
        title: series.title.clone(),
        subtitle: series.subtitle.clone(),
        picture: Picture::Plane(plane),
    };
    let names = [format!("{}.svg", chart.name), format!("{}.png", chart.name)];
    draw::svg(&chart, &folder.join(&names[0]))?;
    draw::png(&chart, &folder.join(&names[1]))?;
    Ok(names.into())
}

fn plane(series: &SeriesChart) -> Option<Plane> {
    let points = || series.panels.iter().flat_map(|panel| &panel.points);
    let xs: Vec<_> = points().map(|(_, point)| point.x).collect();
    let ys = points().flat_map(|(_, point)| [point.outer.0, point.outer.1]);
    let highest = ys.clone().reduce(f64::max)?;
    let lowest = ys.reduce(f64::min)?;
    Some(Plane {
        x: Dimension {
            label: series.x_label.to_owned(),
            scale: match series.boxes {
                true => Scale::one_by_one(&xs),
                false => Scale::logarithmic_at(&xs),
            },
            label_factor: 1.0,
        },
        y: Dimension {
            label: series.y_label.to_owned(),
            scale: match lowest > 0.0 && highest > LARGE_RATIO * lowest {
                true => Scale::logarithmic_between(lowest, highest),
                false => Scale::from_zero(highest),
            },
            label_factor: 1.0,
        },
        panels: series.panels.iter().map(panel).collect(),
        legend: series.legend.clone(),
        has_theory: false,
        boxes: series.boxes,
    })
}

fn panel(panel: &SeriesPanel) -> PlanePanel {
    let mut lines: Vec<Line> = Vec::new();
    for &(place, point) in &panel.points {
        let point = Point {
            x: point.x,
            middle: point.middle,
            inner: point.inner,
            outer: point.outer,
            tick: None,
        };
        match lines.iter_mut().find(|line| line.place == place) {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                place,
                points: vec![point],
                theory: Vec::new(),
            }),
        }
    }
    PlanePanel {
        title: panel.title.clone(),
        lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(usize, SeriesPoint)>) -> SeriesChart {
        SeriesChart {
            name: "latency".to_owned(),
            title: "Latency".to_owned(),
            subtitle: String::new(),
            x_label: "posts a second",
            y_label: "ms",
            legend: vec!["median".to_owned(), "99 %".to_owned()],
            boxes: false,
            panels: vec![SeriesPanel {
                title: String::new(),
                points,
            }],
        }
    }

    #[test]
    fn both_files_are_written_and_nothing_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let points = [(0, 1.0, 3.0), (1, 1.0, 90.0), (0, 10.0, 4.0)];
        let points = points.map(|(place, x, y)| (place, SeriesPoint::single(x, y)));
        let names = draw_series(&chart(points.into()), dir.path()).unwrap();
        assert_eq!(names, ["latency.svg", "latency.png"]);
        let svg = std::fs::read_to_string(dir.path().join("latency.svg")).unwrap();
        assert!(svg.contains("posts a second") && svg.contains("99 %"));
        assert!(
            draw_series(&chart(Vec::new()), dir.path())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn the_points_of_one_series_are_one_line() {
        let points = [(1, 1.0), (0, 1.0), (1, 2.0)];
        let points = points.map(|(place, x)| (place, SeriesPoint::single(x, 5.0)));
        let plane = plane(&chart(points.into())).unwrap();
        let lines: Vec<_> = plane.panels[0]
            .lines
            .iter()
            .map(|line| (line.place, line.points.len()))
            .collect();
        assert_eq!(lines, [(1, 2), (0, 1)]);
    }
}
