//! What the lab and the worker in a virtual machine send each other: one JSON object per line, one answer per request.

use std::io::{self, BufRead, Read};

use backroom_shaper::protocol::Support;
use backroom_sim::Measurement;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Run};
use crate::runner::{RunnerOptions, Shaper};
use crate::scenario::{Scenario, ScenarioError};

/// Longer lines are an error. A scenario with all its axes is by far the longest.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// A request to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Open a room for the runs that follow, unless one is open that holds them. Comes first.
    Open(Box<Opening>),
    /// Carry out a run.
    Run(RunNumbers),
    /// Test in a container of this image which shapers work.
    Probe {
        /// Name of the image.
        image: String,
    },
}

/// What a worker needs to know about a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// Version of the lab that asks.
    pub(super) version: String,
    /// The image of the containers.
    pub(super) image: String,
    /// The shaper of their network.
    pub(super) shaper: Shaper,
    /// Name of the scenario.
    name: String,
    /// How a command line names the scenario.
    source: String,
    /// The scenario with the values of all axes.
    toml: String,
    /// How many cells it expands to.
    pub(super) cells: usize,
}

/// A run of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunNumbers {
    index: usize,
    cell_index: usize,
    seed: u64,
    repetition: u32,
}

/// The answer of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The room is open.
    Ready(Ready),
    /// The run is done.
    Measured(Box<Measurement>),
    /// Which shapers work.
    Support(Support),
    /// The request could not be carried out, and the worker ends.
    Error {
        /// The reason, and the remedy if there is one.
        message: String,
    },
}

/// A worker whose room is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    /// Version of the worker.
    pub(super) version: String,
    /// Name and version of the machine's engine.
    pub(super) engine: String,
    /// Release of the machine's kernel.
    pub(super) kernel: Option<String>,
    /// Packets per second, by the machine's clock, that it can handle.
    pub(super) packets_per_second: Option<f64>,
}

impl Opening {
    /// The opening for `plan` on a network that `shaper` shapes.
    pub(super) fn new(plan: &Plan, options: &RunnerOptions, shaper: Shaper) -> Self {
        let scenario = &*plan.scenario;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            image: options.image.clone(),
            shaper,
            name: scenario.name.clone(),
            source: scenario.source.clone(),
            toml: scenario.to_toml(),
            cells: plan.cells.len(),
        }
    }

    /// The scenario of the plan.
    ///
    /// # Errors
    /// If this version does not understand it.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Ok(Scenario {
            source: self.source.clone(),
            ..Scenario::parse(&self.name, &self.toml)?
        })
    }
}

impl RunNumbers {
    /// The numbers of `run`.
    pub(super) fn of(run: &Run) -> Self {
        Self {
            index: run.index,
            cell_index: run.cell_index,
            seed: run.seed,
            repetition: run.repetition,
        }
    }

    /// The run of `plan` with these numbers. `None` if the plan has no such cell.
    pub(super) fn run(self, plan: &Plan) -> Option<Run> {
        Some(Run {
            index: self.index,
            scenario: plan.scenario.clone(),
            cell_index: self.cell_index,
            cell: plan.cells.get(self.cell_index)?.clone(),
            seed: self.seed,
            repetition: self.repetition,
        })
    }
}

/// Reads a line without its line feed. `None` at the end; a last line without a line feed is ignored.
///
/// # Errors
/// If reading fails, or the line is too long.
pub(super) fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    if line.pop() == Some(b'\n') {
        return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
    }
    match line.len() as u64 + 1 < MAX_LINE_BYTES {
        true => Ok(None),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a line is too long",
        )),
    }
}

#[cfg(test)]
mod tests {
    use backroom_sim::{DelayQuantiles, NetworkMeasurement};
    use proptest::prelude::*;

    use super::*;
    use crate::docker::DEFAULT_IMAGE;

    fn plan() -> Plan {
        let text = "title = 'x'\nrepetitions = 3\n[axes]\nwindow = [1, 20]\nloss = [0, 0.013]";
        Plan::new(&Scenario::parse("it's mine", text).unwrap()).unwrap()
    }

    #[test]
    fn a_worker_has_the_same_plan() {
        let plan = plan();
        let options = RunnerOptions::new(DEFAULT_IMAGE);
        let opening = Opening::new(&plan, &options, Shaper::Netem);
        let text = serde_json::to_string(&Request::Open(Box::new(opening.clone()))).unwrap();
        let Request::Open(read) = serde_json::from_str(&text).unwrap() else {
            panic!("{text}");
        };
        assert_eq!(*read, opening);
        let again = Plan::new(&read.scenario().unwrap()).unwrap();
        assert_eq!(again.cells, plan.cells);
        for run in &plan.runs {
            let text = serde_json::to_string(&RunNumbers::of(run)).unwrap();
            let numbers: RunNumbers = serde_json::from_str(&text).unwrap();
            let same = numbers.run(&again).unwrap();
            assert_eq!(
                (same.index, same.seed, same.repetition),
                (run.index, run.seed, run.repetition)
            );
            assert_eq!(same.cell, run.cell);
        }
    }

    #[test]
    fn a_run_of_no_cell_is_refused() {
        let plan = plan();
        let numbers = RunNumbers {
            cell_index: plan.cells.len(),
            ..RunNumbers::of(&plan.runs[0])
        };
        assert_eq!(numbers.run(&plan), None);
    }

    proptest! {
        #[test]
        fn a_measurement_reads_back_exactly(
            seconds in proptest::option::of(0.0..1e4),
            times in proptest::array::uniform5(0.0..1e6),
            counts in proptest::array::uniform3(any::<u64>()),
            failure in proptest::option::of(".*"),
        ) {
            let [min_ms, p50_ms, p90_ms, p99_ms, max_ms] = times;
            let measurement = Measurement {
                seconds,
                segments: counts[0],
                rtt_measured_ms: seconds,
                network: Some(NetworkMeasurement {
                    packets: counts[1],
                    queue_drops: counts[2],
                    rate_mbps: seconds,
                    ..NetworkMeasurement::default()
                }),
                segment_delay: Some(DelayQuantiles { min_ms, p50_ms, p90_ms, p99_ms, max_ms }),
                failure,
                ..Measurement::default()
            };
            let answer = Answer::Measured(Box::new(measurement));
            let text = serde_json::to_string(&answer).unwrap() + "\n";
            let line = read_line(&mut text.as_bytes()).unwrap().unwrap();
            prop_assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), answer);
        }
    }

    #[test]
    fn a_line_ends_with_a_line_feed_and_has_a_limit() {
        let mut text = &b"one\n\ntwo"[..];
        let mut next = || read_line(&mut text).unwrap();
        assert_eq!(next().as_deref(), Some("one"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next(), None);
        let long = vec![b'x'; MAX_LINE_BYTES as usize + 1];
        read_line(&mut long.as_slice()).unwrap_err();
    }
}
