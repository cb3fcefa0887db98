//! `compare`: compares two results folders cell by cell.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::{Failure, ignore_broken_pipe};
use crate::compare::{self, Folder, Format};

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Baseline folder, such as results/window/sim
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
    let read = |path| Folder::read(path).map_err(|error| Failure::Usage(error.into()));
    let (baseline, candidate) = (read(&arguments.baseline)?, read(&arguments.candidate)?);
    for folder in [&baseline, &candidate] {
        if folder.torn {
            let path = folder.path.join("runs.csv");
            eprintln!(
                "the last row of {} is incomplete and is ignored; `run --resume` repeats that run",
                path.display()
            );
        }
    }
    let comparison = compare::compare(&baseline.records, &candidate.records);
    if !comparison.has_common_cells() {
        return Err(Failure::Usage(anyhow!(
            "{} and {} have no cell in common: compare sweeps of the same scenario with the same settings",
            baseline.path.display(),
            candidate.path.display()
        )));
    }
    let text = compare::render(&comparison, &baseline, &candidate, arguments.format);
    ignore_broken_pipe(io::stdout().write_all(text.as_bytes()))
        .context("cannot write the comparison")
        .map_err(Failure::Broken)?;
    match comparison.has_regression() {
        true => Err(Failure::Regression),
        false => Ok(()),
    }
}
