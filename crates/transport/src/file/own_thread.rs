//! The thread that a transfer has to itself.

use std::io;

use tokio::runtime::Builder;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Runs a transfer to its end on a thread of its own, where it may wait for the disk without holding anybody else up, and
/// where the bytes that it reads, seals and sends stay in one processor's cache.
///
/// # Errors
/// That there is no thread or no runtime to be had.
pub(super) async fn run<F, T>(transfer: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(async { transfer().await }))
    });
    thread.await?
}

/// A token that is cancelled with `owner`, and when the guard is dropped: so a transfer ends with the future that waits for
/// it.
pub(super) fn ended_with(owner: &CancellationToken) -> (CancellationToken, DropGuard) {
    let token = owner.child_token();
    let guard = token.clone().drop_guard();
    (token, guard)
}
