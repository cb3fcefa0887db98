//! The sender's end of one Go-Back-N stream.

use std::time::Instant;

use backroom_gbn::{
    Ack, GoBackCause, ReceiverId, SegmentDelays, Sender, SenderConfig, SenderEvent, Transmit,
};

use crate::cell::Cell;

/// A sender with what its events told.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) sender: Sender,
    /// How long segments took to be acknowledged.
    pub(super) delays: SegmentDelays,
    /// Receivers that were given up because they made no progress.
    pub(super) lost_receivers: usize,
    /// Where the sender went back to, and why, until this is observed.
    pub(super) go_back: Option<(u64, GoBackCause)>,
    /// The earliest wake-up that is scheduled and not past.
    pub(super) wake_up: Option<Instant>,
    /// Whether it has been counted as finished.
    pub(super) finished: bool,
}

/// Segments that a stream sends before the next stream's turn.
const SEGMENTS_A_TURN: usize = 1;

impl Stream {
    /// A stream that sends the file of `cell` to `receivers`.
    pub(super) fn new(cell: &Cell, receivers: impl IntoIterator<Item = ReceiverId>) -> Self {
        let config = SenderConfig {
            window: cell.window,
            recovery: cell.recovery,
            timeout: cell.timeout,
            copies: cell.copies,
            ..SenderConfig::default()
        };
        let mut sender = Sender::new(config, receivers);
        sender.make_available(cell.segments());
        sender.finish();
        Self {
            sender,
            delays: SegmentDelays::new(0),
            lost_receivers: 0,
            go_back: None,
            wake_up: None,
            finished: false,
        }
    }

    /// The next segments to send, as many as a stream sends before others get their turn.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let transmit = self.sender.poll_transmit(now, SEGMENTS_A_TURN)?;
        self.delays.handle_transmit(&transmit, now);
        Some(transmit)
    }

    /// Handles an ACK that reached the sender.
    pub(super) fn handle_ack(&mut self, now: Instant, receiver: ReceiverId, ack: Ack) {
        self.sender.handle_ack(now, receiver, ack);
        self.handle_events(now);
    }

    /// Handles timeouts of the sender that are due at `now`, if any.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.wake_up = self.wake_up.filter(|at| *at > now);
        self.sender.handle_timeout(now);
        self.handle_events(now);
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.sender.poll_event() {
            match event {
                SenderEvent::BaseAdvanced { base } => self.delays.handle_base(base, now),
                SenderEvent::ReceiverLost { .. } => self.lost_receivers += 1,
                SenderEvent::GoBack { to, cause } => self.go_back = Some((to, cause)),
                SenderEvent::ReceiverFinished { .. } | SenderEvent::Finished => {}
            }
        }
    }
}
