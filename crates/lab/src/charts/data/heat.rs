//! Heat maps of a sweep.

use backroom_charts::{HeatMap, HeatPanel};
use backroom_vocabulary::format_number;

use crate::labels;
use crate::scenario::{ChartSpec, Quantity};
use crate::statistics::{CellSummary, Panel, Pivot};

/// `None` if no cell has a value.
pub(super) fn heat_map(spec: &ChartSpec, pivot: &Pivot<'_>, xs: &[f64]) -> Option<HeatMap> {
    let panels: Vec<_> = pivot
        .panels
        .iter()
        .map(|panel| heat_panel(spec, panel, xs))
        .collect();
    let values = panels
        .iter()
        .flat_map(|panel| panel.values.iter().flatten());
    let highest = values.copied().flatten().reduce(f64::max)?;
    let factor = spec.against.scale();
    Some(HeatMap {
        columns: xs.iter().map(|x| format_number(x * factor)).collect(),
        column_label: spec.against.label(),
        rows: pivot
            .lines
            .iter()
            .map(|line| labels::phrases(&spec.lines, line))
            .collect(),
        panels,
        label: labels::quantity_label(spec.show),
        highest,
    })
}

fn heat_panel(spec: &ChartSpec, panel: &Panel<'_>, xs: &[f64]) -> HeatPanel {
    let value = |cells: &[&CellSummary], x: f64| {
        let cell = cells
            .iter()
            .find(|cell| spec.against.number(&cell.first.cell) == Some(x))?;
        Some(cell.of_quantity(spec.show)?.median)
    };
    let values: Vec<Vec<_>> = panel
        .lines
        .iter()
        .map(|cells| xs.iter().map(|x| value(cells, *x)).collect())
        .collect();
    HeatPanel {
        title: labels::panel_title(spec, panel.example),
        best: values.iter().map(|row| best(spec.show, row)).collect(),
        values,
    }
}

/// The column of the first value that is within 1 % of the best.
fn best(show: Quantity, row: &[Option<f64>]) -> Option<usize> {
    const TOLERANCE: f64 = 0.01;
    let values = || row.iter().copied().flatten();
    let good_enough = |value: f64, best: f64| match show {
        Quantity::Goodput => value >= best * (1.0 - TOLERANCE),
        _ => value <= best * (1.0 + TOLERANCE),
    };
    let best = match show {
        Quantity::Goodput => values().reduce(f64::max)?,
        _ => values().reduce(f64::min)?,
    };
    row.iter()
        .position(|value| value.is_some_and(|value| good_enough(value, best)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_goodput_is_the_greatest_and_the_best_time_the_least() {
        let row = [None, Some(2.0), Some(2.99), Some(3.0), Some(1.0)];
        assert_eq!(best(Quantity::Goodput, &row), Some(2));
        assert_eq!(best(Quantity::Seconds, &row), Some(4));
        assert_eq!(best(Quantity::Seconds, &[None]), None);
    }
}
