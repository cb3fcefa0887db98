//! Reading a scenario from TOML.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use backroom_sim::{Axes, Axis, AxisError};
use serde::{Deserialize, Serialize};

use super::value::Value;
use super::{BUILTIN, ChartSpec, Reference, Scenario};
use crate::runner::ClockName;

/// Why a scenario cannot be loaded. The message says what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Neither the name of a built-in scenario nor the path of a file.
    #[error(
        "there is no scenario `{0}`{near}; choose one of {all}, or give the path of a TOML file",
        near = nearest(.0),
        all = names()
    )]
    Unknown(String),
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a valid scenario, or has a key or value that is not allowed.
    #[error("scenario {name}: {message}")]
    Invalid {
        /// The scenario.
        name: String,
        /// What is wrong, and what was expected.
        message: String,
    },
}

impl Scenario {
    /// The built-in scenario called `name_or_path`, or the one in that TOML file.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is none or it is not valid.
    pub fn load(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some((name, text)) = BUILTIN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let path = Path::new(name_or_path);
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let (Some(name), true) = (name, path.is_file()) else {
            return Err(ScenarioError::Unknown(name_or_path.to_owned()));
        };
        let text = fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            source: name_or_path.to_owned(),
            ..Self::parse(name, &text)?
        })
    }

    /// Reads the scenario `name` from TOML.
    ///
    /// # Errors
    /// [`ScenarioError`] if the text is not a valid scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let invalid = |message: String| ScenarioError::Invalid {
            name: name.to_owned(),
            message,
        };
        let file: ScenarioFile =
            toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if !(1..=Self::MAX_REPETITIONS).contains(&file.repetitions) {
            return Err(invalid(format!(
                "repetitions = {} is not a whole number from 1 to {}",
                file.repetitions,
                Self::MAX_REPETITIONS
            )));
        }
        if let Some(key) = file.link.keys().find(|key| file.axes.contains_key(*key)) {
            return Err(invalid(format!(
                "{key} is in both [link] and [axes]; keep one"
            )));
        }
        let axes = read_axes(&file).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            source: name.to_owned(),
            title: file.title,
            description: file.description.trim().to_owned(),
            seed: file.seed,
            repetitions: file.repetitions,
            axes_in_file: axes.clone(),
            axes,
            clock: file.clock,
            image: None,
            charts: file.charts,
            references: file.reference,
        })
    }

    /// The scenario as a TOML file that [`Scenario::parse`] reads back.
    pub fn to_toml(&self) -> String {
        let file = ScenarioFile {
            title: self.title.clone(),
            description: self.description.clone(),
            seed: self.seed,
            repetitions: self.repetitions,
            clock: self.clock,
            link: BTreeMap::new(),
            axes: Axis::ALL
                .into_iter()
                .map(|axis| (axis, self.axes.values(axis)))
                .filter(|(_, values)| !values.is_empty())
                .map(|(axis, values)| {
                    let values = values.iter().cloned().map(Value::Text).collect();
                    (axis.key().to_owned(), Values::Many(values))
                })
                .collect(),
            charts: self.charts.clone(),
            reference: self.references.clone(),
        };
        toml::to_string(&file).unwrap_or_default()
    }
}

/// The contents of the file. `[link]` and `[axes]` only help the reader: any key may be in either.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default = "one")]
    seed: u64,
    #[serde(default = "ten")]
    repetitions: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<ClockName>,
    #[serde(default)]
    link: BTreeMap<String, Values>,
    #[serde(default)]
    axes: BTreeMap<String, Values>,
    #[serde(default)]
    charts: Vec<ChartSpec>,
    #[serde(default)]
    reference: Vec<Reference>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected a number, a quoted word, or a list of these"
)]
enum Values {
    One(Value),
    Many(Vec<Value>),
}

fn read_axes(file: &ScenarioFile) -> Result<Axes, AxisError> {
    let mut axes = Axes::with_defaults()?;
    for (key, values) in file.link.iter().chain(&file.axes) {
        let values: Vec<_> = match values {
            Values::One(value) => vec![value.text()],
            Values::Many(values) => values.iter().map(Value::text).collect(),
        };
        axes.set(key.parse()?, &values)?;
    }
    Ok(axes)
}

fn one() -> u64 {
    1
}

fn ten() -> u32 {
    10
}

fn names() -> String {
    BUILTIN.map(|(name, _)| name).join(", ")
}

fn nearest(name: &str) -> String {
    backroom_sim::nearest(name, BUILTIN.map(|(name, _)| name))
        .map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_reads_and_reads_back() {
        for (name, text) in BUILTIN {
            let scenario = Scenario::parse(name, text).unwrap();
            assert_eq!(
                Scenario::parse(name, &scenario.to_toml()).unwrap(),
                scenario
            );
        }
    }

    #[test]
    fn the_clock_reads_back() {
        let scenario = Scenario::parse("test", "title = 'x'\nclock = 'virtual'").unwrap();
        assert_eq!(scenario.clock, Some(ClockName::Virtual));
        let again = Scenario::parse("test", &scenario.to_toml()).unwrap();
        assert_eq!(again, scenario);
    }

    #[test]
    fn a_missing_scenario_names_the_nearest_and_all_built_in_ones() {
        let error = Scenario::load("windw").unwrap_err().to_string();
        assert!(error.contains("did you mean `window`?"), "{error}");
        assert!(error.contains("TOML file"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_refused_with_a_reason() {
        let wrong = [
            ("", "title"),
            ("title = 'x'\ncolour = 'red'", "colour"),
            ("title = 'x'\nrepetitions = 0", "from 1 to 1000"),
            ("title = 'x'\nclock = 'atomic'", "`real` or `virtual`"),
            ("title = 'x'\n[axes]\nwindow = [10, 10]", "twice"),
            ("title = 'x'\n[axes]\nwindow = true", "or a list of these"),
            ("title = 'x'\n[axes]\nwndow = 10", "did you mean `window`?"),
            (
                "title = 'x'\n[link]\nloss = 0\n[axes]\nloss = 0",
                "both [link] and [axes]",
            ),
        ];
        for (text, reason) in wrong {
            let error = Scenario::parse("test", text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
