//! A trace as JSON lines: what clients write with `--trace`, and the lab in `trace.jsonl`.

use std::io::{self, BufRead, Write};

use backroom_vocabulary::trace::{Begin, Line, Side, Step};

use crate::trace::Trace;

/// Lines that are not a trace.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not part of a trace.
    #[error("line {number} is not a line of a trace: {why}")]
    Line {
        /// The line, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The lines belong to several transfers, whose numbers these are.
    #[error("there are {} transfers: choose one with --transfer: {}", .0.len(), .0.join(", "))]
    Several(Vec<String>),
    /// The transfer wanted, or any, is not in the lines.
    #[error("there is no transfer{0} in it")]
    Nothing(String),
}

/// Longer lines are refused. A valid one is less than a tenth as long.
const MAX_LINE_BYTES: usize = 4_096;

/// Writes `trace` as lines: first a `begin` for each side, then one line for each step.
///
/// # Errors
/// If writing fails.
pub fn write(trace: &Trace, mut out: impl Write) -> io::Result<()> {
    let begins = trace.sides.iter().map(|side| {
        Line::Begin(Begin {
            transfer: trace.transfer,
            stream: 0,
            receiver: 0,
            window: trace.window.filter(|_| *side == Side::Sender),
            side: *side,
            unix_us: trace.origin_us,
            bytes: trace.bytes,
            segment_bytes: trace.segment_bytes,
        })
    });
    let steps = trace.steps.iter().map(|step| Line::Step(*step));
    let missing = (trace.missing > 0).then_some(Line::Missing {
        transfer: Some(trace.transfer),
        count: trace.missing,
    });
    for line in begins.chain(steps).chain(missing) {
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Reads the lines of one or several files, written with the same clock, and sorts the steps of one transfer by time.
///
/// # Errors
/// [`ReadError`] if a line is invalid, if there is no transfer, or if there are several and none is `wanted`.
pub fn read(
    files: impl IntoIterator<Item = impl BufRead>,
    wanted: Option<u64>,
) -> Result<Trace, ReadError> {
    let mut reader = Reader {
        wanted,
        transfers: Vec::new(),
        trace: None,
        steps: Vec::new(),
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
    /// Their times are since the UNIX epoch, because a later file may have an earlier origin.
    steps: Vec<Step>,
    missing: u64,
}

impl Reader {
    fn read(&mut self, file: impl BufRead) -> Result<(), ReadError> {
        let mut origin_us = None;
        for (index, text) in file.lines().enumerate() {
            let invalid = |why: String| ReadError::Line {
                number: index + 1,
                why,
            };
            let text = text?;
            if text.is_empty() {
                continue;
            }
            if text.len() > MAX_LINE_BYTES {
                return Err(invalid("it is too long".to_owned()));
            }
            let line = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
            match line {
                Line::Missing { transfer, count } => {
                    if transfer.is_none_or(|transfer| self.is_wanted(transfer)) {
                        self.missing += count;
                    }
                }
                Line::Begin(begin) => {
                    if self.is_wanted(begin.transfer) {
                        origin_us = Some(begin.unix_us);
                        self.begin(&begin);
                    }
                }
                Line::Step(mut step) => {
                    if self.is_wanted(step.transfer) {
                        let origin_us = origin_us.ok_or_else(|| {
                            invalid("its transfer has no `begin` before it".to_owned())
                        })?;
                        step.at_ns = step.at_ns.saturating_add(nanoseconds(origin_us));
                        self.steps.push(step);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether `transfer` is the one to read: if none was asked for, the first.
    fn is_wanted(&mut self, transfer: u64) -> bool {
        if !self.transfers.contains(&transfer) {
            self.transfers.push(transfer);
        }
        transfer == self.wanted.unwrap_or(self.transfers[0])
    }

    fn begin(&mut self, begin: &Begin) {
        let trace = self.trace.get_or_insert_with(|| Trace {
            transfer: begin.transfer,
            origin_us: begin.unix_us,
            sides: Vec::new(),
            window: None,
            bytes: begin.bytes,
            segment_bytes: begin.segment_bytes,
            steps: Vec::new(),
            missing: 0,
        });
        trace.origin_us = trace.origin_us.min(begin.unix_us);
        trace.window = trace.window.or(begin.window);
        if !trace.sides.contains(&begin.side) {
            trace.sides.push(begin.side);
        }
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
        trace.steps = self.steps;
        trace.missing = self.missing;
        for step in &mut trace.steps {
            step.at_ns = step.at_ns.saturating_sub(nanoseconds(trace.origin_us));
        }
        // Stable, so that steps of one side at the same time keep their order.
        trace.steps.sort_by_key(|step| step.at_ns);
        Ok(trace)
    }
}

fn nanoseconds(microseconds: u64) -> u64 {
    microseconds.saturating_mul(1_000)
}
