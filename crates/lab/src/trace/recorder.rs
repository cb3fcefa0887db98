//! A simulated run, written down.

use std::collections::VecDeque;

use anyhow::anyhow;
use backroom_gbn::{Ack, GoBackCause, Window};
use backroom_link::DropCause;
use backroom_sim::simulation::{Observer, Step, StepKind};
use backroom_sim::{Delivery, Measurement};
use tokio_util::sync::CancellationToken;

use super::event::{Event, Kind, LostBy, Side, Trace};
use crate::plan::Run;
use crate::runner::RunError;
use crate::sim;

/// The most steps that are kept: a gigabyte of memory, more or less.
const MAX_EVENTS: usize = 12_000_000;

/// Simulates `run` and writes every step down.
///
/// # Errors
/// As of any run, and when there are more steps than memory should hold.
pub(crate) fn simulate(
    run: &Run,
    cancelled: &CancellationToken,
) -> Result<(Trace, Measurement), RunError> {
    let stop = cancelled.child_token();
    let mut recorder = Recorder {
        group: run.cell.delivery == Delivery::IpMulticast,
        events: Vec::new(),
        on_the_way: vec![VecDeque::new(); usize::from(run.cell.receivers)],
        acks_sent: vec![0; usize::from(run.cell.receivers)],
        too_long: stop.clone(),
    };
    let outcome = sim::observe(run, &mut recorder, &stop);
    if recorder.events.len() >= MAX_EVENTS {
        return Err(RunError::Broken(anyhow!(
            "a trace holds at most {MAX_EVENTS} steps: take a smaller file, like --set file=1MiB"
        )));
    }
    let cell = &run.cell;
    let trace = Trace {
        transfer: run.seed,
        origin_us: 0,
        sides: vec![Side::Sender, Side::Receiver],
        window: cell.window.fixed().map(Window::segments),
        bytes: cell.file_bytes,
        segment_bytes: cell.segment_bytes,
        events: recorder.events,
        missing: 0,
    };
    Ok((trace, outcome?))
}

struct Recorder {
    /// Whether one stream reaches all receivers.
    group: bool,
    events: Vec<Event>,
    /// Of each receiver, the ACKs on the way, oldest first, with their counters: none overtakes another.
    on_the_way: Vec<VecDeque<(Ack, u64)>>,
    acks_sent: Vec<u64>,
    too_long: CancellationToken,
}

impl Observer for Recorder {
    fn observe(&mut self, step: Step) {
        if self.events.len() >= MAX_EVENTS {
            return self.too_long.cancel();
        }
        let Some((receiver, kind)) = self.what_happened(step.lane, step.kind) else {
            return;
        };
        let stream = if self.group { 0 } else { step.lane + 1 };
        let own_receiver = if self.group { 0 } else { step.lane + 1 };
        let event = Event {
            at_ns: u64::try_from(step.at.as_nanos()).unwrap_or(u64::MAX),
            stream: stream as u16,
            receiver: receiver.map_or(own_receiver, |place| place + 1) as u16,
            base: Some(step.base),
            kind,
        };
        if let Kind::GoBack {
            cause: GoBackCause::Timeout,
            ..
        } = kind
        {
            self.events.push(Event {
                kind: Kind::Timeout,
                ..event
            });
        }
        self.events.push(event);
    }
}

impl Recorder {
    /// A step as an event says it, with the receiver at which it happened, if at one.
    fn what_happened(&mut self, lane: usize, kind: StepKind) -> Option<(Option<usize>, Kind)> {
        let place = |receiver: usize| if self.group { receiver } else { lane };
        Some(match kind {
            StepKind::Sent { seq, round, again } => (None, Kind::Send { seq, round, again }),
            StepKind::LostAtEgress { seq, round, cause } => {
                let by = lost_by(cause);
                (None, Kind::Lost { seq, round, by })
            }
            StepKind::LostAtIngress {
                receiver,
                seq,
                round,
                cause,
            } => {
                let by = lost_by(cause);
                (Some(place(receiver)), Kind::Lost { seq, round, by })
            }
            StepKind::Arrived {
                receiver,
                seq,
                round,
                received,
            } => {
                let kind = Kind::Arrive {
                    seq,
                    round,
                    received,
                };
                (Some(place(receiver)), kind)
            }
            StepKind::AckSent { receiver, ack } => {
                let place = place(receiver);
                let counter = self.acks_sent[place];
                self.acks_sent[place] += 1;
                self.on_the_way[place].push_back((ack, counter));
                let counter = Some(counter);
                (Some(place), Kind::AckSend { ack, counter })
            }
            StepKind::AckLostAtEgress { receiver, cause } => {
                let place = place(receiver);
                let (ack, counter) = self.on_the_way[place].pop_back()?;
                (Some(place), ack_lost(ack, counter, cause))
            }
            StepKind::AckLostAtIngress { receiver, cause } => {
                let place = place(receiver);
                let (ack, counter) = self.on_the_way[place].pop_front()?;
                (Some(place), ack_lost(ack, counter, cause))
            }
            StepKind::AckArrived { receiver, ack } => {
                let place = place(receiver);
                let counter = self.on_the_way[place]
                    .pop_front()
                    .map(|(_, counter)| counter);
                (Some(place), Kind::AckArrive { ack, counter })
            }
            StepKind::GoBack { to, cause } => (None, Kind::GoBack { to, cause }),
        })
    }
}

fn ack_lost(ack: Ack, counter: u64, cause: DropCause) -> Kind {
    Kind::AckLost {
        ack,
        counter: Some(counter),
        by: lost_by(cause),
    }
}

fn lost_by(cause: DropCause) -> LostBy {
    match cause {
        DropCause::Loss => LostBy::Loss,
        DropCause::Queue => LostBy::Queue,
    }
}
