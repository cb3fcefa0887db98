//! One Go-Back-N stream: a sender and the receivers it serves.

use std::time::Instant;

use backroom_gbn::{
    Ack, GoBackCause, Received, Receiver, ReceiverId, SegmentDelays, Sender, SenderConfig,
    SenderEvent, SenderStats, Transmit,
};

use crate::cell::Cell;

/// A stream with the sending and receiving state machines of all its ends.
#[derive(Debug)]
pub(super) struct StreamEnds {
    sender: Sender,
    receivers: Vec<Receiver>,
    delays: SegmentDelays,
    base: u64,
    lost_receivers: usize,
    /// Where it went back to and why, until somebody asks.
    go_back: Option<(u64, GoBackCause)>,
    finished: bool,
}

/// Space is never short in the simulator: a delivered segment is gone at once.
const FREE_SEGMENTS: u32 = u32::MAX;

/// What a member sends of one stream before it is the turn of the others.
const SEGMENTS_A_TURN: usize = 1;

impl StreamEnds {
    /// A stream that sends the file of `cell` to so many receivers.
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

    /// Tells the sender how many streams its member still sends.
    pub(super) fn set_sharing(&mut self, streams: usize) {
        self.sender.set_sharing(streams as u32);
    }

    /// How many receivers it serves.
    pub(super) fn receivers(&self) -> usize {
        self.receivers.len()
    }

    /// The next segments to send, as many as a stream sends before others get their turn.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let transmit = self.sender.poll_transmit(now, SEGMENTS_A_TURN)?;
        self.delays.handle_transmit(&transmit, now);
        Some(transmit)
    }

    /// Takes in a segment that reached a receiver. Returns what became of it, and the ACK.
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

    /// Takes in an ACK that reached the sender.
    pub(super) fn handle_ack(&mut self, now: Instant, receiver: usize, ack: Ack) {
        self.sender
            .handle_ack(now, ReceiverId(receiver as u16), ack);
        self.handle_events(now);
    }

    /// Tells the sender the time. Too early does nothing.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.sender.handle_timeout(now);
        self.handle_events(now);
    }

    /// When the sender wants to be told.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sender.poll_timeout()
    }

    /// Whether nothing is left to do: every receiver has the file or has been given up.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The oldest segment that is not acknowledged.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Where the sender has gone back to since this was last asked, and why.
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

    /// What the sender counted.
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
