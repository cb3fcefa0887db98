//! `--trace`: every step of every transfer as a JSON line, for `backroom-lab trace --from`. `docs/lab.md` describes the lines.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use backroom_gbn::{Ack, GoBackCause, Received, Window};
use backroom_protocol::TransferId;
use backroom_protocol::segment::StreamId;
use backroom_transport::file::{TraceEvent, TraceKind, TraceReceiver, TraceSink, trace_channel};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Steps that may wait to be written. When more do, because the disk can't keep up, the rest is counted, not waited for.
const STEPS: usize = 1 << 16;

/// Streams that may wait to be written about for the first time.
const STREAMS: usize = 1_024;

/// Streams that one file tells of: each is remembered to its end.
const MAX_STREAMS: usize = 1 << 16;

/// After so long without a step, what was written is in the file.
const QUIET_TIME: Duration = Duration::from_millis(100);

/// Writes transfers down. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Tracer {
    sink: TraceSink,
    streams: mpsc::Sender<Begin>,
}

/// Waits for the file to be whole.
#[derive(Debug)]
pub struct TraceEnd(blocking::Receiver<()>);

/// What is known of a stream before its first step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) stream: StreamId,
    pub(crate) is_sender: bool,
    /// The sender's window, where it is fixed.
    pub(crate) window: Option<Window>,
    pub(crate) bytes: u64,
    pub(crate) segment_bytes: u16,
}

impl Tracer {
    /// Starts writing to a new file at `path`.
    ///
    /// # Errors
    /// It can't be made, or no thread be had.
    pub fn start(path: &Path) -> io::Result<(Self, TraceEnd)> {
        let file = BufWriter::new(File::create(path)?);
        let (sink, steps) = trace_channel(STEPS);
        let (streams, begun) = mpsc::channel(STREAMS);
        let (tell, ended) = blocking::channel();
        let runtime = Handle::current();
        thread::Builder::new().name("trace".into()).spawn(move || {
            let mut writer = Writer::new(file, begun);
            if let Err(error) = runtime.block_on(writer.write_all(steps)) {
                tracing::warn!(%error, "can't write the trace any further");
            }
            let _ = tell.send(());
        })?;
        Ok((Self { sink, streams }, TraceEnd(ended)))
    }

    /// Where a stream's steps go. `None` where too many streams begin at once.
    pub(crate) fn begin(&self, begin: Begin) -> Option<TraceSink> {
        self.streams.try_send(begin).ok()?;
        Some(self.sink.clone())
    }
}

impl TraceEnd {
    /// Waits, but not for ever, until everything is in the file. Every [`Tracer`] should be gone.
    pub fn wait(&self, most: Duration) {
        let _ = self.0.recv_timeout(most);
    }
}

struct Writer<W> {
    out: W,
    begun: mpsc::Receiver<Begin>,
    /// When the first step of each transfer was, since the UNIX epoch.
    origins: HashMap<TransferId, Duration>,
    streams: HashMap<StreamId, Known>,
    missing: u64,
}

/// What is known of a stream.
#[derive(Clone, Copy)]
struct Known {
    begin: Begin,
    origin: Duration,
    base: u64,
    said: bool,
}

impl<W: Write> Writer<W> {
    fn new(out: W, begun: mpsc::Receiver<Begin>) -> Self {
        Self {
            out,
            begun,
            origins: HashMap::new(),
            streams: HashMap::new(),
            missing: 0,
        }
    }

    /// Writes until nobody traces any more.
    async fn write_all(&mut self, mut steps: TraceReceiver) -> io::Result<()> {
        loop {
            match timeout(QUIET_TIME, steps.receive()).await {
                Ok(Some(step)) => self.write(&step)?,
                Ok(None) => break,
                Err(_) => {
                    self.write_missing(steps.dropped())?;
                    self.out.flush()?;
                }
            }
        }
        self.write_missing(steps.dropped())?;
        self.out.flush()
    }

    fn write(&mut self, step: &TraceEvent) -> io::Result<()> {
        while let Ok(begin) = self.begun.try_recv() {
            self.take_begin(begin, step.at);
        }
        let Some(known) = self.streams.get_mut(&step.stream) else {
            return Ok(());
        };
        if !known.said {
            known.said = true;
            let line = begin_line(known);
            writeln!(self.out, "{line}")?;
        }
        if let TraceKind::AckReceived(ack) = step.kind {
            known.base = known.base.max(ack.cumulative);
        }
        for (name, fields) in lines(step, known) {
            let line = line(name, known, step.at, fields);
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn take_begin(&mut self, begin: Begin, now: Duration) {
        if self.streams.len() >= MAX_STREAMS {
            return;
        }
        let origin = *self
            .origins
            .entry(begin.stream.transfer)
            .or_insert_with(|| {
                // Lines give the origin in microseconds, and times from it on.
                Duration::from_micros(now.as_micros() as u64)
            });
        let known = Known {
            begin,
            origin,
            base: 0,
            said: false,
        };
        self.streams.insert(begin.stream, known);
    }

    fn write_missing(&mut self, dropped: u64) -> io::Result<()> {
        if dropped > self.missing {
            let line = json!({"event": "missing", "count": dropped - self.missing});
            self.missing = dropped;
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }
}

fn begin_line(known: &Known) -> Value {
    let Begin {
        is_sender,
        window,
        bytes,
        segment_bytes,
        ..
    } = known.begin;
    let mut fields = Map::new();
    let side = if is_sender { "sender" } else { "receiver" };
    fields.insert("side".into(), side.into());
    fields.insert("unix_us".into(), (known.origin.as_micros() as u64).into());
    fields.insert("bytes".into(), bytes.into());
    fields.insert("segment_bytes".into(), segment_bytes.into());
    if let Some(window) = window {
        fields.insert("window".into(), window.segments().into());
    }
    line("begin", known, known.origin, fields)
}

fn line(name: &str, known: &Known, at: Duration, fields: Map<String, Value>) -> Value {
    let since = at.saturating_sub(known.origin);
    let StreamId { transfer, lane } = known.begin.stream;
    let mut line = Map::new();
    line.insert("time_ms".into(), (since.as_nanos() as f64 / 1e6).into());
    line.insert("event".into(), name.into());
    line.insert("transfer".into(), format!("{:016x}", transfer.0).into());
    line.insert("stream".into(), lane.into());
    line.insert("receiver".into(), lane.into());
    line.extend(fields);
    line.into()
}

type Line = (&'static str, Map<String, Value>);

/// The lines of a step: one for each segment, and a timeout's own beside the going back that it causes.
fn lines(step: &TraceEvent, known: &Known) -> Vec<Line> {
    let fields = |value: Value| match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let (base, window) = (known.base, known.begin.window.map(Window::segments));
    let one = |name, value| vec![(name, fields(value))];
    match step.kind {
        TraceKind::Transmit {
            first,
            count,
            round,
            retransmission,
        } => {
            let name = if retransmission { "resend" } else { "send" };
            (first..first + count as u64)
                .map(|seq| json!({"seq": seq, "round": round, "base": base, "window": window}))
                .map(|value| (name, fields(value)))
                .collect()
        }
        TraceKind::Refused { count } => one("refused", json!({"count": count})),
        TraceKind::AckReceived(ack) => {
            let mut ack = fields(ack_fields(ack));
            ack.insert("base".into(), base.into());
            ack.insert("window".into(), window.into());
            vec![("ack", ack)]
        }
        TraceKind::AckSent(ack) => one("ack_sent", ack_fields(ack)),
        TraceKind::GoBack { to, cause } => {
            let timeout = cause == GoBackCause::Timeout;
            let cause = if timeout { "timeout" } else { "gap" };
            let back = json!({"seq": to, "cause": cause, "base": base});
            let mut lines = Vec::new();
            if timeout {
                lines.push(("timeout", fields(json!({"base": base}))));
            }
            lines.push(("go_back", fields(back)));
            lines
        }
        TraceKind::Segment {
            seq,
            round,
            received,
        } => one(received_name(received), json!({"seq": seq, "round": round})),
        TraceKind::Dropped => one("unopened", json!({})),
    }
}

fn ack_fields(ack: Ack) -> Value {
    json!({
        "ack": ack.cumulative,
        "accepted_round": ack.accepted_round,
        "gap_round": ack.gap_round,
        "free": ack.free_segments,
    })
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
