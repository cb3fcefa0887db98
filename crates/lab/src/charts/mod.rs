//! The pictures: each as SVG and as PNG, in one look.

mod canvas;
mod data;
mod dots;
mod draw;
mod layout;
mod page;
mod scale;
mod series;
mod style;
mod trace;

use std::path::{Path, PathBuf};

pub(crate) use self::dots::{Dot, DotChart, DotPanel, draw_dots};
pub use self::series::{SeriesChart, SeriesPanel, SeriesPoint, draw_series};
pub(crate) use self::trace::{Caption, Limits, draw as draw_trace};

use crate::scenario::ChartSpec;
use crate::statistics::CellSummary;

/// A picture that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The file can't be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The drawing library gave up.
    #[error("{}: {message}", path.display())]
    Draw {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

/// Draws every chart that `specs` ask for and `cells` have something to show in, into `folder`. Returns the names of the
/// files.
///
/// # Errors
/// [`ChartError`] when a file can't be drawn or written.
pub fn draw_all(
    specs: &[ChartSpec],
    cells: &[CellSummary],
    folder: &Path,
) -> Result<Vec<String>, ChartError> {
    let mut names = Vec::new();
    for chart in specs.iter().flat_map(|spec| data::charts(spec, cells)) {
        let svg = format!("{}.svg", chart.name);
        let png = format!("{}.png", chart.name);
        draw::svg(&chart, &folder.join(&svg))?;
        draw::png(&chart, &folder.join(&png))?;
        names.extend([svg, png]);
    }
    Ok(names)
}
