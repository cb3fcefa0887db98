//! The event loop, and the invariants that it checks at each step.

use std::time::{Duration, Instant};

use backroom_gbn::{
    Received, Receiver, ReceiverId, Sender, SenderEvent, SenderStats, StragglerDetector, Transmit,
    Window, WindowSetting,
};
use backroom_link::LinkStats;

use super::{
    content::{SendBuffer, payload},
    epoch,
    network::{DueEvent, Network, Segment},
    scenario::Scenario,
    trace::{Event, TraceEntry},
};

/// The number of steps after which a transfer counts as stuck.
const MAX_STEPS: u64 = 2_000_000;

/// A violated invariant.
#[derive(Debug)]
pub(crate) struct Violation(pub(crate) String);

/// The result of a transfer.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// From the first segment until the sender finished.
    pub(crate) duration: Duration,
    pub(crate) stats: SenderStats,
    pub(crate) data_link: LinkStats,
    /// Segments dropped by any link.
    pub(crate) losses: u64,
    /// The receivers that have the whole file.
    pub(crate) finished: Vec<u16>,
    pub(crate) lost: Vec<u16>,
    /// The stragglers that were removed.
    pub(crate) moved: Vec<u16>,
    pub(crate) trace: Vec<TraceEntry>,
}

impl Outcome {
    pub(crate) fn count(&self, is_counted: impl Fn(&Event) -> bool) -> u64 {
        self.trace
            .iter()
            .filter(|entry| is_counted(&entry.event))
            .count() as u64
    }
}

pub(crate) struct Simulation<'a> {
    scenario: &'a Scenario,
    now: Instant,
    sender: Sender,
    send_buffer: SendBuffer,
    members: Vec<Member>,
    network: Network,
    finished: Vec<u16>,
    lost: Vec<u16>,
    straggler_detector: StragglerDetector,
    moved: Vec<u16>,
    trace: Vec<TraceEntry>,
    steps: u64,
}

/// The number of segments that the application around a sender buffers.
fn send_buffer_capacity(window: WindowSetting) -> usize {
    match window {
        WindowSetting::Fixed(window) => window.segments().into(),
        WindowSetting::Auto => Window::MAX.segments().into(),
    }
}

/// A receiver and the state of the application around it.
struct Member {
    receiver: Receiver,
    file: Vec<u8>,
    waits_to_acknowledge: bool,
    /// Segments in the buffer, if its space is limited.
    buffered: u32,
    takes_out: bool,
    /// The end of the space ever advertised to the sender.
    promised: u64,
}

impl Scenario {
    /// Runs the transfer to its end.
    ///
    /// # Errors
    /// Describes a violated invariant and the scenario that reproduces it.
    pub(crate) fn run(&self) -> Result<Outcome, Violation> {
        Simulation::new(self).run().map_err(|violation| {
            Violation(format!("{}\nseed {} of {self:#?}", violation.0, self.seed))
        })
    }
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        let free_segments = scenario.space.map_or(u32::MAX, |space| space.capacity);
        let ids = (0..scenario.receivers).map(ReceiverId);
        let mut sender = Sender::new(scenario.sender, ids.clone());
        ids.for_each(|id| sender.set_free_segments(id, free_segments));
        let member = || Member {
            receiver: Receiver::new(free_segments),
            file: Vec::new(),
            waits_to_acknowledge: false,
            buffered: 0,
            takes_out: false,
            promised: free_segments.into(),
        };
        Self {
            scenario,
            now: epoch(),
            send_buffer: SendBuffer::new(send_buffer_capacity(scenario.sender.window)),
            sender,
            members: std::iter::repeat_with(member)
                .take(scenario.receivers.into())
                .collect(),
            network: Network::new(scenario),
            finished: Vec::new(),
            lost: Vec::new(),
            straggler_detector: StragglerDetector::default(),
            moved: Vec::new(),
            trace: Vec::new(),
            steps: 0,
        }
    }

    /// The run loop: drain, then continue at the earlier of the two next wake-ups.
    pub(crate) fn run(mut self) -> Result<Outcome, Violation> {
        loop {
            self.drain()?;
            if self.scenario.detect_stragglers {
                self.remove_stragglers()?;
            }
            if self.sender.is_finished() {
                return self.outcome();
            }
            self.check_timer()?;
            self.count_step()?;
            match (self.network.next_at(), self.sender.poll_timeout()) {
                (Some(due), timeout) if timeout.is_none_or(|timeout| due <= timeout) => {
                    self.now = due;
                    self.handle_due()?;
                }
                (_, Some(timeout)) => {
                    self.now = timeout;
                    self.record(Event::Timeout);
                    self.sender.handle_timeout(timeout);
                }
                (_, None) => return violation("nothing is on the way and no timer runs"),
            }
        }
    }

    fn remove_stragglers(&mut self) -> Result<(), Violation> {
        while let Some(slow) = self.straggler_detector.observe(self.now, &self.sender) {
            self.moved.push(slow.0);
            self.sender.remove_receiver(slow);
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Violation> {
        self.drain_events();
        self.fill_send_buffer();
        self.drain_transmits()?;
        self.drain_events();
        Ok(())
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.sender.poll_event() {
            self.record(Event::Reported(event));
            match event {
                SenderEvent::BaseAdvanced { base } => self.send_buffer.free_below(base),
                SenderEvent::ReceiverFinished { receiver } => self.finished.push(receiver.0),
                SenderEvent::ReceiverLost { receiver, .. } => self.lost.push(receiver.0),
                SenderEvent::GoBack { .. } | SenderEvent::Finished => {}
            }
        }
    }

    fn drain_transmits(&mut self) -> Result<(), Violation> {
        let waits_for_link = self.scenario.waits_for_link;
        let max_segments = if waits_for_link {
            1
        } else {
            self.scenario.max_segments
        };
        while !waits_for_link || self.network.backlog(self.now).is_zero() {
            let Some(run) = self.sender.poll_transmit(self.now, max_segments) else {
                return Ok(());
            };
            self.send(run)?;
            self.count_step()?;
        }
        self.network.wait_for_link(self.now);
        Ok(())
    }

    fn fill_send_buffer(&mut self) {
        let Scenario {
            seed,
            segments,
            payload_bytes,
            ..
        } = *self.scenario;
        while self.send_buffer.end() < segments && self.send_buffer.has_space() {
            self.send_buffer.push(payload(
                seed,
                self.send_buffer.end(),
                segments,
                payload_bytes,
            ));
        }
        self.sender.make_available(self.send_buffer.end());
        if self.send_buffer.end() == segments {
            self.sender.finish();
        }
    }

    fn send(&mut self, run: Transmit) -> Result<(), Violation> {
        self.record(Event::Sent(run));
        self.check_window(run)?;
        self.check_space(run)?;
        for seq in run.datagrams() {
            let Some(payload) = self.send_buffer.copy(seq) else {
                return violation(format!("segment {seq} is sent, but its bytes were freed"));
            };
            self.network.send_segment(
                self.now,
                &Segment {
                    seq,
                    round: run.round,
                    payload,
                },
            );
        }
        Ok(())
    }

    fn handle_due(&mut self) -> Result<(), Violation> {
        match self.network.pop() {
            Some(DueEvent::AtLastHop { receiver, segment }) => {
                self.network
                    .send_over_last_hop(self.now, receiver, &segment);
            }
            Some(DueEvent::Segment { receiver, segment }) if !self.is_silent(receiver) => {
                return self.handle_segment(receiver, segment);
            }
            Some(DueEvent::Acknowledge { receiver }) => self.acknowledge(receiver),
            Some(DueEvent::TakeOut { receiver }) => self.read_buffered(receiver),
            Some(DueEvent::Ack { receiver, ack }) => {
                self.record(Event::AckArrived { receiver, ack });
                self.sender.handle_ack(self.now, ReceiverId(receiver), ack);
            }
            Some(DueEvent::Segment { .. } | DueEvent::LinkIdle) | None => {}
        }
        Ok(())
    }

    fn handle_segment(&mut self, receiver: u16, segment: Segment) -> Result<(), Violation> {
        let Segment {
            seq,
            round,
            payload: bytes,
        } = segment;
        let member = &mut self.members[usize::from(receiver)];
        let received = member.receiver.handle_segment(seq, round);
        if received == Received::Deliver {
            let Scenario {
                seed,
                segments,
                payload_bytes,
                ..
            } = *self.scenario;
            if bytes != payload(seed, seq, segments, payload_bytes) {
                return violation(format!(
                    "receiver {receiver} got other bytes as segment {seq}"
                ));
            }
            member.file.extend_from_slice(&bytes);
            member.buffered += 1;
        }
        let waits = std::mem::replace(&mut member.waits_to_acknowledge, true);
        self.record(Event::Arrived {
            receiver,
            seq,
            round,
            received,
        });
        if self.scenario.ack_delay.is_zero() {
            self.acknowledge(receiver);
        } else if !waits {
            self.network.schedule(
                self.now + self.scenario.ack_delay,
                DueEvent::Acknowledge { receiver },
            );
        }
        self.schedule_reading(receiver);
        Ok(())
    }

    fn acknowledge(&mut self, receiver: u16) {
        let member = &mut self.members[usize::from(receiver)];
        member.waits_to_acknowledge = false;
        if let Some(ack) = member.receiver.poll_transmit() {
            member.promised = member.promised.max(ack.space_end());
            self.record(Event::Acknowledged { receiver, ack });
            self.network.send_ack(self.now, receiver, ack);
        }
    }

    fn schedule_reading(&mut self, receiver: u16) {
        let member = &mut self.members[usize::from(receiver)];
        if let Some(space) = self.scenario.space
            && member.buffered > 0
            && !member.takes_out
        {
            member.takes_out = true;
            self.network
                .schedule(self.now + space.every, DueEvent::TakeOut { receiver });
        }
    }

    fn read_buffered(&mut self, receiver: u16) {
        let member = &mut self.members[usize::from(receiver)];
        member.takes_out = false;
        if let Some(space) = self.scenario.space {
            member.buffered -= space.taken.min(member.buffered);
            member
                .receiver
                .set_free_segments(space.capacity - member.buffered);
        }
        if !self.is_silent(receiver) {
            self.acknowledge(receiver);
        }
        self.schedule_reading(receiver);
    }

    fn is_silent(&self, receiver: u16) -> bool {
        self.scenario
            .silent_from
            .is_some_and(|(first, at)| receiver >= first && self.now >= epoch() + at)
    }

    fn check_window(&self, run: Transmit) -> Result<(), Violation> {
        let window = self.sender.window();
        let end = self.sender.base() + u64::from(window.segments());
        if run.segments().end > end {
            return violation(format!("{run:?} goes beyond {end}, window {window}"));
        }
        Ok(())
    }

    /// Checks that no live receiver is sent more than it ever had space for, except for one probe.
    fn check_space(&self, run: Transmit) -> Result<(), Violation> {
        let is_probe = run.count == 1 && run.first == self.sender.base();
        let promised = |id: ReceiverId| self.members[usize::from(id.0)].promised;
        let least = self
            .sender
            .receivers()
            .iter()
            .map(|live| promised(live.id))
            .min();
        if least.is_some_and(|least| run.segments().end > least) && !is_probe {
            return violation(format!(
                "{run:?} is beyond the space of a receiver, {least:?}"
            ));
        }
        Ok(())
    }

    fn check_timer(&self) -> Result<(), Violation> {
        let waits_for_link = self.scenario.waits_for_link;
        if self.sender.outstanding() > 0 && self.sender.poll_timeout().is_none() && !waits_for_link
        {
            return violation("segments are outstanding and no timer runs");
        }
        Ok(())
    }

    fn count_step(&mut self) -> Result<(), Violation> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            violation("the transfer does not end")
        } else {
            Ok(())
        }
    }

    fn outcome(self) -> Result<Outcome, Violation> {
        let Scenario {
            seed,
            segments,
            payload_bytes,
            ..
        } = *self.scenario;
        let file: Vec<u8> = (0..segments)
            .flat_map(|seq| payload(seed, seq, segments, payload_bytes))
            .collect();
        for id in &self.finished {
            if self.members[usize::from(*id)].file != file {
                return violation(format!("receiver {id} does not have the file it finished"));
            }
        }
        Ok(Outcome {
            duration: self.now - epoch(),
            stats: *self.sender.stats(),
            data_link: self.network.data_stats(),
            losses: self.network.losses(),
            finished: self.finished,
            lost: self.lost,
            moved: self.moved,
            trace: self.trace,
        })
    }

    fn record(&mut self, event: Event) {
        self.trace.push(TraceEntry {
            at: self.now - epoch(),
            event,
        });
    }
}

fn violation<T>(message: impl Into<String>) -> Result<T, Violation> {
    Err(Violation(message.into()))
}
