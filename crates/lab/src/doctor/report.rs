//! The answer of `doctor`.

use std::fmt::{self, Write};

use serde::Serialize;

use super::Environment;

/// What works here, and what `auto` makes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What kind of machine this is.
    pub environment: Environment,
    /// One thing after the other.
    pub checks: Vec<Check>,
    /// What `run` does without `--runner` and `--shaper`.
    pub auto: Auto,
}

/// One thing that the lab can use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// Whether it works.
    pub status: Status,
    /// What was seen.
    pub found: String,
    /// What mends it, as a command where there is one.
    pub remedy: Option<String>,
}

/// Whether something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does.
    Ok,
    /// It does not.
    NotOk,
    /// It can't be told from here.
    NotChecked,
}

/// What `run` does of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Auto {
    /// `sim` or `docker`.
    pub runner: &'static str,
    /// `netem` or `nfqueue`; none for `sim`, or where it is decided only when containers start.
    pub shaper: Option<&'static str>,
    /// Why, for people.
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
    /// The check of that name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// As lines for a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let _ = writeln!(
                text,
                "{:<10} {:<12} {}",
                check.name, check.status, check.found
            );
            if let Some(remedy) = &check.remedy {
                let _ = writeln!(text, "{:<10} {:<12} {remedy}", "", "to mend it:");
            }
        }
        let Auto {
            runner,
            shaper,
            why,
        } = &self.auto;
        let shaper = shaper.map_or(String::new(), |shaper| format!(" --shaper {shaper}"));
        let _ = writeln!(text, "\n`run` takes --runner {runner}{shaper}: {why}");
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
