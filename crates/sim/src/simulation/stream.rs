//! One Go-Back-N stream: a sender and the receivers it serves.

use std::time::Instant;

use backroom_gbn::{
    Ack, GoBackCause, Received, Receiver, ReceiverId, SegmentDelays, Sender, SenderConfig,
    SenderEvent, SenderStats, Transmit,
};

use crate::cell::Cell;

/// A stream with the state machines of its sender and its receivers.
#[derive(Debug)]
pub(super) struct StreamEnds {
    sender: Sender,
    receivers: Vec<Receiver>,
    delays: SegmentDelays,
    base: u64,
    lost_receivers: usize,
    /// Where the sender went back to, and why; cleared by `take_go_back`.
    go_back: Option<(u64, GoBackCause)>,
    finished: bool,
}

/// The receive buffer never fills up in the simulator, because a delivered segment is removed at once.
const FREE_SEGMENTS: u32 = u32::MAX;

/// Segments that a stream sends before the next stream's turn.
const SEGMENTS_A_TURN: usize = 1;

impl StreamEnds {
    /// A stream that sends the file of `cell` to `receivers` receivers.
    pub(super) fn new(cell: &Cell, receivers: u16) -> Self {
        let config = SenderConfig {
            window: cell.window,
            recovery: cell.recovery,
            timeout: cell.timeout,
            copies: cell.copies,
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
            delays: SegmentDelays::new(0),
            base: 0,
            lost_receivers: 0,
            go_back: None,
            finished: false,
        }
    }

    /// Tells the sender how many streams share the link.
    pub(super) fn set_sharing(&mut self, streams: usize) {
        self.sender.set_sharing(streams as u32);
    }

    /// Number of receivers.
    pub(super) fn receivers(&self) -> usize {
        self.receivers.len()
    }

    /// The next segments to send, as many as a stream sends before others get their turn.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let transmit = self.sender.poll_transmit(now, SEGMENTS_A_TURN)?;
        self.delays.handle_transmit(&transmit, now);
        Some(transmit)
    }

    /// Handles a segment that reached a receiver. Returns what the receiver did with it, and the ACK.
    pub(super) fn handle_segment(
        &mut self,
        receiver: usize,
        seq: u64,
        round: u16,
    ) -> (Received, Option<Ack>) {
        let receiving = &mut self.receivers[receiver];
        let received = receiving.handle_segment(seq, round);
        receiving.set_free_segments(FREE_SEGMENTS);
        (received, receiving.poll_transmit())
    }

    /// Handles an ACK that reached the sender.
    pub(super) fn handle_ack(&mut self, now: Instant, receiver: usize, ack: Ack) {
        self.sender
            .handle_ack(now, ReceiverId(receiver as u16), ack);
        self.handle_events(now);
    }

    /// Handles timeouts of the sender that are due at `now`, if any.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.sender.handle_timeout(now);
        self.handle_events(now);
    }

    /// When to call `handle_timeout` next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sender.poll_timeout()
    }

    /// Whether every receiver has the file or has been given up.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The oldest segment that is not acknowledged.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Where the sender went back to since the last call, and why.
    pub(super) fn take_go_back(&mut self) -> Option<(u64, GoBackCause)> {
        self.go_back.take()
    }

    /// Receivers that were given up because they did not answer.
    pub(super) fn lost_receivers(&self) -> usize {
        self.lost_receivers
    }

    /// How long segments took to be acknowledged.
    pub(super) fn delays(&self) -> &SegmentDelays {
        &self.delays
    }

    /// The counts of the sender.
    pub(super) fn stats(&self) -> &SenderStats {
        self.sender.stats()
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.sender.poll_event() {
            match event {
                SenderEvent::BaseAdvanced { base } => {
                    self.delays.handle_base(base, now);
                    self.base = base;
                }
                SenderEvent::ReceiverLost { .. } => self.lost_receivers += 1,
                SenderEvent::Finished => self.finished = true,
                SenderEvent::GoBack { to, cause } => self.go_back = Some((to, cause)),
                SenderEvent::ReceiverFinished { .. } => {}
            }
        }
    }
}
