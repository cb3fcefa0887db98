//! Many members of one room in this process.

mod member;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use backroom_charts::{Chart, Content, Plane, PlanePanel, Point, Series};
use backroom_provenance::Provenance;
use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use tokio::time;

use self::member::{Crowd, Member};
use crate::latency::Percentiles;
use crate::program::{self, Server};
use crate::results::{self, rounded};

/// Joins under way at the same time.
const JOINING: usize = 32;
/// How long the last messages of a phase may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two measurements, so that one does not begin in what the other left.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Args, Serialize)]
pub(crate) struct CrowdArgs {
    /// Members in the room
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=1_024))]
    members: u32,
    /// Broadcasts a second, by all talkers together
    #[arg(long, value_delimiter = ',', default_value = "1,2,5,10,20")]
    rate: Vec<f64>,
    /// Length of a text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=65_536))]
    bytes: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Measurements at each rate
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
    /// Members that talk, in turn
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    talkers: u32,
    /// The folder that backroom-server is in [default: that of this program]
    #[arg(long, value_name = "DIR")]
    #[serde(skip)]
    programs: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "results/room")]
    out: PathBuf,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Row {
    members: u32,
    talkers: u32,
    bytes: u32,
    /// `first`: each talker's first post, for which it agrees on a key with every member. `talk`: all later ones.
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
    /// Of one core.
    server_processor_percent: f64,
    server_memory_bytes: u64,
    server_memory_most_bytes: u64,
}

/// What the server takes up.
#[derive(Debug, Serialize)]
struct Memory {
    empty_bytes: u64,
    full_bytes: u64,
    most_bytes: u64,
    /// The whole process, at its end, over the members.
    kib_per_member: f64,
    /// The same without what an empty room takes.
    kib_per_member_beyond_empty: f64,
}

pub(crate) fn run(arguments: &CrowdArgs) -> anyhow::Result<()> {
    ensure!(
        arguments.rate.iter().all(|rate| *rate > 0.0),
        "--rate takes numbers above 0"
    );
    let runtime = tokio::runtime::Runtime::new()?;
    let measured = runtime.block_on(measure(arguments));
    runtime.shutdown_timeout(Duration::from_secs(1));
    measured
}

async fn measure(arguments: &CrowdArgs) -> anyhow::Result<()> {
    let provenance = Provenance::now();
    let program = program::find(arguments.programs.as_deref(), "backroom-server")?;
    let server = Server::start(&program, "127.0.0.1").await?;
    let (empty_bytes, _) = server.memory()?;
    let crowd = Arc::new(Crowd::new(program::PASSWORD)?);
    let begun = Instant::now();
    let members = join_all(arguments, &crowd, server.port).await?;
    let join_seconds = rounded(begun.elapsed().as_secs_f64());
    eprintln!("{} members after {join_seconds} s", members.len());
    let (full_bytes, _) = server.memory()?;

    let talkers = &members[..arguments.talkers.min(arguments.members) as usize];
    let mut session = Session {
        arguments,
        server: &server,
        crowd: &crowd,
        rows: Vec::new(),
    };
    session.first_words(talkers).await?;
    for repetition in 1..=arguments.reps {
        for rate in &arguments.rate {
            session.talk(talkers, *rate, repetition).await?;
        }
    }
    ensure!(
        crowd.lost() == 0,
        "{} members lost their connection",
        crowd.lost()
    );
    let rows = session.rows;
    let memory = memory(&server, arguments, (empty_bytes, full_bytes))?;
    eprintln!(
        "server: {:.1} KiB a member, {:.1} beyond the empty room's",
        memory.kib_per_member, memory.kib_per_member_beyond_empty
    );
    let settings = serde_json::json!({
        "crowd": arguments,
        "join_seconds": join_seconds,
        "server_memory": memory,
    });
    let chart = chart(arguments, &rows);
    results::write(
        &arguments.out,
        "crowd",
        &rows,
        &provenance,
        settings,
        &[chart],
    )
}

async fn join_all(
    arguments: &CrowdArgs,
    crowd: &Arc<Crowd>,
    port: u16,
) -> anyhow::Result<Vec<Member>> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    stream::iter(1..=arguments.members)
        .map(|number| Member::join(server, Arc::clone(crowd), number))
        .buffer_unordered(JOINING)
        .try_collect()
        .await
        .context("not everyone could join")
}

fn memory(
    server: &Server,
    arguments: &CrowdArgs,
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

/// A room in which is talked.
struct Session<'a> {
    arguments: &'a CrowdArgs,
    server: &'a Server,
    crowd: &'a Crowd,
    rows: Vec<Row>,
}

impl Session<'_> {
    /// Every talker's first post, one after the other.
    async fn first_words(&mut self, talkers: &[Member]) -> anyhow::Result<()> {
        let phase = self.crowd.latencies.begin();
        let (begun, processor) = (Instant::now(), self.server.processor_seconds()?);
        for (place, talker) in (1..).zip(talkers) {
            talker
                .post(self.crowd, self.text(phase, Instant::now()))
                .await?;
            let expected = place * u64::from(self.arguments.members - 1);
            self.crowd.latencies.wait_for(expected, PATIENCE).await;
        }
        let broadcasts = talkers.len() as u32;
        self.record("first", (1, None), broadcasts, (begun, processor))
    }

    /// Posts at a steady rate. Each is due at its time, whether or not those before it have come.
    async fn talk(&mut self, talkers: &[Member], rate: f64, repetition: u32) -> anyhow::Result<()> {
        time::sleep(PAUSE).await;
        let phase = self.crowd.latencies.begin();
        let broadcasts = (rate * f64::from(self.arguments.seconds)).ceil().max(1.0) as u32;
        let (begun, processor) = (Instant::now(), self.server.processor_seconds()?);
        for (number, talker) in (0..broadcasts).zip(talkers.iter().cycle()) {
            let due = begun + Duration::from_secs_f64(f64::from(number) / rate);
            time::sleep_until(due.into()).await;
            talker.post(self.crowd, self.text(phase, due)).await?;
        }
        let expected = u64::from(broadcasts) * u64::from(self.arguments.members - 1);
        self.crowd.latencies.wait_for(expected, PATIENCE).await;
        self.record(
            "talk",
            (repetition, Some(rate)),
            broadcasts,
            (begun, processor),
        )
    }

    fn text(&self, phase: u32, due: Instant) -> String {
        let bytes = self.arguments.bytes as usize;
        self.crowd.latencies.text(phase, due, bytes)
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
        } = self.crowd.latencies.percentiles();
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
        eprintln!(
            "{phase} {}: {received} of {} came, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, most {max_ms:.1} ms",
            rate.map(|rate| format!("{rate}/s")).unwrap_or_default(),
            row.expected,
        );
        self.rows.push(row);
        Ok(())
    }
}

type Column = (&'static str, fn(&Row) -> f64);
const SHOWN: [Column; 3] = [
    ("median", |row| row.p50_ms),
    ("99 %", |row| row.p99_ms),
    ("longest", |row| row.max_ms),
];

fn chart(arguments: &CrowdArgs, rows: &[Row]) -> Chart {
    let point = |rate: f64, value: fn(&Row) -> f64| {
        let of_rate = |row: &&Row| row.broadcasts_per_second == Some(rate);
        let mut values: Vec<_> = rows.iter().filter(of_rate).map(value).collect();
        values.sort_by(f64::total_cmp);
        let interval = (*values.first()?, *values.last()?);
        Some(Point::within(rate, values[values.len() / 2], interval))
    };
    let series = SHOWN.iter().enumerate().map(|(index, (_, value))| Series {
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
    let legend = SHOWN.iter().map(|(name, _)| (*name).to_owned()).collect();
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
