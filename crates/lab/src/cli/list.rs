//! `list`: the built-in scenarios.

use std::io::{self, Write};

use anyhow::Context;

use super::{Failure, heard, table};
use crate::peers;
use crate::plan::Plan;
use crate::scenario::{Scenario, builtin};

pub(super) fn list() -> Result<(), Failure> {
    print().map_err(Failure::Broken)
}

fn print() -> anyhow::Result<()> {
    let mut listed = table::plain(["scenario", "runs", "shows"]);
    for (name, text) in builtin() {
        let scenario = Scenario::parse(name, text)?;
        let plan = Plan::new(&scenario)?;
        listed.add_row([name.to_owned(), plan.runs.len().to_string(), scenario.title]);
    }
    listed.add_row([
        peers::NAME.to_owned(),
        peers::RUNS.to_string(),
        peers::TITLE.to_owned(),
    ]);
    heard(writeln!(io::stdout(), "{}", listed.trim_fmt())).context("the list can't be written")
}
