//! Rendering an SVG as a small PNG.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::font;

/// Pixels per point: sharp on dense screens, still small.
const SCALE: f32 = 1.5;
const MAX_COLORS: usize = 256;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(font::REGULAR.to_vec());
    fonts.load_font_data(font::BOLD.to_vec());
    Arc::new(fonts)
});

type Rgb = [u8; 3];

/// Renders `svg`, which must have an opaque background, as a PNG with a palette.
pub(crate) fn render(svg: &str) -> Result<Vec<u8>, String> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let size = size.ok_or("the picture has no size")?;
    let mut pixmap = Pixmap::new(size.width(), size.height()).ok_or("the picture is too large")?;
    resvg::render(
        &tree,
        Transform::from_scale(SCALE, SCALE),
        &mut pixmap.as_mut(),
    );
    encode(&pixmap).map_err(|error| error.to_string())
}

fn encode(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let pixels = || (pixmap.data().chunks_exact(4)).map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    let mut counts: HashMap<Rgb, u32> = HashMap::new();
    for pixel in pixels() {
        *counts.entry(pixel).or_default() += 1;
    }
    let (palette, indices) = palette(&counts);
    let indexed: Vec<u8> = pixels().map(|pixel| indices[&pixel]).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, pixmap.width(), pixmap.height());
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indexed)?;
    writer.finish()?;
    Ok(file)
}

/// At most [`MAX_COLORS`] colours, and for each colour in `counts` the index of the nearest of them. Frequent colours are
/// kept as they are; rare ones, mostly from antialiasing, are merged into them.
fn palette(counts: &HashMap<Rgb, u32>) -> (Vec<Rgb>, HashMap<Rgb, u8>) {
    let mut colors: Vec<Rgb> = counts.keys().copied().collect();
    colors.sort_by_key(|color| (Reverse(counts[color]), *color));
    let mut tolerance = 0;
    let palette = loop {
        let palette = spaced(&colors, tolerance);
        if palette.len() <= MAX_COLORS {
            break palette;
        }
        tolerance += 4;
    };
    let nearest = |color: Rgb| {
        let index = (0..palette.len()).min_by_key(|index| distance(palette[*index], color));
        index.unwrap_or_default() as u8
    };
    let indices = colors
        .iter()
        .map(|color| (*color, nearest(*color)))
        .collect();
    (palette, indices)
}

/// The colours that differ by more than `tolerance` from all earlier ones; stops after one more than fit.
fn spaced(colors: &[Rgb], tolerance: u32) -> Vec<Rgb> {
    let mut palette: Vec<Rgb> = Vec::new();
    for color in colors {
        let is_near = |other: &Rgb| distance(*other, *color) <= tolerance * tolerance;
        if tolerance == 0 || !palette.iter().any(is_near) {
            palette.push(*color);
        }
        if palette.len() > MAX_COLORS {
            break;
        }
    }
    palette
}

/// The square of the Euclidean distance.
fn distance(one: Rgb, other: Rgb) -> u32 {
    (0..3)
        .map(|channel| u32::from(one[channel].abs_diff(other[channel])).pow(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_exactly() {
        let counts = HashMap::from([([0, 0, 0], 5), ([1, 0, 0], 3), ([255, 255, 255], 9)]);
        let (palette, indices) = palette(&counts);
        assert_eq!(palette, [[255, 255, 255], [0, 0, 0], [1, 0, 0]]);
        assert_eq!(indices[&[1, 0, 0]], 2);
    }

    #[test]
    fn many_colours_are_merged_into_the_nearest_frequent_one() {
        let mut counts: HashMap<Rgb, u32> = (0..4_096_u32)
            .map(|number| {
                (
                    [
                        (number % 16) as u8,
                        (number / 16 % 16) as u8,
                        (number / 256) as u8,
                    ],
                    1,
                )
            })
            .collect();
        counts.insert([7, 7, 7], 1_000);
        let (palette, indices) = palette(&counts);
        assert!(palette.len() <= MAX_COLORS);
        assert_eq!(palette[0], [7, 7, 7]);
        assert_eq!(indices.len(), counts.len());
        assert_eq!(indices[&[7, 7, 7]], 0);
    }

    #[test]
    fn an_svg_becomes_a_png_of_its_size() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"40\">\
                   <rect width=\"100\" height=\"40\" fill=\"#fff\"/></svg>";
        let bytes = render(svg).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        assert_eq!((reader.info().width, reader.info().height), (150, 60));
        assert!(render("no picture").is_err());
    }
}
