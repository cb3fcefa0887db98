//! The font of all text: Noto Sans from the `notosans` crate (SIL Open Font License).

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

pub(crate) const REGULAR: &[u8] = notosans::REGULAR_TTF;
pub(crate) const BOLD: &[u8] = notosans::BOLD_TTF;

/// The width to reserve for `text` in regular weight of `size` points an em. A viewer of the SVG may substitute a wider
/// font, so this is 15 % more than Noto Sans takes.
pub fn text_width(text: &str, size: f64) -> f64 {
    const WIDEST_SUBSTITUTE: f64 = 1.15;
    let Ok(font) = FontRef::new(REGULAR) else {
        return 0.0;
    };
    let (characters, metrics) = (
        font.charmap(),
        font.glyph_metrics(Size::new(size as f32), LocationRef::default()),
    );
    let width: f32 = text
        .chars()
        .filter_map(|character| metrics.advance_width(characters.map(character)?))
        .sum();
    f64::from(width) * WIDEST_SUBSTITUTE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_and_larger_text_is_wider() {
        let width = text_width("goodput", 20.0);
        assert!((60.0..120.0).contains(&width), "{width}");
        assert!(text_width("goodput (Mbit/s)", 20.0) > width);
        assert!((text_width("goodput", 40.0) - 2.0 * width).abs() < 0.1);
    }
}
