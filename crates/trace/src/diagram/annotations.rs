//! The texts beside the two lines of a space-time diagram.

use backroom_gbn::{GoBackCause, Received};
use backroom_vocabulary::trace::{Step, StepKind};

use super::page::ms;
use crate::trace::Trace;

/// What happens at one side at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Annotation {
    pub(super) at_ms: f64,
    pub(super) text: String,
    /// Whether something went wrong.
    pub(super) is_problem: bool,
}

/// What happens at the sender.
pub(super) fn of_sender(trace: &Trace) -> Vec<Annotation> {
    let mut acks = ReceivedAcks {
        window: trace.window,
        cumulative: 0,
        base: 0,
    };
    annotations(trace, StepKind::is_of_sender, |steps| {
        let mut parts: Vec<_> = steps
            .iter()
            .filter_map(|step| match step.kind {
                StepKind::AckArrive { ack, .. } => Some(acks.text(ack.cumulative, step.base)),
                StepKind::Timeout => Some("timeout".to_owned()),
                StepKind::GoBack { to, cause } => Some(match cause {
                    GoBackCause::Timeout => format!("go back to {to}"),
                    GoBackCause::Gap => format!("gap: go back to {to}"),
                }),
                _ => None,
            })
            .collect();
        for (verb, wanted) in [("send", false), ("resend", true)] {
            let seqs = steps.iter().filter_map(|step| match step.kind {
                StepKind::Send {
                    seq,
                    retransmission,
                    ..
                } if retransmission == wanted => Some(seq),
                _ => None,
            });
            parts.extend(range(seqs).map(|range| format!("{verb} {range}")));
        }
        let is_problem = |kind| matches!(kind, StepKind::GoBack { .. } | StepKind::Timeout);
        (parts, steps.iter().any(|step| is_problem(step.kind)))
    })
}

/// What the sender knows from ACKs.
struct ReceivedAcks {
    window: Option<u16>,
    cumulative: u64,
    base: u64,
}

impl ReceivedAcks {
    /// The text for one more ACK: with the window if that moves.
    fn text(&mut self, cumulative: u64, base: Option<u64>) -> String {
        let is_repeated = cumulative <= self.cumulative;
        self.cumulative = self.cumulative.max(cumulative);
        let base = base.unwrap_or(self.cumulative);
        let moves = base > self.base;
        self.base = self.base.max(base);
        match self.window {
            Some(window) if moves => {
                let end = base + u64::from(window) - 1;
                format!("ACK {cumulative}, window {base}–{end}")
            }
            _ if is_repeated => format!("ACK {cumulative} again"),
            _ => format!("ACK {cumulative}"),
        }
    }
}

/// What happens at the receiver.
pub(super) fn of_receiver(trace: &Trace) -> Vec<Annotation> {
    let wanted =
        |kind: &StepKind| matches!(kind, StepKind::Arrive { .. } | StepKind::AckSend { .. });
    annotations(trace, wanted, |steps| {
        let mut parts = Vec::new();
        let mut is_problem = false;
        for (what, wanted) in [
            ("deliver", Received::Deliver),
            ("drop", Received::OutOfOrder),
            ("had", Received::Duplicate),
            ("copy of", Received::Copy),
            ("no space for", Received::NoSpace),
        ] {
            let seqs = steps.iter().filter_map(|step| match step.kind {
                StepKind::Arrive { seq, received, .. } if received == wanted => Some(seq),
                _ => None,
            });
            if let Some(range) = range(seqs) {
                parts.push(format!("{what} {range}"));
                is_problem |= !matches!(wanted, Received::Deliver | Received::Copy);
            }
        }
        let ack = steps.iter().rev().find_map(|step| match step.kind {
            StepKind::AckSend { ack, .. } => Some(ack.cumulative),
            _ => None,
        });
        parts.extend(ack.map(|ack| format!("ACK {ack}")));
        (parts, is_problem)
    })
}

/// An annotation for the steps that are `wanted` and happened at the same time. `describe` returns the parts of its
/// text, and whether something went wrong.
fn annotations(
    trace: &Trace,
    wanted: impl Fn(&StepKind) -> bool,
    mut describe: impl FnMut(&[&Step]) -> (Vec<String>, bool),
) -> Vec<Annotation> {
    let steps: Vec<_> = trace
        .steps
        .iter()
        .filter(|step| wanted(&step.kind))
        .collect();
    steps
        .chunk_by(|one, next| one.at_ns == next.at_ns)
        .map(|steps| {
            let (parts, is_problem) = describe(steps);
            Annotation {
                at_ms: ms(steps[0].at_ns),
                text: parts.join(", "),
                is_problem,
            }
        })
        .collect()
}

/// From the least to the greatest of `seqs`; `None` if there are none.
fn range(seqs: impl Iterator<Item = u64> + Clone) -> Option<String> {
    let (least, greatest) = (seqs.clone().min()?, seqs.max()?);
    Some(if least == greatest {
        least.to_string()
    } else {
        format!("{least}–{greatest}")
    })
}
