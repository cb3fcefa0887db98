//! A value in a scenario file.

use serde::{Deserialize, Serialize};

/// A number or a word.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a number or a quoted word")]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Value {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}
