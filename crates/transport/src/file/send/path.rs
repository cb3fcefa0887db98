//! Where a receiver can be reached, and the proof that it is there.
//!
//! A sender puts megabytes on the wire. So that nobody can aim it at a stranger, an address gets only small probes until a receiver
//! has answered one of them from there: the answer to a probe that went to another address proves nothing. A receiver behind a
//! firewall that lets only answers in sends first, a greeting; a probe then counts as an answer. And a receiver whose address
//! changes during a transfer is followed to the new one in the same way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_protocol::segment::{Answer, AnswerCipher, PROBE_BYTES, ProbeSealer, SealError};

/// An address that has not sent anything authentic gets at most this many probes.
const MAX_UNANSWERED_PROBES: u32 = 3;

/// The time between two probes to one address. It doubles after each.
const FIRST_PROBE_INTERVAL: Duration = Duration::from_millis(250);
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// However often a receiver greets, its address gets no more than one probe in this time.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// How many of the last probes to an address an answer may name.
const KEPT_NUMBERS: usize = 8;

/// The address of one receiver.
#[derive(Debug)]
pub(super) struct Path {
    current: Target,
    is_proven: bool,
    /// Another address from which something authentic came.
    candidate: Option<Target>,
    probes: ProbeSealer,
    answers: AnswerCipher,
}

/// An address that is probed.
#[derive(Debug)]
struct Target {
    address: SocketAddr,
    /// The numbers of the last probes that went there.
    numbers: VecDeque<u32>,
    probes: u32,
    max_probes: u32,
    interval: Duration,
    last_probe: Option<Instant>,
    next_probe: Instant,
}

impl Path {
    /// `is_proven` if the receiver's host has answered from this address before.
    pub(super) fn new(
        address: SocketAddr,
        is_proven: bool,
        probes: ProbeSealer,
        answers: AnswerCipher,
        now: Instant,
    ) -> Self {
        Self {
            current: Target::new(address, now),
            is_proven,
            candidate: None,
            probes,
            answers,
        }
    }

    /// Where segments go, once that is proven.
    pub(super) fn address(&self) -> SocketAddr {
        self.current.address
    }

    /// Whether segments may be sent.
    pub(super) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// The next probe to send now, and where to.
    pub(super) fn poll_probe(
        &mut self,
        now: Instant,
    ) -> Result<Option<(SocketAddr, [u8; PROBE_BYTES])>, SealError> {
        let current = (!self.is_proven).then_some(&mut self.current);
        let targets = current.into_iter().chain(&mut self.candidate);
        for target in targets {
            if target.is_due(now) {
                let number = self.probes.next_number();
                let probe = self.probes.seal()?;
                target.record_probe(number, now);
                return Ok(Some((target.address, probe)));
            }
        }
        Ok(None)
    }

    /// When [`poll_probe`](Self::poll_probe) has the next probe.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let current = (!self.is_proven).then_some(&self.current);
        let targets = current.into_iter().chain(&self.candidate);
        targets.filter_map(Target::poll_timeout).min()
    }

    /// Takes a greeting or an answer to a probe. False if the datagram is neither.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        let Ok(answer) = self.answers.open(datagram) else {
            return false;
        };
        match answer {
            Answer::Greeting => self.handle_authentic(now, from),
            Answer::Probe(number) => self.handle_answer(now, from, number),
        }
        true
    }

    /// Records that something authentic came from an address. It may have been recorded elsewhere and sent again, so it earns the
    /// address a probe and no more.
    pub(super) fn handle_authentic(&mut self, now: Instant, from: SocketAddr) {
        if from != self.current.address {
            let candidate = self.candidate.take().filter(|one| one.address == from);
            let candidate = candidate.unwrap_or_else(|| Target::new(from, now));
            self.candidate.insert(candidate).invite(now);
        } else if !self.is_proven {
            self.current.invite(now);
        }
    }

    fn handle_answer(&mut self, now: Instant, from: SocketAddr, number: u32) {
        let is_answer =
            |target: &Target| target.address == from && target.numbers.contains(&number);
        if is_answer(&self.current) {
            self.is_proven = true;
        } else if let Some(proven) = self.candidate.take_if(|candidate| is_answer(candidate)) {
            self.current = proven;
            self.is_proven = true;
        } else {
            self.handle_authentic(now, from);
        }
    }
}

impl Target {
    fn new(address: SocketAddr, now: Instant) -> Self {
        Self {
            address,
            numbers: VecDeque::new(),
            probes: 0,
            max_probes: MAX_UNANSWERED_PROBES,
            interval: FIRST_PROBE_INTERVAL,
            last_probe: None,
            next_probe: now,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.poll_timeout().is_some_and(|at| at <= now)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (self.probes < self.max_probes).then_some(self.next_probe)
    }

    fn record_probe(&mut self, number: u32, now: Instant) {
        self.numbers.truncate(KEPT_NUMBERS - 1);
        self.numbers.push_front(number);
        self.probes = self.probes.saturating_add(1);
        self.last_probe = Some(now);
        self.next_probe = now + self.interval;
        self.interval = (self.interval * 2).min(MAX_PROBE_INTERVAL);
    }

    /// Something authentic came from there: it gets another probe at once.
    fn invite(&mut self, now: Instant) {
        let earliest = self
            .last_probe
            .map_or(now, |last| last + MIN_PROBE_INTERVAL);
        self.next_probe = self.next_probe.min(earliest.max(now));
        self.max_probes = self.max_probes.max(self.probes.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::segment::{ProbeOpener, StreamId};
    use backroom_protocol::{Key, TransferId};

    use super::*;

    const STREAM: StreamId = StreamId {
        transfer: TransferId(1),
        lane: 1,
    };
    const RECEIVER: u16 = 0;

    struct Bed {
        path: Path,
        opener: ProbeOpener,
        answers: AnswerCipher,
        now: Instant,
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    impl Bed {
        fn new() -> Self {
            let (stream_key, ack_key) = (Key::generate().unwrap(), Key::generate().unwrap());
            let answers = || AnswerCipher::new(STREAM, RECEIVER, &ack_key);
            let now = Instant::now();
            let probes = ProbeSealer::new(STREAM, &stream_key);
            Self {
                path: Path::new(address(1), false, probes, answers(), now),
                opener: ProbeOpener::new(STREAM, &stream_key),
                answers: answers(),
                now,
            }
        }

        /// The probes until `until` after the start: the port that each went to, and its number.
        fn probes(&mut self, until: Duration) -> Vec<(u16, u32)> {
            let mut sent = Vec::new();
            let end = self.now + until;
            while let Some(at) = self.path.poll_timeout().filter(|at| *at <= end) {
                self.now = self.now.max(at);
                let (to, probe) = self.path.poll_probe(self.now).unwrap().unwrap();
                sent.push((to.port(), self.opener.open(&probe).unwrap()));
            }
            self.now = end;
            sent
        }

        fn answer(&mut self, from: u16, answer: Answer) {
            let datagram = self.answers.seal(answer).unwrap();
            assert!(
                self.path
                    .handle_datagram(self.now, address(from), &datagram)
            );
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_silent_address_gets_three_probes() {
        let mut bed = Bed::new();
        assert_eq!(bed.probes(MINUTE), [(1, 0), (1, 1), (1, 2)]);
        assert!(!bed.path.is_proven());
    }

    #[test]
    fn the_answer_to_a_probe_proves_the_address() {
        let mut bed = Bed::new();
        assert_eq!(bed.probes(Duration::ZERO), [(1, 0)]);
        bed.answer(1, Answer::Probe(0));
        assert!(bed.path.is_proven());
        assert_eq!(bed.path.address(), address(1));
        assert_eq!(bed.probes(MINUTE), []);
    }

    #[test]
    fn a_number_that_was_not_sent_there_proves_nothing() {
        let mut bed = Bed::new();
        bed.probes(Duration::ZERO);
        bed.answer(1, Answer::Probe(7));
        bed.answer(2, Answer::Probe(0));
        assert!(!bed.path.is_proven());
    }

    /// With a firewall in front of the receiver, only the probes after its first greeting arrive.
    #[test]
    fn each_greeting_earns_a_probe() {
        let mut bed = Bed::new();
        bed.probes(MINUTE);
        for number in 3..10 {
            bed.answer(1, Answer::Greeting);
            bed.answer(1, Answer::Greeting);
            assert_eq!(bed.probes(MINUTE), [(1, number)]);
        }
    }

    #[test]
    fn a_receiver_is_followed_to_an_address_that_it_proves() {
        let mut bed = Bed::new();
        bed.probes(Duration::ZERO);
        bed.answer(1, Answer::Probe(0));
        bed.path.handle_authentic(bed.now, address(2));
        assert_eq!(bed.path.address(), address(1), "not yet");
        assert_eq!(bed.probes(Duration::ZERO), [(2, 1)]);
        bed.answer(2, Answer::Probe(1));
        assert_eq!(bed.path.address(), address(2));
        assert_eq!(bed.probes(MINUTE), []);
    }

    /// Someone sends what a receiver sent again, from the address of a stranger.
    #[test]
    fn a_stranger_gets_one_probe_for_each_datagram_that_is_sent_in_its_name() {
        let mut bed = Bed::new();
        bed.probes(Duration::ZERO);
        bed.answer(1, Answer::Probe(0));
        bed.answer(9, Answer::Greeting);
        assert_eq!(bed.probes(MINUTE).len(), 3);
        for _ in 0..10 {
            bed.answer(9, Answer::Probe(0));
            assert_eq!(bed.probes(MINUTE).len(), 1);
        }
        assert_eq!(bed.path.address(), address(1));
    }
}
