//! Compares a file transfer over loopback by the real programs with `quinn`, and with the upper limit of sealing and sending. All
//! take turns in one run.
//!
//! ```text
//! just bench-loopback --runs 5 --mib 1024
//! just bench-loopback --folder /mnt/large     # after: mount -t tmpfs -o huge=always tmpfs /mnt/large
//! ```
//!
//! The programs send from tmpfs to tmpfs. Their time runs from the command to the confirmation that the file has its final name.
//! `quinn` sends from memory to memory. Its time runs from opening the stream to the answer after its end. Both use two
//! processes. The limit is a thread that seals and sends without waiting, and a thread that receives and opens.

mod limit;
mod programs;
mod quic;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::programs::{Pair, Spent};

/// The segment whose datagram has 1,452 bytes, the largest that quinn uses by default.
const SMALL_SEGMENT: u16 = 1_415;

/// The segment whose datagram is the largest possible. Loopback can carry it in one packet.
const LARGE_SEGMENT: u16 = 65_470;

#[derive(Parser)]
#[command(about = "A file over loopback: ours, quinn's, and the limit")]
struct Options {
    /// Runs of each
    #[arg(long, default_value_t = 5)]
    runs: usize,

    /// Size of the file, in MiB
    #[arg(long, default_value_t = 1_024)]
    mib: u64,

    /// Window for segments of 1,415 bytes
    #[arg(long, default_value = "512")]
    small_window: String,

    /// Window for segments of 65,470 bytes
    #[arg(long, default_value = "32")]
    large_window: String,

    /// Where the files lie: in memory, so that no disk is measured
    #[arg(long, default_value = "/dev/shm", value_name = "DIR")]
    folder: PathBuf,

    #[command(flatten)]
    quinn: quic::Setup,

    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    role: Option<Role>,
}

/// The roles of the processes that the program starts itself.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    QuicServer { certificate: PathBuf },
    #[command(hide = true)]
    QuicClient {
        certificate: PathBuf,
        port: u16,
        bytes: u64,
    },
}

/// The runs of one candidate.
struct Row {
    name: &'static str,
    /// In 10^6 bytes per second.
    rates: Vec<f64>,
    spent: Vec<Spent>,
}

impl Row {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            rates: Vec::new(),
            spent: Vec::new(),
        }
    }

    fn median(&self) -> f64 {
        median(self.rates.iter().copied())
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.role {
        Some(Role::QuicServer { certificate }) => quic::serve(options.quinn, &certificate),
        Some(Role::QuicClient {
            certificate,
            port,
            bytes,
        }) => quic::send(options.quinn, &certificate, port, bytes),
        None => compare(&options),
    }
}

fn compare(options: &Options) -> anyhow::Result<()> {
    let bytes = options.mib << 20;
    let megabytes = bytes as f64 / 1e6;
    let mut pair = Pair::start(bytes, &options.folder).context("two members in a room")?;
    let mut ours = [
        (
            Row::new("backroom, 1,452 bytes"),
            SMALL_SEGMENT,
            &options.small_window,
        ),
        (
            Row::new("backroom, 65,507 bytes"),
            LARGE_SEGMENT,
            &options.large_window,
        ),
    ];
    let mut quinn = Row::new("quinn");
    let source = pair.source().to_owned();
    let mut limits = [
        (Row::new("limit, 1,452 bytes"), SMALL_SEGMENT, None),
        (Row::new("limit, 65,507 bytes"), LARGE_SEGMENT, None),
        (
            Row::new("the same with files"),
            SMALL_SEGMENT,
            Some(&*source),
        ),
        (
            Row::new("the same with files"),
            LARGE_SEGMENT,
            Some(&*source),
        ),
    ];
    for run in 1..=options.runs {
        for (row, segment, window) in &mut ours {
            let (seconds, spent) = pair.transfer(*segment, window)?;
            row.rates.push(megabytes / seconds);
            row.spent.push(spent);
        }
        quinn
            .rates
            .push(megabytes / quic::transfer(options.quinn, bytes)?);
        for (row, segment, source) in &mut limits {
            row.rates
                .push(limit::megabytes_per_second(*segment, bytes, *source)?);
        }
        eprintln!("run {run} of {}", options.runs);
    }
    let [small, large] = ours.map(|(row, ..)| row);
    let [small_limit, large_limit, small_files, large_files] = limits.map(|(row, ..)| row);
    let rows = [
        &small,
        &large,
        &quinn,
        &small_limit,
        &small_files,
        &large_limit,
        &large_files,
    ];
    rows.into_iter().for_each(print_row);
    print_ratios("1,452 bytes", &small, [&quinn, &small_limit, &small_files]);
    print_ratios("65,507 bytes", &large, [&quinn, &large_limit, &large_files]);
    let (sender, receiver) = pair.peak_memory_kib()?;
    println!("most memory of a client: {sender} KiB sending, {receiver} KiB receiving");
    Ok(())
}

fn print_ratios(name: &str, ours: &Row, others: [&Row; 3]) {
    let [quinn, limit, files] = others.map(|other| ours.median() / other.median());
    println!("{name}: {quinn:.2}x quinn, {limit:.2} of the limit, {files:.2} of that with files");
}

fn print_row(row: &Row) {
    let rates: Vec<_> = row.rates.iter().map(|rate| format!("{rate:.0}")).collect();
    print!(
        "{:24} {:6.0} MB/s  ({})",
        row.name,
        row.median(),
        rates.join(", ")
    );
    if !row.spent.is_empty() {
        let of = |value: fn(&Spent) -> f64| median(row.spent.iter().map(value));
        print!(
            "  sender {:.2} s of processor, receiver {:.2} s; {} sent again, {} timeouts",
            of(|spent| spent.sender_seconds),
            of(|spent| spent.receiver_seconds),
            of(|spent| spent.retransmitted as f64),
            of(|spent| spent.timeouts as f64),
        );
    }
    println!();
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count => (values[(count - 1) / 2] + values[count / 2]) / 2.0,
    }
}
