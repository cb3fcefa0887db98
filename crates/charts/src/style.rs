//! The common style: colours, markers and sizes.

pub use plotters::style::RGBColor as Color;

/// Colours of series: the palette of Okabe and Ito (2008), which is distinguishable with any colour vision, without the
/// yellow, which is too light on paper. They also differ in lightness, for greyscale printing.
pub const LINES: [Color; 7] = [
    Color(0x00, 0x72, 0xb2),
    Color(0xe6, 0x9f, 0x00),
    Color(0x00, 0x9e, 0x73),
    Color(0xd5, 0x5e, 0x00),
    Color(0xcc, 0x79, 0xa7),
    Color(0x56, 0xb4, 0xe9),
    Color(0x00, 0x00, 0x00),
];

/// Text and outlines.
pub const INK: Color = Color(0x1f, 0x23, 0x28);
/// Secondary text and axes.
pub const FAINT_INK: Color = Color(0x59, 0x63, 0x6e);
/// Grid lines.
pub const GRID: Color = Color(0xe3, 0xe6, 0xea);
/// The background.
pub const PAPER: Color = Color(0xff, 0xff, 0xff);

/// Size of a chart's title.
pub const TITLE_SIZE: f64 = 29.0;
/// Size of a panel's title.
pub const PANEL_TITLE_SIZE: f64 = 22.0;
/// Size of all other text.
pub const TEXT_SIZE: f64 = 20.0;

/// Width of a series' line.
pub const LINE_WIDTH: f64 = 3.5;
/// Width of a model's line.
pub const MODEL_WIDTH: f64 = 2.0;

/// The heat map's colour scale from zero to the highest value. One hue that only gets darker keeps its order in greyscale
/// and with any colour vision.
const HEAT: [Color; 3] = [
    Color(0xf3, 0xf7, 0xfb),
    Color(0x4f, 0x9c, 0xc9),
    Color(0x05, 0x2d, 0x4e),
];

/// The heat map's colour for a `fraction` of the highest value, and a colour for text on it.
pub(crate) fn heat(fraction: f64) -> (Color, Color) {
    const DARK: f64 = 0.55;
    let [light, middle, dark] = HEAT;
    let color = match fraction {
        low if low < 0.5 => mixed(light, middle, 2.0 * low),
        high => mixed(middle, dark, (2.0 * high - 1.0).min(1.0)),
    };
    (color, if fraction > DARK { PAPER } else { INK })
}

/// `one` mixed with a `share` (0 to 1) of `other`.
pub(crate) fn mixed(one: Color, other: Color, share: f64) -> Color {
    let mix = |one: u8, other: u8| {
        (f64::from(one) + (f64::from(other) - f64::from(one)) * share.clamp(0.0, 1.0)).round() as u8
    };
    Color(
        mix(one.0, other.0),
        mix(one.1, other.1),
        mix(one.2, other.2),
    )
}

/// The radius of the markers of a series. Later series are drawn over earlier ones with smaller markers, so coinciding
/// series all remain visible.
pub(crate) fn marker_radius(series: usize) -> f64 {
    (10.5 - 1.5 * series as f64).max(5.0)
}

/// The shape of a marker.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
}

const MARKERS: [Marker; 5] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::TriangleDown,
];

/// Colour and marker of a series, by its index in the legend. The first 35 differ.
pub(crate) fn of_series(series: usize) -> (Color, Marker) {
    (LINES[series % LINES.len()], MARKERS[series % MARKERS.len()])
}

/// A PNG is drawn with the first. A viewer of an SVG takes the first that it has.
pub(crate) const FONT_FAMILY: &str =
    "Noto Sans, Open Sans, Segoe UI, Helvetica, Arial, Liberation Sans, sans-serif";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_of_35_series_look_the_same() {
        let looks: HashSet<_> = (0..35).map(of_series).collect();
        assert_eq!(looks.len(), 35);
    }

    #[test]
    fn heat_gets_darker() {
        let lightness = |fraction: f64| {
            let (Color(red, green, blue), _) = heat(fraction);
            u32::from(red) + u32::from(green) + u32::from(blue)
        };
        let steps: Vec<_> = (0..=10)
            .map(|step| lightness(f64::from(step) / 10.0))
            .collect();
        assert!(steps.is_sorted_by(|a, b| a > b), "{steps:?}");
    }
}
