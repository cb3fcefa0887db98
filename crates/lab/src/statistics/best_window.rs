//! The automatic window compared with the best fixed one.

use std::collections::HashMap;

use backroom_gbn::WindowSetting;
use backroom_sim::{Axis, Cell};

use super::CellSummary;

/// For each cell with the window `auto`: its median goodput divided by that of the best fixed window with otherwise
/// equal settings. Cells without such a fixed window are left out.
pub(crate) fn auto_ratios(cells: &[CellSummary]) -> Vec<f64> {
    let mut best: HashMap<Vec<String>, f64> = HashMap::new();
    for (cell, goodput) in with_goodput(cells) {
        if cell.first.cell.window != WindowSetting::Auto {
            let best = best.entry(without_window(&cell.first.cell)).or_default();
            *best = best.max(goodput);
        }
    }
    with_goodput(cells)
        .filter(|(cell, _)| cell.first.cell.window == WindowSetting::Auto)
        .filter_map(|(cell, goodput)| Some(goodput / best.get(&without_window(&cell.first.cell))?))
        .collect()
}

fn with_goodput(cells: &[CellSummary]) -> impl Iterator<Item = (&CellSummary, f64)> {
    cells
        .iter()
        .filter_map(|cell| Some((cell, cell.goodput_mbps?.median)))
}

/// The values on all axes but the window.
fn without_window(cell: &Cell) -> Vec<String> {
    let axes = Axis::ALL.into_iter().filter(|axis| *axis != Axis::WINDOW);
    axes.map(|axis| axis.value(cell)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::assess;
    use crate::plan::Plan;
    use crate::record::RunRecord;
    use crate::runner::RunnerKind;
    use crate::scenario::Scenario;
    use crate::statistics::summarise;
    use backroom_sim::Measurement;

    /// The single run of `axes`, which took `seconds`.
    fn row(axes: &str, seconds: f64) -> RunRecord {
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        let measurement = Measurement {
            seconds: Some(seconds),
            ..Measurement::default()
        };
        assess(&plan.runs[0], RunnerKind::SIM, &measurement)
    }

    #[test]
    fn the_ratio_is_to_the_best_window_with_equal_settings() {
        let rows = [
            row("loss = 0.01\nwindow = 5", 4.0),
            row("loss = 0.01\nwindow = 20", 2.0),
            row("loss = 0\nwindow = 20", 1.0),
            row("loss = 0.01\nwindow = 'auto'", 2.5),
            row("loss = 0.05\nwindow = 'auto'", 2.5),
        ];
        let ratios = auto_ratios(&summarise(&rows));
        assert_eq!(ratios.len(), 1, "no fixed window has a loss of 5 %");
        // Rows hold goodput to a few digits.
        assert!((ratios[0] - 0.8).abs() < 1e-5, "{ratios:?}");
    }
}
