//! A canvas that writes SVG.

use std::fmt::{self, Write};

use super::style::{self, Color, Marker};

/// A position in points from the upper left corner: x to the right, y downwards.
pub type Position = (f64, f64);

/// An SVG being drawn, on white paper. Later elements cover earlier ones.
#[derive(Debug)]
pub struct Canvas {
    width: f64,
    height: f64,
    elements: String,
}

/// Size, colour and alignment of text. The default alignment starts at the position and is centred vertically.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    size: f64,
    color: Color,
    bold: bool,
    anchor: &'static str,
    upwards: bool,
}

impl Text {
    /// Text of `size` points an em.
    pub fn new(size: f64, color: Color) -> Self {
        Self {
            size,
            color,
            bold: false,
            anchor: "start",
            upwards: false,
        }
    }

    /// In bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Centred on the position.
    #[must_use]
    pub fn centred(self) -> Self {
        Self {
            anchor: "middle",
            ..self
        }
    }

    /// Ending at the position.
    #[must_use]
    pub fn right_aligned(self) -> Self {
        Self {
            anchor: "end",
            ..self
        }
    }

    /// Rotated to run from bottom to top.
    #[must_use]
    pub fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }
}

impl Canvas {
    /// An empty canvas of this size in points.
    pub fn new((width, height): (f64, f64)) -> Self {
        let mut canvas = Self {
            width: width.round(),
            height: height.round(),
            elements: String::new(),
        };
        canvas.rectangle([(0.0, 0.0), (canvas.width, canvas.height)], style::PAPER);
        canvas
    }

    /// A line through `positions`.
    pub fn line(&mut self, positions: &[Position], color: Color, width: f64) {
        self.polyline(positions, color, width, "");
    }

    /// A dashed line through `positions`.
    pub fn dashed_line(&mut self, positions: &[Position], color: Color, width: f64) {
        self.polyline(positions, color, width, " stroke-dasharray=\"11 8\"");
    }

    /// A filled rectangle between two opposite corners.
    pub fn rectangle(&mut self, corners: [Position; 2], color: Color) {
        self.rect(corners, &format!("fill=\"{color}\""));
    }

    /// The outline of a rectangle between two opposite corners.
    pub fn outline(&mut self, corners: [Position; 2], color: Color, width: f64) {
        let stroke = format!("stroke=\"{color}\" stroke-width=\"{}\"", Rounded(width));
        self.rect(corners, &stroke);
    }

    /// A marker with a white border, which separates it from the lines below it.
    pub fn marker(&mut self, (x, y): Position, marker: Marker, radius: f64, color: Color) {
        let corners: &[Position] = match marker {
            Marker::Circle => &[],
            Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Marker::Triangle => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            Marker::Diamond => &[(0.0, -1.3), (1.2, 0.0), (0.0, 1.3), (-1.2, 0.0)],
            Marker::TriangleDown => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        };
        let shape = if corners.is_empty() {
            let (x, y, radius) = (Rounded(x), Rounded(y), Rounded(radius));
            format!("circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"")
        } else {
            let corners = corners
                .iter()
                .map(|(dx, dy)| (x + dx * radius, y + dy * radius));
            format!("polygon points=\"{}\"", points(corners))
        };
        let paper = style::PAPER;
        self.element(format_args!(
            "<{shape} fill=\"{color}\" stroke=\"{paper}\" stroke-width=\"5\" paint-order=\"stroke\"{SMOOTH}/>"
        ));
    }

    /// One line of text.
    pub fn text(&mut self, text: &str, (x, y): Position, style: Text) {
        // Half the height of a capital letter. `dominant-baseline` differs between renderers.
        const BASELINE: f64 = 0.36;
        let Text {
            size,
            color,
            bold,
            anchor,
            upwards,
        } = style;
        let mut attributes = format!(
            "x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{color}\"",
            Rounded(x),
            Rounded(y + BASELINE * size),
            Rounded(size)
        );
        if anchor != "start" {
            let _ = write!(attributes, " text-anchor=\"{anchor}\"");
        }
        if bold {
            attributes.push_str(" font-weight=\"bold\"");
        }
        if upwards {
            let (x, y) = (Rounded(x), Rounded(y));
            let _ = write!(attributes, " transform=\"rotate(-90 {x} {y})\"");
        }
        self.element(format_args!("<text {attributes}>{}</text>", escaped(text)));
    }

    /// The finished SVG. `description` is its accessible name.
    pub fn into_svg(self, description: &str) -> String {
        let (width, height) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{}\" fill=\"none\" stroke-linejoin=\"round\" shape-rendering=\"crispEdges\">\n\
             <title>{}</title>\n{}</svg>\n",
            style::FONT_FAMILY,
            escaped(description),
            self.elements
        )
    }

    fn polyline(&mut self, positions: &[Position], color: Color, width: f64, dashes: &str) {
        let [first, ..] = positions else { return };
        let straight = positions.iter().all(|position| position.0 == first.0)
            || positions.iter().all(|position| position.1 == first.1);
        let rendering = if straight { "" } else { SMOOTH };
        self.element(format_args!(
            "<polyline points=\"{}\" stroke=\"{color}\" stroke-width=\"{}\"{dashes}{rendering}/>",
            points(positions.iter().copied()),
            Rounded(width)
        ));
    }

    fn rect(&mut self, [(x0, y0), (x1, y1)]: [Position; 2], paint: &str) {
        self.element(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {paint}/>",
            Rounded(x0.min(x1)),
            Rounded(y0.min(y1)),
            Rounded((x1 - x0).abs()),
            Rounded((y1 - y0).abs())
        ));
    }

    fn element(&mut self, element: fmt::Arguments<'_>) {
        let _ = writeln!(self.elements, "{element}");
    }
}

/// Shapes are not antialiased unless they ask for it: horizontal and vertical edges stay sharp, and PNGs small.
const SMOOTH: &str = " shape-rendering=\"auto\"";

/// A length with one decimal at most.
struct Rounded(f64);

impl fmt::Display for Rounded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() / 10.0;
        // Adding zero turns -0 into 0.
        write!(formatter, "{}", tenths + 0.0)
    }
}

fn points(positions: impl Iterator<Item = Position>) -> String {
    let points: Vec<_> = positions
        .map(|(x, y)| format!("{},{}", Rounded(x), Rounded(y)))
        .collect();
    points.join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut canvas = Canvas::new((100.0, 50.0));
        canvas.text("a < b & c", (0.0, 0.0), Text::new(20.0, style::INK));
        let svg = canvas.into_svg("a > b");
        assert!(svg.contains(">a &lt; b &amp; c</text>"), "{svg}");
        assert!(svg.contains("<title>a &gt; b</title>"), "{svg}");
    }

    #[test]
    fn lengths_have_one_decimal_at_most() {
        let shown = [0.0, -0.01, 12.345, 7.0].map(|length| Rounded(length).to_string());
        assert_eq!(shown, ["0", "0", "12.3", "7"]);
    }

    #[test]
    fn a_line_without_positions_draws_nothing() {
        let mut canvas = Canvas::new((10.0, 10.0));
        canvas.line(&[], style::INK, 1.0);
        assert!(!canvas.into_svg("").contains("polyline"));
    }
}
