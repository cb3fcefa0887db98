//! `doctor`: reports what works on this machine.

use anyhow::Context;
use backroom_output::print;
use clap::Args;

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
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report)? + "\n",
        false => report.text(),
    };
    Ok(print(&text)?)
}
