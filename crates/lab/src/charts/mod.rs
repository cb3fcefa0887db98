//! The charts of a sweep.

mod axis;
mod data;

use std::fmt;
use std::path::Path;

use backroom_charts::ChartError;

use crate::scenario::ChartSpec;
use crate::statistics::CellSummary;

/// The charts of a sweep.
#[derive(Debug, Default)]
pub struct Drawn {
    /// The names of the files.
    pub files: Vec<String>,
    /// The charts that were not drawn.
    pub missing: Vec<NotDrawn>,
}

/// A chart that was not drawn.
#[derive(Clone, Debug)]
pub struct NotDrawn {
    /// The name that its files would have, without extension.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for NotDrawn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the chart {} is not drawn: {}", self.name, self.reason)
    }
}

/// Draws every chart of `specs` for which `cells` have data into `folder`, along an axis that varies.
///
/// # Errors
/// [`ChartError`] if a file exists, or cannot be drawn or written.
pub fn draw_all(
    specs: &[ChartSpec],
    cells: &[CellSummary],
    folder: &Path,
) -> Result<Drawn, ChartError> {
    let mut drawn = Drawn::default();
    let (mut seen, mut names) = (Vec::new(), Vec::new());
    for spec in specs {
        let spec = axis::varying(spec, cells);
        // Two charts can become the same if the axis of one of them does not vary.
        let again = seen.contains(&spec);
        for chart in data::charts(&spec, cells) {
            match chart {
                Ok(chart) if again => drawn.missing.push(NotDrawn {
                    name: chart.name,
                    reason: "it is the same as an earlier chart".to_owned(),
                }),
                Ok(mut chart) => {
                    chart.name = unused(&names, &chart.name);
                    names.push(chart.name.clone());
                    drawn.files.extend(backroom_charts::draw(&chart, folder)?);
                }
                Err(missing) => drawn.missing.push(missing),
            }
        }
        seen.push(spec);
    }
    Ok(drawn)
}

/// `name`, or with a number if it is in `names`.
fn unused(names: &[String], name: &str) -> String {
    let mut candidates = (2_u32..).map(|number| format!("{name}-{number}"));
    let mut unused = name.to_owned();
    while let (true, Some(next)) = (names.contains(&unused), candidates.next()) {
        unused = next;
    }
    unused
}
