//! The thread that a transfer has to itself.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Control;

/// How long a transfer that was cancelled may take to end before it is left to itself.
const END_TIME: Duration = Duration::from_secs(5);

/// Runs a transfer to its end on a thread of its own, where it may wait for the disk without holding anybody else up, and
/// where the bytes that it reads, seals and sends stay in one processor's cache. It is cancelled with `control`, and when
/// the future that waits for it is dropped.
///
/// # Errors
/// That there is no thread or no runtime to be had, or that a disk does not even let it be cancelled.
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
        cancel: cancel.clone(),
        ..control.clone()
    };
    let (tell, told) = oneshot::channel();
    thread::Builder::new()
        .name("transfer".into())
        .spawn(move || {
            // Nobody waits for what was dropped.
            let _ = tell.send(block_on(transfer(control)));
        })?;
    tokio::select! {
        // Who could not look for a while may find both.
        biased;
        ended = told => ended.map_err(|_| io::Error::other("the transfer's thread broke off"))?,
        () = is_stuck(&cancel) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the disk does not answer",
        )),
    }
}

fn block_on<T>(transfer: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(transfer);
    // A thread of its own that still waits for the disk is not waited for.
    runtime.shutdown_background();
    Ok(outcome)
}

async fn is_stuck(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(END_TIME).await;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_transfer_that_a_disk_holds_up_is_left_to_itself_once_it_is_cancelled() {
        let control = Control::default();
        let (disk, answer) = mpsc::channel::<()>();
        let stuck = run(&control, |_| async move { answer.recv().is_err() });
        control.cancel.cancel();
        assert_eq!(stuck.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(disk);
    }

    /// More than the runtime's pool has threads for.
    #[test]
    fn more_run_at_once_than_a_pool_allows() {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (meet, met) = tokio::sync::watch::channel(0);
        let all_met = runtime.block_on(async {
            let mut transfers = JoinSet::new();
            for _ in 0..3 {
                let (meet, mut met) = (meet.clone(), met.clone());
                transfers.spawn(async move {
                    run(&Control::default(), move |_| async move {
                        meet.send_modify(|count| *count += 1);
                        met.wait_for(|count| *count == 3).await.is_ok()
                    })
                    .await
                });
            }
            tokio::time::timeout(Duration::from_secs(20), transfers.join_all()).await
        });
        for met in all_met.unwrap() {
            assert!(met.unwrap());
        }
    }
}
