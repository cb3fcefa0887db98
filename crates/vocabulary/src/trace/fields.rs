//! The JSON form of a line: one flat object. Fields that do not apply are left out.

use backroom_gbn::{Ack, GoBackCause, Received};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::step::{Begin, LossCause, Side, Step, StepKind};

/// No transfer lasts 30 years. Beyond that, nanoseconds would not fit.
const MAX_TIME_MS: f64 = 1e12;

/// A line as it is written. The order of the fields is part of the format.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Fields {
    /// Time since the transfer began.
    #[serde(default)]
    time_ms: f64,
    /// What the line tells.
    pub(super) event: EventName,
    /// The transfer's number on the wire: 16 hexadecimal digits.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "hexadecimal",
        deserialize_with = "from_hexadecimal"
    )]
    #[schemars(with = "String")]
    pub(super) transfer: Option<u64>,
    /// The stream's lane: 0 reaches a group, n the n-th receiver.
    #[serde(default)]
    stream: u16,
    /// The receiver, from 1; 0 for all receivers of the stream.
    #[serde(default)]
    receiver: u16,
    /// The segment; in `go_back`, the one to go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// How often the sender had gone back before it sent the segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<u16>,
    /// In an ACK, the next segment expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<u64>,
    /// In an ACK, the round of the last segment accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_round: Option<u16>,
    /// In an ACK that reports a gap, the round of the segment that revealed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap_round: Option<u16>,
    /// In an ACK, how many segments the receiver has space for.
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u32>,
    /// The number of an ACK, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
    /// In `go_back`, `timeout` or `gap`; in `lost` and `ack_lost`, `loss` or `queue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// In `refused`, segments; in `missing`, steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    /// The sender's oldest segment that is not acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<u64>,
    /// The sender's window in segments, if it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u16>,
    /// In `begin`, the side that wrote the lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<Side>,
    /// In `begin`, when `time_ms` is 0, in microseconds since the UNIX epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    unix_us: Option<u64>,
    /// In `begin`, the size of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// In `begin`, the payload of each segment but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_bytes: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum EventName {
    #[default]
    Begin,
    Missing,
    Send,
    Resend,
    Refused,
    Lost,
    Deliver,
    Duplicate,
    Copy,
    OutOfOrder,
    NoSpace,
    AckSent,
    AckLost,
    Ack,
    Timeout,
    GoBack,
    Unopened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Cause {
    Timeout,
    Gap,
    Loss,
    Queue,
}

/// A line lacks a field of its event, or has one out of range.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("it has no `{0}`")]
    Missing(&'static str),
    #[error("`time_ms` is out of range")]
    Time,
    #[error("`cause` does not belong to this event")]
    Cause,
}

impl Fields {
    pub(super) fn missing(transfer: Option<u64>, count: u64) -> Self {
        Self {
            event: EventName::Missing,
            transfer,
            count: Some(count),
            ..Self::default()
        }
    }
}

impl From<Begin> for Fields {
    fn from(begin: Begin) -> Self {
        Self {
            event: EventName::Begin,
            transfer: Some(begin.transfer),
            stream: begin.stream,
            receiver: begin.receiver,
            window: begin.window,
            side: Some(begin.side),
            unix_us: Some(begin.unix_us),
            bytes: Some(begin.bytes),
            segment_bytes: Some(begin.segment_bytes),
            ..Self::default()
        }
    }
}

impl From<Step> for Fields {
    fn from(step: Step) -> Self {
        let fields = Self {
            time_ms: step.at_ns as f64 / 1e6,
            transfer: Some(step.transfer),
            stream: step.stream,
            receiver: step.receiver,
            base: step.base.filter(|_| step.kind.is_of_sender()),
            window: step.window.filter(|_| step.kind.has_window()),
            ..Self::default()
        };
        match step.kind {
            StepKind::Send {
                seq,
                round,
                retransmission,
            } => {
                let event = if retransmission {
                    EventName::Resend
                } else {
                    EventName::Send
                };
                fields.segment(event, seq, round)
            }
            StepKind::Refused { count } => Self {
                count: Some(count),
                ..fields.event(EventName::Refused)
            },
            StepKind::Lost { seq, round, cause } => Self {
                cause: Some(cause.into()),
                ..fields.segment(EventName::Lost, seq, round)
            },
            StepKind::Arrive {
                seq,
                round,
                received,
            } => fields.segment(received.into(), seq, round),
            StepKind::AckSend { ack, counter } => fields.ack(EventName::AckSent, ack, counter),
            StepKind::AckLost {
                ack,
                counter,
                cause,
            } => Self {
                cause: Some(cause.into()),
                ..fields.ack(EventName::AckLost, ack, counter)
            },
            StepKind::AckArrive { ack, counter } => fields.ack(EventName::Ack, ack, counter),
            StepKind::Timeout => fields.event(EventName::Timeout),
            StepKind::GoBack { to, cause } => Self {
                seq: Some(to),
                cause: Some(cause.into()),
                ..fields.event(EventName::GoBack)
            },
            StepKind::Unopened => fields.event(EventName::Unopened),
        }
    }
}

impl Fields {
    fn event(self, event: EventName) -> Self {
        Self { event, ..self }
    }

    fn segment(self, event: EventName, seq: u64, round: u16) -> Self {
        Self {
            seq: Some(seq),
            round: Some(round),
            ..self.event(event)
        }
    }

    fn ack(self, event: EventName, ack: Ack, counter: Option<u64>) -> Self {
        Self {
            ack: Some(ack.cumulative),
            accepted_round: Some(ack.accepted_round),
            gap_round: ack.gap_round,
            free: Some(ack.free_segments),
            counter,
            ..self.event(event)
        }
    }

    pub(super) fn to_begin(&self) -> Result<Begin, LineError> {
        Ok(Begin {
            transfer: required(self.transfer, "transfer")?,
            stream: self.stream,
            receiver: self.receiver,
            window: self.window,
            side: required(self.side, "side")?,
            unix_us: required(self.unix_us, "unix_us")?,
            bytes: required(self.bytes, "bytes")?,
            segment_bytes: required(self.segment_bytes, "segment_bytes")?,
        })
    }

    pub(super) fn to_step(&self) -> Result<Step, LineError> {
        if !(0.0..=MAX_TIME_MS).contains(&self.time_ms) {
            return Err(LineError::Time);
        }
        Ok(Step {
            at_ns: (self.time_ms * 1e6).round() as u64,
            transfer: required(self.transfer, "transfer")?,
            stream: self.stream,
            receiver: self.receiver,
            base: self.base,
            window: self.window,
            kind: self.to_kind()?,
        })
    }

    fn to_kind(&self) -> Result<StepKind, LineError> {
        let counter = self.counter;
        Ok(match self.event {
            EventName::Send | EventName::Resend => StepKind::Send {
                seq: required(self.seq, "seq")?,
                round: required(self.round, "round")?,
                retransmission: self.event == EventName::Resend,
            },
            EventName::Refused => StepKind::Refused {
                count: required(self.count, "count")?,
            },
            EventName::Lost => StepKind::Lost {
                seq: required(self.seq, "seq")?,
                round: required(self.round, "round")?,
                cause: self.loss_cause()?,
            },
            EventName::Deliver => self.arrival(Received::Deliver)?,
            EventName::Duplicate => self.arrival(Received::Duplicate)?,
            EventName::Copy => self.arrival(Received::Copy)?,
            EventName::OutOfOrder => self.arrival(Received::OutOfOrder)?,
            EventName::NoSpace => self.arrival(Received::NoSpace)?,
            EventName::AckSent => StepKind::AckSend {
                ack: self.to_ack()?,
                counter,
            },
            EventName::AckLost => StepKind::AckLost {
                ack: self.to_ack()?,
                counter,
                cause: self.loss_cause()?,
            },
            EventName::Ack => StepKind::AckArrive {
                ack: self.to_ack()?,
                counter,
            },
            EventName::Timeout => StepKind::Timeout,
            EventName::GoBack => StepKind::GoBack {
                to: required(self.seq, "seq")?,
                cause: match self.cause {
                    Some(Cause::Timeout) => GoBackCause::Timeout,
                    Some(Cause::Gap) => GoBackCause::Gap,
                    _ => return Err(LineError::Cause),
                },
            },
            // The last two are no steps, and not asked for.
            EventName::Unopened | EventName::Begin | EventName::Missing => StepKind::Unopened,
        })
    }

    fn arrival(&self, received: Received) -> Result<StepKind, LineError> {
        Ok(StepKind::Arrive {
            seq: required(self.seq, "seq")?,
            round: required(self.round, "round")?,
            received,
        })
    }

    fn to_ack(&self) -> Result<Ack, LineError> {
        Ok(Ack {
            cumulative: required(self.ack, "ack")?,
            accepted_round: required(self.accepted_round, "accepted_round")?,
            gap_round: self.gap_round,
            free_segments: required(self.free, "free")?,
        })
    }

    fn loss_cause(&self) -> Result<LossCause, LineError> {
        match self.cause {
            Some(Cause::Loss) => Ok(LossCause::Loss),
            Some(Cause::Queue) => Ok(LossCause::Queue),
            _ => Err(LineError::Cause),
        }
    }
}

pub(super) fn required<T>(field: Option<T>, name: &'static str) -> Result<T, LineError> {
    field.ok_or(LineError::Missing(name))
}

impl From<Received> for EventName {
    fn from(received: Received) -> Self {
        match received {
            Received::Deliver => Self::Deliver,
            Received::Duplicate => Self::Duplicate,
            Received::Copy => Self::Copy,
            Received::OutOfOrder => Self::OutOfOrder,
            Received::NoSpace => Self::NoSpace,
        }
    }
}

impl From<LossCause> for Cause {
    fn from(cause: LossCause) -> Self {
        match cause {
            LossCause::Loss => Self::Loss,
            LossCause::Queue => Self::Queue,
        }
    }
}

impl From<GoBackCause> for Cause {
    fn from(cause: GoBackCause) -> Self {
        match cause {
            GoBackCause::Timeout => Self::Timeout,
            GoBackCause::Gap => Self::Gap,
        }
    }
}

fn hexadecimal<S: Serializer>(transfer: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match transfer {
        Some(transfer) => serializer.collect_str(&format_args!("{transfer:016x}")),
        None => serializer.serialize_none(),
    }
}

fn from_hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    u64::from_str_radix(&text, 16)
        .map(Some)
        .map_err(|_| D::Error::custom("`transfer` is not 16 hexadecimal digits"))
}
