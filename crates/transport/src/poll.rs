//! Waiting for file descriptors.

use std::io;
use std::time::Instant;

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;

/// Blocks until one of `sources` is ready or `deadline` has passed. Without a deadline there is no limit. A signal may end
/// the wait early.
pub(crate) fn wait_until(sources: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
    let timeout = deadline
        .map(|deadline| deadline.saturating_duration_since(Instant::now()))
        .and_then(|duration| Timespec::try_from(duration).ok());
    match poll(sources, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
