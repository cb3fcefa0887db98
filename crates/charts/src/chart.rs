//! Charts: a heading, a legend and panels.

use std::path::Path;

use super::canvas::Text;
use super::heading::Heading;
use super::heat_map::HeatMap;
use super::layout::Layout;
use super::legend::Entry;
use super::picture::{ChartError, save};
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

/// Writes `chart` as SVG and PNG to `folder`. Returns the names of the files. Draws nothing without points.
///
/// # Errors
/// [`ChartError`] if a file exists, or cannot be rendered or written.
pub fn draw(chart: &Chart, folder: &Path) -> Result<Vec<String>, ChartError> {
    let heading = Heading::new(&chart.title, &chart.subtitle);
    let (legend, contents) = match &chart.content {
        Content::Plane(plane) if plane.is_empty() => return Ok(Vec::new()),
        Content::Plane(plane) => (plane.legend_entries(), plane.contents()),
        Content::HeatMap(map) => (map.legend_entries(), map.contents()),
    };
    let widths: Vec<_> = legend.iter().map(Entry::width).collect();
    let layout = Layout::new(&contents, heading.bottom(), &widths);
    save(folder, &chart.name, &heading, layout.height, |canvas| {
        for (entry, position) in legend.iter().zip(&layout.legend) {
            entry.draw(canvas, *position);
        }
        let panels = contents.titles.iter().zip(&layout.panels);
        for (index, (title, frame)) in panels.enumerate() {
            canvas.text(title, (frame.left, frame.top - 28.0), Text::PANEL_TITLE);
            match &chart.content {
                Content::Plane(plane) => plane.draw(canvas, &plane.panels[index], frame),
                Content::HeatMap(map) => map.draw(canvas, &map.panels[index], frame),
            }
        }
    })
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
                points: points
                    .map(|(_, x, y)| Point::within(*x, *y, (*y, *y)))
                    .collect(),
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
    fn no_file_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latency.svg");
        std::fs::write(&path, "mine").unwrap();
        let refused = draw(&chart(&[(0, 1.0, 3.0)]), dir.path()).unwrap_err();
        assert!(refused.to_string().contains("latency.svg"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn nothing_is_drawn_without_data() {
        let dir = tempfile::tempdir().unwrap();
        assert!(draw(&chart(&[]), dir.path()).unwrap().is_empty());
    }
}
