//! `report`: rebuilds the charts and the page of a results folder.

use std::path::PathBuf;

use clap::Args;

use super::run::rebuild_peers;
use super::{Failure, print_paths, usage};
use crate::report::{self, ReportError};
use crate::results::REPORT;

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
            usage(error)
        }
        _ => Failure::Broken(error.into()),
    })?;
    let files = charts.iter().map(String::as_str).chain([REPORT]);
    Ok(print_paths(folder, files)?)
}
