//! The x axis of a chart: that of the scenario if it varies, otherwise one that does.

use backroom_sim::Axis;

use crate::scenario::ChartSpec;
use crate::statistics::{self, CellSummary};

/// `spec` if its x axis has at least two numbers in `cells`. Otherwise the same chart against another axis that has: one
/// of the lines, else one of the panels, else any. `spec` if there is none.
pub(super) fn varying(spec: &ChartSpec, cells: &[CellSummary]) -> ChartSpec {
    if has_several_numbers(spec.against, cells) {
        return spec.clone();
    }
    let shown = spec.lines.iter().chain(&spec.panels);
    let mut others = shown.chain(&Axis::ALL).copied();
    let Some(against) = others.find(|axis| varies_alone(*axis, cells)) else {
        return spec.clone();
    };
    let mut other = spec.clone();
    other.against = against;
    other.lines.retain(|axis| *axis != against);
    other.panels.retain(|axis| *axis != against);
    // Its values may be a number and a word, such as 10 and `auto`.
    let several = statistics::varying(cells.iter().map(|cell| &cell.first.cell));
    if several.contains(&spec.against) {
        other.lines.push(spec.against);
    }
    other
}

fn has_several_numbers<'a>(axis: Axis, cells: impl IntoIterator<Item = &'a CellSummary>) -> bool {
    let cells = cells.into_iter();
    let mut numbers = cells.filter_map(|cell| axis.number(&cell.first.cell));
    let first = numbers.next();
    numbers.any(|number| Some(number) != first)
}

/// Whether cells that are the same on all other axes have several numbers on `axis`. The number of receivers, for example,
/// may vary only with the cast.
fn varies_alone(axis: Axis, cells: &[CellSummary]) -> bool {
    let mut others = Axis::ALL.to_vec();
    others.retain(|other| *other != axis);
    has_several_numbers(axis, cells)
        && statistics::grouped(cells, &others)
            .into_iter()
            .any(|group| has_several_numbers(axis, group))
}
