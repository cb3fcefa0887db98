//! A trace as JSON lines: what clients write with `--trace`, and the lab in `trace.jsonl`. `docs/lab.md` describes it.

use std::io::{self, BufRead, Write};

use backroom_gbn::{Ack, GoBackCause, Received};
use serde::{Deserialize, Serialize};

use super::event::{Event, Kind, LostBy, Side, Trace};

/// One line. Fields that a step has nothing to say about are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Line {
    time_ms: f64,
    event: String,
    transfer: String,
    stream: u16,
    receiver: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_round: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap_round: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unix_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_bytes: Option<u16>,
}

/// Why lines make no trace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// A file can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not what a trace is made of.
    #[error("line {number} is no line of a trace: {why}")]
    Line {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The lines are of several transfers.
    #[error("there are {} transfers: choose one with --transfer: {}", .0.len(), .0.join(", "))]
    Several(Vec<String>),
    /// There is nothing to show.
    #[error("there is no transfer{0} in it")]
    Nothing(String),
}

/// The longest line that is looked at. None is a tenth as long.
const MAX_LINE: usize = 4_096;

/// Writes `trace` as lines: first one `begin` for each side, then a line a step.
///
/// # Errors
/// When they can't be written.
pub(crate) fn write(trace: &Trace, mut out: impl Write) -> io::Result<()> {
    let transfer = format!("{:016x}", trace.transfer);
    for side in &trace.sides {
        let line = Line {
            event: "begin".to_owned(),
            transfer: transfer.clone(),
            side: Some(*side),
            unix_us: Some(trace.origin_us),
            window: trace.window.filter(|_| *side == Side::Sender),
            bytes: Some(trace.bytes),
            segment_bytes: Some(trace.segment_bytes),
            ..Line::default()
        };
        write_line(&line, &mut out)?;
    }
    for event in &trace.events {
        let mut line = Line::of(event, trace.window);
        line.transfer.clone_from(&transfer);
        write_line(&line, &mut out)?;
    }
    if trace.missing > 0 {
        let line = Line {
            event: "missing".to_owned(),
            transfer,
            count: Some(trace.missing),
            ..Line::default()
        };
        write_line(&line, &mut out)?;
    }
    out.flush()
}

fn write_line(line: &Line, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Reads the lines of one or several files, whose clocks are one, and puts the steps of one transfer in order.
///
/// # Errors
/// [`ReadError`] where a line is none, there are several transfers and none is `wanted`, or there is nothing.
pub(crate) fn read(
    files: impl IntoIterator<Item = impl BufRead>,
    wanted: Option<u64>,
) -> Result<Trace, ReadError> {
    let mut reader = Reader {
        wanted,
        transfers: Vec::new(),
        trace: None,
        events: Vec::new(),
        missing: 0,
    };
    for file in files {
        reader.read(file)?;
    }
    reader.finish()
}

struct Reader {
    wanted: Option<u64>,
    transfers: Vec<u64>,
    trace: Option<Trace>,
    /// Times are since the UNIX epoch until all origins are known.
    events: Vec<Event>,
    missing: u64,
}

impl Reader {
    fn read(&mut self, file: impl BufRead) -> Result<(), ReadError> {
        let mut origin_us = None;
        for (place, text) in file.lines().enumerate() {
            let wrong = |why: String| ReadError::Line {
                number: place + 1,
                why,
            };
            let text = text?;
            if text.is_empty() {
                continue;
            }
            if text.len() > MAX_LINE {
                return Err(wrong("it is too long".to_owned()));
            }
            let line: Line =
                serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            if line.event == "missing" && line.transfer.is_empty() {
                self.missing += line.count.unwrap_or_default();
                continue;
            }
            let transfer = u64::from_str_radix(&line.transfer, 16)
                .map_err(|_| wrong("`transfer` is not 16 hexadecimal digits".to_owned()))?;
            if !self.transfers.contains(&transfer) {
                self.transfers.push(transfer);
                origin_us = None;
            }
            let wanted = self.wanted.unwrap_or(self.transfers[0]);
            if transfer != wanted {
                continue;
            }
            self.take(&line, transfer, &mut origin_us).map_err(wrong)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        line: &Line,
        transfer: u64,
        origin_us: &mut Option<u64>,
    ) -> Result<(), String> {
        match line.event.as_str() {
            "begin" => {
                let origin = line.unix_us.ok_or("`begin` has no `unix_us`")?;
                *origin_us = Some(origin);
                self.begin(line, transfer, origin)
            }
            "missing" => {
                self.missing += line.count.unwrap_or_default();
                Ok(())
            }
            _ => {
                let origin = origin_us.ok_or("no `begin` of its transfer stands before it")?;
                if !(0.0..=1e12).contains(&line.time_ms) {
                    return Err("`time_ms` is no time".to_owned());
                }
                let mut event = line.event()?;
                event.at_ns = origin.saturating_mul(1_000) + (line.time_ms * 1e6).round() as u64;
                self.events.push(event);
                Ok(())
            }
        }
    }

    fn begin(&mut self, line: &Line, transfer: u64, origin_us: u64) -> Result<(), String> {
        let side = line.side.ok_or("`begin` has no `side`")?;
        let trace = self.trace.get_or_insert_with(|| Trace {
            transfer,
            origin_us,
            sides: Vec::new(),
            window: None,
            bytes: line.bytes.unwrap_or_default(),
            segment_bytes: line.segment_bytes.unwrap_or_default(),
            events: Vec::new(),
            missing: 0,
        });
        trace.origin_us = trace.origin_us.min(origin_us);
        trace.window = trace.window.or(line.window);
        if !trace.sides.contains(&side) {
            trace.sides.push(side);
        }
        Ok(())
    }

    fn finish(self) -> Result<Trace, ReadError> {
        if self.wanted.is_none() && self.transfers.len() > 1 {
            let names = self.transfers.iter().map(|id| format!("{id:016x}"));
            return Err(ReadError::Several(names.collect()));
        }
        let name = self.wanted.map(|id| format!(" {id:016x}"));
        let mut trace = self
            .trace
            .ok_or_else(|| ReadError::Nothing(name.unwrap_or_default()))?;
        trace.events = self.events;
        trace.missing = self.missing;
        let origin_ns = trace.origin_us.saturating_mul(1_000);
        for event in &mut trace.events {
            event.at_ns = event.at_ns.saturating_sub(origin_ns);
        }
        // Stable: what one side wrote of the same time keeps its order.
        trace.events.sort_by_key(|event| event.at_ns);
        Ok(trace)
    }
}

impl Line {
    fn of(event: &Event, window: Option<u16>) -> Self {
        let mut line = Self {
            time_ms: event.at_ns as f64 / 1e6,
            stream: event.stream,
            receiver: event.receiver,
            ..Self::default()
        };
        let name = match event.kind {
            Kind::Send { seq, round, again } => {
                line.segment(seq, round);
                line.window = window;
                if again { "resend" } else { "send" }
            }
            Kind::Refused { count } => {
                line.count = Some(count);
                "refused"
            }
            Kind::Lost { seq, round, by } => {
                line.segment(seq, round);
                line.cause = Some(by.name().to_owned());
                "lost"
            }
            Kind::Arrive {
                seq,
                round,
                received,
            } => {
                line.segment(seq, round);
                received_name(received)
            }
            Kind::AckSend { ack, counter } => {
                line.acknowledgement(ack, counter);
                "ack_sent"
            }
            Kind::AckLost { ack, counter, by } => {
                line.acknowledgement(ack, counter);
                line.cause = Some(by.name().to_owned());
                "ack_lost"
            }
            Kind::AckArrive { ack, counter } => {
                line.acknowledgement(ack, counter);
                line.window = window;
                "ack"
            }
            Kind::Timeout => "timeout",
            Kind::GoBack { to, cause } => {
                line.seq = Some(to);
                line.cause = Some(go_back_name(cause).to_owned());
                "go_back"
            }
            Kind::Unopened => "unopened",
        };
        line.event = name.to_owned();
        if event.kind.is_of_sender() {
            line.base = event.base;
        }
        line
    }

    fn segment(&mut self, seq: u64, round: u16) {
        self.seq = Some(seq);
        self.round = Some(round);
    }

    fn acknowledgement(&mut self, ack: Ack, counter: Option<u64>) {
        self.ack = Some(ack.cumulative);
        self.accepted_round = Some(ack.accepted_round);
        self.gap_round = ack.gap_round;
        self.free = Some(ack.free_segments);
        self.counter = counter;
    }

    fn event(&self) -> Result<Event, String> {
        let counter = self.counter;
        let kind = match self.event.as_str() {
            name @ ("send" | "resend") => Kind::Send {
                seq: self.seq()?,
                round: self.round()?,
                again: name == "resend",
            },
            "refused" => Kind::Refused {
                count: self.count.unwrap_or(1),
            },
            "lost" => Kind::Lost {
                seq: self.seq()?,
                round: self.round()?,
                by: self.lost_by(),
            },
            "ack_sent" => Kind::AckSend {
                ack: self.ack()?,
                counter,
            },
            "ack_lost" => Kind::AckLost {
                ack: self.ack()?,
                counter,
                by: self.lost_by(),
            },
            "ack" => Kind::AckArrive {
                ack: self.ack()?,
                counter,
            },
            "timeout" => Kind::Timeout,
            "go_back" => Kind::GoBack {
                to: self.seq()?,
                cause: match self.cause.as_deref() {
                    Some("timeout") => GoBackCause::Timeout,
                    _ => GoBackCause::Gap,
                },
            },
            "unopened" => Kind::Unopened,
            name => Kind::Arrive {
                seq: self.seq()?,
                round: self.round()?,
                received: received(name)?,
            },
        };
        Ok(Event {
            at_ns: 0,
            stream: self.stream,
            receiver: self.receiver,
            base: self.base,
            kind,
        })
    }

    fn seq(&self) -> Result<u64, String> {
        self.seq.ok_or_else(|| "it has no `seq`".to_owned())
    }

    fn round(&self) -> Result<u16, String> {
        self.round.ok_or_else(|| "it has no `round`".to_owned())
    }

    fn ack(&self) -> Result<Ack, String> {
        Ok(Ack {
            cumulative: self.ack.ok_or("it has no `ack`")?,
            accepted_round: self.accepted_round.unwrap_or_default(),
            gap_round: self.gap_round,
            free_segments: self.free.unwrap_or_default(),
        })
    }

    fn lost_by(&self) -> LostBy {
        match self.cause.as_deref() {
            Some("queue") => LostBy::Queue,
            _ => LostBy::Loss,
        }
    }
}

impl Kind {
    /// Whether it is the sender that knows of it.
    fn is_of_sender(&self) -> bool {
        matches!(
            self,
            Self::Send { .. } | Self::AckArrive { .. } | Self::Timeout | Self::GoBack { .. }
        )
    }
}

impl LostBy {
    fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Queue => "queue",
        }
    }
}

fn go_back_name(cause: GoBackCause) -> &'static str {
    match cause {
        GoBackCause::Timeout => "timeout",
        GoBackCause::Gap => "gap",
    }
}

fn received_name(received: Received) -> &'static str {
    match received {
        Received::Deliver => "deliver",
        Received::Duplicate => "duplicate",
        Received::Copy => "copy",
        Received::OutOfOrder => "out_of_order",
        Received::NoSpace => "no_space",
    }
}

fn received(name: &str) -> Result<Received, String> {
    match name {
        "deliver" => Ok(Received::Deliver),
        "duplicate" => Ok(Received::Duplicate),
        "copy" => Ok(Received::Copy),
        "out_of_order" => Ok(Received::OutOfOrder),
        "no_space" => Ok(Received::NoSpace),
        _ => Err(format!("there is no event `{name}`")),
    }
}
