//! `--trace`: writes every step of every transfer as a JSON line, for `backroom-lab trace --from`.

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

/// Steps that may wait to be written. If the disk cannot keep up, further ones are counted and dropped.
const STEPS: usize = 1 << 16;

/// Streams that may wait for their first line.
const STREAMS: usize = 1_024;

/// Streams in one file. Each is kept in memory until the file ends.
const MAX_STREAMS: usize = 1 << 16;

/// Buffered lines are flushed after this long without a step.
const QUIET_TIME: Duration = Duration::from_millis(100);

/// Records transfers. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Tracer {
    sink: TraceSink,
    streams: mpsc::Sender<Begin>,
}

/// Waits for the file to be complete.
#[derive(Debug)]
pub struct TraceEnd(blocking::Receiver<()>);

/// What is known of a stream before its first step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) stream: StreamId,
    /// The side that this member is on.
    pub(crate) side: Side,
    /// The sender's window, if it is fixed and this is the sender.
    pub(crate) window: Option<Window>,
    pub(crate) bytes: u64,
    pub(crate) segment_bytes: u16,
}

impl Tracer {
    /// Starts writing to a new file at `path`.
    ///
    /// # Errors
    /// The file cannot be created, or the thread cannot be started.
    pub fn start(path: &Path) -> io::Result<(Self, TraceEnd)> {
        let file = BufWriter::new(File::create(path)?);
        let (sink, steps) = trace_channel(STEPS);
        let (streams, begun) = mpsc::channel(STREAMS);
        let (tell, ended) = blocking::channel();
        let runtime = Handle::current();
        thread::Builder::new().name("trace".into()).spawn(move || {
            let mut writer = Writer::new(file, begun);
            if let Err(error) = runtime.block_on(writer.write_all(steps)) {
                tracing::warn!(%error, "the rest of the trace is lost");
            }
            let _ = tell.send(());
        })?;
        Ok((Self { sink, streams }, TraceEnd(ended)))
    }

    /// Where the stream sends its steps. `None` if too many streams begin at once.
    pub(crate) fn begin(&self, begin: Begin) -> Option<TraceSink> {
        self.streams.try_send(begin).ok()?;
        Some(self.sink.clone())
    }
}

impl TraceEnd {
    /// Waits until everything is in the file, but no longer than `most`. Drop every [`Tracer`] before.
    pub fn wait(&self, most: Duration) {
        let _ = self.0.recv_timeout(most);
    }
}

struct Writer<W> {
    out: W,
    begun: mpsc::Receiver<Begin>,
    /// The time of each transfer's first step since the UNIX epoch. Lines count from there.
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

    /// Writes steps until every sink is dropped.
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
                // Rounded, because a line gives it in microseconds.
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
        // The channel does not know which transfer a dropped step belonged to.
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
    // The counter is in the datagram's header. The transport's steps have only the ACK.
    let counter = None;
    match kind {
        TraceKind::Transmit(run) => run
            .segments()
            .map(|seq| StepKind::Send {
                seq,
                round: run.round,
                retransmission: run.retransmission,
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
