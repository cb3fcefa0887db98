//! The report of `doctor`.

use std::fmt::Write;

use serde::Serialize;
use strum::Display;

use super::Environment;
use crate::runner::ClockName;

/// What works on this machine, and what `run` uses by default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The kind of machine.
    pub environment: Environment,
    /// One check for each thing that the lab can use.
    pub checks: Vec<Check>,
    /// What `run` does without `--runner`, `--shaper` and `--clock`.
    pub auto: Auto,
}

/// The check of one thing that the lab can use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Name of the thing, for example `netem`.
    pub name: &'static str,
    /// Whether it works.
    pub status: Status,
    /// What the check found, for people.
    pub found: String,
    /// How to fix it, as a command if possible.
    pub remedy: Option<String>,
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    #[strum(to_string = "ok")]
    Ok,
    /// It does not work.
    #[strum(to_string = "not ok")]
    NotOk,
    /// It could not be checked.
    #[strum(to_string = "not checked")]
    NotChecked,
}

/// What `run` uses by default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Auto {
    /// `sim` or `docker`.
    pub runner: &'static str,
    /// `netem` or `nfqueue`. `None` for `sim`, if neither works, or if `run` selects it when it starts containers.
    pub shaper: Option<&'static str>,
    /// The clock of the runs.
    pub clock: ClockName,
    /// The reason, for people.
    pub why: &'static str,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    pub(super) fn not_ok(
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::NotOk,
            remedy: Some(remedy.into()),
            ..Self::ok(name, found)
        }
    }

    pub(super) fn not_checked(
        name: &'static str,
        found: impl Into<String>,
        remedy: Option<String>,
    ) -> Self {
        Self {
            status: Status::NotChecked,
            remedy,
            ..Self::ok(name, found)
        }
    }
}

impl Report {
    /// Finds the check with this name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Formats the report for a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let (name, status, found) = (check.name, check.status, &check.found);
            let _ = writeln!(text, "{name:<10} {status:<12} {found}");
            if let Some(remedy) = &check.remedy {
                let _ = writeln!(text, "{:<10} {:<12} {remedy}", "", "fix:");
            }
        }
        let Auto { runner, why, .. } = &self.auto;
        let shaper = self.auto.shaper.map(|shaper| format!(" --shaper {shaper}"));
        let shaper = shaper.unwrap_or_default();
        let clock = match *runner {
            "sim" => String::new(),
            _ => format!(" --clock {}", self.auto.clock),
        };
        text + &format!("\n`run` uses --runner {runner}{shaper}{clock}: {why}\n")
    }
}
