//! `doctor`: reports what works on this machine.

use anyhow::Context;
use clap::Args;

use super::print;
use crate::{docker, doctor};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Image of the containers
    #[arg(long, value_name = "NAME", default_value = docker::DEFAULT_IMAGE, hide_short_help = true)]
    image: String,
}

/// Succeeds whatever the findings are, because `run` can always simulate.
pub(super) fn doctor(arguments: &DoctorArgs) -> anyhow::Result<()> {
    let report = doctor::examine(&arguments.image).context("cannot examine this machine")?;
    match arguments.json {
        true => print(&(serde_json::to_string_pretty(&report)? + "\n")),
        false => print(&report.text()),
    }
}
