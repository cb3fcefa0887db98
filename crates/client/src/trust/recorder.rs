//! Writes the identities of members to a file. It has its own thread, because the session never waits for a disk.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self as blocking, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use backroom_protocol::IdentityKey;
use backroom_state::{append, line};
use backroom_vocabulary::event::Event;
use tokio::sync::mpsc;

/// The number of lines that may wait: twice a full room.
const QUEUE: usize = 2_048;

/// The time that the disk has for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Recorder {
    /// `None` once the thread has failed, and in `drop`.
    lines: Option<SyncSender<String>>,
    ended: Receiver<()>,
}

impl Recorder {
    /// Starts the thread. The first error is reported as an event, and ends the recording.
    pub(super) fn start(path: PathBuf, events: mpsc::Sender<Event>) -> Self {
        let (lines, to_write) = blocking::sync_channel(QUEUE);
        let (running, ended) = blocking::channel();
        let record = move || {
            if let Err(message) = write(&path, &to_write) {
                // This fails if the output is closed.
                let _ = events.blocking_send(Event::Warning { message });
            }
            drop(running);
        };
        let started = thread::Builder::new().name("recorder".into()).spawn(record);
        if let Err(error) = &started {
            tracing::warn!(%error, "cannot start the thread that remembers members");
        }
        let lines = started.is_ok().then_some(lines);
        Self { lines, ended }
    }

    /// Queues a line. If the disk does not keep up, the member counts as new at the next meeting.
    pub(super) fn record(&mut self, owner: &str, identity: IdentityKey) {
        if let Some(lines) = &self.lines
            && let Err(error) = lines.try_send(line(owner, identity))
        {
            tracing::warn!("the identity of a member is not remembered: {error}");
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.lines = None;
        // Nothing is sent: this waits until the thread has ended.
        let _ = self.ended.recv_timeout(FLUSH_TIMEOUT);
    }
}

fn write(path: &Path, lines: &Receiver<String>) -> Result<(), String> {
    for mut waiting in lines {
        // The members of a room that was just joined come together.
        waiting.extend(lines.try_iter().take(QUEUE));
        append(path, &waiting)
            .map_err(|error| format!("the identities of members are not remembered: {error}"))?;
    }
    Ok(())
}
