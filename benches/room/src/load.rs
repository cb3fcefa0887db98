//! A load generator: many members of one room in this process.

mod member;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use backroom_charts::{Chart, Content, Plane, PlanePanel, Point, Series};
use backroom_output::{OutputArgs, note};
use backroom_provenance::Provenance;
use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use tokio::time;

use self::member::{Member, SharedState};
use crate::latency::Percentiles;
use crate::program::{self, Server};
use crate::results::{CROWD, Results, rounded};

/// The number of concurrent joins.
const CONCURRENT_JOINS: usize = 32;
/// The time that the last messages of a phase have to arrive.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause between two measurements, so that one does not affect the next.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Args, Serialize)]
pub(crate) struct LoadArgs {
    /// Number of members
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=1_024))]
    members: u32,
    /// Broadcasts per second, of all senders together
    #[arg(long, value_delimiter = ',', default_value = "1,2,5,10,20")]
    rate: Vec<f64>,
    /// Length of a message in bytes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=65_536))]
    bytes: u32,
    /// Duration of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Measurements per rate
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
    /// Number of members that post, in turn
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    talkers: u32,
    /// Folder with backroom-server [default: that of this program]
    #[arg(long, value_name = "DIR")]
    #[serde(skip)]
    programs: Option<PathBuf>,
    #[command(flatten)]
    #[serde(skip)]
    output: OutputArgs,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Row {
    members: u32,
    talkers: u32,
    bytes: u32,
    /// `first`: each sender's first post, which sets up a key with every member. `talk`: all later posts.
    phase: &'static str,
    repetition: u32,
    broadcasts_per_second: Option<f64>,
    seconds: f64,
    broadcasts: u32,
    expected: u64,
    received: u64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// In percent of one core.
    server_processor_percent: f64,
    server_memory_bytes: u64,
    server_memory_most_bytes: u64,
}

/// The memory of the server.
#[derive(Debug, Serialize)]
struct Memory {
    empty_bytes: u64,
    full_bytes: u64,
    most_bytes: u64,
    /// The memory at the end, divided by the number of members.
    kib_per_member: f64,
    /// The same, less the memory of an empty room.
    kib_per_member_beyond_empty: f64,
}

pub(crate) fn run(arguments: &LoadArgs) -> anyhow::Result<()> {
    ensure!(
        arguments.rate.iter().all(|rate| *rate > 0.0),
        "--rate must be positive"
    );
    let program = program::find(arguments.programs.as_deref(), "backroom-server")?;
    let mut results = Results::create(CROWD, &arguments.output)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let measured = runtime.block_on(measure(arguments, &program, &mut results));
    runtime.shutdown_timeout(Duration::from_secs(1));
    if measured.is_err() {
        results.tell_where_rows_are();
    }
    measured
}

async fn measure(
    arguments: &LoadArgs,
    program: &Path,
    results: &mut Results<Row>,
) -> anyhow::Result<()> {
    let provenance = Provenance::now();
    let server = Server::start(program, "127.0.0.1").await?;
    let (empty_bytes, _) = server.memory()?;
    let shared = Arc::new(SharedState::new(program::PASSWORD)?);
    let begun = Instant::now();
    let members = join_all(arguments, &shared, server.port).await?;
    let join_seconds = rounded(begun.elapsed().as_secs_f64());
    note(format!(
        "{} members joined in {join_seconds} s",
        members.len()
    ));
    let (full_bytes, _) = server.memory()?;

    let talkers = &members[..arguments.talkers.min(arguments.members) as usize];
    let mut session = Session {
        arguments,
        server: &server,
        shared: &shared,
        results,
    };
    session.measure_first_posts(talkers).await?;
    for repetition in 1..=arguments.reps {
        for rate in &arguments.rate {
            session.measure_rate(talkers, *rate, repetition).await?;
        }
    }
    ensure!(
        shared.lost() == 0,
        "{} members lost their connection",
        shared.lost()
    );
    let memory = memory(&server, arguments, (empty_bytes, full_bytes))?;
    note(format!(
        "server: {:.1} KiB per member, {:.1} KiB without the empty room",
        memory.kib_per_member, memory.kib_per_member_beyond_empty
    ));
    let settings = serde_json::json!({
        "crowd": arguments,
        "join_seconds": join_seconds,
        "server_memory": memory,
    });
    let chart = chart(arguments, results.rows());
    let received = results.rows().iter().map(|row| row.received).sum();
    results.finish(&provenance, settings, &chart, received)
}

async fn join_all(
    arguments: &LoadArgs,
    shared: &Arc<SharedState>,
    port: u16,
) -> anyhow::Result<Vec<Member>> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    stream::iter(1..=arguments.members)
        .map(|number| Member::join(server, Arc::clone(shared), number))
        .buffer_unordered(CONCURRENT_JOINS)
        .try_collect()
        .await
        .context("some members could not join")
}

fn memory(
    server: &Server,
    arguments: &LoadArgs,
    (empty_bytes, full_bytes): (u64, u64),
) -> anyhow::Result<Memory> {
    let (now_bytes, most_bytes) = server.memory()?;
    let kib = |bytes: u64| rounded(bytes as f64 / 1024.0 / f64::from(arguments.members));
    Ok(Memory {
        empty_bytes,
        full_bytes,
        most_bytes,
        kib_per_member: kib(now_bytes),
        kib_per_member_beyond_empty: kib(now_bytes.saturating_sub(empty_bytes)),
    })
}

/// A room with all its members.
struct Session<'a> {
    arguments: &'a LoadArgs,
    server: &'a Server,
    shared: &'a SharedState,
    results: &'a mut Results<Row>,
}

impl Session<'_> {
    /// Measures every sender's first post, one after another.
    async fn measure_first_posts(&mut self, talkers: &[Member]) -> anyhow::Result<()> {
        let phase = self.shared.latencies.begin();
        let (begun, processor) = (Instant::now(), self.server.processor_seconds()?);
        for (place, talker) in (1..).zip(talkers) {
            talker
                .post(self.shared, self.text(phase, Instant::now()))
                .await?;
            let expected = place * u64::from(self.arguments.members - 1);
            self.shared
                .latencies
                .wait_for(expected, DRAIN_TIMEOUT)
                .await;
        }
        let broadcasts = talkers.len() as u32;
        self.record("first", (1, None), broadcasts, (begun, processor))
    }

    /// Measures posts at a constant rate. The schedule does not wait for earlier posts to arrive.
    async fn measure_rate(
        &mut self,
        talkers: &[Member],
        rate: f64,
        repetition: u32,
    ) -> anyhow::Result<()> {
        time::sleep(PAUSE).await;
        let phase = self.shared.latencies.begin();
        let broadcasts = (rate * f64::from(self.arguments.seconds)).ceil().max(1.0) as u32;
        let (begun, processor) = (Instant::now(), self.server.processor_seconds()?);
        for (number, talker) in (0..broadcasts).zip(talkers.iter().cycle()) {
            let due = begun + Duration::from_secs_f64(f64::from(number) / rate);
            time::sleep_until(due.into()).await;
            talker.post(self.shared, self.text(phase, due)).await?;
        }
        let expected = u64::from(broadcasts) * u64::from(self.arguments.members - 1);
        self.shared
            .latencies
            .wait_for(expected, DRAIN_TIMEOUT)
            .await;
        self.record(
            "talk",
            (repetition, Some(rate)),
            broadcasts,
            (begun, processor),
        )
    }

    fn text(&self, phase: u32, due: Instant) -> String {
        let bytes = self.arguments.bytes as usize;
        self.shared.latencies.text(phase, due, bytes)
    }

    fn record(
        &mut self,
        phase: &'static str,
        (repetition, rate): (u32, Option<f64>),
        broadcasts: u32,
        (begun, processor): (Instant, f64),
    ) -> anyhow::Result<()> {
        let Percentiles {
            received,
            p50_ms,
            p90_ms,
            p99_ms,
            max_ms,
        } = self.shared.latencies.percentiles();
        let seconds = begun.elapsed().as_secs_f64();
        let processor = self.server.processor_seconds()? - processor;
        let (server_memory_bytes, server_memory_most_bytes) = self.server.memory()?;
        let row = Row {
            members: self.arguments.members,
            talkers: self.arguments.talkers,
            bytes: self.arguments.bytes,
            phase,
            repetition,
            broadcasts_per_second: rate,
            seconds: rounded(seconds),
            broadcasts,
            expected: u64::from(broadcasts) * u64::from(self.arguments.members - 1),
            received,
            p50_ms,
            p90_ms,
            p99_ms,
            max_ms,
            server_processor_percent: rounded(100.0 * processor / seconds),
            server_memory_bytes,
            server_memory_most_bytes,
        };
        note(format!(
            "{phase} {}: {received} of {} received, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms",
            rate.map(|rate| format!("{rate}/s")).unwrap_or_default(),
            row.expected,
        ));
        self.results.add(row)
    }
}

type Column = (&'static str, fn(&Row) -> f64);
const COLUMNS: [Column; 3] = [
    ("median", |row| row.p50_ms),
    ("99th percentile", |row| row.p99_ms),
    ("maximum", |row| row.max_ms),
];

fn chart(arguments: &LoadArgs, rows: &[Row]) -> Chart {
    let point = |rate: f64, value: fn(&Row) -> f64| {
        let of_rate = |row: &&Row| row.broadcasts_per_second == Some(rate);
        let mut values: Vec<_> = rows.iter().filter(of_rate).map(value).collect();
        values.sort_by(f64::total_cmp);
        let interval = (*values.first()?, *values.last()?);
        Some(Point::within(rate, values[values.len() / 2], interval))
    };
    let series = COLUMNS
        .iter()
        .enumerate()
        .map(|(index, (_, value))| Series {
            index,
            points: (arguments.rate.iter())
                .filter_map(|rate| point(*rate, *value))
                .collect(),
            model: Vec::new(),
        });
    let panel = PlanePanel {
        title: String::new(),
        series: series.collect(),
    };
    let legend = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let labels = ("broadcasts per second", "latency (ms)");
    Chart {
        name: "crowd-latency".to_owned(),
        title: "Latency of a message to its readers".to_owned(),
        subtitle: format!(
            "{} members, {} of them send, texts of {} bytes; medians of {} runs, bars: minimum to maximum",
            arguments.members, arguments.talkers, arguments.bytes, arguments.reps
        ),
        content: Content::Plane(Plane::new(labels, legend, false, vec![panel])),
    }
}
