//! Writing pictures to files.

use std::fs;
use std::path::{Path, PathBuf};

use super::canvas::{self, Canvas};
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

/// Something that draws itself.
pub trait Picture {
    /// Width and height in points.
    fn size(&self) -> (f64, f64);

    /// A text that stands for the picture where it cannot be seen.
    fn description(&self) -> String;

    /// Draws the picture on an empty canvas of [`size`](Self::size).
    fn draw(&self, canvas: &mut Canvas);
}

/// Writes `picture` to the files NAME.svg and NAME.png in `folder`. Returns their names.
///
/// # Errors
/// [`ChartError`] if a file cannot be rendered or written.
pub fn save(picture: &impl Picture, folder: &Path, name: &str) -> Result<[String; 2], ChartError> {
    let names = [format!("{name}.svg"), format!("{name}.png")];
    let [svg_path, png_path] = [&names[0], &names[1]].map(|name| folder.join(name));
    let failed = |path: &Path| {
        let path = path.to_owned();
        |message| ChartError::Render { path, message }
    };
    let drawn = canvas::svg(picture.size(), &picture.description(), |canvas| {
        picture.draw(canvas);
    });
    let svg = drawn.map_err(failed(&svg_path))?;
    let png = png::render(&svg).map_err(failed(&png_path))?;
    write(svg_path, svg.as_bytes())?;
    write(png_path, &png)?;
    Ok(names)
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(), ChartError> {
    fs::write(&path, bytes).map_err(|source| ChartError::Write { path, source })
}
