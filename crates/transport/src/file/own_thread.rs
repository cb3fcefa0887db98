//! The thread that a transfer has to itself.

use std::io;

use tokio::runtime::Builder;

use super::Control;

/// Runs a transfer to its end on a thread of its own, where it may wait for the disk without holding anybody else up, and
/// where the bytes that it reads, seals and sends stay in one processor's cache. It is cancelled with `control`, and when
/// the future that waits for it is dropped.
///
/// # Errors
/// That there is no thread or no runtime to be had.
pub(super) async fn run<F, T>(
    control: &Control,
    transfer: impl FnOnce(Control) -> F + Send + 'static,
) -> io::Result<T>
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    let cancel = control.cancel.child_token();
    let _guard = cancel.clone().drop_guard();
    let control = Control {
        cancel,
        ..control.clone()
    };
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(async { transfer(control).await }))
    });
    thread.await?
}
