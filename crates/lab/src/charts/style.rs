//! The look of all charts: colours, markers, fonts and sizes.

use plotters::style::{FontStyle, RGBColor, register_font};

/// The colours of lines: Okabe and Ito's (2008), which people with any colour vision tell apart, without the yellow that
/// vanishes on paper. They differ in lightness too, for printing in grey.
pub(super) const LINES: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
];

pub(super) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(super) const FAINT_INK: RGBColor = RGBColor(0x59, 0x63, 0x6e);
pub(super) const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

pub(super) const TITLE_SIZE: f64 = 40.0;
pub(super) const PANEL_TITLE_SIZE: f64 = 30.0;
pub(super) const TEXT_SIZE: f64 = 27.0;

pub(super) const LINE_WIDTH: f64 = 3.5;
pub(super) const THEORY_WIDTH: f64 = 2.0;

/// The colours of heat maps from nothing to the highest value: one hue that only becomes darker, so that grey paper and any
/// colour vision keep their order.
const HEAT: [RGBColor; 3] = [
    RGBColor(0xf3, 0xf7, 0xfb),
    RGBColor(0x4f, 0x9c, 0xc9),
    RGBColor(0x05, 0x2d, 0x4e),
];

/// The colour of the value at `fraction` of the highest, and the colour of text on it.
pub(super) fn heat(fraction: f64) -> (RGBColor, RGBColor) {
    const DARK: f64 = 0.55;
    let [light, middle, dark] = HEAT;
    let color = match fraction {
        low if low < 0.5 => mixed(light, middle, 2.0 * low),
        high => mixed(middle, dark, (2.0 * high - 1.0).min(1.0)),
    };
    (color, if fraction > DARK { PAPER } else { INK })
}

/// `one`, with `share` of `other` in it.
pub(super) fn mixed(one: RGBColor, other: RGBColor, share: f64) -> RGBColor {
    let mix = |one: u8, other: u8| {
        (f64::from(one) + (f64::from(other) - f64::from(one)) * share.clamp(0.0, 1.0)).round() as u8
    };
    RGBColor(
        mix(one.0, other.0),
        mix(one.1, other.1),
        mix(one.2, other.2),
    )
}

/// The size of the markers of the line at `place`. Later lines are drawn over earlier ones and have smaller markers, so
/// that lines which fall on each other all remain to be seen.
pub(super) fn marker_radius(place: usize) -> f64 {
    (10.5 - 1.5 * place as f64).max(5.0)
}

/// The shape of a marker. Lines that share a colour never share a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
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

/// Colour and marker of the line at `place`.
pub(super) fn of_line(place: usize) -> (RGBColor, Marker) {
    (LINES[place % LINES.len()], MARKERS[place % MARKERS.len()])
}

/// The font of all text. An SVG names it and leaves the choice of a similar one to the viewer; a PNG takes it from the
/// `notosans` crate (SIL Open Font License).
pub(super) const FONT: &str =
    "Noto Sans, Open Sans, Segoe UI, Helvetica, Arial, Liberation Sans, sans-serif";

/// Makes [`FONT`] known. Doing so again changes nothing.
pub(super) fn register_fonts() -> Result<(), String> {
    let fonts = [
        (FontStyle::Normal, notosans::REGULAR_TTF),
        (FontStyle::Bold, notosans::BOLD_TTF),
    ];
    for (style, bytes) in fonts {
        register_font(FONT, style, bytes)
            .map_err(|_| "the charts' font can't be read".to_owned())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_of_35_lines_look_the_same() {
        let looks: HashSet<_> = (0..35)
            .map(|place| {
                let (RGBColor(red, green, blue), marker) = of_line(place);
                (red, green, blue, format!("{marker:?}"))
            })
            .collect();
        assert_eq!(looks.len(), 35);
    }

    #[test]
    fn the_font_can_be_read() {
        register_fonts().unwrap();
    }
}
