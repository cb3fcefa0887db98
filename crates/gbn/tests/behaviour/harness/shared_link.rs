//! Several transfers over one link: from a member who sends to several, or from several members behind one link.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use backroom_gbn::{Ack, Receiver, ReceiverId, Sender, SenderConfig};
use backroom_link::{Link, LinkConfig, Verdict};

/// IP packets of a segment of 1,200 bytes and of an ACK (docs/protocol.md).
pub(crate) const SEGMENT_PACKET_BYTES: usize = 1_265;
const ACK_PACKET_BYTES: usize = 82;

/// One transfer to one receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) sender: SenderConfig,
    pub(crate) segments: u64,
    /// When the transfer starts.
    pub(crate) start: Duration,
    /// The number of streams of its member.
    pub(crate) sharing: u32,
}

/// The positions of a transfer over time.
#[derive(Debug, Clone)]
pub(crate) struct TransferHistory {
    start: Duration,
    /// The base after each change.
    base: Vec<(Duration, u64)>,
    /// The window after each change.
    windows: Vec<(Duration, u16)>,
}

/// Transfers over one shared link. Each has its own reverse link.
pub(crate) struct SharedLink {
    epoch: Instant,
    now: Instant,
    data: Link,
    ends: Vec<Ends>,
    due: BinaryHeap<Reverse<(Instant, u64, DueEvent)>>,
    scheduled: u64,
    waits: Vec<(Duration, Duration)>,
}

struct Ends {
    sender: Sender,
    receiver: Receiver,
    acks: Link,
    wake_up: Option<Instant>,
    course: TransferHistory,
}

/// An event of one transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct DueEvent {
    transfer: usize,
    event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Segment { seq: u64, round: u16 },
    Ack(PlainAck),
    WakeUp,
}

/// The fields of an [`Ack`], with an order for the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PlainAck {
    cumulative: u64,
    accepted_round: u16,
    gap_round: Option<u16>,
}

impl TransferHistory {
    /// Segments acknowledged between two times.
    pub(crate) fn acknowledged(&self, from: Duration, until: Duration) -> u64 {
        self.base_at(until) - self.base_at(from)
    }

    /// The largest window after a time.
    pub(crate) fn largest_window(&self, from: Duration) -> u16 {
        let later = self.windows.iter().filter(|(at, _)| *at >= from);
        later.map(|(_, window)| *window).max().unwrap_or_default()
    }

    fn base_at(&self, time: Duration) -> u64 {
        let moves = self.base.partition_point(|(at, _)| *at <= time);
        moves.checked_sub(1).map_or(0, |last| self.base[last].1)
    }
}

impl SharedLink {
    /// Runs all transfers for a time. Each direction is like `link`.
    pub(crate) fn carry(
        epoch: Instant,
        link: &LinkConfig,
        seed: u64,
        transfers: &[Transfer],
        limit: Duration,
    ) -> Vec<TransferHistory> {
        Self::carry_and_look(epoch, link, seed, transfers, limit).0
    }

    /// Like [`Self::carry`], and also returns the queueing delay of each millisecond.
    pub(crate) fn carry_and_look(
        epoch: Instant,
        link: &LinkConfig,
        seed: u64,
        transfers: &[Transfer],
        limit: Duration,
    ) -> (Vec<TransferHistory>, Vec<(Duration, Duration)>) {
        let seed_of = |number: usize| seed.wrapping_mul(1_000_003) ^ ((number as u64) << 32);
        let mut shared = Self {
            epoch,
            now: epoch,
            data: Link::new(link.clone(), seed_of(0)),
            ends: Vec::new(),
            due: BinaryHeap::new(),
            scheduled: 0,
            waits: Vec::new(),
        };
        for (index, transfer) in transfers.iter().enumerate() {
            shared.ends.push(Ends::new(
                transfer,
                Link::new(link.clone(), seed_of(index + 1)),
            ));
            shared.schedule(epoch + transfer.start, index, Event::WakeUp);
        }
        shared.run(epoch + limit);
        let courses = shared.ends.into_iter().map(|ends| ends.course).collect();
        (courses, shared.waits)
    }

    fn run(&mut self, limit: Instant) {
        while let Some(Reverse((at, _, due))) = self.due.pop() {
            if at > limit {
                return;
            }
            self.look(at);
            self.now = at;
            self.handle(due);
            let more_at_once = self
                .due
                .peek()
                .is_some_and(|Reverse((next, ..))| *next == at);
            if !more_at_once {
                self.transmit();
            }
        }
    }

    /// Samples the queue of each millisecond until `now`.
    fn look(&mut self, now: Instant) {
        loop {
            let elapsed = Duration::from_millis(self.waits.len() as u64);
            if self.epoch + elapsed > now {
                return;
            }
            self.waits
                .push((elapsed, self.data.backlog(self.epoch + elapsed)));
        }
    }

    fn handle(&mut self, DueEvent { transfer, event }: DueEvent) {
        let ends = &mut self.ends[transfer];
        match event {
            Event::Segment { seq, round } => {
                ends.receiver.handle_segment(seq, round);
                ends.receiver.set_free_segments(u32::MAX);
                if let Some(ack) = ends.receiver.poll_transmit()
                    && let Verdict::Deliver { at, .. } = ends.acks.send(self.now, ACK_PACKET_BYTES)
                {
                    self.schedule(at, transfer, Event::Ack(ack.into()));
                }
            }
            Event::Ack(ack) => ends.sender.handle_ack(self.now, ReceiverId(0), ack.into()),
            Event::WakeUp => {
                ends.wake_up = None;
                ends.sender.handle_timeout(self.now);
            }
        }
        self.note(transfer);
    }

    fn note(&mut self, transfer: usize) {
        let elapsed = self.now - self.epoch;
        let Ends { sender, course, .. } = &mut self.ends[transfer];
        while sender.poll_event().is_some() {}
        if course
            .base
            .last()
            .is_none_or(|(_, base)| *base < sender.base())
        {
            course.base.push((elapsed, sender.base()));
        }
        let window = sender.window().segments();
        if course
            .windows
            .last()
            .is_none_or(|(_, last)| *last != window)
        {
            course.windows.push((elapsed, window));
        }
    }

    /// Sends what the windows allow, one segment of each transfer in turn.
    fn transmit(&mut self) {
        let mut sent = true;
        while sent {
            sent = false;
            for transfer in 0..self.ends.len() {
                sent |= self.transmit_one(transfer);
            }
        }
        for transfer in 0..self.ends.len() {
            let ends = &mut self.ends[transfer];
            if let Some(at) = ends.sender.poll_timeout()
                && ends.wake_up.is_none_or(|scheduled| at < scheduled)
                && ends.has_begun(self.now - self.epoch)
            {
                ends.wake_up = Some(at);
                self.schedule(at, transfer, Event::WakeUp);
            }
        }
    }

    fn transmit_one(&mut self, transfer: usize) -> bool {
        let elapsed = self.now - self.epoch;
        let ends = &mut self.ends[transfer];
        if !ends.has_begun(elapsed) {
            return false;
        }
        let Some(run) = ends.sender.poll_transmit(self.now, 1) else {
            return false;
        };
        for seq in run.datagrams() {
            if let Verdict::Deliver { at, .. } = self.data.send(self.now, SEGMENT_PACKET_BYTES) {
                let round = run.round;
                self.schedule(at, transfer, Event::Segment { seq, round });
            }
        }
        true
    }

    fn schedule(&mut self, at: Instant, transfer: usize, event: Event) {
        self.scheduled += 1;
        let due = DueEvent { transfer, event };
        self.due.push(Reverse((at, self.scheduled, due)));
    }
}

impl Ends {
    fn new(transfer: &Transfer, acks: Link) -> Self {
        let mut sender = Sender::new(transfer.sender, [ReceiverId(0)]);
        sender.make_available(transfer.segments);
        sender.finish();
        sender.set_sharing(transfer.sharing);
        Self {
            sender,
            receiver: Receiver::new(u32::MAX),
            acks,
            wake_up: None,
            course: TransferHistory {
                start: transfer.start,
                base: Vec::new(),
                windows: Vec::new(),
            },
        }
    }

    fn has_begun(&self, elapsed: Duration) -> bool {
        elapsed >= self.course.start
    }
}

impl From<Ack> for PlainAck {
    fn from(ack: Ack) -> Self {
        Self {
            cumulative: ack.cumulative,
            accepted_round: ack.accepted_round,
            gap_round: ack.gap_round,
        }
    }
}

impl From<PlainAck> for Ack {
    fn from(ack: PlainAck) -> Self {
        Self {
            cumulative: ack.cumulative,
            accepted_round: ack.accepted_round,
            gap_round: ack.gap_round,
            free_segments: u32::MAX,
        }
    }
}
