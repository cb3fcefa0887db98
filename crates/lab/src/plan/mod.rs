//! A scenario multiplied out: one [`Run`] for each row of the results.

mod cells;
mod command;
pub mod order;

use std::sync::Arc;

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use backroom_link::{LinkConfig, Loss};

use crate::scenario::{Axis, Burst, Cast, Delivery, LossRate, LossSide, Scenario};

/// Every run of a scenario, in the order in which they are carried out and their rows written: one repetition of all cells
/// after the other, the cells of each in an order of its own that the scenario's seed decides. So whatever changes in the
/// course of a sweep strikes all cells alike, and a sweep that is broken off has whole repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: Arc<str>,
    /// How a command line names the scenario.
    source: Arc<str>,
    /// The image that containers are made of, where it is not the usual one.
    image: Option<Arc<str>>,
    /// The scenario's seed.
    seed: u64,
    /// How often each cell is measured in any case.
    repetitions: u32,
    /// Every combination of the axes.
    pub cells: Vec<Arc<Cell>>,
    /// Every repetition of every cell that is made in any case.
    pub runs: Vec<Run>,
}

/// One combination of the scenario's axes. All its repetitions are compared as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Who receives.
    pub cast: Cast,
    /// How several receivers are reached.
    pub delivery: Delivery,
    /// How many receive.
    pub receivers: u16,
    /// Segments that may be outstanding in each stream.
    pub window: WindowSetting,
    /// What makes the sender go back.
    pub recovery: Recovery,
    /// The retransmission timer.
    pub timeout: Timeout,
    /// How often each segment is put on the wire.
    pub copies: Copies,
    /// Rate, delay, jitter, queue and loss of each member's link.
    pub link: LinkConfig,
    /// The mean loss of `link`.
    pub loss: LossRate,
    /// Whether its losses come in bursts.
    pub burst: Burst,
    /// Where packets are lost.
    pub loss_side: LossSide,
    /// Size of the file.
    pub file_bytes: u64,
    /// File bytes carried by one segment.
    pub segment_bytes: u16,
    /// The options that make this cell alone of the scenario's file.
    settings: String,
}

/// One transfer to be measured: a row of the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Place in the plan, from 0.
    pub index: usize,
    /// The scenario's name.
    pub scenario: Arc<str>,
    /// How a command line names the scenario.
    source: Arc<str>,
    /// The image that containers are made of, where it is not the usual one.
    image: Option<Arc<str>>,
    /// Place of its cell in the plan, from 0.
    pub cell_index: usize,
    /// What is measured.
    pub cell: Arc<Cell>,
    /// Seed of everything random in the run. All cells share the seeds of their repetitions.
    pub seed: u64,
    /// From 1.
    pub repetition: u32,
}

/// Why a scenario makes no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// More than anyone will wait for.
    #[error(
        "the axes multiply to {runs} runs: at most {} are allowed",
        Scenario::MAX_RUNS
    )]
    TooManyRuns {
        /// How many.
        runs: u64,
    },
    /// Values that are allowed but not together.
    #[error("{0}")]
    Link(#[from] backroom_link::ConfigError),
}

impl Cell {
    /// What each member's way out does to packets.
    pub fn egress(&self) -> LinkConfig {
        let mut link = self.link.clone();
        if self.loss_side == LossSide::Receivers {
            link.loss = Loss::None;
        }
        link
    }

    /// The loss on each member's way in, where a link does nothing else.
    pub fn ingress_loss(&self) -> Loss {
        match self.loss_side {
            LossSide::Sender => Loss::None,
            LossSide::Receivers => self.link.loss.clone(),
        }
    }

    /// Members of the room: the sender, the receivers, and whoever is there without being addressed.
    pub fn members(&self) -> u16 {
        1 + self.receivers + self.cast.bystanders()
    }

    /// Segments of the file. An empty file is one empty segment.
    pub fn segments(&self) -> u64 {
        self.file_bytes
            .div_ceil(u64::from(self.segment_bytes))
            .max(1)
    }
}

impl Run {
    /// Seed of what `member`'s way out does to packets. The sender is member 0; receivers follow from 1.
    pub fn egress_seed(&self, member: u16) -> u64 {
        link_seed(self.seed, 2 * u64::from(member))
    }

    /// Seed of the losses on `member`'s way in.
    pub fn ingress_seed(&self, member: u16) -> u64 {
        link_seed(self.seed, 2 * u64::from(member) + 1)
    }
}

impl Plan {
    /// Multiplies `scenario` out.
    ///
    /// # Errors
    /// [`PlanError`] when there would be too many runs, or a link that can't be.
    pub fn new(scenario: &Scenario) -> Result<Self, PlanError> {
        let runs = Axis::ALL
            .into_iter()
            .map(|axis| scenario.axes.text(axis).len().max(1) as u64)
            .fold(u64::from(scenario.repetitions), u64::saturating_mul);
        if runs > Scenario::MAX_RUNS {
            return Err(PlanError::TooManyRuns { runs });
        }
        let mut cells = cells::cells(&scenario.axes);
        for cell in &mut cells {
            cell.link.validate()?;
            cell.settings = command::settings(cell, &scenario.axes_in_file);
        }
        let plan = Self {
            scenario: scenario.name.as_str().into(),
            source: scenario.source.as_str().into(),
            image: None,
            seed: scenario.seed,
            repetitions: scenario.repetitions,
            cells: cells.into_iter().map(Arc::new).collect(),
            runs: Vec::new(),
        };
        Ok(plan.with_runs())
    }

    /// The same in containers of this image instead of the usual one.
    pub fn with_image(self, image: &str) -> Self {
        let image = Some(image.into());
        Self { image, ..self }.with_runs()
    }

    fn with_runs(mut self) -> Self {
        self.runs.clear();
        for repetition in 1..=self.repetitions {
            let runs = self.repetition(repetition, self.runs.len(), |_| true);
            self.runs.extend(runs);
        }
        self
    }

    /// The runs of one repetition, from 1, of the cells whose places `wanted` says yes to. The first is at place `index` of
    /// all runs.
    pub fn repetition(
        &self,
        repetition: u32,
        index: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<Run> {
        order::shuffled(self.cells.len(), self.seed, repetition)
            .into_iter()
            .filter(|cell_index| wanted(*cell_index))
            .enumerate()
            .map(|(place, cell_index)| Run {
                index: index + place,
                scenario: Arc::clone(&self.scenario),
                source: Arc::clone(&self.source),
                image: self.image.clone(),
                cell_index,
                cell: Arc::clone(&self.cells[cell_index]),
                seed: self.seed.wrapping_add(u64::from(repetition) - 1),
                repetition,
            })
            .collect()
    }
}

/// A seed for one link of a run: neighbouring runs and links get unrelated ones (Steele et al. 2014, SplitMix64).
fn link_seed(run_seed: u64, link: u64) -> u64 {
    let mixed = |seed: u64| {
        let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        seed ^ (seed >> 31)
    };
    mixed(mixed(run_seed) ^ link)
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
    fn a_room_of_four_gives_each_cast_its_receivers() {
        let plan = plan("cast = ['unicast', 'multicast', 'broadcast', 'blockcast']").unwrap();
        let members: Vec<_> = plan
            .cells
            .iter()
            .map(|cell| (cell.receivers, cell.members()))
            .collect();
        assert_eq!(members, [(1, 2), (2, 4), (3, 4), (2, 4)]);
    }

    #[test]
    fn unicast_takes_part_once_whatever_is_asked_of_the_others() {
        let plan = plan(
            "cast = ['unicast', 'broadcast']\nreceivers = [2, 3]\ndelivery = ['sequential', 'parallel']",
        )
        .unwrap();
        assert_eq!(plan.cells.len(), 1 + 2 * 2);
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
    fn loss_strikes_on_the_side_that_was_asked_for() {
        let cell = |side: &str| {
            let plan = plan(&format!("loss = 0.1\nloss_side = '{side}'")).unwrap();
            Cell::clone(&plan.cells[0])
        };
        assert_eq!(cell("sender").egress().loss, Loss::Random(0.1));
        assert_eq!(cell("sender").ingress_loss(), Loss::None);
        assert_eq!(cell("receivers").egress().loss, Loss::None);
        assert_eq!(cell("receivers").ingress_loss(), Loss::Random(0.1));
    }

    #[test]
    fn more_runs_than_anyone_waits_for_are_no_plan() {
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
        fn every_combination_is_there_once_and_every_run_belongs_to_one(
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
            for (place, run) in plan.runs.iter().enumerate() {
                prop_assert_eq!(run.index, place);
                prop_assert_eq!(&*run.cell, &*plan.cells[run.cell_index]);
            }
        }
    }
}
