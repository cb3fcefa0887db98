//! The interface of a front end, and the loop that feeds it.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::event::{Event, Transfer};
use crate::transfers::Board;

/// The interval between two updates of the progress of transfers.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Shows events to a user or a program.
pub trait FrontEnd: Send {
    /// Shows one event.
    ///
    /// # Errors
    /// The output is closed or cannot be written to.
    fn show(&mut self, event: &Event) -> io::Result<()>;

    /// Shows the progress of the active transfers, if this front end does.
    ///
    /// # Errors
    /// As [`FrontEnd::show`].
    fn show_progress(&mut self, _transfers: &[Transfer]) -> io::Result<()> {
        Ok(())
    }

    /// Restores the terminal for the shell.
    ///
    /// # Errors
    /// As [`FrontEnd::show`].
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows `events` until the channel closes. Writing blocks, so run this on its own thread.
///
/// # Errors
/// The output is closed or cannot be written to.
pub async fn show_all(
    front_end: &mut dyn FrontEnd,
    mut events: mpsc::Receiver<Event>,
    board: Board,
) -> io::Result<()> {
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => front_end.show(&event)?,
                None => return front_end.close(),
            },
            _ = ticks.tick() => front_end.show_progress(&board.transfers())?,
        }
    }
}
