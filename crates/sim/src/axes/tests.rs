//! Tests of axes and their combinations.

use super::*;

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
