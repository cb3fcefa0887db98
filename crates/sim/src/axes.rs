//! The values of a sweep on each axis.

use std::collections::BTreeMap;

use crate::axis::{Axis, AxisError};
use crate::cell::Cell;

/// The values of each axis. An axis with one value is held fixed.
///
/// Values are valid, and kept as text in the form that [`Axis::setting`] writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axes(BTreeMap<Axis, Vec<String>>);

impl Axes {
    /// The default of each axis: one file of 512 KiB to one member over a clean link of 10 Mbit/s and 10 ms.
    ///
    /// # Errors
    /// None in practice: a test reads the defaults.
    pub fn with_defaults() -> Result<Self, AxisError> {
        let mut axes = Self::default();
        for axis in Axis::ALL {
            if let Some(value) = axis.default_value() {
                axes.set(axis, &[value.to_owned()])?;
            }
        }
        Ok(axes)
    }

    /// Replaces the values of `axis`.
    ///
    /// # Errors
    /// [`AxisError`] if a value is not allowed or listed twice, or there is none. The axes are unchanged then.
    pub fn set(&mut self, axis: Axis, values: &[String]) -> Result<(), AxisError> {
        let mut settings: Vec<String> = Vec::new();
        for value in values {
            let mut cell = Cell::default();
            axis.set(&mut cell, value.trim())?;
            let setting = axis.setting(&cell);
            if settings.contains(&setting) {
                return Err(AxisError::Twice {
                    axis,
                    value: setting,
                });
            }
            settings.push(setting);
        }
        if settings.is_empty() {
            return Err(AxisError::Empty { axis });
        }
        self.0.insert(axis, settings);
        Ok(())
    }

    /// The values of `axis`. Empty if the axis has no default and none was set.
    pub fn values(&self, axis: Axis) -> &[String] {
        self.0.get(&axis).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::product::cells;

    /// The axes with these settings, such as `window=1,2`, the others at their defaults.
    pub(crate) fn axes(settings: &[&str]) -> Axes {
        let mut axes = Axes::with_defaults().unwrap();
        for setting in settings {
            let (key, values) = setting.split_once('=').unwrap();
            let values: Vec<_> = values.split(',').map(str::to_owned).collect();
            axes.set(key.parse().unwrap(), &values).unwrap();
        }
        axes
    }

    /// The one cell with these settings.
    pub(crate) fn cell(settings: &[&str]) -> Cell {
        let mut cells = cells(&axes(settings)).unwrap();
        assert_eq!(cells.len(), 1);
        cells.remove(0)
    }

    #[test]
    fn values_are_kept_in_one_form() {
        assert_eq!(axes(&["file=4096"]).values(Axis::FILE), ["4KiB"]);
        assert!(axes(&[]).values(Axis::RECEIVERS).is_empty());
    }

    #[test]
    fn an_empty_list_and_a_repeated_value_are_refused() {
        let mut axes = Axes::with_defaults().unwrap();
        let before = axes.clone();
        assert_eq!(
            axes.set(Axis::WINDOW, &[]),
            Err(AxisError::Empty { axis: Axis::WINDOW })
        );
        let twice = ["0.01", "0.010"].map(str::to_owned);
        let error = axes.set(Axis::LOSS, &twice).unwrap_err().to_string();
        assert_eq!(error, "loss lists `0.01` twice");
        assert_eq!(axes, before);
    }
}
