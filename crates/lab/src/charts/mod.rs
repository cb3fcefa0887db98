//! The charts of a sweep.

mod data;

use std::path::Path;

use backroom_charts::ChartError;

use crate::scenario::ChartSpec;
use crate::statistics::CellSummary;

/// Draws every chart of `specs` for which `cells` have data into `folder`. Returns the names of the files.
///
/// # Errors
/// [`ChartError`] if a file cannot be drawn or written.
pub fn draw_all(
    specs: &[ChartSpec],
    cells: &[CellSummary],
    folder: &Path,
) -> Result<Vec<String>, ChartError> {
    let mut names = Vec::new();
    for chart in specs.iter().flat_map(|spec| data::charts(spec, cells)) {
        names.extend(backroom_charts::draw(&chart, folder)?);
    }
    Ok(names)
}
