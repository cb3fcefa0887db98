//! Title and subtitle of a page.

use super::canvas::{Canvas, Text};
use super::font::text_width;
use super::layout::{MARGIN, PAGE_WIDTH};
use super::style;

const TITLE: f64 = 44.0;
const SUBTITLE: f64 = 90.0;
const SUBTITLE_LINE: f64 = 36.0;

/// The title of a picture, in one line, and its subtitle, broken into lines that fit the page.
pub struct Heading {
    title: String,
    subtitle: Vec<String>,
    /// Title and subtitle, for readers who cannot see the picture.
    pub(crate) description: String,
}

impl Heading {
    /// The heading with these texts.
    pub fn new(title: &str, subtitle: &str) -> Self {
        Self {
            title: title.to_owned(),
            subtitle: wrapped(subtitle),
            description: format!("{title}: {subtitle}"),
        }
    }

    /// The y at which it ends.
    pub fn bottom(&self) -> f64 {
        SUBTITLE + self.subtitle.len() as f64 * SUBTITLE_LINE
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas) {
        let style = Text::new(style::TITLE_SIZE, style::INK).bold();
        canvas.text(&self.title, (MARGIN, TITLE), style);
        for (line, text) in self.subtitle.iter().enumerate() {
            let y = SUBTITLE + line as f64 * SUBTITLE_LINE;
            canvas.text(text, (MARGIN, y), Text::FAINT);
        }
    }
}

fn wrapped(text: &str) -> Vec<String> {
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
