//! Definitions of axes.

use std::fmt::Display;
use std::str::FromStr;

use backroom_vocabulary::ParseNameError;

use crate::cell::Cell;

/// An entry in the table of axes. Start from [`Definition::PLAIN`] and set what differs.
pub(crate) struct Definition {
    /// The name in scenario files and for `--set`.
    pub(super) key: &'static str,
    /// The help text, in one line.
    pub(super) description: &'static str,
    /// A value that differs from the default, as `--set` takes it.
    pub(super) example: &'static str,
    /// The name in charts and tables; empty if it is the key.
    pub(super) label: &'static str,
    /// The unit of the label; empty for none.
    pub(super) unit: &'static str,
    /// Factor from a number in the column to one in `unit`.
    pub(super) scale: f64,
    /// The default, as `--set` takes it.
    pub(super) default: Option<&'static str>,
    /// The column of `runs.csv`; empty if it is the key. A column with a unit has it in its name.
    pub(super) column: &'static str,
    /// Whether the column's numbers are written with a decimal point.
    pub(super) column_is_float: bool,
    /// Suffix that turns a number in the column into a value for `set`, such as `mbit`.
    pub(super) set_unit: &'static str,
    /// Values that are words, in the order in which cells are listed, before any number.
    pub(super) words: &'static [&'static str],
    /// Reads a value as `--set` takes it. An error says what is allowed.
    pub(super) set: fn(&mut Cell, &str) -> Result<(), String>,
    /// Writes the value as `--set` takes it.
    pub(super) setting: fn(&Cell) -> String,
    /// Writes the value in the column's unit, if that differs from `setting`.
    pub(super) value: Option<fn(&Cell) -> String>,
    /// The value as a phrase of its own.
    pub(super) phrase: fn(&Cell) -> String,
    /// Whether a subtitle mentions the value.
    pub(super) is_mentioned: fn(&Cell) -> bool,
    /// Selects the values that apply to a cell whose earlier axes are set.
    pub(super) applicable: for<'a> fn(&Cell, Vec<&'a str>) -> Vec<&'a str>,
}

impl Definition {
    /// An axis without a unit whose values all apply and are always mentioned.
    pub(super) const PLAIN: Self = Self {
        key: "",
        description: "",
        example: "",
        label: "",
        unit: "",
        scale: 1.0,
        default: None,
        column: "",
        column_is_float: false,
        set_unit: "",
        words: &[],
        set: |_, _| Ok(()),
        setting: |_| String::new(),
        value: None,
        phrase: |_| String::new(),
        is_mentioned: |_| true,
        applicable: |_, values| values,
    };
}

/// A whole number from `least` to `most`. Here and below, an error says what is allowed.
pub(super) fn whole<T: FromStr + PartialOrd + Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    text.parse()
        .ok()
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("a whole number from {least} to {most}"))
}

/// A fraction from 0 to `most`.
pub(super) fn fraction(text: &str, most: f64) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|fraction| (0.0..=most).contains(fraction))
        .ok_or_else(|| format!("a fraction from 0 to {most} like 0.01"))
}

/// Any value of `T`; `allowed` says which there are.
pub(super) fn parsed<T: FromStr>(text: &str, allowed: &str) -> Result<T, String> {
    text.parse().map_err(|_| allowed.to_owned())
}

/// One of the names of `T`.
pub(super) fn name<T: FromStr<Err = ParseNameError>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: ParseNameError| error.to_string())
}
