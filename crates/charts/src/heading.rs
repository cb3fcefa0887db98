//! Title and subtitle of a page.

use super::canvas::{Canvas, Text};
use super::font::text_width;
use super::layout::{MARGIN, PAGE_WIDTH};
use super::style;

const TITLE: f64 = 44.0;
const SUBTITLE: f64 = 90.0;
const SUBTITLE_LINE: f64 = 36.0;

/// Draws the heading. It ends at [`bottom`].
pub fn draw(canvas: &mut Canvas, title: &str, subtitle: &[String]) {
    let style = Text::new(style::TITLE_SIZE, style::INK).bold();
    canvas.text(title, (MARGIN, TITLE), style);
    for (line, text) in subtitle.iter().enumerate() {
        let style = Text::new(style::TEXT_SIZE, style::FAINT_INK);
        let y = SUBTITLE + line as f64 * SUBTITLE_LINE;
        canvas.text(text, (MARGIN, y), style);
    }
}

/// The y at which a heading with this subtitle ends.
pub fn bottom(subtitle: &[String]) -> f64 {
    SUBTITLE + subtitle.len() as f64 * SUBTITLE_LINE
}

/// Breaks a subtitle into lines that fit the page.
pub fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: f64 = PAGE_WIDTH - 2.0 * MARGIN;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), style::TEXT_SIZE) <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_subtitle_is_broken_between_words() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), text.trim_end());
        assert!(wrapped("").is_empty());
    }
}
