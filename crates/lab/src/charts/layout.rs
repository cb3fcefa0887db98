//! Where everything stands on the page, in points.

use super::canvas::Place;

/// Width of a picture: an eighth of it is a legible word on a phone, and it fills a projector.
pub(super) const PAGE_WIDTH: f64 = 1_200.0;

const MARGIN: f64 = 30.0;
const CONTENT_WIDTH: f64 = PAGE_WIDTH - 2.0 * MARGIN;
const TITLE: f64 = 44.0;
const SUBTITLE: f64 = TITLE + 46.0;
const SUBTITLE_LINE: f64 = 36.0;
const LEGEND_LINE: f64 = 44.0;
const PANEL_TITLE: f64 = 34.0;
/// The coordinate system of a panel, and what stands around it.
pub(super) const HEIGHT: f64 = 290.0;
const ABOVE: f64 = 24.0;
const BELOW: f64 = 90.0;
pub(super) const LEFT: f64 = 106.0;
const RIGHT: f64 = 20.0;

/// A rectangle with its corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// The place at these fractions of the width, from the left, and of the height, from below.
    pub(super) fn at(&self, x: f64, y: f64) -> Place {
        (
            self.left + (self.right - self.left) * x,
            self.bottom - (self.bottom - self.top) * y,
        )
    }
}

/// The page of one chart.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) title: f64,
    /// The middle of each line of the subtitle.
    pub(super) subtitle: Vec<f64>,
    /// The coordinate systems of the panels.
    pub(super) panels: Vec<Frame>,
    /// The beginning of each line of the legend.
    pub(super) legend: Vec<Place>,
}

/// What a page has to have room for.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) subtitle_lines: usize,
    pub(super) panels: usize,
    /// How many stand beside each other.
    pub(super) columns: usize,
    /// The height of a panel's coordinate system, and the room to the left of it.
    pub(super) height: f64,
    pub(super) left: f64,
    /// Whether the panels have titles.
    pub(super) titled: bool,
    /// The width of each entry of the legend.
    pub(super) legend: Vec<f64>,
}

impl Page {
    /// A page with the panels in columns. The legend stands in the empty place of the grid where there is one, else
    /// above the panels; never on data.
    pub(super) fn new(contents: &Contents) -> Self {
        let columns = contents.columns.min(contents.panels).max(1);
        let rows = contents.panels.div_ceil(columns);
        let above = if contents.titled {
            ABOVE + PANEL_TITLE
        } else {
            ABOVE
        };
        let panel_width = CONTENT_WIDTH / columns as f64;
        let panel_height = above + contents.height + BELOW;
        let head = SUBTITLE + contents.subtitle_lines as f64 * SUBTITLE_LINE;
        let corner = |place: usize, grid_top: f64| {
            let (column, row) = (place % columns, place / columns);
            (
                MARGIN + column as f64 * panel_width,
                grid_top + row as f64 * panel_height,
            )
        };
        let (legend, grid_top) = if contents.panels < columns * rows {
            let (left, top) = corner(contents.panels, head);
            let line = |line: usize| {
                (
                    left + contents.left,
                    top + above + (line as f64 + 0.5) * LEGEND_LINE,
                )
            };
            ((0..contents.legend.len()).map(line).collect(), head)
        } else {
            flow(&contents.legend, head)
        };
        let frame = |place: usize| {
            let (left, top) = corner(place, grid_top);
            Frame {
                left: left + contents.left,
                top: top + above,
                right: left + panel_width - RIGHT,
                bottom: top + above + contents.height,
            }
        };
        Self {
            height: grid_top + rows as f64 * panel_height + 6.0,
            left: MARGIN,
            title: TITLE,
            subtitle: (0..contents.subtitle_lines)
                .map(|line| SUBTITLE + line as f64 * SUBTITLE_LINE)
                .collect(),
            panels: (0..contents.panels).map(frame).collect(),
            legend,
        }
    }
}

/// Places entries of these widths one after the other, in lines from `top` on. Returns where the last line ends, too.
fn flow(widths: &[f64], top: f64) -> (Vec<Place>, f64) {
    let mut at = (MARGIN, top + LEGEND_LINE / 2.0);
    let places = widths
        .iter()
        .map(|width| {
            if at.0 > MARGIN && at.0 + width > MARGIN + CONTENT_WIDTH {
                at = (MARGIN, at.1 + LEGEND_LINE);
            }
            let place = at;
            at.0 += width;
            place
        })
        .collect();
    (places, at.1 + LEGEND_LINE / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(panels: usize) -> Page {
        Page::new(&Contents {
            subtitle_lines: 2,
            panels,
            columns: 2,
            height: HEIGHT,
            left: LEFT,
            titled: true,
            legend: vec![500.0; 5],
        })
    }

    #[test]
    fn panels_stand_on_the_page_and_apart() {
        for panels in 1..=7 {
            let page = page(panels);
            for (place, panel) in page.panels.iter().enumerate() {
                assert!(panel.left >= 0.0 && panel.right <= PAGE_WIDTH);
                assert!(panel.top >= 0.0 && panel.bottom <= page.height);
                for other in &page.panels[place + 1..] {
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
            let page = page(panels);
            assert_eq!(page.legend.len(), 5);
            for (x, y) in &page.legend {
                let covered = |panel: &Frame| {
                    (panel.left..panel.right).contains(x) && (panel.top..panel.bottom).contains(y)
                };
                assert!(!page.panels.iter().any(covered), "{panels} panels");
            }
        }
    }
}
