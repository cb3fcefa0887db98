//! Records the trace of a simulated run.

use std::collections::VecDeque;

use anyhow::anyhow;
use backroom_gbn::{Ack, GoBackCause, Window};
use backroom_link::DropCause;
use backroom_sim::Measurement;
use backroom_sim::simulation::{Observer, Step, StepKind};
use backroom_trace::Trace;
use backroom_vocabulary::Delivery;
use backroom_vocabulary::trace::{LossCause, Side, Step as TraceStep, StepKind as TraceKind};
use tokio_util::sync::CancellationToken;

use crate::plan::Run;
use crate::runner::RunError;
use crate::sim;

/// The largest number of steps in a trace. They take about 1 GB of memory.
const MAX_STEPS: usize = 12_000_000;

/// Simulates `run` and records every step.
///
/// # Errors
/// The errors of any run, and if there are at least [`MAX_STEPS`] steps.
pub(crate) fn simulate(
    run: &Run,
    cancelled: &CancellationToken,
) -> Result<(Trace, Measurement), RunError> {
    let cell = &run.cell;
    let stop = cancelled.child_token();
    let mut recorder = Recorder {
        run,
        steps: Vec::new(),
        acks_in_flight: vec![VecDeque::new(); usize::from(cell.receivers)],
        acks_sent: vec![0; usize::from(cell.receivers)],
        too_long: stop.clone(),
    };
    let outcome = sim::observe(run, &mut recorder, &stop);
    if recorder.steps.len() >= MAX_STEPS {
        return Err(RunError::Broken(anyhow!(
            "a trace holds at most {MAX_STEPS} steps; use a smaller file, for example --set file=1MiB"
        )));
    }
    let trace = Trace {
        transfer: run.seed,
        origin_us: 0,
        sides: vec![Side::Sender, Side::Receiver],
        window: cell.window.fixed().map(Window::segments),
        bytes: cell.file_bytes,
        segment_bytes: cell.segment_bytes,
        steps: recorder.steps,
        missing: 0,
    };
    Ok((trace, outcome?))
}

struct Recorder<'a> {
    run: &'a Run,
    steps: Vec<TraceStep>,
    /// The ACKs of each receiver that have not arrived, oldest first, with their counters. They keep their order.
    acks_in_flight: Vec<VecDeque<(Ack, u64)>>,
    acks_sent: Vec<u64>,
    too_long: CancellationToken,
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, step: Step) {
        if self.steps.len() >= MAX_STEPS {
            return self.too_long.cancel();
        }
        let Some((receiver, kind)) = self.trace(step.lane, step.kind) else {
            return;
        };
        // Lane 0 of a simulated group is lane 0 on the wire; other lanes are numbered from 1 there.
        let stream = if self.is_group() { 0 } else { step.lane + 1 };
        let traced = TraceStep {
            at_ns: u64::try_from(step.at.as_nanos()).unwrap_or(u64::MAX),
            transfer: self.run.seed,
            stream: stream as u16,
            receiver: receiver.map_or(stream, |index| index + 1) as u16,
            base: Some(step.base),
            window: self.run.cell.window.fixed().map(Window::segments),
            kind,
        };
        if let TraceKind::GoBack {
            cause: GoBackCause::Timeout,
            ..
        } = kind
        {
            self.steps.push(TraceStep {
                kind: TraceKind::Timeout,
                ..traced
            });
        }
        self.steps.push(traced);
    }
}

impl Recorder<'_> {
    /// Whether one stream reaches all receivers.
    fn is_group(&self) -> bool {
        self.run.cell.delivery == Delivery::IpMulticast
    }

    /// Converts a step for the trace, with the index of its receiver if it happened at one.
    fn trace(&mut self, lane: usize, kind: StepKind) -> Option<(Option<usize>, TraceKind)> {
        let is_group = self.is_group();
        let index_of = |receiver: usize| if is_group { receiver } else { lane };
        Some(match kind {
            StepKind::Sent { seq, round, again } => {
                let retransmission = again;
                let kind = TraceKind::Send {
                    seq,
                    round,
                    retransmission,
                };
                (None, kind)
            }
            StepKind::LostAtEgress { seq, round, cause } => {
                let cause = loss_cause(cause);
                (None, TraceKind::Lost { seq, round, cause })
            }
            StepKind::LostAtIngress {
                receiver,
                seq,
                round,
                cause,
            } => {
                let cause = loss_cause(cause);
                let kind = TraceKind::Lost { seq, round, cause };
                (Some(index_of(receiver)), kind)
            }
            StepKind::Arrived {
                receiver,
                seq,
                round,
                received,
            } => {
                let kind = TraceKind::Arrive {
                    seq,
                    round,
                    received,
                };
                (Some(index_of(receiver)), kind)
            }
            StepKind::AckSent { receiver, ack } => {
                let index = index_of(receiver);
                let counter = self.acks_sent[index];
                self.acks_sent[index] += 1;
                self.acks_in_flight[index].push_back((ack, counter));
                let counter = Some(counter);
                (Some(index), TraceKind::AckSend { ack, counter })
            }
            StepKind::AckLostAtEgress { receiver, cause } => {
                let index = index_of(receiver);
                let lost = self.acks_in_flight[index].pop_back()?;
                (Some(index), ack_lost(lost, cause))
            }
            StepKind::AckLostAtIngress { receiver, cause } => {
                let index = index_of(receiver);
                let lost = self.acks_in_flight[index].pop_front()?;
                (Some(index), ack_lost(lost, cause))
            }
            StepKind::AckArrived { receiver, ack } => {
                let index = index_of(receiver);
                let arrived = self.acks_in_flight[index].pop_front();
                let counter = arrived.map(|(_, counter)| counter);
                (Some(index), TraceKind::AckArrive { ack, counter })
            }
            StepKind::GoBack { to, cause } => (None, TraceKind::GoBack { to, cause }),
        })
    }
}

fn ack_lost((ack, counter): (Ack, u64), cause: DropCause) -> TraceKind {
    TraceKind::AckLost {
        ack,
        counter: Some(counter),
        cause: loss_cause(cause),
    }
}

fn loss_cause(cause: DropCause) -> LossCause {
    match cause {
        DropCause::Loss => LossCause::Loss,
        DropCause::Queue => LossCause::Queue,
    }
}
