//! Front ends: how events are shown. The session knows none of them.

mod json;
mod plain;
mod progress;
mod terminal;
mod wording;

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::event::{Event, Transfer};
use crate::transfers::Board;

pub use json::Json;
pub use plain::Plain;
pub use terminal::{Editor, Terminal};

/// How often the progress of transfers is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Something that shows events.
pub trait FrontEnd: Send {
    /// Shows one event.
    ///
    /// # Errors
    /// Nobody can see it: the output is closed.
    fn show(&mut self, event: &Event) -> io::Result<()>;

    /// Shows how far the transfers under way are, where that is shown.
    ///
    /// # Errors
    /// As [`FrontEnd::show`].
    fn show_progress(&mut self, _transfers: &[Transfer]) -> io::Result<()> {
        Ok(())
    }

    /// Leaves the screen as a shell wants it.
    ///
    /// # Errors
    /// As [`FrontEnd::show`].
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows `events` until there are no more, blocking where the output does: it wants a thread of its own.
///
/// # Errors
/// The output is closed.
pub async fn show_all(
    front: &mut dyn FrontEnd,
    mut events: mpsc::Receiver<Event>,
    board: Board,
) -> io::Result<()> {
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => front.show(&event)?,
                None => return front.close(),
            },
            _ = ticks.tick() => front.show_progress(&board.transfers())?,
        }
    }
}
