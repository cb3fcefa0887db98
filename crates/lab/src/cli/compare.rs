//! `compare`: compares two results folders cell by cell.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use backroom_output::{note, print};
use clap::Args;

use super::{Failure, usage};
use crate::compare::{self, Folder, Format};

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Baseline folder, such as results/local/window/sim
    #[arg(value_name = "A")]
    baseline: PathBuf,
    /// Folder to check for regressions
    #[arg(value_name = "B")]
    candidate: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn compare(arguments: &CompareArgs) -> Result<(), Failure> {
    let read = |path| Folder::read(path).map_err(usage);
    let (baseline, candidate) = (read(&arguments.baseline)?, read(&arguments.candidate)?);
    for folder in [&baseline, &candidate] {
        if folder.torn {
            let path = folder.path.join("runs.csv");
            note(format!(
                "the last row of {} is incomplete and is ignored; `run --resume` repeats that run",
                path.display()
            ));
        }
    }
    let comparison = compare::compare(&baseline.records, &candidate.records);
    if !comparison.has_common_cells() {
        return Err(usage(anyhow!(
            "{} and {} have no cell in common: compare sweeps of the same scenario with the same settings",
            baseline.path.display(),
            candidate.path.display()
        )));
    }
    let text = compare::render(&comparison, &baseline, &candidate, arguments.format);
    print(&text).context("the comparison is incomplete")?;
    match comparison.has_regression() {
        true => Err(Failure::Regression),
        false => Ok(()),
    }
}
