//! Writing pictures to files.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::canvas::{self, Canvas};
use super::heading::Heading;
use super::layout::PAGE_WIDTH;
use super::png;

/// A picture that could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The picture cannot be drawn.
    #[error("cannot draw {}: {message}", path.display())]
    Render {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

/// Writes a page of this height, on which `draw` draws all but the heading, to the files NAME.svg and NAME.png in
/// `folder`. Returns their names.
///
/// # Errors
/// [`ChartError`] if a file exists, or cannot be rendered or written.
pub fn save(
    folder: &Path,
    name: &str,
    heading: &Heading,
    height: f64,
    draw: impl FnOnce(&mut Canvas),
) -> Result<Vec<String>, ChartError> {
    let names = [format!("{name}.svg"), format!("{name}.png")];
    let [svg_path, png_path] = [&names[0], &names[1]].map(|name| folder.join(name));
    let failed = |path: &Path| {
        let path = path.to_owned();
        |message| ChartError::Render { path, message }
    };
    let drawn = canvas::svg((PAGE_WIDTH, height), &heading.description, |canvas| {
        heading.draw(canvas);
        draw(canvas);
    });
    let svg = drawn.map_err(failed(&svg_path))?;
    let png = png::render(&svg).map_err(failed(&png_path))?;
    write(svg_path, svg.as_bytes())?;
    write(png_path, &png)?;
    Ok(names.into())
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(), ChartError> {
    let written = File::create_new(&path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| ChartError::Write { path, source })
}
