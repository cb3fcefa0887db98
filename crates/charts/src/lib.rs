//! Draws charts, each as an SVG and as a PNG, all in the same style.
//!
//! The input is plain data: points, labels and scales. This crate knows nothing about what was measured.
//!
//! - [`Chart`]: panels with two axes ([`Plane`]) or heat maps ([`HeatMap`]), with title, subtitle and legend.
//! - [`DotChart`]: a list of names with a dot and an interval each.
//! - [`save`]: anything else that can be drawn on a [`Canvas`].
//!
//! Lengths are in points: one pixel of the SVG, 1.5 pixels of the PNG.

mod canvas;
mod chart;
mod dots;
pub mod font;
mod heading;
mod heat_map;
mod layout;
mod legend;
mod picture;
mod plane;
mod png;
mod scale;
pub mod style;

pub use canvas::{Canvas, Position, Text};
pub use chart::{Chart, Content, draw};
pub use dots::{Dot, DotChart, DotPanel, draw_dots};
pub use heading::Heading;
pub use heat_map::{HeatMap, HeatPanel};
pub use layout::{Frame, MARGIN, PAGE_WIDTH};
pub use picture::{ChartError, save};
pub use plane::{Axis, Plane, PlanePanel, Point, Series, draw_grid};
pub use scale::{Scale, round_step};
