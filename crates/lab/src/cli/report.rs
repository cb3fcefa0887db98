//! `report`: rebuilds the charts and the page of a results folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::run::rebuild_peers;
use super::{Failure, ignore_broken_pipe};
use crate::report::{self, ReportError};

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Folder that `run` wrote, such as results/window/sim
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn report(arguments: &ReportArgs) -> Result<(), Failure> {
    let folder = &arguments.folder;
    rebuild_peers(folder)?;
    let charts = report::rebuild(folder).map_err(|error| match error {
        ReportError::Folder(_) | ReportError::Manifest { .. } | ReportError::Scenario(_) => {
            Failure::Usage(error.into())
        }
        _ => Failure::Broken(error.into()),
    })?;
    list(
        folder,
        charts.iter().map(String::as_str).chain([report::FILE]),
    )
}

fn list<'a>(folder: &Path, mut files: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = files.try_for_each(|file| writeln!(out, "{}", folder.join(file).display()));
    ignore_broken_pipe(written)
        .context("cannot write the list of files")
        .map_err(Failure::Broken)
}
