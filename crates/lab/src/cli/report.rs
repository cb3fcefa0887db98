//! `report`: rebuilds the charts and the page of a results folder.

use std::path::PathBuf;

use backroom_output::{note, print_paths};
use clap::Args;

use super::run::rebuild_peers;
use super::{Failure, usage};
use crate::report::{self, ReportError};
use crate::results::REPORT;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Folder that `run` wrote, such as results/local/window/sim
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn report(arguments: &ReportArgs) -> Result<(), Failure> {
    let folder = &arguments.folder;
    rebuild_peers(folder)?;
    let written = report::rebuild(folder).map_err(|error| match error {
        ReportError::Folder(_) | ReportError::Manifest { .. } | ReportError::Scenario(_) => {
            usage(error)
        }
        _ => Failure::Broken(error.into()),
    })?;
    written.charts.missing.iter().for_each(note);
    let files = written.charts.files.iter().map(String::as_str);
    // The files are what was asked for, so the command has not failed.
    if let Err(error) = print_paths(folder, files.chain([REPORT])) {
        note(format!("warning: {error}"));
    }
    Ok(())
}
