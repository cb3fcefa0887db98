//! Carries out runs in a virtual machine.

use std::time::Duration;

use anyhow::anyhow;
use backroom_sim::Measurement;
use tokio_util::sync::CancellationToken;

use super::guest::{Guest, GuestError};
use super::protocol::{Answer, Opening, Ready, Request, RunNumbers};
use super::script::Script;
use super::worker::ATTACH;
use crate::plan::Run;
use crate::runner::{ClockName, RunError, Runner, RunnerKind};

/// Give up a machine that does not answer for this long. The longest runs take minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Stop the sweep after this many failed machines in a row, because a retry is unlikely to help.
const MAX_BROKEN_MACHINES: u32 = 3;

/// A machine that carries out the runs of a plan. Dropping it ends the machine.
pub(super) struct MachineRunner {
    script: Script,
    opening: Opening,
    /// Started by the next run if there is none.
    guest: Option<Guest>,
    broken_machines: u32,
    cancelled: CancellationToken,
}

impl MachineRunner {
    /// A runner whose machine is not started yet.
    pub(super) fn new(script: Script, opening: Opening, cancelled: CancellationToken) -> Self {
        Self {
            script,
            opening,
            guest: None,
            broken_machines: 0,
            cancelled,
        }
    }

    /// Starts the machine, whose room is open.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn start(&mut self) -> Result<Ready, RunError> {
        let (guest, ready) = self.open().map_err(|error| match error {
            GuestError::Cancelled => RunError::Cancelled,
            broken @ GuestError::Broken(_) => anyhow!(broken).into(),
        })?;
        self.guest = Some(guest);
        Ok(ready)
    }

    fn open(&self) -> Result<(Guest, Ready), GuestError> {
        let broken = |error: anyhow::Error| GuestError::Broken(format!("{error:#}"));
        let mut guest = Guest::start(self.script.start(&ATTACH)).map_err(broken)?;
        let request = Request::Open(Box::new(self.opening.clone()));
        match guest.ask(&request, ANSWER_TIMEOUT, &self.cancelled)? {
            Answer::Ready(ready) if ready.version == self.opening.version => Ok((guest, ready)),
            Answer::Ready(ready) => Err(GuestError::Broken(format!(
                "the image has version {} of the lab, this is {}: build it again with `just image`",
                ready.version, self.opening.version
            ))),
            other => Err(unexpected(&other)),
        }
    }

    /// Carries out `run` in the machine, or in a new one. The machine is only kept if it answers.
    fn carry_out(&mut self, run: &Run) -> Result<Measurement, GuestError> {
        let mut guest = match self.guest.take() {
            Some(guest) => guest,
            None => self.open()?.0,
        };
        let request = Request::Run(RunNumbers::of(run));
        match guest.ask(&request, ANSWER_TIMEOUT, &self.cancelled)? {
            Answer::Measured(measured) => {
                self.guest = Some(guest);
                Ok(*measured)
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl Runner for MachineRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::docker(self.opening.shaper, ClockName::Virtual)
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        match self.carry_out(run) {
            Ok(measurement) => {
                self.broken_machines = 0;
                Ok(measurement)
            }
            Err(GuestError::Cancelled) => Err(RunError::Cancelled),
            Err(GuestError::Broken(reason)) => {
                self.broken_machines += 1;
                if self.broken_machines == MAX_BROKEN_MACHINES {
                    return Err(anyhow!(reason)
                        .context(format!("{MAX_BROKEN_MACHINES} machines failed in a row"))
                        .into());
                }
                Ok(Measurement {
                    failure: Some(reason),
                    ..Measurement::default()
                })
            }
        }
    }
}

fn unexpected(answer: &Answer) -> GuestError {
    GuestError::Broken(format!(
        "unexpected answer of the virtual machine: {answer:?}"
    ))
}
