//! `trace`: draws one transfer step by step.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use backroom_gbn::Copies;
use backroom_output::{FolderError, empty_folder, new_folder, print, print_paths};
use backroom_sim::{Axis, Cell, Measurement};
use backroom_trace::diagram::{self, Caption, TimeRange};
use backroom_trace::{self as trace, Trace};
use backroom_vocabulary::format_number;
use backroom_vocabulary::trace::StepKind;
use clap::Args;

use super::run::{Setting, change, set_help, setting};
use super::{Failure, stop, usage};
use crate::plan::{Plan, Run};
use crate::scenario::Scenario;
use crate::trace::simulate;

const EXAMPLES: &str = "\
Examples:
  backroom-lab trace --set window=4 --set loss=0.1 --set file=48KiB
  backroom-lab trace recovery --set loss=0.01 --set timeout=1s --set recovery=timeout --set delay=10ms
  backroom-lab trace --set cast=broadcast --receiver 2 --from-ms 0 --to-ms 80
  backroom-lab trace --from sender.jsonl --from receiver.jsonl

Writes space-time.svg and .png, time-sequence.svg and .png, trace.jsonl and trace.pcapng to the folder. In Wireshark,
docs/wireshark/backroom.lua names the fields.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TraceArgs {
    /// Built-in scenario (see `list`) or TOML file, narrowed to one cell with --set [default: one file of 512 KiB to
    /// one member]
    #[arg(conflicts_with = "from")]
    scenario: Option<String>,
    #[arg(long, value_name = "KEY=V", value_parser = setting, conflicts_with = "from", help = set_help())]
    set: Vec<Setting>,
    /// Seed of the run
    #[arg(long, value_name = "S", conflicts_with = "from")]
    seed: Option<u64>,
    /// Trace that a client wrote with --trace, instead of a simulation; give both sides' traces by using it twice
    #[arg(long, value_name = "FILE", visible_alias = "trace")]
    from: Vec<PathBuf>,
    /// Transfer to draw if the files have several: 16 hexadecimal digits
    #[arg(long, value_name = "ID", value_parser = transfer_id, requires = "from")]
    transfer: Option<u64>,
    /// Receiver to draw, counted from 1 [default: the first]
    #[arg(long, value_name = "N")]
    receiver: Option<u16>,
    /// Start of the space-time diagram, in ms; without --from-ms and --to-ms it shows the whole transfer if it fits,
    /// otherwise the part around the first loss
    #[arg(long, value_name = "T", value_parser = milliseconds)]
    from_ms: Option<f64>,
    /// End of the space-time diagram, in ms
    #[arg(long, value_name = "T", value_parser = milliseconds)]
    to_ms: Option<f64>,
    /// New or empty folder for the files [default: a new folder `trace`, or `trace-2` and so on]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn transfer_id(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16).map_err(|_| "expected 16 hexadecimal digits".to_owned())
}

fn milliseconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|time| (0.0..=1e9).contains(time))
        .ok_or_else(|| "expected a time in milliseconds, 0 or more".to_owned())
}

pub(super) fn trace(arguments: &TraceArgs) -> Result<(), Failure> {
    if let (Some(from), Some(to)) = (arguments.from_ms, arguments.to_ms)
        && from >= to
    {
        return Err(usage(anyhow!(
            "--from-ms {from} is not before --to-ms {to}"
        )));
    }
    let (trace, caption) = if arguments.from.is_empty() {
        simulated(arguments)?
    } else {
        recorded(arguments).map_err(usage)?
    };
    let receiver = receiver(arguments, &trace).map_err(usage)?;
    let folder = folder(arguments).map_err(usage)?;
    Ok(write(arguments, &trace, receiver, &caption, &folder)?)
}

/// A folder without files.
fn folder(arguments: &TraceArgs) -> Result<PathBuf, FolderError> {
    match &arguments.out {
        None => new_folder(Path::new("trace")),
        Some(out) => empty_folder(out).map(|()| out.clone()),
    }
}

/// Simulates the run and records its steps.
fn simulated(arguments: &TraceArgs) -> Result<(Trace, Caption), Failure> {
    let plan = Plan::new(&scenario(arguments).map_err(usage)?).map_err(usage)?;
    let run = one_run(&plan).map_err(usage)?;
    let (trace, measurement) = simulate(run, &stop::on_signal()?)?;
    let caption = caption(run, &measurement, arguments.receiver);
    Ok((trace, caption))
}

fn scenario(arguments: &TraceArgs) -> anyhow::Result<Scenario> {
    let mut scenario = match &arguments.scenario {
        Some(name) => Scenario::load(name)?,
        None => Scenario::parse("trace", "title = 'One transfer'")?,
    };
    change(&mut scenario, &arguments.set, arguments.seed)?;
    scenario.repetitions = 1;
    Ok(scenario)
}

fn one_run(plan: &Plan) -> anyhow::Result<&Run> {
    if let [run] = plan.runs.as_slice() {
        return Ok(run);
    }
    let several = Axis::ALL.into_iter().filter_map(|axis| {
        let values = plan.scenario.axes.values(axis);
        (values.len() > 1).then(|| format!("--set {axis}={}", values.join(" or ")))
    });
    bail!(
        "`trace` draws one transfer, but {} has {} cells: choose one with {}",
        plan.scenario.name,
        plan.runs.len(),
        several.collect::<Vec<_>>().join(", ")
    )
}

fn caption(run: &Run, measured: &Measurement, receiver: Option<u16>) -> Caption {
    let text = |axis: Axis| run.scenario.axes.values(axis).join(" ");
    let cell = &run.cell;
    let title = format!(
        "Window {}, loss {}, recovery {}",
        text(Axis::WINDOW),
        text(Axis::LOSS),
        text(Axis::RECOVERY)
    );
    let outcome = match (&measured.failure, measured.seconds) {
        (Some(failure), _) => failure.clone(),
        (None, seconds) => format!("{} s", format_number(seconds.unwrap_or_default())),
    };
    let mut parts = vec![
        format!("{}, {} each way", text(Axis::RATE), text(Axis::DELAY)),
        format!("timer {}", text(Axis::TIMEOUT)),
        format!("{} segments", cell.segments()),
        outcome,
        format!(
            "went back {} times, {} at timeouts",
            measured.go_backs, measured.timeouts
        ),
    ];
    if cell.copies > Copies::ONE {
        parts.push(Axis::COPIES.phrase(cell));
    }
    let is_unusual = |axis: &Axis| {
        *axis != Axis::DELIVERY && axis.is_mentioned(cell) && !axis.is_mentioned(&Cell::default())
    };
    let unusual = Axis::ALL.into_iter().filter(is_unusual);
    parts.extend(unusual.map(|axis| axis.phrase(cell)));
    if cell.receivers > 1 {
        parts.push(format!(
            "{}, receiver {} of {}",
            text(Axis::DELIVERY),
            receiver.unwrap_or(1),
            cell.receivers
        ));
    }
    parts.push(format!("simulated, seed {}", run.seed));
    Caption {
        title,
        subtitle: parts.join(", ") + ".",
    }
}

/// Reads the traces that clients wrote.
fn recorded(arguments: &TraceArgs) -> anyhow::Result<(Trace, Caption)> {
    let (mut files, mut names) = (Vec::new(), Vec::new());
    for path in &arguments.from {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| name.clone())?;
        files.push(BufReader::new(file));
        names.push(name);
    }
    let trace = trace::read(files, arguments.transfer).with_context(|| names.join(", "))?;
    let count = |is_counted: fn(&StepKind) -> bool| {
        let steps = trace.steps.iter();
        steps.filter(|step| is_counted(&step.kind)).count()
    };
    let segments = trace.bytes.div_ceil(u64::from(trace.segment_bytes.max(1)));
    let mut parts = vec![
        format!("{} bytes in {segments} segments", trace.bytes),
        format!("{} ms", format_number(trace.end_ns() as f64 / 1e6)),
        format!(
            "went back {} times, {} at timeouts",
            count(|kind| matches!(kind, StepKind::GoBack { .. })),
            count(|kind| matches!(kind, StepKind::Timeout))
        ),
    ];
    if trace.missing > 0 {
        parts.push(format!("{} steps were not recorded", trace.missing));
    }
    let window = trace
        .window
        .map_or_else(String::new, |window| format!(", window {window}"));
    let caption = Caption {
        title: format!("Transfer {:016x}{window}", trace.transfer),
        subtitle: parts.join(", ") + ".",
    };
    Ok((trace, caption))
}

/// The receiver to draw: the requested one, or the first.
fn receiver(arguments: &TraceArgs, trace: &Trace) -> anyhow::Result<u16> {
    let receivers = trace.receivers();
    let first = receivers.first().copied();
    let Some(requested) = arguments.receiver else {
        return first.ok_or_else(|| anyhow!("the trace has no receiver"));
    };
    if receivers.contains(&requested) {
        return Ok(requested);
    }
    let available: Vec<_> = receivers.iter().map(ToString::to_string).collect();
    bail!(
        "there is no receiver {requested}: --receiver can be {}",
        available.join(", ")
    )
}

/// Writes the diagrams, the trace and the capture, and prints their paths.
fn write(
    arguments: &TraceArgs,
    trace: &Trace,
    receiver: u16,
    caption: &Caption,
    folder: &Path,
) -> anyhow::Result<()> {
    let of_one = &trace.of_receiver(receiver);
    let range = TimeRange {
        from_ms: arguments.from_ms,
        to_ms: arguments.to_ms,
    };
    let mut names = diagram::draw(of_one, caption, range, folder)?;
    save(folder, "trace.jsonl", |out| trace::write(trace, out))?;
    save(folder, "trace.pcapng", |out| {
        trace::write_pcapng(of_one, receiver, out)
    })?;
    names.extend(["trace.jsonl".to_owned(), "trace.pcapng".to_owned()]);
    print(&format!("{}: {}\n", caption.title, caption.subtitle))
        .and_then(|()| print_paths(folder, names.iter().map(String::as_str)))
        .with_context(|| format!("the files are in {}", folder.display()))
}

fn save(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let path = folder.join(name);
    let written = File::create_new(&path).and_then(|file| write(&mut BufWriter::new(file)));
    written.with_context(|| path.display().to_string())
}
