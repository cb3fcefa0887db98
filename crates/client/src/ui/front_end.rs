//! The interface of a front end, and the loop that feeds it.

use std::io;
use std::time::Duration;

use backroom_vocabulary::event::{Event, Transfer};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::transfers::ActiveTransfers;

/// The interval between two updates of the progress of transfers.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Shows events to a user or a program. The errors mean that nobody reads the output any more.
pub(crate) trait FrontEnd: Send {
    fn show(&mut self, event: &Event) -> io::Result<()>;

    /// Is called regularly with the active transfers, whose progress this front end may show.
    fn show_progress(&mut self, transfers: &[Transfer]) -> io::Result<()>;

    /// Restores the terminal for the shell.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows `events` until the channel closes. Writing blocks, so run this on its own thread.
pub(crate) async fn show_all(
    front_end: &mut dyn FrontEnd,
    mut events: mpsc::Receiver<Event>,
    active: ActiveTransfers,
) -> io::Result<()> {
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => front_end.show(&event)?,
                None => return front_end.close(),
            },
            _ = ticks.tick() => front_end.show_progress(&active.list())?,
        }
    }
}
