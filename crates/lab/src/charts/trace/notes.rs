//! The words beside the two lines of a space-time diagram.

use backroom_gbn::{GoBackCause, Received};

use super::excerpt::ms;
use crate::trace::{Event, Kind, Trace};

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
        .map(|(at_ms, events)| {
            let mut parts = Vec::new();
            for event in &events {
                match event.kind {
                    Kind::AckArrive { ack, .. } => {
                        let again = ack.cumulative <= heard;
                        heard = heard.max(ack.cumulative);
                        let newest = event.base.unwrap_or(heard);
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
                    Kind::Timeout => parts.push("timeout".to_owned()),
                    Kind::GoBack { to, cause } => parts.push(match cause {
                        GoBackCause::Timeout => format!("go back to {to}"),
                        GoBackCause::Gap => format!("gap: go back to {to}"),
                    }),
                    _ => {}
                }
            }
            parts.extend(sent(&events, false));
            parts.extend(sent(&events, true));
            Note {
                at_ms,
                text: parts.join(", "),
                alarming: events
                    .iter()
                    .any(|event| matches!(event.kind, Kind::GoBack { .. } | Kind::Timeout)),
            }
        })
        .filter(|note| !note.text.is_empty())
        .collect()
}

/// What the receiver does.
pub(super) fn of_receiver(trace: &Trace) -> Vec<Note> {
    grouped(trace, is_of_receiver)
        .map(|(at_ms, events)| {
            let mut parts = Vec::new();
            let mut alarming = false;
            for (what, wanted) in [
                ("deliver", Received::Deliver),
                ("drop", Received::OutOfOrder),
                ("had", Received::Duplicate),
                ("copy of", Received::Copy),
                ("no space for", Received::NoSpace),
            ] {
                let seqs = events.iter().filter_map(|event| match event.kind {
                    Kind::Arrive { seq, received, .. } if received == wanted => Some(seq),
                    _ => None,
                });
                if let Some(range) = range(seqs) {
                    parts.push(format!("{what} {range}"));
                    alarming |= !matches!(wanted, Received::Deliver | Received::Copy);
                }
            }
            let ack = events.iter().rev().find_map(|event| match event.kind {
                Kind::AckSend { ack, .. } => Some(ack.cumulative),
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

fn is_of_sender(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Send { .. } | Kind::AckArrive { .. } | Kind::Timeout | Kind::GoBack { .. }
    )
}

fn is_of_receiver(kind: &Kind) -> bool {
    matches!(kind, Kind::Arrive { .. } | Kind::AckSend { .. })
}

/// The events that `wanted` wants, those of the same time together.
fn grouped(trace: &Trace, wanted: fn(&Kind) -> bool) -> impl Iterator<Item = (f64, Vec<&Event>)> {
    let mut groups: Vec<(u64, Vec<&Event>)> = Vec::new();
    for event in trace.events.iter().filter(|event| wanted(&event.kind)) {
        match groups.last_mut() {
            Some((at_ns, events)) if *at_ns == event.at_ns => events.push(event),
            _ => groups.push((event.at_ns, vec![event])),
        }
    }
    groups
        .into_iter()
        .map(|(at_ns, events)| (ms(at_ns), events))
}

fn sent(events: &[&Event], wanted: bool) -> Option<String> {
    let seqs = events.iter().filter_map(|event| match event.kind {
        Kind::Send { seq, again, .. } if again == wanted => Some(seq),
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
