//! The window that finds itself beside the best of the fixed ones.

use std::collections::HashMap;

use backroom_gbn::WindowSetting;

use super::CellSummary;
use crate::record::RunRecord;
use crate::scenario::Axis;

/// For each cell with the window `auto`: its median goodput over that of the best fixed window, all else equal. Cells
/// without a fixed window beside them have no ratio.
pub(crate) fn auto_ratios(cells: &[CellSummary]) -> Vec<f64> {
    let mut best: HashMap<Vec<String>, f64> = HashMap::new();
    for (cell, goodput) in with_goodput(cells) {
        if cell.first.window != WindowSetting::Auto {
            let best = best.entry(but_window(&cell.first)).or_default();
            *best = best.max(goodput);
        }
    }
    with_goodput(cells)
        .filter(|(cell, _)| cell.first.window == WindowSetting::Auto)
        .filter_map(|(cell, goodput)| Some(goodput / best.get(&but_window(&cell.first))?))
        .collect()
}

fn with_goodput(cells: &[CellSummary]) -> impl Iterator<Item = (&CellSummary, f64)> {
    cells
        .iter()
        .filter_map(|cell| Some((cell, cell.goodput_mbps?.median)))
}

/// What a cell has in common with those that differ in their windows alone.
fn but_window(record: &RunRecord) -> Vec<String> {
    let axes = Axis::ALL.into_iter().filter(|axis| *axis != Axis::Window);
    axes.map(|axis| record.axis_text(axis)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::record::Measurement;
    use crate::runner::RunnerKind;
    use crate::scenario::Scenario;
    use crate::statistics::summarise;

    /// The one run of `axes`, which took so many seconds.
    fn row(axes: &str, seconds: f64) -> RunRecord {
        let text = format!("title = 'x'\nrepetitions = 1\n[axes]\n{axes}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        let measurement = Measurement {
            seconds: Some(seconds),
            ..Measurement::default()
        };
        RunRecord::new(&plan.runs[0], RunnerKind::Sim, &measurement)
    }

    #[test]
    fn it_is_measured_against_the_best_of_those_that_differ_in_nothing_else() {
        let rows = [
            row("loss = 0.01\nwindow = 5", 4.0),
            row("loss = 0.01\nwindow = 20", 2.0),
            row("loss = 0\nwindow = 20", 1.0),
            row("loss = 0.01\nwindow = 'auto'", 2.5),
            row("loss = 0.05\nwindow = 'auto'", 2.5),
        ];
        let ratios = auto_ratios(&summarise(&rows));
        assert_eq!(ratios.len(), 1, "at 5 % there is nothing to compare with");
        // Rows hold goodput to a few digits.
        assert!((ratios[0] - 0.8).abs() < 1e-5, "{ratios:?}");
    }
}
