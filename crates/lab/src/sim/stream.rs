//! One Go-Back-N stream: a sender and the receivers it serves.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use backroom_gbn::{
    Ack, Received, Receiver, ReceiverId, Sender, SenderConfig, SenderEvent, SenderStats, Transmit,
};

use crate::plan::Cell;

/// A stream with the sending and receiving state machines of all its ends.
#[derive(Debug)]
pub(super) struct Stream {
    sender: Sender,
    receivers: Vec<Receiver>,
    /// When each segment was first sent, from `base` on.
    first_sent: VecDeque<Instant>,
    base: u64,
    lost_receivers: usize,
    finished: bool,
}

/// Space is never short in the simulator: a delivered segment is gone at once.
const FREE_SEGMENTS: u32 = u32::MAX;

impl Stream {
    /// A stream that sends the file of `cell` to so many receivers.
    pub(super) fn new(cell: &Cell, receivers: u16) -> Self {
        let config = SenderConfig {
            window: cell.window,
            recovery: cell.recovery,
            timeout: cell.timeout,
            ..SenderConfig::default()
        };
        let mut sender = Sender::new(config, (0..receivers).map(ReceiverId));
        sender.make_available(cell.segments());
        sender.finish();
        Self {
            sender,
            receivers: (0..receivers)
                .map(|_| Receiver::new(FREE_SEGMENTS))
                .collect(),
            first_sent: VecDeque::new(),
            base: 0,
            lost_receivers: 0,
            finished: false,
        }
    }

    /// How many receivers it serves.
    pub(super) fn receivers(&self) -> usize {
        self.receivers.len()
    }

    /// The next segments to send.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let transmit = self.sender.poll_transmit(now, usize::MAX)?;
        if !transmit.retransmission {
            self.first_sent
                .extend(std::iter::repeat_n(now, transmit.count));
        }
        Some(transmit)
    }

    /// Takes in a segment that reached a receiver. Returns the ACK, and if the segment was delivered, how long after
    /// it was first sent.
    pub(super) fn handle_segment(
        &mut self,
        now: Instant,
        receiver: usize,
        seq: u64,
        round: u16,
    ) -> (Option<Ack>, Option<Duration>) {
        let receiving = &mut self.receivers[receiver];
        let received = receiving.handle_segment(seq, round);
        receiving.set_free_segments(FREE_SEGMENTS);
        let ack = receiving.poll_transmit();
        let delay = (received == Received::Deliver)
            .then(|| self.first_sent.get((seq - self.base) as usize))
            .flatten()
            .map(|first_sent| now - *first_sent);
        (ack, delay)
    }

    /// Takes in an ACK that reached the sender.
    pub(super) fn handle_ack(&mut self, now: Instant, receiver: usize, ack: Ack) {
        self.sender
            .handle_ack(now, ReceiverId(receiver as u16), ack);
        self.handle_events();
    }

    /// Tells the sender the time. Too early does nothing.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.sender.handle_timeout(now);
        self.handle_events();
    }

    /// When the sender wants to be told.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sender.poll_timeout()
    }

    /// Whether nothing is left to do: every receiver has the file or has been given up.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Receivers that were given up because they did not answer.
    pub(super) fn lost_receivers(&self) -> usize {
        self.lost_receivers
    }

    /// What the sender counted.
    pub(super) fn stats(&self) -> &SenderStats {
        self.sender.stats()
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.sender.poll_event() {
            match event {
                SenderEvent::BaseAdvanced { base } => {
                    self.first_sent.drain(..(base - self.base) as usize);
                    self.base = base;
                }
                SenderEvent::ReceiverLost { .. } => self.lost_receivers += 1,
                SenderEvent::Finished => self.finished = true,
                SenderEvent::GoBack { .. } | SenderEvent::ReceiverFinished { .. } => {}
            }
        }
    }
}
