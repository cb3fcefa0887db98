//! Expands a scenario into runs: one [`Run`] for each row of the results.

pub(crate) mod command;
pub mod order;

use std::sync::Arc;

use backroom_sim::{Axis, AxisError, Cell, cells};

use crate::scenario::Scenario;

/// All runs of a scenario, in the order in which they are carried out and their rows are written: one repetition of all
/// cells after another. Each repetition shuffles the cells with the scenario's seed. So a change of the machine during
/// a sweep affects all cells alike, and an interrupted sweep has complete repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the plan carries out.
    pub scenario: Arc<Scenario>,
    /// All combinations of the axes' values.
    pub cells: Vec<Arc<Cell>>,
    /// All repetitions of all cells, without those that a precision adds.
    pub runs: Vec<Run>,
}

/// One transfer to measure: a row of the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Index in the plan, from 0.
    pub index: usize,
    /// What the run is part of.
    pub scenario: Arc<Scenario>,
    /// Index of its cell in the plan, from 0.
    pub cell_index: usize,
    /// The values of all axes.
    pub cell: Arc<Cell>,
    /// Seed of all random numbers in the run. All cells use the same seed in the same repetition.
    pub seed: u64,
    /// Number of the repetition, from 1.
    pub repetition: u32,
}

/// Why a scenario cannot be expanded into a plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There are more than [`Scenario::MAX_RUNS`] runs.
    #[error(
        "the axes expand to {runs} runs: at most {} are allowed",
        Scenario::MAX_RUNS
    )]
    TooManyRuns {
        /// Number of runs.
        runs: u64,
    },
    /// The values are valid, but their combination is not.
    #[error(transparent)]
    Link(#[from] backroom_link::ConfigError),
    /// A value is not valid for its axis.
    #[error(transparent)]
    Axis(#[from] AxisError),
}

impl Plan {
    /// Expands `scenario` into runs.
    ///
    /// # Errors
    /// [`PlanError`] if there are too many runs, or a value or link is invalid.
    pub fn new(scenario: &Scenario) -> Result<Self, PlanError> {
        let runs = Axis::ALL
            .into_iter()
            .map(|axis| scenario.axes.values(axis).len().max(1) as u64)
            .fold(u64::from(scenario.repetitions), u64::saturating_mul);
        if runs > Scenario::MAX_RUNS {
            return Err(PlanError::TooManyRuns { runs });
        }
        let cells = cells(&scenario.axes)?;
        for cell in &cells {
            cell.link.validate()?;
        }
        let mut plan = Self {
            scenario: Arc::new(scenario.clone()),
            cells: cells.into_iter().map(Arc::new).collect(),
            runs: Vec::new(),
        };
        for repetition in 1..=scenario.repetitions {
            let runs = plan.repetition(repetition, plan.runs.len(), |_| true);
            plan.runs.extend(runs);
        }
        Ok(plan)
    }

    /// The runs of a repetition (from 1) for the cells whose indices `includes` accepts. The first run gets `index`.
    pub fn repetition(
        &self,
        repetition: u32,
        index: usize,
        includes: impl Fn(usize) -> bool,
    ) -> Vec<Run> {
        order::shuffled(self.cells.len(), self.scenario.seed, repetition)
            .into_iter()
            .filter(|cell_index| includes(*cell_index))
            .enumerate()
            .map(|(offset, cell_index)| Run {
                index: index + offset,
                scenario: Arc::clone(&self.scenario),
                cell_index,
                cell: Arc::clone(&self.cells[cell_index]),
                seed: self.scenario.seed.wrapping_add(u64::from(repetition) - 1),
                repetition,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    fn plan(axes: &str) -> Result<Plan, PlanError> {
        let text = format!("title = 'x'\nseed = 100\nrepetitions = 3\n[axes]\n{axes}");
        Plan::new(&Scenario::parse("test", &text).unwrap())
    }

    fn list(values: &[&str]) -> String {
        let quoted: Vec<_> = values.iter().map(|value| format!("'{value}'")).collect();
        format!("[{}]", quoted.join(", "))
    }

    #[test]
    fn all_cells_share_the_seeds_of_their_repetitions() {
        let plan = plan("window = [1, 2]").unwrap();
        let seeds: Vec<_> = plan
            .runs
            .iter()
            .map(|run| (run.repetition, run.seed))
            .collect();
        assert_eq!(
            seeds,
            [(1, 100), (1, 100), (2, 101), (2, 101), (3, 102), (3, 102)]
        );
    }

    #[test]
    fn too_many_runs_are_an_error() {
        let windows: Vec<_> = (1..=1_000).map(|window| window.to_string()).collect();
        let windows: Vec<_> = windows.iter().map(String::as_str).collect();
        let sizes: Vec<_> = (16..1_016).map(|bytes| bytes.to_string()).collect();
        let sizes: Vec<_> = sizes.iter().map(String::as_str).collect();
        let axes = format!("window = {}\nsegment = {}", list(&windows), list(&sizes));
        assert!(matches!(
            plan(&axes),
            Err(PlanError::TooManyRuns { runs: 3_000_000 })
        ));
    }

    proptest! {
        #[test]
        fn every_combination_occurs_once_and_every_run_belongs_to_one(
            windows in subsequence(vec!["1", "2", "10", "50"], 1..=4),
            losses in subsequence(vec!["0", "0.01", "0.05"], 1..=3),
            bursts in subsequence(vec!["random", "5"], 1..=2),
            delays in subsequence(vec!["1ms", "10ms"], 1..=2),
            recoveries in subsequence(vec!["timeout", "fast"], 1..=2),
            copies in subsequence(vec!["1", "2", "4"], 1..=2),
            receivers in subsequence(vec!["1", "2", "8"], 1..=3),
        ) {
            let axes = [
                ("window", &windows),
                ("loss", &losses),
                ("burst", &bursts),
                ("delay", &delays),
                ("recovery", &recoveries),
                ("copies", &copies),
                ("receivers", &receivers),
            ];
            let text: String = axes.iter().map(|(key, values)| format!("{key} = {}\n", list(values))).collect();
            let plan = plan(&format!("cast = 'broadcast'\n{text}")).unwrap();
            let combinations: usize = axes.iter().map(|(_, values)| values.len()).product();
            let distinct: HashSet<_> = plan.cells.iter().map(|cell| format!("{cell:?}")).collect();
            prop_assert_eq!(plan.cells.len(), combinations);
            prop_assert_eq!(distinct.len(), combinations);
            prop_assert_eq!(plan.runs.len(), 3 * combinations);
            for (offset, run) in plan.runs.iter().enumerate() {
                prop_assert_eq!(run.index, offset);
                prop_assert_eq!(&*run.cell, &*plan.cells[run.cell_index]);
            }
        }
    }
}
