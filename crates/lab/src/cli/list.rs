//! `list`: lists the built-in scenarios and the keys of `--set`.

use backroom_output::print;
use backroom_sim::Axis;
use comfy_table::Table;

use super::table;
use crate::peers;
use crate::plan::Plan;
use crate::scenario::{BUILTIN, Scenario};

pub(super) fn list() -> anyhow::Result<()> {
    let (scenarios, keys) = (scenarios()?, keys());
    let text = format!("{}\n\n{}\n", scenarios.trim_fmt(), keys.trim_fmt());
    Ok(print(&text)?)
}

fn scenarios() -> anyhow::Result<Table> {
    let mut listed = table::plain(["scenario", "runs", "shows"]);
    for (name, text) in BUILTIN {
        let scenario = Scenario::parse(name, text)?;
        let plan = Plan::new(&scenario)?;
        listed.add_row([name.to_owned(), plan.runs.len().to_string(), scenario.title]);
    }
    listed.add_row([
        peers::NAME.to_owned(),
        peers::RUNS.to_string(),
        peers::TITLE.to_owned(),
    ]);
    Ok(listed)
}

fn keys() -> Table {
    let mut listed = table::plain(["key of --set", "default", "sets"]);
    for axis in Axis::ALL {
        let default = axis.default_value().unwrap_or_default();
        listed.add_row([axis.key(), default, axis.description()]);
    }
    listed
}
