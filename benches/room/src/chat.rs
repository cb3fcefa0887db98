//! A few real clients that chat over an idle link, and while files saturate it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use backroom_charts::{Chart, Content, Plane, PlanePanel, Point, Series};
use backroom_link::Rate;
use backroom_output::{OutputArgs, note};
use backroom_provenance::Provenance;
use backroom_vocabulary::event::Event;
use clap::Args;
use serde::Serialize;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::mpsc;
use tokio::time;

use crate::latency::Latencies;
use crate::link::{self, Link};
use crate::program::{self, Client, Server};
use crate::results::{CHAT, Results, rounded};

/// The time from the first offers until all transfers run at full speed.
const WARM_UP: Duration = Duration::from_secs(2);
/// The time that the last messages have to arrive.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A file system in memory, so that the disk does not affect the measurement.
const MEMORY: &str = "/dev/shm";
const SENDER: &str = "sender";
const MAX_PROBLEMS: usize = 16;
/// The unit of `st_blocks` in stat(2).
const BLOCK_BYTES: u64 = 512;

#[derive(Debug, Args, Serialize)]
pub(crate) struct ChatArgs {
    /// Number of receivers of the file, each with its own stream
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    transfers: u32,
    /// Rate of the sender's link, in the notation of `tc`
    #[arg(long, default_value = "100mbit")]
    link: Rate,
    /// Windows of the transfers, as for the client. Each is measured in separate rooms
    #[arg(long, value_delimiter = ',', default_value = "auto,16")]
    window: Vec<String>,
    /// Messages per second in each direction
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=60))]
    rate: u32,
    /// Length of a message in bytes
    #[arg(long, default_value_t = 100)]
    bytes: u32,
    /// Duration of each measurement
    #[arg(long, default_value_t = 6)]
    seconds: u32,
    /// Rooms per window
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
    /// Folder with backroom-server and backroom-client [default: that of this program]
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
    window: String,
    repetition: u32,
    /// `idle` or `transfers`.
    load: &'static str,
    expected: u64,
    received: u64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// The total goodput of all receivers of files, in Mbit/s.
    file_mbps: f64,
}

pub(crate) fn run(arguments: &ChatArgs) -> anyhow::Result<()> {
    arguments.output.check()?;
    link::enter_namespace()?;
    let programs = arguments.programs.as_deref();
    let programs = Programs {
        server: program::find(programs, "backroom-server")?,
        client: program::find(programs, "backroom-client")?,
    };
    let mut results = Results::create(CHAT, &arguments.output)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let measured = runtime.block_on(measure(arguments, &programs, &mut results));
    if measured.is_err() {
        results.tell_where_rows_are();
    }
    measured
}

async fn measure(
    arguments: &ChatArgs,
    programs: &Programs,
    results: &mut Results<Row>,
) -> anyhow::Result<()> {
    let provenance = Provenance::now();
    let link = Link::open(arguments.link).await?;
    for repetition in 1..=arguments.reps {
        for window in &arguments.window {
            let room = Room::open(arguments, programs, &link, window).await?;
            for row in room.measure(arguments, window, repetition).await? {
                results.add(row)?;
            }
        }
    }
    let chart = chart(arguments, results.rows());
    let settings = serde_json::json!({ "chat": arguments });
    let received = results.rows().iter().map(|row| row.received).sum();
    results.finish(&provenance, settings, &chart, received)
}

struct Programs {
    server: PathBuf,
    client: PathBuf,
}

/// A server, a sender behind the link, and receivers on the server's side.
struct Room {
    _server: Server,
    _clients: Vec<Child>,
    /// The inputs of all clients, the sender's first. They stay open, because a client leaves at the end of its input.
    inputs: Vec<ChildStdin>,
    latencies: Latencies,
    /// Events that invalidate a measurement: a transfer has ended, or a client reports an error.
    problems: mpsc::Receiver<String>,
    folder: TempDir,
}

impl Room {
    async fn open(
        arguments: &ChatArgs,
        programs: &Programs,
        link: &Link,
        window: &str,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(MEMORY).context("cannot create a folder in memory")?;
        let server = Server::start(&programs.server, link::ROOM).await?;
        let port = server.port.to_string();
        let latencies = Latencies::new()?;
        let (report, problems) = mpsc::channel(MAX_PROBLEMS);
        let mut members = Vec::new();
        let names = (1..=arguments.transfers).map(|number| format!("receiver-{number}"));
        for name in std::iter::once(SENDER.to_owned()).chain(names) {
            let downloads = folder.path().join(&name);
            fs::create_dir(&downloads)?;
            let mut command = match name == SENDER {
                true => link.at_sender(&programs.client)?,
                false => tokio::process::Command::new(&programs.client),
            };
            // Without GSO: `tbf` would treat a batch of datagrams as one packet.
            command
                .args([
                    link::ROOM,
                    &port,
                    "--name",
                    &name,
                    "--ephemeral",
                    "--output",
                    "json",
                ])
                .args(["--gso", "off", "--delivery", "parallel", "--window", window])
                .arg("--download-dir")
                .arg(downloads);
            members.push(Client::start(command).await?);
        }
        if let Some(sender) = members.first_mut() {
            sender.wait_for_members(arguments.transfers).await?;
        }
        let (mut clients, mut inputs) = (Vec::new(), Vec::new());
        for member in members {
            let (child, stdin, mut stdout) = member.split();
            let (latencies, report) = (latencies.clone(), report.clone());
            tokio::spawn(async move {
                while let Ok(Some(line)) = stdout.next_line().await {
                    handle_line(&line, &latencies, &report);
                }
            });
            clients.push(child);
            inputs.push(stdin);
        }
        Ok(Self {
            _server: server,
            _clients: clients,
            inputs,
            latencies,
            problems,
            folder,
        })
    }

    /// Measures without transfers, then with them.
    async fn measure(
        mut self,
        arguments: &ChatArgs,
        window: &str,
        repetition: u32,
    ) -> anyhow::Result<[Row; 2]> {
        let idle = self
            .measure_chat(arguments, window, repetition, "idle")
            .await?;
        let path = self.folder.path().join("file");
        // Zeros are as good as any bytes, because they are sent encrypted. The size suffices even for a receiver that gets the
        // whole rate of the link.
        let seconds = u64::from(arguments.seconds) + 2 * WARM_UP.as_secs();
        let bytes = seconds * arguments.link.bits_per_second() / 8;
        fs::File::create(&path)?.set_len(bytes)?;
        let sender = self.inputs.first_mut().context("the room has no sender")?;
        send_line(sender, &format!("fbroadcast|{}", path.display())).await?;
        time::sleep(WARM_UP).await;
        let loaded = self
            .measure_chat(arguments, window, repetition, "transfers")
            .await?;
        Ok([idle, loaded])
    }

    /// Measures messages between the sender and a receiver, in both directions, on a fixed schedule.
    async fn measure_chat(
        &mut self,
        arguments: &ChatArgs,
        window: &str,
        repetition: u32,
        load: &'static str,
    ) -> anyhow::Result<Row> {
        let [sender, .., receiver] = self.inputs.as_mut_slice() else {
            bail!("the room has no receiver");
        };
        let phase = self.latencies.begin();
        let before = downloaded(self.folder.path())?;
        let begun = Instant::now();
        let messages = arguments.rate * arguments.seconds;
        for number in 0..messages {
            let due =
                begun + Duration::from_secs_f64(f64::from(number) / f64::from(arguments.rate));
            time::sleep_until(due.into()).await;
            let text = self.latencies.text(phase, due, arguments.bytes as usize);
            let last = arguments.transfers;
            send_line(sender, &format!("municast|receiver-{last}|{text}")).await?;
            send_line(receiver, &format!("municast|{SENDER}|{text}")).await?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let file_bytes = downloaded(self.folder.path())?.saturating_sub(before);
        if let Ok(problem) = self.problems.try_recv() {
            bail!("invalid measurement; a client reported: {problem}");
        }
        let expected = 2 * u64::from(messages);
        self.latencies.wait_for(expected, DRAIN_TIMEOUT).await;
        let found = self.latencies.percentiles();
        let file_mbps = rounded(file_bytes as f64 * 8.0 / 1e6 / seconds);
        note(format!(
            "window {window}, {load}: {} of {expected} received, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms; files {file_mbps:.1} Mbit/s",
            found.received, found.p50_ms, found.p99_ms, found.max_ms
        ));
        Ok(Row {
            window: window.to_owned(),
            repetition,
            load,
            expected,
            received: found.received,
            p50_ms: found.p50_ms,
            p90_ms: found.p90_ms,
            p99_ms: found.p99_ms,
            max_ms: found.max_ms,
            file_mbps,
        })
    }
}

/// The bytes of all files in the receivers' folders.
fn downloaded(folders: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for folder in fs::read_dir(folders)? {
        let folder = folder?.path();
        if folder.is_dir() {
            bytes += bytes_in(&folder)?;
        }
    }
    Ok(bytes)
}

fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(folder)? {
        // Counts allocated blocks, because a file may be created with its full length.
        bytes += file?.metadata()?.blocks() * BLOCK_BYTES;
    }
    Ok(bytes)
}

/// Handles one line of a client's output.
fn handle_line(line: &str, latencies: &Latencies, report: &mpsc::Sender<String>) {
    match serde_json::from_str(line) {
        Ok(Event::Message { text, .. }) => latencies.received(&text),
        Ok(Event::Received { .. } | Event::Failed { .. } | Event::Error { .. }) => {
            // The first problem is enough, so a full or closed channel does not matter.
            let _ = report.try_send(line.to_owned());
        }
        _ => {}
    }
}

async fn send_line(input: &mut ChildStdin, line: &str) -> anyhow::Result<()> {
    input.write_all(format!("{line}\n").as_bytes()).await?;
    Ok(input.flush().await?)
}

const LOADS: [&str; 2] = ["idle", "transfers"];

/// A box for each window and load: a percentile over all runs.
fn chart(arguments: &ChatArgs, rows: &[Row]) -> Chart {
    let point = |window: &str, load: &str, x: f64, value: fn(&Row) -> f64| {
        let is_shown = |row: &&Row| row.window == window && row.load == load;
        let mut values: Vec<_> = rows.iter().filter(is_shown).map(value).collect();
        values.sort_by(f64::total_cmp);
        let interval = (*values.first()?, *values.last()?);
        Some(Point::within(x, values[values.len() / 2], interval))
    };
    let series = |window: &str, (index, load): (usize, &&str)| Series {
        index,
        points: PERCENTILES
            .into_iter()
            .filter_map(|(percentile, value)| point(window, load, percentile, value))
            .collect(),
        model: Vec::new(),
    };
    let panel = |window: &String| PlanePanel {
        title: format!("window {window}"),
        series: (LOADS.iter().enumerate())
            .map(|load| series(window, load))
            .collect(),
    };
    let panels = arguments.window.iter().map(panel).collect();
    let labels = ("percentile", "latency (ms)");
    Chart {
        name: "chat-latency".to_owned(),
        title: "Latency of chat while files saturate the link".to_owned(),
        subtitle: format!(
            "{} transfers over {}, {} messages per second in each direction; medians of {} rooms, boxes: minimum to maximum",
            arguments.transfers, arguments.link, arguments.rate, arguments.reps
        ),
        content: Content::Plane(Plane::new(
            labels,
            LOADS.map(str::to_owned).to_vec(),
            true,
            panels,
        )),
    }
}

/// A quantile, and the column that holds it.
type Percentile = (f64, fn(&Row) -> f64);

const PERCENTILES: [Percentile; 3] = [
    (50.0, |row| row.p50_ms),
    (90.0, |row| row.p90_ms),
    (99.0, |row| row.p99_ms),
];
