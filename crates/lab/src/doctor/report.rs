//! The report of `doctor`.

use std::fmt::{self, Write};

use serde::Serialize;

use super::Environment;

/// What works on this machine, and what `run` uses by default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The kind of machine.
    pub environment: Environment,
    /// One check for each thing that the lab can use.
    pub checks: Vec<Check>,
    /// What `run` does without `--runner` and `--shaper`.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It works.
    Ok,
    /// It does not work.
    NotOk,
    /// It could not be checked.
    NotChecked,
}

/// What `run` uses by default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Auto {
    /// `sim` or `docker`.
    pub runner: &'static str,
    /// `netem` or `nfqueue`. `None` for `sim`, if neither works, or if `run` selects it when it starts containers.
    pub shaper: Option<&'static str>,
    /// The reason, for people.
    pub why: String,
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
            let _ = writeln!(
                text,
                "{:<10} {:<12} {}",
                check.name, check.status, check.found
            );
            if let Some(remedy) = &check.remedy {
                let _ = writeln!(text, "{:<10} {:<12} {remedy}", "", "fix:");
            }
        }
        let Auto {
            runner,
            shaper,
            why,
        } = &self.auto;
        let shaper = shaper.map_or(String::new(), |shaper| format!(" --shaper {shaper}"));
        let _ = writeln!(text, "\n`run` uses --runner {runner}{shaper}: {why}");
        text
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::NotOk => "not ok",
            Self::NotChecked => "not checked",
        })
    }
}
