//! The thread that each transfer has to itself.
//!
//! It blocks in `poll` and in file I/O, so it needs no async runtime. Whatever reaches it from outside (cancellation, messages,
//! the results of a disk thread) is followed by a wake-up of its [`Waker`].

use std::convert::Infallible;
use std::io;
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::waker::Waker;
use crate::poll::wait_until;
use crate::udp::UdpEndpoint;

/// How long a cancelled transfer may take to end. A disk that does not respond can hold up its thread for longer, but not its
/// caller.
const MAX_CANCEL_TIME: Duration = Duration::from_secs(5);

/// By default the kernel may delay a timer by 50 µs to save power, which is longer than the gap between two paced segments.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

/// The most sockets that a transfer waits for: a receiver in a group has two.
const MAX_SOCKETS: usize = 2;

/// What reaches a transfer's thread from outside.
#[derive(Debug)]
pub(super) struct Inbox<M> {
    pub(super) messages: mpsc::Receiver<M>,
    pub(super) cancel: CancellationToken,
    /// Ends a wait of this thread.
    pub(super) waker: Waker,
}

/// Runs `transfer` on a thread of its own. There it may wait for the disk without blocking other transfers, and the bytes that
/// it reads, seals and sends stay in one processor's cache. `messages` are forwarded to it.
///
/// It is cancelled with `control`, and when the returned future is dropped.
///
/// # Errors
/// If the system provides no thread or no eventfd, or if a cancelled transfer does not end in time.
pub(super) async fn run<M, T>(
    control: &Control,
    messages: mpsc::Receiver<M>,
    transfer: impl FnOnce(Control, Inbox<M>) -> T + Send + 'static,
) -> io::Result<T>
where
    M: Send + 'static,
    T: Send + 'static,
{
    let waker = Waker::new()?;
    let cancel = control.cancel.child_token();
    let _cancel_on_drop = CancelOnDrop(cancel.clone(), waker.clone());
    let control = Control {
        cancel: cancel.clone(),
        ..control.clone()
    };
    let (forward_to, forwarded) = mpsc::channel(1);
    let inbox = Inbox {
        messages: forwarded,
        cancel: cancel.clone(),
        waker: waker.clone(),
    };
    let (send_result, result) = oneshot::channel();
    thread::Builder::new()
        .name("transfer".into())
        .spawn(move || {
            reduce_timer_slack();
            // If the caller is gone, nobody needs the result.
            let _ = send_result.send(transfer(control, inbox));
        })?;
    tokio::select! {
        // After a stall several branches can be ready; prefer the result.
        biased;
        result = result => result.map_err(|_| io::Error::other("the transfer's thread panicked")),
        () = cancel_timeout(&cancel, &waker) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the disk does not respond",
        )),
        never = forward(messages, forward_to, &waker) => match never {},
    }
}

/// For a transfer that takes no messages.
pub(super) fn no_messages() -> mpsc::Receiver<Infallible> {
    mpsc::channel(1).1
}

/// Dropping it cancels the transfer.
struct CancelOnDrop(CancellationToken, Waker);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let Self(cancel, waker) = self;
        cancel.cancel();
        waker.wake();
    }
}

/// Passes cancellation on to the thread, and ends if the thread does not end in time.
async fn cancel_timeout(cancel: &CancellationToken, waker: &Waker) {
    cancel.cancelled().await;
    waker.wake();
    tokio::time::sleep(MAX_CANCEL_TIME).await;
}

/// Passes messages on to the thread. Never ends.
async fn forward<M>(mut from: mpsc::Receiver<M>, to: mpsc::Sender<M>, waker: &Waker) -> Infallible {
    while let Some(message) = from.recv().await
        && to.send(message).await.is_ok()
    {
        waker.wake();
    }
    // The thread learns that the channel is closed, too.
    drop(to);
    waker.wake();
    std::future::pending().await
}

fn reduce_timer_slack() {
    if let Err(error) = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS)) {
        tracing::debug!(%error, "the timer slack remains at its default");
    }
}

impl<M> Inbox<M> {
    /// Blocks until a socket is ready, something arrived from outside, or the deadline has passed. May return early.
    pub(super) fn wait(
        &self,
        sockets: &[(&UdpEndpoint, PollFlags)],
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let mut sources: [_; 1 + MAX_SOCKETS] = std::array::from_fn(|index| {
            match index.checked_sub(1).and_then(|index| sockets.get(index)) {
                Some((socket, flags)) => PollFd::new(*socket, *flags),
                None => PollFd::new(&self.waker, PollFlags::IN),
            }
        });
        let sources = &mut sources[..=sockets.len().min(MAX_SOCKETS)];
        wait_until(sources, deadline)?;
        // Cleared before the caller looks, so that a wake-up meanwhile ends the next wait.
        if !sources[0].revents().is_empty() {
            self.waker.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use tokio::sync::mpsc::error::TryRecvError;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_transfer_that_waits_for_the_disk_does_not_block_its_caller() {
        let control = Control::default();
        let (disk, answer) = std::sync::mpsc::channel::<()>();
        let stuck = run(&control, no_messages(), move |_, _| answer.recv().is_err());
        control.cancel.cancel();
        assert_eq!(stuck.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(disk);
    }

    /// Without a wake-up each of these waits would never end.
    #[tokio::test]
    async fn cancelling_a_message_and_the_end_of_messages_each_end_a_wait() {
        let control = Control::default();
        let (sender, messages) = mpsc::channel(1);
        let (waiting, mut is_waiting) = mpsc::channel(1);
        let transfer = run(&control, messages, move |_, mut inbox| {
            let mut wait = |is_over: &dyn Fn(&mut Inbox<u8>) -> bool| {
                waiting.blocking_send(()).unwrap();
                while !is_over(&mut inbox) {
                    inbox.wait(&[], None).unwrap();
                }
            };
            wait(&|inbox| inbox.messages.try_recv() == Ok(7));
            wait(&|inbox| inbox.messages.try_recv() == Err(TryRecvError::Disconnected));
            wait(&|inbox| inbox.cancel.is_cancelled());
        });
        let steps = async {
            is_waiting.recv().await;
            sender.send(7).await.unwrap();
            is_waiting.recv().await;
            drop(sender);
            is_waiting.recv().await;
            control.cancel.cancel();
        };
        let both = async { tokio::join!(transfer, steps) };
        let (ended, ()) = tokio::time::timeout(Duration::from_secs(20), both)
            .await
            .unwrap();
        ended.unwrap();
    }

    #[tokio::test]
    async fn dropping_the_future_cancels_the_transfer() {
        let (started, is_started) = oneshot::channel();
        let (cancelled, is_cancelled) = oneshot::channel();
        let control = Control::default();
        let transfer = run(&control, no_messages(), |_, inbox| {
            started.send(()).unwrap();
            while !inbox.cancel.is_cancelled() {
                inbox.wait(&[], None).unwrap();
            }
            cancelled.send(()).unwrap();
        });
        tokio::select! {
            _ = transfer => panic!("nothing else ends it"),
            () = async { is_started.await.unwrap() } => {}
        }
        tokio::time::timeout(Duration::from_secs(20), is_cancelled)
            .await
            .unwrap()
            .unwrap();
        assert!(!control.cancel.is_cancelled(), "only this transfer ends");
    }

    /// A pool of threads would have a limit.
    #[test]
    fn each_transfer_has_a_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let barrier = Arc::new(Barrier::new(3));
        let results = runtime.block_on(async {
            let mut transfers = JoinSet::new();
            for _ in 0..3 {
                let barrier = Arc::clone(&barrier);
                transfers.spawn(async move {
                    run(&Control::default(), no_messages(), move |_, _| {
                        barrier.wait()
                    })
                    .await
                });
            }
            tokio::time::timeout(Duration::from_secs(20), transfers.join_all()).await
        });
        for result in results.unwrap() {
            result.unwrap();
        }
    }
}
