//! Axes multiplied out.

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use backroom_link::LinkConfig;

use super::Cell;
use crate::scenario::{Axes, Burst, Cast, Delivery, LossRate, LossSide};

/// Every combination of the axes, the window varying fastest.
pub(super) fn cells(axes: &Axes) -> Vec<Cell> {
    let mut cells = vec![blank()];
    expand_receivers(&mut cells, axes);
    expand_link(&mut cells, axes);
    expand_sender(&mut cells, axes);
    cells
}

/// Unicast has one receiver and so nothing to deliver in several ways: it takes part once, whatever is asked of the
/// others.
fn expand_receivers(cells: &mut Vec<Cell>, axes: &Axes) {
    expand(cells, |_| &axes.cast, |cell, cast| cell.cast = cast);
    let deliveries = |cell: &Cell| match cell.cast {
        Cast::Unicast => axes.delivery.get(..1).unwrap_or_default(),
        Cast::Multicast | Cast::Broadcast | Cast::Blockcast => &axes.delivery,
    };
    expand(cells, deliveries, |cell, delivery| cell.delivery = delivery);
    let receivers = |cell: &Cell| match cell.cast {
        Cast::Unicast => &[1],
        Cast::Multicast | Cast::Blockcast if axes.receivers.is_empty() => &[2],
        Cast::Broadcast if axes.receivers.is_empty() => &[3],
        Cast::Multicast | Cast::Broadcast | Cast::Blockcast => axes.receivers.as_slice(),
    };
    expand(cells, receivers, |cell, count| cell.receivers = count);
}

fn expand_link(cells: &mut Vec<Cell>, axes: &Axes) {
    expand(cells, |_| &axes.rate, |cell, rate| cell.link.rate = rate.0);
    expand(
        cells,
        |_| &axes.delay,
        |cell, time| cell.link.delay = time.0,
    );
    expand(
        cells,
        |_| &axes.jitter,
        |cell, time| cell.link.jitter = time.0,
    );
    expand(
        cells,
        |_| &axes.queue,
        |cell, queue| cell.link.queue = queue.0,
    );
    expand(
        cells,
        |_| &axes.loss_side,
        |cell, side| cell.loss_side = side,
    );
    expand(cells, |_| &axes.burst, |cell, burst| cell.burst = burst);
    let put_loss = |cell: &mut Cell, loss: LossRate| {
        cell.loss = loss;
        cell.link.loss = loss.in_bursts(cell.burst);
    };
    expand(cells, |_| &axes.loss, put_loss);
}

fn expand_sender(cells: &mut Vec<Cell>, axes: &Axes) {
    expand(cells, |_| &axes.recovery, |cell, rule| cell.recovery = rule);
    expand(cells, |_| &axes.timeout, |cell, timer| cell.timeout = timer);
    expand(cells, |_| &axes.copies, |cell, copies| cell.copies = copies);
    expand(
        cells,
        |_| &axes.file,
        |cell, size| cell.file_bytes = size.bytes(),
    );
    expand(
        cells,
        |_| &axes.segment,
        |cell, size| cell.segment_bytes = size,
    );
    expand(cells, |_| &axes.window, |cell, window| cell.window = window);
}

/// What the axes are put into, one after the other.
fn blank() -> Cell {
    Cell {
        cast: Cast::Unicast,
        delivery: Delivery::Parallel,
        receivers: 1,
        window: WindowSetting::default(),
        recovery: Recovery::default(),
        timeout: Timeout::default(),
        copies: Copies::default(),
        link: LinkConfig::default(),
        loss: LossRate::NONE,
        burst: Burst::Random,
        loss_side: LossSide::Sender,
        file_bytes: 0,
        segment_bytes: 1,
        settings: String::new(),
    }
}

/// Replaces each cell by one for each of the `values` that it may take.
fn expand<'a, T: Copy + 'a>(
    cells: &mut Vec<Cell>,
    values: impl Fn(&Cell) -> &'a [T],
    put: impl Fn(&mut Cell, T),
) {
    *cells = cells
        .iter()
        .flat_map(|cell| {
            values(cell).iter().map(|value| {
                let mut cell = cell.clone();
                put(&mut cell, *value);
                cell
            })
        })
        .collect();
}
