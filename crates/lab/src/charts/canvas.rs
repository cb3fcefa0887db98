//! What charts are drawn with: lines, markers and text at places given in points, on any backend and at any scale.

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::{DrawingArea, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle,
    TextStyle,
};

use super::style::{self, Marker};

/// A place on the canvas, in points from its upper left corner.
pub(super) type Place = (f64, f64);

/// A picture being drawn.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    medium: Medium,
}

/// How a backend draws. The two differ in what they take the size of a font to be, and the middle of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Medium {
    /// Pixels to a point.
    scale: f64,
    /// What a font's size is multiplied by.
    font_scale: f64,
    /// By how much of its size text that is centred stands too high.
    font_rise: f64,
}

impl Medium {
    /// PNG, with two pixels a point for sharp text on today's screens. Its font size is the height from the lowest to the
    /// highest letter.
    pub(super) const PNG: Self = Self {
        scale: 2.0,
        font_scale: 1.0,
        font_rise: 0.165,
    };

    /// SVG. Its font size is 1.24 em, and that of a PNG 1.36.
    pub(super) const SVG: Self = Self {
        scale: 1.0,
        font_scale: 0.91,
        font_rise: 0.065,
    };

    /// The size in pixels of what is so wide and high in points.
    pub(super) fn pixels(self, (width, height): (f64, f64)) -> (u32, u32) {
        ((width * self.scale) as u32, (height * self.scale) as u32)
    }
}

/// How text stands at its place.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) color: RGBColor,
    pub(super) horizontal: HPos,
    pub(super) vertical: VPos,
    /// Turned to run upwards.
    pub(super) upwards: bool,
}

impl Text {
    /// Text that begins at its place.
    pub(super) fn plain(size: f64, color: RGBColor) -> Self {
        Self {
            size,
            bold: false,
            color,
            horizontal: HPos::Left,
            vertical: VPos::Center,
            upwards: false,
        }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) fn centred(self) -> Self {
        Self {
            horizontal: HPos::Center,
            ..self
        }
    }

    pub(super) fn to_the_left(self) -> Self {
        Self {
            horizontal: HPos::Right,
            ..self
        }
    }

    pub(super) fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }
}

/// What drawing can fail with.
pub(super) type Drawn = Result<(), String>;

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(super) fn new(area: &'a DrawingArea<B, Shift>, medium: Medium) -> Self {
        Self { area, medium }
    }

    pub(super) fn fill(&self, color: RGBColor) -> Drawn {
        self.area.fill(&color).map_err(|error| error.to_string())
    }

    pub(super) fn line(&self, places: &[Place], color: RGBColor, width: f64) -> Drawn {
        let path: Vec<_> = places.iter().map(|place| self.pixel(*place)).collect();
        let element = PathElement::new(path, self.stroke(color, width));
        self.area.draw(&element).map_err(|error| error.to_string())
    }

    /// A broken line. The dashes go on around corners.
    pub(super) fn dashed_line(&self, places: &[Place], color: RGBColor, width: f64) -> Drawn {
        const DASH: f64 = 11.0;
        const GAP: f64 = 8.0;
        for dash in dashes(places, DASH, GAP) {
            self.line(&dash, color, width)?;
        }
        Ok(())
    }

    /// A filled rectangle between two opposite corners.
    pub(super) fn rectangle(&self, corners: [Place; 2], color: RGBColor) -> Drawn {
        let element = Rectangle::new(corners.map(|corner| self.pixel(corner)), color.filled());
        self.area.draw(&element).map_err(|error| error.to_string())
    }

    /// The outline of a rectangle between two opposite corners.
    pub(super) fn outline(&self, corners: [Place; 2], color: RGBColor, width: f64) -> Drawn {
        let [(left, top), (right, bottom)] = corners;
        // A path that turns back on itself loses its corners, and some of its sides.
        let half = width / 2.0;
        for y in [top, bottom] {
            let side = [(left - half, y - half), (right + half, y + half)];
            self.rectangle(side, color)?;
        }
        for x in [left, right] {
            let side = [(x - half, top - half), (x + half, bottom + half)];
            self.rectangle(side, color)?;
        }
        Ok(())
    }

    pub(super) fn marker(
        &self,
        place: Place,
        marker: Marker,
        radius: f64,
        color: RGBColor,
    ) -> Drawn {
        self.filled_marker(place, marker, radius + 2.5, style::PAPER)?;
        self.filled_marker(place, marker, radius, color)
    }

    pub(super) fn text(&self, text: &str, (x, y): Place, how: Text) -> Drawn {
        let style = self.text_style(how);
        let rise = how.size * self.medium.font_rise;
        let place = if how.upwards {
            (x + rise, y)
        } else {
            (x, y + rise)
        };
        self.area
            .draw_text(text, &style, self.pixel(place))
            .map_err(|error| error.to_string())
    }

    fn filled_marker(&self, (x, y): Place, marker: Marker, radius: f64, color: RGBColor) -> Drawn {
        let polygon = |corners: &[Place]| {
            let corners: Vec<_> = corners
                .iter()
                .map(|(dx, dy)| self.pixel((x + dx * radius, y + dy * radius)))
                .collect();
            self.area.draw(&Polygon::new(corners, color.filled()))
        };
        let drawn = match marker {
            Marker::Circle => {
                let radius = (radius * self.medium.scale).round() as i32;
                self.area
                    .draw(&Circle::new(self.pixel((x, y)), radius, color.filled()))
            }
            Marker::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Marker::Triangle => polygon(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            Marker::Diamond => polygon(&[(0.0, -1.3), (1.2, 0.0), (0.0, 1.3), (-1.2, 0.0)]),
            Marker::TriangleDown => polygon(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
        };
        drawn.map_err(|error| error.to_string())
    }

    fn stroke(&self, color: RGBColor, width: f64) -> ShapeStyle {
        color.stroke_width((width * self.medium.scale).round().max(1.0) as u32)
    }

    fn text_style(&self, how: Text) -> TextStyle<'static> {
        let weight = if how.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let size = how.size * self.medium.scale * self.medium.font_scale;
        let font = FontDesc::new(FontFamily::Name(style::FONT), size, weight);
        let font = if how.upwards {
            font.transform(FontTransform::Rotate270)
        } else {
            font
        };
        font.color(&how.color)
            .pos(Pos::new(how.horizontal, how.vertical))
    }

    fn pixel(&self, (x, y): Place) -> (i32, i32) {
        (
            (x * self.medium.scale).round() as i32,
            (y * self.medium.scale).round() as i32,
        )
    }
}

/// How wide `text` may become, in points: in an SVG another font may take the place of ours.
pub(super) fn width(text: &str, size: f64) -> f64 {
    const WIDEST_SUBSTITUTE: f64 = 1.15;
    let font = (style::FONT, size).into_font();
    font.box_size(text)
        .map_or(0.0, |(width, _)| f64::from(width) * WIDEST_SUBSTITUTE)
}

/// The pieces of a line that is drawn for `dash` and left out for `gap`, again and again.
fn dashes(places: &[Place], dash: f64, gap: f64) -> Vec<Vec<Place>> {
    let mut pieces: Vec<Vec<Place>> = Vec::new();
    let mut gone = 0.0;
    for pair in places.windows(2) {
        let &[(x0, y0), (x1, y1)] = pair else {
            continue;
        };
        let length = (x1 - x0).hypot(y1 - y0);
        let mut at = 0.0;
        while at < length {
            let phase = (gone + at) % (dash + gap);
            let (drawn, rest) = if phase < dash {
                (true, dash - phase)
            } else {
                (false, dash + gap - phase)
            };
            let end = (at + rest.max(1e-6)).min(length);
            let place = |at: f64| (x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length);
            if drawn {
                match pieces.last_mut() {
                    Some(piece) if phase > 0.0 && at == 0.0 => piece.push(place(end)),
                    _ => pieces.push(vec![place(at), place(end)]),
                }
            }
            at = end;
        }
        gone += length;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_on_around_a_corner() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 20.0)], 10.0, 5.0);
        assert_eq!(pieces[0], [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)]);
        assert_eq!(pieces[1], [(5.0, 10.0), (5.0, 20.0)]);
    }
}
