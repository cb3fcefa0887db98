//! The product of the axes.

use crate::axes::Axes;
use crate::axis::{Axis, AxisError};
use crate::cell::Cell;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::tests::axes;

    #[test]
    fn a_room_of_four_gives_each_cast_its_receivers() {
        let cells = cells(&axes(&["cast=unicast,multicast,broadcast,blockcast"])).unwrap();
        let members: Vec<_> = cells
            .iter()
            .map(|cell| (cell.receivers, cell.members()))
            .collect();
        assert_eq!(members, [(1, 2), (2, 4), (3, 4), (2, 4)]);
    }

    #[test]
    fn unicast_has_one_receiver_whatever_the_other_casts_have() {
        let several = [
            "cast=unicast,broadcast",
            "receivers=2,3",
            "delivery=sequential,parallel",
        ];
        assert_eq!(cells(&axes(&several)).unwrap().len(), 1 + 2 * 2);
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let cells = cells(&axes(&["window=1,2", "loss=0,0.1"])).unwrap();
        let values: Vec<_> = cells
            .iter()
            .map(|cell| (cell.loss.to_string(), cell.window.to_string()))
            .collect();
        let expected = [("0", "1"), ("0", "2"), ("0.1", "1"), ("0.1", "2")];
        let expected = expected.map(|(loss, window)| (loss.to_owned(), window.to_owned()));
        assert_eq!(values, expected);
    }
}
