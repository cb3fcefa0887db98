//! The values of a sweep on each axis, and their combinations.

#[cfg(test)]
pub(crate) mod tests;

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

/// Every combination of the values of `axes`; the last axis varies fastest. Values that do not apply to a cell are left
/// out: unicast always has one receiver.
///
/// # Errors
/// None in practice, since [`Axes`] holds allowed values only.
pub fn cells(axes: &Axes) -> Result<Vec<Cell>, AxisError> {
    let mut cells = vec![Cell::default()];
    for axis in Axis::ALL {
        let mut expanded = Vec::with_capacity(cells.len());
        for cell in &cells {
            for value in axis.applicable(cell, axes.values(axis)) {
                let mut cell = cell.clone();
                axis.set(&mut cell, value)?;
                expanded.push(cell);
            }
        }
        cells = expanded;
    }
    Ok(cells)
}
