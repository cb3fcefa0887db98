//! Handles Ctrl-C and SIGTERM.

use std::process;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by SIGINT or SIGTERM. A second signal ends the process at once.
///
/// # Errors
/// If the signals cannot be handled.
pub fn on_signal() -> anyhow::Result<CancellationToken> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let context = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(context);
    let stopped = CancellationToken::new();
    let stop = stopped.clone();
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if stop.is_cancelled() {
                    process::exit(130);
                }
                stop.cancel();
            }
        });
    });
    Ok(stopped)
}
