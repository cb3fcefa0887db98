//! What to measure: the axes to sweep, repetitions, a seed, and which charts show it.

mod builtin;
mod chart;
mod file;
mod reference;
mod value;

use backroom_sim::Axes;
pub use builtin::builtin;
pub use chart::{ChartKind, ChartSpec, Quantity};
pub use file::ScenarioError;
pub use reference::Reference;

/// A scenario, read from a TOML file and perhaps changed on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name: that of its file without the extension.
    pub name: String,
    /// How a command line names it: by its name where it is built in, else by the path of its file.
    pub source: String,
    /// One line for people.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: String,
    /// The seed of the first repetition; each further one counts up from it.
    pub seed: u64,
    /// How often each cell is measured.
    pub repetitions: u32,
    /// What is swept.
    pub axes: Axes,
    /// What its file sweeps, where the command line changes `axes`.
    pub axes_in_file: Axes,
    /// The pictures drawn of it.
    pub charts: Vec<ChartSpec>,
    /// What others measured, to stand beside.
    pub references: Vec<Reference>,
}

impl Scenario {
    /// The most repetitions of a cell.
    pub const MAX_REPETITIONS: u32 = 1_000;

    /// The most runs of a plan.
    pub const MAX_RUNS: u64 = 1_000_000;
}
