//! Tells the sender where this receiver is, and answers its probes.
//!
//! The receiver sends first. A firewall on its side then lets the sender's datagrams in, and the sender learns the address that a
//! router may have given this host. If nothing arrives for a while, perhaps because the address has changed, it does so again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_protocol::segment::{ANSWER_BYTES, Answer, AnswerCipher, ProbeOpener, SealError};

const FIRST_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Greeter {
    answers: AnswerCipher,
    probes: ProbeOpener,
    /// Where the sender's socket for this receiver is, as far as it is known.
    sender: Option<SocketAddr>,
    interval: Duration,
    next: Instant,
}

impl Greeter {
    pub(super) fn new(
        answers: AnswerCipher,
        probes: ProbeOpener,
        sender: Option<SocketAddr>,
        now: Instant,
    ) -> Self {
        Self {
            answers,
            probes,
            sender,
            interval: FIRST_INTERVAL,
            next: now,
        }
    }

    /// Begins to greet a sender.
    pub(super) fn set_sender(&mut self, sender: SocketAddr, now: Instant) {
        self.sender = Some(sender);
        self.interval = FIRST_INTERVAL;
        self.next = now;
    }

    /// The greeting to send now, and where to.
    pub(super) fn poll_greeting(
        &mut self,
        now: Instant,
    ) -> Result<Option<(SocketAddr, [u8; ANSWER_BYTES])>, SealError> {
        let Some(sender) = self.sender.filter(|_| self.next <= now) else {
            return Ok(None);
        };
        self.next = now + self.interval;
        self.interval = (self.interval * 2).min(MAX_INTERVAL);
        Ok(Some((sender, self.answers.seal(Answer::Greeting)?)))
    }

    /// When [`poll_greeting`](Self::poll_greeting) has the next greeting.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sender.map(|_| self.next)
    }

    /// Returns the answer to a probe, or `None` if the datagram is none that is new.
    pub(super) fn answer(&mut self, probe: &[u8]) -> Result<Option<[u8; ANSWER_BYTES]>, SealError> {
        match self.probes.open(probe) {
            Ok(number) => self.answers.seal(Answer::Probe(number)).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Records that a segment came from the sender, at this address.
    pub(super) fn handle_segment(&mut self, from: SocketAddr, now: Instant) {
        if self.sender.is_some() {
            self.sender = Some(from);
        }
        self.interval = MAX_INTERVAL;
        self.next = now + MAX_INTERVAL;
    }
}
