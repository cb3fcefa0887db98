//! Where the parts of a chart are placed on the page, in points.

use super::canvas::Position;

/// Width of every page. The text remains legible at an eighth of it, on a phone.
pub const PAGE_WIDTH: f64 = 1_200.0;
/// Empty space on both sides of a page.
pub const MARGIN: f64 = 30.0;

const CONTENT_WIDTH: f64 = PAGE_WIDTH - 2.0 * MARGIN;
const LEGEND_LINE: f64 = 44.0;
const PANEL_TITLE: f64 = 34.0;
const ABOVE_PANEL: f64 = 24.0;
const BELOW_PANEL: f64 = 90.0;
const RIGHT_OF_PANEL: f64 = 20.0;

/// A rectangle with a coordinate system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Its left edge.
    pub left: f64,
    /// Its upper edge.
    pub top: f64,
    /// Its right edge.
    pub right: f64,
    /// Its lower edge.
    pub bottom: f64,
}

impl Frame {
    /// The position at these fractions of the width, from the left, and of the height, from the bottom.
    pub fn at(&self, x: f64, y: f64) -> Position {
        (
            self.left + (self.right - self.left) * x,
            self.bottom - (self.bottom - self.top) * y,
        )
    }
}

/// The layout of one chart.
pub(crate) struct Layout {
    pub(crate) height: f64,
    /// The plot areas of the panels.
    pub(crate) panels: Vec<Frame>,
    /// The start of each entry of the legend.
    pub(crate) legend: Vec<Position>,
}

/// What needs to be placed.
pub(crate) struct Contents<'a> {
    /// The titles of the panels.
    pub(crate) titles: Vec<&'a str>,
    /// Most panels side by side.
    pub(crate) columns: usize,
    /// Height of a panel's plot area.
    pub(crate) height: f64,
    /// Space to the left of a panel's plot area.
    pub(crate) left: f64,
}

impl Layout {
    /// Places the panels in a grid. The legend goes into an empty place of the grid if there is one, otherwise above the
    /// panels, and never covers data. `top` is where the heading ends, `legend` the widths of the legend's entries.
    pub(crate) fn new(contents: &Contents, top: f64, legend: &[f64]) -> Self {
        let panels = contents.titles.len();
        let columns = contents.columns.min(panels).max(1);
        let rows = panels.div_ceil(columns);
        let untitled = contents.titles.iter().all(|title| title.is_empty());
        let above = ABOVE_PANEL + if untitled { 0.0 } else { PANEL_TITLE };
        let panel_width = CONTENT_WIDTH / columns as f64;
        let panel_height = above + contents.height + BELOW_PANEL;
        let corner = |panel: usize, grid_top: f64| {
            let (column, row) = (panel % columns, panel / columns);
            (
                MARGIN + column as f64 * panel_width,
                grid_top + row as f64 * panel_height,
            )
        };
        let (legend, grid_top) = if panels < columns * rows {
            let (left, free_top) = corner(panels, top);
            let entry = |line: usize| {
                let y = free_top + above + (line as f64 + 0.5) * LEGEND_LINE;
                (left + contents.left, y)
            };
            ((0..legend.len()).map(entry).collect(), top)
        } else {
            flow(legend, top)
        };
        let frame = |panel: usize| {
            let (left, top) = corner(panel, grid_top);
            Frame {
                left: left + contents.left,
                top: top + above,
                right: left + panel_width - RIGHT_OF_PANEL,
                bottom: top + above + contents.height,
            }
        };
        Self {
            height: grid_top + rows as f64 * panel_height + 6.0,
            panels: (0..panels).map(frame).collect(),
            legend,
        }
    }
}

/// Places entries of these widths side by side in lines from `top` on. Also returns where the last line ends.
fn flow(widths: &[f64], top: f64) -> (Vec<Position>, f64) {
    let mut at = (MARGIN, top + LEGEND_LINE / 2.0);
    let positions = widths
        .iter()
        .map(|width| {
            if at.0 > MARGIN && at.0 + width > MARGIN + CONTENT_WIDTH {
                at = (MARGIN, at.1 + LEGEND_LINE);
            }
            let position = at;
            at.0 += width;
            position
        })
        .collect();
    (positions, at.1 + LEGEND_LINE / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(panels: usize) -> Layout {
        let contents = Contents {
            titles: vec!["a panel"; panels],
            columns: 2,
            height: 290.0,
            left: 106.0,
        };
        Layout::new(&contents, 160.0, &[500.0; 5])
    }

    #[test]
    fn panels_are_on_the_page_and_do_not_overlap() {
        for panels in 1..=7 {
            let layout = layout(panels);
            for (index, panel) in layout.panels.iter().enumerate() {
                assert!(panel.left >= 0.0 && panel.right <= PAGE_WIDTH);
                assert!(panel.top >= 0.0 && panel.bottom <= layout.height);
                for other in &layout.panels[index + 1..] {
                    assert!(
                        panel.right < other.left
                            || panel.bottom < other.top
                            || other.right < panel.left
                    );
                }
            }
        }
    }

    #[test]
    fn no_panel_covers_the_legend() {
        for panels in 1..=7 {
            let layout = layout(panels);
            assert_eq!(layout.legend.len(), 5);
            for (x, y) in &layout.legend {
                let covered = |panel: &Frame| {
                    (panel.left..panel.right).contains(x) && (panel.top..panel.bottom).contains(y)
                };
                assert!(!layout.panels.iter().any(covered), "{panels} panels");
            }
        }
    }
}
