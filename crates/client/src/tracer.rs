//! `--trace`: every step of every transfer as a JSON line, for `backroom-lab trace --from`. `docs/lab.md` describes the lines.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use backroom_gbn::{GoBackCause, Window};
use backroom_protocol::TransferId;
use backroom_protocol::segment::StreamId;
use backroom_transport::file::{TraceEvent, TraceKind, TraceReceiver, TraceSink, trace_channel};
use backroom_vocabulary::trace::{self, Line, Side, Step, StepKind};
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
    /// The side that this member is on.
    pub(crate) side: Side,
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
    streams: HashMap<StreamId, TracedStream>,
    missing: u64,
}

struct TracedStream {
    begin: Begin,
    /// As in `origins`.
    origin: Duration,
    base: u64,
    /// Whether its first line is written.
    is_written: bool,
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

    fn write(&mut self, event: &TraceEvent) -> io::Result<()> {
        while let Ok(begin) = self.begun.try_recv() {
            self.take_begin(begin, event.at);
        }
        let Some(stream) = self.streams.get_mut(&event.stream) else {
            return Ok(());
        };
        if !stream.is_written {
            stream.is_written = true;
            write_line(&mut self.out, Line::Begin(stream.begin_line()))?;
        }
        if let TraceKind::AckReceived(ack) = event.kind {
            stream.base = stream.base.max(ack.cumulative);
        }
        for kind in step_kinds(event.kind) {
            write_line(&mut self.out, Line::Step(stream.step(event.at, kind)))?;
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
        let stream = TracedStream {
            begin,
            origin,
            base: 0,
            is_written: false,
        };
        self.streams.insert(begin.stream, stream);
    }

    fn write_missing(&mut self, dropped: u64) -> io::Result<()> {
        if dropped <= self.missing {
            return Ok(());
        }
        let count = dropped - self.missing;
        self.missing = dropped;
        // Which transfers they belong to is not known.
        let transfer = None;
        write_line(&mut self.out, Line::Missing { transfer, count })
    }
}

impl TracedStream {
    fn begin_line(&self) -> trace::Begin {
        let StreamId { transfer, lane } = self.begin.stream;
        trace::Begin {
            transfer: transfer.0,
            stream: lane,
            receiver: lane,
            window: self.begin.window.map(Window::segments),
            side: self.begin.side,
            unix_us: self.origin.as_micros() as u64,
            bytes: self.begin.bytes,
            segment_bytes: self.begin.segment_bytes,
        }
    }

    fn step(&self, at: Duration, kind: StepKind) -> Step {
        let StreamId { transfer, lane } = self.begin.stream;
        Step {
            at_ns: at.saturating_sub(self.origin).as_nanos() as u64,
            transfer: transfer.0,
            stream: lane,
            receiver: lane,
            base: Some(self.base),
            window: self.begin.window.map(Window::segments),
            kind,
        }
    }
}

fn write_line(out: &mut impl Write, line: Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// One step for each segment, and a timeout's own before the going back that it causes.
fn step_kinds(kind: TraceKind) -> Vec<StepKind> {
    // Which of several equal ACKs one is, only the network could tell.
    let counter = None;
    match kind {
        TraceKind::Transmit {
            first,
            count,
            round,
            retransmission,
        } => (first..first + count as u64)
            .map(|seq| StepKind::Send {
                seq,
                round,
                retransmission,
            })
            .collect(),
        TraceKind::Refused { count } => vec![StepKind::Refused {
            count: count as u64,
        }],
        TraceKind::AckReceived(ack) => vec![StepKind::AckArrive { ack, counter }],
        TraceKind::AckSent(ack) => vec![StepKind::AckSend { ack, counter }],
        TraceKind::GoBack { to, cause } => {
            let timeout = (cause == GoBackCause::Timeout).then_some(StepKind::Timeout);
            let go_back = StepKind::GoBack { to, cause };
            timeout.into_iter().chain([go_back]).collect()
        }
        TraceKind::Segment {
            seq,
            round,
            received,
        } => vec![StepKind::Arrive {
            seq,
            round,
            received,
        }],
        TraceKind::Dropped => vec![StepKind::Unopened],
    }
}
