//! Pages of their own layout: how a picture that is no chart of a sweep is drawn and saved.

use std::fs;
use std::path::Path;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};

use super::ChartError;
use super::canvas::{self, Canvas, Drawn, Medium, Text};
use super::layout::PAGE_WIDTH;
use super::style;

/// White space at the sides.
pub(super) const MARGIN: f64 = 30.0;

/// Something that can be drawn on any backend.
pub(super) trait Picture {
    /// Width and height in points.
    fn size(&self) -> (f64, f64);
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn;
}

/// Draws `picture` into the files NAME.svg and NAME.png of `folder`. Returns their names.
///
/// # Errors
/// [`ChartError`] when a file can't be drawn or written.
pub(super) fn save(
    picture: &impl Picture,
    folder: &Path,
    name: &str,
) -> Result<[String; 2], ChartError> {
    let names = [format!("{name}.svg"), format!("{name}.png")];
    let [svg, png] = &names;
    let path = folder.join(svg);
    let mut text = String::new();
    let area =
        SVGBackend::with_string(&mut text, Medium::SVG.pixels(picture.size())).into_drawing_area();
    let drawn = picture
        .draw(&Canvas::new(&area, Medium::SVG))
        .and_then(|()| area.present().map_err(|error| error.to_string()));
    drop(area);
    drawn.map_err(|message| ChartError::Draw {
        path: path.clone(),
        message,
    })?;
    fs::write(&path, text).map_err(|source| ChartError::Write { path, source })?;
    let path = folder.join(png);
    let area = BitMapBackend::new(&path, Medium::PNG.pixels(picture.size())).into_drawing_area();
    picture
        .draw(&Canvas::new(&area, Medium::PNG))
        .and_then(|()| area.present().map_err(|error| error.to_string()))
        .map_err(|message| ChartError::Draw {
            path: path.clone(),
            message,
        })?;
    drop(area);
    Ok(names)
}

/// Title and subtitle; the first free height below them is [`after_head`].
pub(super) fn draw_head<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    title: &str,
    subtitle: &[String],
) -> Drawn {
    let how = Text::plain(style::TITLE_SIZE, style::INK).bold();
    canvas.text(title, (MARGIN, 44.0), how)?;
    for (line, text) in subtitle.iter().enumerate() {
        let how = Text::plain(style::TEXT_SIZE, style::FAINT_INK);
        canvas.text(text, (MARGIN, 90.0 + line as f64 * 36.0), how)?;
    }
    Ok(())
}

/// The first free height below title and subtitle.
pub(super) fn after_head(subtitle: &[String]) -> f64 {
    90.0 + subtitle.len() as f64 * 36.0
}

/// `text` in lines that fit the page.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let most = PAGE_WIDTH - 2.0 * MARGIN;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if canvas::width(&format!("{line} {word}"), style::TEXT_SIZE) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
