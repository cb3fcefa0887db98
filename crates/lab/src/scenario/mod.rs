//! What to measure: the axes to sweep, the repetitions, a seed and the charts.

mod builtin;
mod chart;
mod file;
mod reference;
mod value;

use crate::runner::ClockName;
use backroom_sim::Axes;
pub use builtin::BUILTIN;
pub use chart::{ChartKind, ChartSpec, Quantity};
pub use file::ScenarioError;
pub use reference::Reference;

/// A scenario, read from a TOML file and perhaps changed on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The name: that of the file without the extension.
    pub name: String,
    /// How a command line names it: the name of a built-in scenario, otherwise the path of the file.
    pub source: String,
    /// The title, in one line.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: String,
    /// Seed of the first repetition; incremented for each further one.
    pub seed: u64,
    /// Repetitions of each cell.
    pub repetitions: u32,
    /// The values of each axis.
    pub axes: Axes,
    /// The values in the file, before changes on the command line.
    pub axes_in_file: Axes,
    /// The clock of runs in containers, from the file or the command line. `None` for the best one that works.
    pub clock: Option<ClockName>,
    /// The image of the containers, set on the command line. `None` is the default image.
    pub image: Option<String>,
    /// Charts to draw.
    pub charts: Vec<ChartSpec>,
    /// Published figures to compare with.
    pub references: Vec<Reference>,
}

impl Scenario {
    /// The maximum number of repetitions of a cell.
    pub const MAX_REPETITIONS: u32 = 1_000;

    /// The maximum number of runs in a plan.
    pub const MAX_RUNS: u64 = 1_000_000;
}
