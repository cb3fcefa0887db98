//! Charts: a heading, a legend and panels.

use std::path::Path;

use super::canvas::Canvas;
use super::heading;
use super::heat_map::HeatMap;
use super::layout::{Layout, PAGE_WIDTH};
use super::legend::Entry;
use super::picture::{ChartError, Picture, save};
use super::plane::Plane;

/// One chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The files' name without extension.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The conditions that everything in it has in common.
    pub subtitle: String,
    /// The panels.
    pub content: Content,
}

/// The kinds of panels.
#[derive(Clone, Debug)]
pub enum Content {
    /// Panels with two axes.
    Plane(Plane),
    /// Heat maps.
    HeatMap(HeatMap),
}

/// Writes `chart` as SVG and PNG to `folder`. Returns the names of the files. Draws nothing without data.
///
/// # Errors
/// [`ChartError`] if a file cannot be rendered or written.
pub fn draw(chart: &Chart, folder: &Path) -> Result<Vec<String>, ChartError> {
    let is_empty = match &chart.content {
        Content::Plane(plane) => plane.is_empty(),
        Content::HeatMap(map) => map.is_empty(),
    };
    if is_empty {
        return Ok(Vec::new());
    }
    Ok(save(&Drawing::new(chart), folder, &chart.name)?.into())
}

/// A chart with its layout.
struct Drawing<'a> {
    chart: &'a Chart,
    subtitle: Vec<String>,
    legend: Vec<Entry>,
    layout: Layout,
}

impl<'a> Drawing<'a> {
    fn new(chart: &'a Chart) -> Self {
        let subtitle = heading::wrapped(&chart.subtitle);
        let (legend, mut contents) = match &chart.content {
            Content::Plane(plane) => (plane.legend_entries(), plane.contents()),
            Content::HeatMap(map) => (map.legend_entries(), map.contents()),
        };
        contents.top = heading::bottom(&subtitle);
        contents.legend = legend.iter().map(Entry::width).collect();
        Self {
            chart,
            layout: Layout::new(&contents),
            subtitle,
            legend,
        }
    }
}

impl Picture for Drawing<'_> {
    fn size(&self) -> (f64, f64) {
        (PAGE_WIDTH, self.layout.height)
    }

    fn description(&self) -> String {
        format!("{}: {}", self.chart.title, self.chart.subtitle)
    }

    fn draw(&self, canvas: &mut Canvas) {
        heading::draw(canvas, &self.chart.title, &self.subtitle);
        for (entry, position) in self.legend.iter().zip(&self.layout.legend) {
            entry.draw(canvas, *position);
        }
        match &self.chart.content {
            Content::Plane(plane) => plane.draw(canvas, &self.layout.panels),
            Content::HeatMap(map) => map.draw(canvas, &self.layout.panels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plane::{PlanePanel, Point, Series};
    use super::*;

    fn chart(points: &[(usize, f64, f64)]) -> Chart {
        let series = |index: usize| {
            let points = points.iter().filter(|(of, ..)| *of == index);
            Series {
                index,
                points: points.map(|(_, x, y)| Point::single(*x, *y)).collect(),
                model: Vec::new(),
            }
        };
        let panel = PlanePanel {
            title: String::new(),
            series: vec![series(0), series(1)],
        };
        let legend = vec!["median".to_owned(), "99 %".to_owned()];
        Chart {
            name: "latency".to_owned(),
            title: "Latency".to_owned(),
            subtitle: "two members".to_owned(),
            content: Content::Plane(Plane::new(
                ("posts per second", "ms"),
                legend,
                false,
                vec![panel],
            )),
        }
    }

    #[test]
    fn both_files_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let points = [(0, 1.0, 3.0), (1, 1.0, 90.0), (0, 10.0, 4.0)];
        let names = draw(&chart(&points), dir.path()).unwrap();
        assert_eq!(names, ["latency.svg", "latency.png"]);
        let svg = std::fs::read_to_string(dir.path().join("latency.svg")).unwrap();
        for text in ["posts per second", "99 %", "<title>Latency: two members"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(dir.path().join("latency.png").exists());
    }

    #[test]
    fn nothing_is_drawn_without_data() {
        let dir = tempfile::tempdir().unwrap();
        assert!(draw(&chart(&[]), dir.path()).unwrap().is_empty());
    }
}
