//! A canvas on plotters' SVG backend: positions in points, text aligned alike in all viewers.

use std::io;

use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, FontFamily, FontStyle, FontTransform, TextStyle};
use plotters_backend::DrawingErrorKind;

use super::style::{self, Color, Marker};

/// A position in points from the upper left corner: x to the right, y downwards.
pub type Position = (f64, f64);

/// An SVG being drawn, on white paper. Later elements cover earlier ones.
pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
    /// The first error. Drawing goes on, so that callers need not handle it.
    error: Option<String>,
}

/// Size, colour and alignment of text. The default alignment starts at the position and is centred vertically.
#[derive(Clone, Copy)]
pub struct Text {
    size: f64,
    color: Color,
    bold: bool,
    anchor: HPos,
    upwards: bool,
}

impl Text {
    /// Text of the usual size.
    pub const NORMAL: Self = Self::new(style::TEXT_SIZE, style::INK);
    /// Secondary text of the usual size.
    pub const FAINT: Self = Self::new(style::TEXT_SIZE, style::FAINT_INK);
    /// The title of a panel.
    pub const PANEL_TITLE: Self = Self::new(style::PANEL_TITLE_SIZE, style::INK).bold();

    /// Text of `size` points an em.
    pub const fn new(size: f64, color: Color) -> Self {
        Self {
            size,
            color,
            bold: false,
            anchor: HPos::Left,
            upwards: false,
        }
    }

    /// In bold.
    #[must_use]
    pub const fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// Centred on the position.
    #[must_use]
    pub fn centred(mut self) -> Self {
        self.anchor = HPos::Center;
        self
    }

    /// Ending at the position.
    #[must_use]
    pub fn right_aligned(mut self) -> Self {
        self.anchor = HPos::Right;
        self
    }

    /// Rotated to run from bottom to top.
    #[must_use]
    pub fn upwards(mut self) -> Self {
        self.upwards = true;
        self
    }
}

/// Lets `draw` draw an SVG of this size in points. `description` becomes its accessible name.
/// An error is the reason why the backend failed.
pub(crate) fn svg(
    size: (f64, f64),
    description: &str,
    draw: impl FnOnce(&mut Canvas),
) -> Result<String, String> {
    let mut svg = String::new();
    let size = (size.0.round() as u32, size.1.round() as u32);
    let mut canvas = Canvas {
        backend: SVGBackend::with_string(&mut svg, size),
        error: None,
    };
    canvas.rectangle([(0.0, 0.0), (size.0.into(), size.1.into())], style::PAPER);
    draw(&mut canvas);
    let presented = canvas.backend.present();
    canvas.check(presented);
    let error = canvas.error.take();
    drop(canvas);
    error.map_or_else(|| Ok(completed(&svg, description)), Err)
}

/// Adds the accessible name, and moves what plotters repeats for every element to the root: half of the size.
fn completed(svg: &str, description: &str) -> String {
    let font = format!(" font-family=\"{}\"", style::FONT_FAMILY);
    let elements = svg
        .strip_prefix("<svg ")
        .unwrap_or(svg)
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" fill=\"none\"", "")
        .replace(&font, "")
        .replace(" \"/>", "\"/>")
        .replacen(
            ">\n",
            &format!(">\n<title>{}</title>\n", escaped(description)),
            1,
        );
    format!("<svg role=\"img\" fill=\"none\" stroke-linejoin=\"round\"{font} {elements}")
}

impl Canvas<'_> {
    /// A line through `positions`.
    pub fn line(&mut self, positions: &[Position], color: Color, width: f64) {
        let mut pixels: Vec<_> = positions.iter().map(|position| pixel(*position)).collect();
        pixels.dedup();
        if pixels.len() < 2 {
            return;
        }
        let stroke = color.stroke_width(width.round().max(1.0) as u32);
        let drawn = self.backend.draw_path(pixels, &stroke);
        self.check(drawn);
    }

    /// A dashed line through `positions`.
    pub fn dashed_line(&mut self, positions: &[Position], color: Color, width: f64) {
        const DASH: f64 = 11.0;
        const GAP: f64 = 8.0;
        for dash in dashes(positions, DASH, GAP) {
            self.line(&dash, color, width);
        }
    }

    /// A filled rectangle between two opposite corners.
    pub fn rectangle(&mut self, [one, other]: [Position; 2], color: Color) {
        let ((x0, y0), (x1, y1)) = (pixel(one), pixel(other));
        let corners = [(x0.min(x1), y0.min(y1)), (x0.max(x1), y0.max(y1))];
        let drawn = (self.backend).draw_rect(corners[0], corners[1], &color.filled(), true);
        self.check(drawn);
    }

    /// The outline of a rectangle between two opposite corners.
    pub fn outline(&mut self, [one, other]: [Position; 2], color: Color, width: f64) {
        // The backend ignores the width of a rectangle's stroke.
        let half = width / 2.0;
        let (left, right) = (one.0.min(other.0), one.0.max(other.0));
        let (top, bottom) = (one.1.min(other.1), one.1.max(other.1));
        for y in [top, bottom] {
            let side = [(left - half, y - half), (right + half, y + half)];
            self.rectangle(side, color);
        }
        for x in [left, right] {
            let side = [(x - half, top - half), (x + half, bottom + half)];
            self.rectangle(side, color);
        }
    }

    /// A marker with a white border, which separates it from the lines below it.
    pub(crate) fn marker(&mut self, position: Position, marker: Marker, radius: f64, color: Color) {
        self.filled_marker(position, marker, radius + 2.5, style::PAPER);
        self.filled_marker(position, marker, radius, color);
    }

    fn filled_marker(&mut self, (x, y): Position, marker: Marker, radius: f64, color: Color) {
        let corners: &[Position] = match marker {
            Marker::Circle => &[],
            Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Marker::Triangle => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            Marker::Diamond => &[(0.0, -1.3), (1.2, 0.0), (0.0, 1.3), (-1.2, 0.0)],
            Marker::TriangleDown => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        };
        let style = color.filled();
        let drawn = if corners.is_empty() {
            let radius = radius.round() as u32;
            (self.backend).draw_circle(pixel((x, y)), radius, &style, true)
        } else {
            let corners =
                (corners.iter()).map(|(dx, dy)| pixel((x + dx * radius, y + dy * radius)));
            self.backend.fill_polygon(corners, &style)
        };
        self.check(drawn);
    }

    /// One line of text.
    pub fn text(&mut self, text: &str, (x, y): Position, style: Text) {
        // The backend's size of a font is 1.24 em. Its vertical centre is that of a small letter; half a capital letter is
        // 0.36 em, of which the backend adds 0.25.
        const BACKEND_EM: f64 = 1.24;
        const DOWN: f64 = 0.11;
        if text.is_empty() {
            return;
        }
        let weight = match style.bold {
            true => FontStyle::Bold,
            false => FontStyle::Normal,
        };
        let size = style.size * BACKEND_EM;
        let font = FontDesc::new(FontFamily::Name(style::FONT_FAMILY), size, weight);
        let (font, position) = match style.upwards {
            true => (
                font.transform(FontTransform::Rotate270),
                (x + DOWN * style.size, y),
            ),
            false => (font, (x, y + DOWN * style.size)),
        };
        let text_style = TextStyle::from(font)
            .color(&style.color)
            .pos(Pos::new(style.anchor, VPos::Center));
        let drawn = (self.backend).draw_text(text, &text_style, pixel(position));
        self.check(drawn);
    }

    fn check(&mut self, drawn: Result<(), DrawingErrorKind<io::Error>>) {
        if let Err(error) = drawn {
            self.error.get_or_insert(error.to_string());
        }
    }
}

fn pixel((x, y): Position) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Splits a line into dashes that continue around corners.
fn dashes(positions: &[Position], dash: f64, gap: f64) -> Vec<Vec<Position>> {
    let mut pieces: Vec<Vec<Position>> = Vec::new();
    let mut gone = 0.0;
    for pair in positions.windows(2) {
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
            let position = |at: f64| (x0 + (x1 - x0) * at / length, y0 + (y1 - y0) * at / length);
            if drawn {
                match pieces.last_mut() {
                    Some(piece) if phase > 0.0 && at == 0.0 => piece.push(position(end)),
                    _ => pieces.push(vec![position(at), position(end)]),
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
    fn text_is_escaped_and_the_svg_has_a_name() {
        let draw = |canvas: &mut Canvas| {
            canvas.text("a < b & c", (0.0, 0.0), Text::NORMAL);
        };
        let svg = svg((100.0, 50.0), "a > b", draw).unwrap();
        assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
        assert!(svg.contains(">\n<title>a &gt; b</title>"), "{svg}");
        assert_eq!(svg.matches("font-family").count(), 1, "{svg}");
    }

    #[test]
    fn dashes_continue_around_a_corner() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 20.0)], 10.0, 5.0);
        assert_eq!(pieces[0], [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)]);
        assert_eq!(pieces[1], [(5.0, 10.0), (5.0, 20.0)]);
    }
}
