//! The thread that decides about packets. It waits for a packet, a request, or the time at which a held packet is due.

use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use backroom_link::LinkConfig;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::delay_line::DelayLine;
use super::netlink::{QueueSocket, Received, Verdict};
use crate::protocol::{DirectionStats, ShaperConfig};

/// Queue numbers are local to a network namespace.
pub(super) const EGRESS_QUEUE: u16 = 1;
pub(super) const INGRESS_QUEUE: u16 = 2;

/// How many packets to accept before releasing those that are due.
const BATCH: usize = 16;
/// How late the kernel may wake this thread to save power. The default is 50 µs.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

/// A request to the engine. Each is answered.
pub(super) enum Request {
    /// Reset with new links.
    Configure(Box<ShaperConfig>, mpsc::Sender<()>),
    /// Report the counters.
    Stats(mpsc::Sender<io::Result<BothStats>>),
    /// Release all packets and stop.
    Stop(mpsc::Sender<()>),
}

/// Counters of outgoing and incoming packets.
pub(super) type BothStats = (DirectionStats, DirectionStats);

/// Both directions of a member's traffic.
pub(super) struct Engine {
    egress: Direction,
    ingress: Direction,
    inbox: mpsc::Receiver<Request>,
    wake: Arc<OwnedFd>,
}

/// A kernel queue and the link that decides about its packets.
struct Direction {
    queue: QueueSocket,
    line: DelayLine,
    overrun_before: u64,
}

impl Engine {
    /// Binds both queues. `wake` must become readable when a request is added to `inbox`.
    pub(super) fn bind(inbox: mpsc::Receiver<Request>, wake: Arc<OwnedFd>) -> io::Result<Self> {
        Ok(Self {
            egress: Direction::bind(EGRESS_QUEUE)?,
            ingress: Direction::bind(INGRESS_QUEUE)?,
            inbox,
            wake,
        })
    }

    /// Runs until [`Request::Stop`], or until the requests' sender is dropped. If it fails, the kernel drops all further
    /// packets.
    pub(super) fn run(mut self) -> io::Result<()> {
        // If this fails, packets are released 50 µs later, which is tolerable.
        if let Err(error) = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS)) {
            tracing::debug!("cannot set the timer slack: {error}");
        }
        loop {
            if !self.serve_requests()? {
                return Ok(());
            }
            let more = self.egress.work()? | self.ingress.work()?;
            if !more {
                self.wait()?;
            }
        }
    }

    /// Serves all pending requests. `false` means stop.
    fn serve_requests(&mut self) -> io::Result<bool> {
        loop {
            match self.inbox.try_recv() {
                Ok(Request::Configure(config, reply)) => {
                    self.egress.reset(config.egress, config.egress_seed)?;
                    self.ingress.reset(config.ingress, config.ingress_seed)?;
                    let _ = reply.send(());
                }
                Ok(Request::Stats(reply)) => {
                    let _ = reply.send(self.stats());
                }
                Ok(Request::Stop(reply)) => {
                    self.egress.release_all()?;
                    self.ingress.release_all()?;
                    let _ = reply.send(());
                    return Ok(false);
                }
                Err(mpsc::TryRecvError::Empty) => return Ok(true),
                Err(mpsc::TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    fn stats(&self) -> io::Result<BothStats> {
        Ok((self.egress.stats()?, self.ingress.stats()?))
    }

    fn wait(&self) -> io::Result<()> {
        let next = [&self.egress, &self.ingress]
            .into_iter()
            .filter_map(|direction| direction.line.next_release())
            .min();
        let timeout = next
            .and_then(|due| Timespec::try_from(due.saturating_duration_since(Instant::now())).ok());
        let mut sources = [
            PollFd::new(&self.egress.queue.socket, PollFlags::IN),
            PollFd::new(&self.ingress.queue.socket, PollFlags::IN),
            PollFd::new(&*self.wake, PollFlags::IN),
        ];
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut count = [0; 8];
        match rustix::io::read(self.wake.as_fd(), &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Direction {
    fn bind(number: u16) -> io::Result<Self> {
        Ok(Self {
            queue: QueueSocket::bind(number)?,
            line: DelayLine::new(LinkConfig::default(), 0),
            overrun_before: 0,
        })
    }

    /// Accepts up to [`BATCH`] packets and releases those that are due. `true` means more may be waiting.
    fn work(&mut self) -> io::Result<bool> {
        let mut more = true;
        for _ in 0..BATCH {
            match self.queue.receive()? {
                Received::Packet(packet) => {
                    if !self.line.offer(Instant::now(), packet.id, packet.bytes) {
                        self.queue.decide(packet.id, Verdict::Drop)?;
                    }
                }
                Received::Nothing => {
                    more = false;
                    break;
                }
                Received::Other => {}
            }
        }
        while let Some(id) = self.line.release(Instant::now()) {
            self.queue.decide(id, Verdict::Accept)?;
        }
        self.queue.flush()?;
        Ok(more)
    }

    fn reset(&mut self, config: LinkConfig, seed: u64) -> io::Result<()> {
        self.release_all()?;
        self.line = DelayLine::new(config, seed);
        self.overrun_before = overrun(self.queue.number)?;
        Ok(())
    }

    fn release_all(&mut self) -> io::Result<()> {
        for id in self.line.abandon() {
            self.queue.decide(id, Verdict::Accept)?;
        }
        self.queue.flush()
    }

    fn stats(&self) -> io::Result<DirectionStats> {
        let overrun = overrun(self.queue.number)?.saturating_sub(self.overrun_before);
        Ok(DirectionStats {
            overrun,
            ..self.line.stats()
        })
    }
}

/// Packets that the kernel dropped because this process did not fetch them from queue `number` fast enough.
fn overrun(number: u16) -> io::Result<u64> {
    // procfs has no parser for this file.
    Ok(parse_overrun(
        &fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_queue")?,
        number,
    ))
}

/// Columns: queue, owner, length, copy mode, copy range, drops by a full queue, drops by a full socket, ...
fn parse_overrun(table: &str, number: u16) -> u64 {
    table
        .lines()
        .map(|line| {
            line.split_whitespace()
                .filter_map(|column| column.parse().ok())
                .collect::<Vec<u64>>()
        })
        .find(|columns| columns.first() == Some(&u64::from(number)))
        .map_or(0, |columns| columns.iter().skip(5).take(2).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overruns_of_the_queue_and_of_the_socket_count_together() {
        let table = "    1  18442     3 2    20     4    30   107  1\n    2  18442     0 2    20     0     0     0  1\n";
        assert_eq!(parse_overrun(table, 1), 34);
        assert_eq!(parse_overrun(table, 2), 0);
        assert_eq!(parse_overrun("", 1), 0);
    }
}
