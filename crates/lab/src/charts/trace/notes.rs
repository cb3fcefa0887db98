//! The words beside the two lines of a space-time diagram.

use backroom_gbn::{GoBackCause, Received};

use super::excerpt::ms;
use backroom_trace::Trace;
use backroom_vocabulary::trace::{Step, StepKind};

/// What one side says at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) at_ms: f64,
    pub(super) text: String,
    /// Whether it is about something that went wrong.
    pub(super) alarming: bool,
}

/// What the sender does.
pub(super) fn of_sender(trace: &Trace) -> Vec<Note> {
    let (mut base, mut heard) = (0, 0);
    grouped(trace, is_of_sender)
        .map(|(at_ms, steps)| {
            let mut parts = Vec::new();
            for step in &steps {
                match step.kind {
                    StepKind::AckArrive { ack, .. } => {
                        let again = ack.cumulative <= heard;
                        heard = heard.max(ack.cumulative);
                        let newest = step.base.unwrap_or(heard);
                        let window = trace.window.filter(|_| newest > base);
                        base = base.max(newest);
                        parts.push(match (window, again) {
                            (Some(window), _) => {
                                let end = base + u64::from(window) - 1;
                                format!("ACK {}, window {base}–{end}", ack.cumulative)
                            }
                            (None, true) => format!("ACK {} again", ack.cumulative),
                            (None, false) => format!("ACK {}", ack.cumulative),
                        });
                    }
                    StepKind::Timeout => parts.push("timeout".to_owned()),
                    StepKind::GoBack { to, cause } => parts.push(match cause {
                        GoBackCause::Timeout => format!("go back to {to}"),
                        GoBackCause::Gap => format!("gap: go back to {to}"),
                    }),
                    _ => {}
                }
            }
            parts.extend(sent(&steps, false));
            parts.extend(sent(&steps, true));
            Note {
                at_ms,
                text: parts.join(", "),
                alarming: steps
                    .iter()
                    .any(|step| matches!(step.kind, StepKind::GoBack { .. } | StepKind::Timeout)),
            }
        })
        .filter(|note| !note.text.is_empty())
        .collect()
}

/// What the receiver does.
pub(super) fn of_receiver(trace: &Trace) -> Vec<Note> {
    grouped(trace, is_of_receiver)
        .map(|(at_ms, steps)| {
            let mut parts = Vec::new();
            let mut alarming = false;
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
                    alarming |= !matches!(wanted, Received::Deliver | Received::Copy);
                }
            }
            let ack = steps.iter().rev().find_map(|step| match step.kind {
                StepKind::AckSend { ack, .. } => Some(ack.cumulative),
                _ => None,
            });
            parts.extend(ack.map(|ack| format!("ACK {ack}")));
            Note {
                at_ms,
                text: parts.join(", "),
                alarming,
            }
        })
        .filter(|note| !note.text.is_empty())
        .collect()
}

fn is_of_sender(kind: &StepKind) -> bool {
    matches!(
        kind,
        StepKind::Send { .. }
            | StepKind::AckArrive { .. }
            | StepKind::Timeout
            | StepKind::GoBack { .. }
    )
}

fn is_of_receiver(kind: &StepKind) -> bool {
    matches!(kind, StepKind::Arrive { .. } | StepKind::AckSend { .. })
}

/// The steps that `wanted` wants, those of the same time together.
fn grouped(
    trace: &Trace,
    wanted: fn(&StepKind) -> bool,
) -> impl Iterator<Item = (f64, Vec<&Step>)> {
    let mut groups: Vec<(u64, Vec<&Step>)> = Vec::new();
    for step in trace.steps.iter().filter(|step| wanted(&step.kind)) {
        match groups.last_mut() {
            Some((at_ns, steps)) if *at_ns == step.at_ns => steps.push(step),
            _ => groups.push((step.at_ns, vec![step])),
        }
    }
    groups.into_iter().map(|(at_ns, steps)| (ms(at_ns), steps))
}

fn sent(steps: &[&Step], wanted: bool) -> Option<String> {
    let seqs = steps.iter().filter_map(|step| match step.kind {
        StepKind::Send {
            seq,
            retransmission,
            ..
        } if retransmission == wanted => Some(seq),
        _ => None,
    });
    let what = if wanted { "resend" } else { "send" };
    range(seqs).map(|range| format!("{what} {range}"))
}

fn range(seqs: impl Iterator<Item = u64>) -> Option<String> {
    let (least, greatest) = seqs.fold(None, |ends: Option<(u64, u64)>, seq| {
        Some(ends.map_or((seq, seq), |(low, high)| (low.min(seq), high.max(seq))))
    })?;
    Some(match least == greatest {
        true => least.to_string(),
        false => format!("{least}–{greatest}"),
    })
}
