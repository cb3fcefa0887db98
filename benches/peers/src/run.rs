//! `run`: all turns of all comparisons.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Instant;

use backroom_lab::cli::{ShaperChoice, on_signal};
use backroom_lab::docker::testbed::{Command, Testbed, TestbedSize, Testbeds};
use backroom_lab::peers;
use backroom_lab::plan::order::shuffled;
use backroom_lab::runner::{RunError, RunnerKind};
use backroom_output::{Destination, OutputArgs, Place, note};
use clap::Args;
use clap::builder::PossibleValuesParser;
use futures_util::future::try_join_all;

use crate::comparisons::{Comparison, comparisons};
use crate::results::{FILES, Manifest, Results};
use crate::row::Row;
use crate::session::{Session, Turn};

/// Default number of repetitions: the fewest that give an interval.
pub(crate) const REPETITIONS: u32 = 6;
/// Debian's packages of the other programs.
const PACKAGES: [&str; 4] = ["iperf3", "uftp", "atftp", "atftpd"];

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// How to shape the network of the containers
    #[arg(long, value_enum, default_value = "auto")]
    shaper: ShaperChoice,
    /// Image of the containers
    #[arg(long, value_name = "NAME", default_value = peers::IMAGE)]
    image: String,
    /// Number of repetitions
    #[arg(long, value_name = "N", default_value_t = REPETITIONS, value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
    /// Seed of the first repetition; each further repetition adds 1
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Only this comparison
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(comparisons().into_iter().map(|one| one.name)))]
    only: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(arguments: &RunArgs) -> Result<(), RunError> {
    let is_chosen = |one: &Comparison| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == one.name)
    };
    let comparisons: Vec<_> = comparisons().into_iter().filter(is_chosen).collect();
    arguments.output.check().map_err(anyhow::Error::from)?;
    let stopped = on_signal()?;
    let mut testbeds = Testbeds::start(&arguments.image, arguments.shaper.shaper(), &stopped)?;
    let mut manifest = Manifest::new(
        &testbeds,
        &arguments.image,
        (arguments.seed, arguments.reps),
        &comparisons,
    );
    note(format!(
        "using containers ({}), {}",
        testbeds.engine(),
        testbeds.kind().shaper
    ));
    let destination = destination(&arguments.output, testbeds.kind())?;
    let mut results = Results::create(destination)?;
    let outcome = measure(
        arguments,
        &comparisons,
        &mut testbeds,
        &mut manifest,
        &mut results,
    );
    if let Err(error) = outcome {
        results.tell_where_rows_are();
        return Err(error);
    }
    Ok(results.finish(&comparisons, manifest)?)
}

/// The folder for the results of this runner.
fn destination(output: &OutputArgs, kind: RunnerKind) -> anyhow::Result<Destination> {
    let path = Path::new(peers::NAME).join(kind.folder());
    let place = Place {
        local: path.clone(),
        published: path,
        files: FILES,
    };
    Ok(output.new_destination(&place)?)
}

/// Carries out all comparisons.
fn measure(
    arguments: &RunArgs,
    comparisons: &[Comparison],
    testbeds: &mut Testbeds,
    manifest: &mut Manifest,
    results: &mut Results,
) -> Result<(), RunError> {
    let begin = Instant::now();
    for comparison in comparisons {
        let size = TestbedSize {
            members: comparison.receivers + 1,
            file_bytes: (comparison.contestants.iter())
                .map(|one| one.bytes)
                .max()
                .unwrap_or(0),
            gso: comparison.network.is_none(),
        };
        testbeds.with(comparison.rooms, size, async |mut rooms: Vec<Testbed>| {
            if let (true, Some(room)) = (manifest.versions.is_empty(), rooms.first_mut()) {
                manifest.versions = versions(room).await;
            }
            compare(comparison, rooms, arguments, results).await
        })?;
    }
    manifest.duration_seconds = (begin.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    Ok(())
}

/// Carries out all turns of `comparison`. Its rooms take turns from one list at the same time.
async fn compare(
    comparison: &Comparison,
    rooms: Vec<Testbed>,
    arguments: &RunArgs,
    results: &mut Results,
) -> anyhow::Result<()> {
    let mut sessions = Vec::new();
    for room in rooms {
        sessions.push(Session::start(room, comparison).await?);
    }
    if let Some(first) = sessions.first_mut() {
        let trials = first.find_window(arguments.seed).await;
        let window = first.window;
        sessions
            .iter_mut()
            .for_each(|session| session.window = window);
        trials.into_iter().try_for_each(|row| results.add(row))?;
    }
    let turns = turns(comparison.contestants.len(), arguments.reps, arguments.seed);
    let begun = Cell::new(0);
    let results = RefCell::new(results);
    let take_turns = sessions.iter_mut().map(async |session: &mut Session<'_>| {
        while let Some(&turn) = turns.get(begun.get()) {
            begun.set(begun.get() + 1);
            let order = begun.get();
            let seed = arguments.seed + u64::from(turn.repetition - 1);
            let row: Row = session.take(turn, order, seed).await;
            results.borrow_mut().add(row)?;
        }
        anyhow::Ok(())
    });
    try_join_all(take_turns).await.map(drop)
}

/// All turns of a comparison in the order in which they are taken.
fn turns(contestants: usize, repetitions: u32, seed: u64) -> Vec<Turn> {
    let of_repetition = |repetition| {
        let order = shuffled(contestants, seed, repetition).into_iter();
        order.map(move |contestant| Turn {
            contestant,
            repetition,
        })
    };
    (1..=repetitions).flat_map(of_repetition).collect()
}

/// Versions of the other programs' packages. Empty if they cannot be read.
async fn versions(room: &mut Testbed) -> Vec<String> {
    let query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n"];
    let words = query.into_iter().chain(PACKAGES).map(str::to_owned);
    let command = Command {
        user: None,
        privileged: false,
        words: words.collect(),
    };
    let output = room.run(0, &command).await;
    output
        .map(|output| output.stdout.lines().map(str::to_owned).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contestant_has_a_turn_in_each_repetition_and_the_order_changes() {
        let turns = turns(4, 20, 7);
        let orders: Vec<Vec<_>> = turns
            .chunks(4)
            .map(|round| round.iter().map(|turn| turn.contestant).collect())
            .collect();
        assert!(orders.windows(2).any(|pair| pair[0] != pair[1]));
        for (order, repetition) in orders.into_iter().zip(1..) {
            let mut sorted = order;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3], "repetition {repetition}");
        }
        assert_eq!(turns[79].repetition, 20);
    }

    #[test]
    fn the_lab_lists_the_right_number_of_runs() {
        let contestants: usize = (comparisons().iter())
            .map(|comparison| comparison.contestants.len())
            .sum();
        assert_eq!(peers::RUNS, contestants * REPETITIONS as usize);
    }
}
