//! `--trace`: writes every step of every transfer as a JSON line, for `backroom-lab trace --from`.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use backroom_gbn::GoBackCause;
use backroom_protocol::TransferId;
use backroom_protocol::segment::StreamId;
use backroom_transport::file::{TraceEvent, TraceKind, TraceReceiver, TraceSink, trace_channel};
use backroom_vocabulary::trace::{Begin, Line, Step, StepKind};
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

/// Records transfers.
#[derive(Debug)]
pub(crate) struct Tracer {
    sink: TraceSink,
    streams: mpsc::Sender<Begin>,
}

impl Tracer {
    /// Starts writing to a new file at `path`. The second value is disconnected when the file is complete.
    pub(crate) fn start(path: &Path) -> anyhow::Result<(Self, blocking::Receiver<()>)> {
        let file = create(path)?;
        let (sink, steps) = trace_channel(STEPS);
        let (streams, begun) = mpsc::channel(STREAMS);
        let (running, ended) = blocking::channel();
        let runtime = Handle::current();
        thread::Builder::new().name("trace".into()).spawn(move || {
            let mut writer = Writer {
                out: BufWriter::new(file),
                begun,
                origins: HashMap::new(),
                streams: HashMap::new(),
                missing: 0,
            };
            if let Err(error) = runtime.block_on(writer.write_all(steps)) {
                tracing::warn!(%error, "the rest of the trace is lost");
            }
            drop(running);
        })?;
        Ok((Self { sink, streams }, ended))
    }

    /// Where the stream sends its steps. `None` if too many streams begin at once. The first step sets `unix_us`.
    pub(crate) fn begin(&self, begin: Begin) -> Option<TraceSink> {
        self.streams.try_send(begin).ok()?;
        Some(self.sink.clone())
    }
}

/// Creates the file, or opens an empty one, a pipe or a device. What another run wrote or writes is not overwritten.
fn create(path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    let opened = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = opened.with_context(|| format!("cannot create the trace file {shown}"))?;
    if file.metadata()?.is_file() {
        // The lock keeps out another client that was given the same name.
        let is_in_use = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        ensure!(
            !is_in_use && file.metadata()?.len() == 0,
            "the trace file {shown} exists and is not overwritten; give another name, or move it away"
        );
    }
    Ok(file)
}

struct Writer {
    out: BufWriter<File>,
    begun: mpsc::Receiver<Begin>,
    /// The time of each transfer's first step since the UNIX epoch, in microseconds. Lines count from there.
    origins: HashMap<u64, u64>,
    streams: HashMap<StreamId, TracedStream>,
    missing: u64,
}

struct TracedStream {
    begin: Begin,
    base: u64,
    is_begin_written: bool,
}

impl Writer {
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
        if !stream.is_begin_written {
            stream.is_begin_written = true;
            write_line(&mut self.out, Line::Begin(stream.begin))?;
        }
        if let TraceKind::AckReceived(ack) = event.kind {
            stream.base = stream.base.max(ack.cumulative);
        }
        for kind in step_kinds(event.kind) {
            write_line(&mut self.out, Line::Step(stream.step(event.at, kind)))?;
        }
        Ok(())
    }

    fn take_begin(&mut self, mut begin: Begin, now: Duration) {
        if self.streams.len() >= MAX_STREAMS {
            return;
        }
        let now = now.as_micros() as u64;
        begin.unix_us = *self.origins.entry(begin.transfer).or_insert(now);
        let stream = StreamId {
            transfer: TransferId(begin.transfer),
            lane: begin.stream,
        };
        let traced = TracedStream {
            begin,
            base: 0,
            is_begin_written: false,
        };
        self.streams.insert(stream, traced);
    }

    fn write_missing(&mut self, dropped: u64) -> io::Result<()> {
        let count = dropped - self.missing;
        self.missing = dropped;
        if count == 0 {
            return Ok(());
        }
        // The channel does not know which transfer a dropped step belonged to.
        let transfer = None;
        write_line(&mut self.out, Line::Missing { transfer, count })
    }
}

impl TracedStream {
    fn step(&self, at: Duration, kind: StepKind) -> Step {
        let origin = Duration::from_micros(self.begin.unix_us);
        Step {
            at_ns: at.saturating_sub(origin).as_nanos() as u64,
            transfer: self.begin.transfer,
            stream: self.begin.stream,
            receiver: self.begin.receiver,
            base: Some(self.base),
            window: self.begin.window,
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
