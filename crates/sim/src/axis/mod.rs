//! The table of axes: everything about a cell that can be set or swept.
//!
//! `--set`, scenario files, the product of the axes, columns of `runs.csv`, commands that repeat a run, and labels and
//! sentences of charts all use this table. To add an axis, add a `Definition` to the module of its kind and a line to
//! [`Axis::ALL`], and implement its effect in the simulation, the model and the clients.

mod definition;
mod file;
mod link;
mod loss;
mod receivers;
mod sender;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cell::Cell;
use crate::suggest;
pub(crate) use definition::Definition;

/// An axis: a key that can be set to one value or swept over several. Two axes are equal if their keys are.
#[derive(Clone, Copy)]
pub struct Axis(pub(crate) &'static Definition);

impl Axis {
    /// Every axis, in the order in which a plan nests them: the last one varies fastest.
    pub const ALL: [Self; 17] = [
        Self::CAST,
        Self::DELIVERY,
        Self::RECEIVERS,
        Self::RATE,
        Self::DELAY,
        Self::JITTER,
        Self::QUEUE,
        Self::DUPLICATE,
        Self::LOSS_SIDE,
        Self::BURST,
        Self::LOSS,
        Self::RECOVERY,
        Self::TIMEOUT,
        Self::COPIES,
        Self::FILE,
        Self::SEGMENT,
        Self::WINDOW,
    ];

    /// The key, as scenario files and `--set` write it.
    pub fn key(self) -> &'static str {
        self.0.key
    }

    /// One line about what the axis sets.
    pub fn description(self) -> &'static str {
        self.0.description
    }

    /// A value that differs from the default, as `--set` takes it. The tests set every axis to its example.
    pub fn example(self) -> &'static str {
        self.0.example
    }

    /// The name of the axis as charts and tables label it, without its unit.
    pub fn name(self) -> &'static str {
        self.or_key(self.0.label)
    }

    /// The name of the axis with its unit, as charts and tables label it: `link rate (Mbit/s)`.
    pub fn label(self) -> String {
        match self.0.unit {
            "" => self.name().to_owned(),
            unit => format!("{} ({unit})", self.name()),
        }
    }

    /// Factor to apply to a [number](Self::number) to show it under [`label`](Self::label).
    pub fn scale(self) -> f64 {
        self.0.scale
    }

    /// The default value, as `--set` takes it. `None` where it depends on other axes.
    pub fn default_value(self) -> Option<&'static str> {
        self.0.default
    }

    /// The column of `runs.csv`.
    pub fn column(self) -> &'static str {
        self.or_key(self.0.column)
    }

    /// Sets the axis of `cell` to `text`, written as `--set` takes it.
    ///
    /// # Errors
    /// [`AxisError::Value`], which says what is allowed. `cell` is unchanged then.
    pub fn set(self, cell: &mut Cell, text: &str) -> Result<(), AxisError> {
        (self.0.set)(cell, text).map_err(|allowed| AxisError::Value {
            axis: self,
            value: text.to_owned(),
            allowed,
        })
    }

    /// The value of `cell` as `--set` takes it: `10mbit`.
    pub fn setting(self, cell: &Cell) -> String {
        (self.0.setting)(cell)
    }

    /// The value of `cell` without its unit: `10`. No limit is `unlimited`.
    pub fn value(self, cell: &Cell) -> String {
        (self.0.value.unwrap_or(self.0.setting))(cell)
    }

    /// The value of `cell` as a number. `None` for a word, such as `auto`.
    pub fn number(self, cell: &Cell) -> Option<f64> {
        self.value(cell).parse().ok()
    }

    /// Sets the axis of `cell` to the valid value nearest to `number`. Returns false if the axis takes no numbers or
    /// the number is out of range.
    pub fn set_number(self, cell: &mut Cell, number: f64) -> bool {
        let mut set = |number: f64| self.set_value(cell, &number.to_string()).is_ok();
        set(number) || set(number.round())
    }

    /// The value of `cell` as a field of `runs.csv`; empty for no limit.
    pub fn field(self, cell: &Cell) -> String {
        let value = self.value(cell);
        match value.parse::<f64>() {
            _ if value == UNLIMITED => String::new(),
            Ok(number) if self.0.column_is_float => format!("{number:?}"),
            _ => value,
        }
    }

    /// Sets the axis of `cell` to a field of `runs.csv`.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_field(self, cell: &mut Cell, field: &str) -> Result<(), AxisError> {
        match field {
            "" => self.set(cell, UNLIMITED),
            field => self.set_value(cell, field),
        }
    }

    /// The value of `cell` as a phrase of its own: `1 % loss`, `window 20`.
    pub fn phrase(self, cell: &Cell) -> String {
        (self.0.phrase)(cell)
    }

    /// Whether a chart's subtitle mentions the value of `cell`. It omits values that have no effect there.
    pub fn is_mentioned(self, cell: &Cell) -> bool {
        (self.0.is_mentioned)(cell)
    }

    /// Selects the values that apply to `cell`, whose earlier axes are set.
    pub fn applicable<'a>(self, cell: &Cell, values: &'a [String]) -> Vec<&'a str> {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        (self.0.applicable)(cell, values)
    }

    /// The order of two cells along this axis: words that precede numbers, numbers by size, other words, no limit.
    pub fn compare(self, one: &Cell, other: &Cell) -> Ordering {
        let rank = |cell| {
            let value = self.value(cell);
            let word = self.0.words.iter().position(|word| *word == value);
            match (word, value.parse::<f64>()) {
                (Some(place), _) => (0, place as f64),
                (None, Ok(number)) => (1, number),
                (None, Err(_)) if value == UNLIMITED => (3, 0.0),
                (None, Err(_)) => (2, 0.0),
            }
        };
        let (one, other) = (rank(one), rank(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    }

    fn or_key(self, name: &'static str) -> &'static str {
        if name.is_empty() { self.0.key } else { name }
    }

    /// Sets the axis to a value without its unit.
    fn set_value(self, cell: &mut Cell, value: &str) -> Result<(), AxisError> {
        match value.parse::<f64>() {
            Ok(_) => self.set(cell, &format!("{value}{}", self.0.set_unit)),
            Err(_) => self.set(cell, value),
        }
    }
}

/// The value of an axis that sets no limit.
const UNLIMITED: &str = "unlimited";

/// An unknown key or an invalid value. The message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// No axis has this key.
    #[error("unknown key `{key}`{}; the keys are {}", nearest(key), keys())]
    UnknownKey {
        /// The key as given.
        key: String,
    },
    /// The value is not allowed for this axis.
    #[error("invalid {axis} `{value}`: expected {allowed}")]
    Value {
        /// The axis.
        axis: Axis,
        /// The value as given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A list without values.
    #[error("{axis} needs at least one value")]
    Empty {
        /// The axis.
        axis: Axis,
    },
    /// The same value twice would be measured twice and counted as one cell.
    #[error("{axis} lists `{value}` twice")]
    Twice {
        /// The axis.
        axis: Axis,
        /// The repeated value.
        value: String,
    },
}

fn keys() -> String {
    Axis::ALL.map(Axis::key).join(", ")
}

fn nearest(key: &str) -> String {
    suggest::nearest(key, Axis::ALL.map(Axis::key))
        .map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl fmt::Debug for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl FromStr for Axis {
    type Err = AxisError;

    fn from_str(key: &str) -> Result<Self, AxisError> {
        Self::ALL
            .into_iter()
            .find(|axis| axis.key() == key)
            .ok_or_else(|| AxisError::UnknownKey {
                key: key.to_owned(),
            })
    }
}

impl PartialEq for Axis {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Axis {}

impl Hash for Axis {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for Axis {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Axis {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |axis: &Self| Self::ALL.iter().position(|one| one == axis);
        place(self).cmp(&place(other))
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        key.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::axes::tests::cell;

    /// A cell whose values all differ from the defaults.
    fn unusual() -> Cell {
        let mut cell = Cell::default();
        for axis in Axis::ALL {
            axis.set(&mut cell, axis.example()).unwrap();
        }
        cell
    }

    #[test]
    fn keys_and_columns_are_unique_and_the_defaults_are_allowed() {
        let distinct = |name: fn(Axis) -> &'static str| {
            Axis::ALL
                .map(name)
                .into_iter()
                .collect::<HashSet<_>>()
                .len()
        };
        assert_eq!(distinct(Axis::key), Axis::ALL.len());
        assert_eq!(distinct(Axis::column), Axis::ALL.len());
        for axis in Axis::ALL {
            if let Some(default) = axis.default_value() {
                axis.set(&mut Cell::default(), default).unwrap();
            }
        }
    }

    #[test]
    fn every_value_reads_back_as_a_setting_and_as_a_field() {
        for original in [unusual(), cell(&["rate=unlimited", "window=auto"])] {
            let (mut from_settings, mut from_fields) = (Cell::default(), Cell::default());
            for axis in Axis::ALL {
                axis.set(&mut from_settings, &axis.setting(&original))
                    .unwrap();
                axis.set_field(&mut from_fields, &axis.field(&original))
                    .unwrap();
            }
            assert_eq!(from_settings, original);
            assert_eq!(from_fields, original);
        }
    }

    #[test]
    fn every_axis_has_an_effect_on_the_cell() {
        let unusual = unusual();
        for axis in Axis::ALL {
            let mut cell = Cell::default();
            axis.set(&mut cell, &axis.setting(&unusual)).unwrap();
            assert_ne!(cell, Cell::default(), "{axis}");
        }
    }

    #[test]
    fn fields_keep_the_form_of_their_column() {
        let cell = unusual();
        let fields = Axis::ALL.map(|axis| axis.field(&cell));
        assert_eq!(
            fields.join(","),
            "blockcast,ip-multicast,5,2.5,1.5,0.25,70,0.03,receivers,4,0.02,timeout,200,2,3145728,600,20"
        );
        assert_eq!(Axis::RATE.field(&Cell::default()), "");
        let mut cell = cell;
        Axis::RATE.set(&mut cell, "10mbit").unwrap();
        assert_eq!(Axis::RATE.field(&cell), "10.0");
    }

    #[test]
    fn a_number_between_possible_values_is_rounded() {
        let mut cell = Cell::default();
        assert!(Axis::WINDOW.set_number(&mut cell, 12.4));
        assert!(Axis::LOSS.set_number(&mut cell, 0.0125));
        assert_eq!(Axis::WINDOW.value(&cell), "12");
        assert_eq!(Axis::LOSS.number(&cell), Some(0.0125));
        assert!(!Axis::LOSS.set_number(&mut cell, 0.9));
        assert!(!Axis::CAST.set_number(&mut cell, 1.0));
    }

    #[test]
    fn cells_are_ordered_by_number_and_words_come_first() {
        let one_before = |axis: Axis, one: &str, other: &str| {
            let cell = |text| cell(&[&format!("{axis}={text}")]);
            assert_eq!(axis.compare(&cell(one), &cell(other)), Ordering::Less);
        };
        one_before(Axis::WINDOW, "9", "10");
        one_before(Axis::WINDOW, "10", "auto");
        one_before(Axis::TIMEOUT, "adaptive", "10ms");
        one_before(Axis::RATE, "10mbit", "unlimited");
        one_before(Axis::CAST, "unicast", "broadcast");
        one_before(Axis::RECOVERY, "timeout", "fast");
        one_before(Axis::BURST, "random", "2");
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let error = "windows".parse::<Axis>().unwrap_err().to_string();
        assert!(error.contains("did you mean `window`?"), "{error}");
        assert!(error.contains("cast, delivery"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_says_what_is_allowed() {
        let wrong = [
            ("window", "0", "from 1 to 65535"),
            ("window", "65536", "from 1 to 65535"),
            ("loss", "1.5", "a fraction from 0 to 0.5"),
            ("cast", "anycast", "one of unicast, multicast"),
            ("receivers", "0", "from 1 to 64"),
            (
                "delivery",
                "pigeon",
                "one of sequential, parallel, ip-multicast",
            ),
            ("recovery", "slow", "one of timeout, fast"),
            ("timeout", "0ms", "from 1ms to 60s"),
            ("timeout", "2m", "from 1ms to 60s"),
            ("copies", "0", "from 1 to 4"),
            ("copies", "5", "from 1 to 4"),
            ("rate", "10", "like 64kbit"),
            ("delay", "-1ms", "like 10ms"),
            ("jitter", "x", "like 10ms"),
            ("queue", "0", "from 1 to 1000000"),
            ("duplicate", "2", "from 0 to 1"),
            ("burst", "0", "mean length"),
            ("loss_side", "left", "one of sender, receivers"),
            ("file", "5GiB", "at most 1GiB"),
            ("segment", "1436", "from 16 to 1435"),
        ];
        for (key, value, allowed) in wrong {
            let axis: Axis = key.parse().unwrap();
            let mut cell = Cell::default();
            let error = axis.set(&mut cell, value).unwrap_err().to_string();
            assert!(error.contains(allowed), "{key}={value}: {error}");
            assert_eq!(cell, Cell::default());
        }
        for axis in Axis::ALL {
            assert!(wrong.iter().any(|(key, ..)| *key == axis.key()), "{axis}");
        }
    }

    #[test]
    fn the_documentation_has_every_axis() {
        let page = include_str!("../../../../docs/lab.md");
        for axis in Axis::ALL {
            assert!(page.contains(&format!("`{axis}`")), "docs/lab.md: {axis}");
        }
    }
}
