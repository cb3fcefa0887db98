//! The docker runner: the real server and clients, unchanged, in containers on a separate network for each room.
//!
//! - `engine`: connects to the Docker Engine and removes containers and networks.
//! - `owner`: labels that identify the lab that owns a container, and whether that lab is still running.
//! - `container`: the kinds of containers and their privileges.
//! - `attached`: a program in a container, controlled line by line.
//! - `side`, `member`, `room`: a shaper, a member, and a whole room.
//! - `transfer`: one run. `file`: the file that it sends.
//! - `exec`: additional programs in a container. [`testbed`]: rooms for other programs.
//! - `limit`: how many packets per second the machine can handle, and how many rooms can therefore run at once.
//!
//! Containers start once per plan. Between runs, the clients' settings and the shapers' links change, and members join
//! and leave. After a failure, a new room replaces the old one. Rooms are independent of each other.

mod attached;
mod container;
mod engine;
mod exec;
mod file;
mod limit;
mod member;
mod owner;
mod room;
mod side;
pub mod testbed;
mod transfer;

use std::env;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use backroom_shaper::protocol::Support;
use backroom_sim::Measurement;
use bollard::Docker;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use engine::DEFAULT_IMAGE;

pub(crate) use container::RoomSize;
pub(crate) use engine::reach;

use container::Containers;
use engine::Connection;
use limit::Limit;
use owner::Owner;
use room::Room;

use crate::plan::{Plan, Run};
use crate::runner::{
    Backend, ClockName, Engine, RunError, Runner, RunnerKind, RunnerName, RunnerOptions, Runners,
    Shaper, Unavailable,
};

/// Time limit for removing the container of a probe that timed out or failed.
const REMOVAL_TIMEOUT: Duration = Duration::from_millis(600);
/// Stop the sweep after this many failed rooms in a row, because a retry is unlikely to help.
const MAX_BROKEN_ROOMS: u32 = 3;

/// Runs in containers on the Docker engine that the environment selects.
#[derive(Debug)]
pub struct DockerBackend;

impl Backend for DockerBackend {
    fn name(&self) -> RunnerName {
        RunnerName::Docker
    }

    fn clock(&self) -> ClockName {
        clock()
    }

    fn description(&self) -> &'static str {
        "The real programs in containers on a shaped network; --clock selects real or virtual time"
    }

    fn takes_shaper(&self) -> bool {
        true
    }

    fn probe(&self, options: &RunnerOptions, time_limit: Duration) -> Result<String, Unavailable> {
        let runtime = engine::runtime().map_err(|error| Unavailable {
            why: format!("cannot start the threads that connect to the engine: {error}"),
            remedy: "use --runner sim".to_owned(),
        })?;
        let (_, version) = runtime.block_on(engine::connect(&options.image, time_limit))?;
        Ok(format!("containers in {} time ({version})", clock()))
    }

    /// Removes leftovers of killed labs, then opens the rooms for `plan`. Without `options.shaper`, uses netem if the
    /// kernel has it, otherwise nfqueue. Without `options.jobs`, opens as many rooms as the machine can handle without
    /// slowing each other down.
    fn start(
        &self,
        plan: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError> {
        let size = RoomSize::of(plan);
        let owner = Owner::this_process();
        let connect = |number| -> Result<DockerRunner, RunError> {
            Ok(DockerRunner {
                connection: Connection::open(&options.image, owner.room(number))?,
                shaper: Shaper::Nfqueue,
                size,
                room: None,
                broken_rooms: 0,
                limit: None,
                cancelled: cancelled.clone(),
            })
        };
        let mut first = connect(1)?;
        let engine = first.connection.engine.clone();
        first.shaper = first.connection.prepare(options.shaper)?;
        first.limit = first.calibrate()?;
        let (shaper, limit) = (first.shaper, first.limit);
        let count = options
            .jobs
            .unwrap_or_else(|| limit.map_or(1, |limit| limit.rooms(plan)));
        let mut rooms = vec![first];
        for number in 2..=count.min(plan.runs.len()) {
            let mut room = connect(number)?;
            (room.shaper, room.limit) = (shaper, limit);
            rooms.push(room);
        }
        open_all(&mut rooms[1..])?;
        let boxed = |room| Box::new(room) as Box<dyn Runner>;
        Ok(Runners {
            kind: RunnerKind::docker(shaper, clock()),
            workers: rooms.into_iter().map(boxed).collect(),
            engine: Some(Engine {
                version: engine,
                packets_per_second: limit.map(|limit| limit.packets_per_second),
            }),
        })
    }
}

/// Tests in a temporary container of `image` which shaping backends the engine's kernel supports. The test takes at
/// most `limit`, plus [`REMOVAL_TIMEOUT`] to clean up if it does not finish.
///
/// # Errors
/// The reason if the test could not be carried out.
pub(crate) async fn probe_shaping(
    docker: &Docker,
    image: &str,
    limit: Duration,
) -> Result<Support, String> {
    let containers = Containers {
        docker: docker.clone(),
        owner: Owner::this_process(),
        image: image.to_owned(),
    };
    let why = match timeout(limit, side::probe(&containers)).await {
        Ok(Ok(support)) => return Ok(support),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no container responded within {limit:?}"),
    };
    // If this fails, the next lab removes the container.
    let removing = engine::remove_all_of(docker, &containers.owner);
    let _ = timeout(REMOVAL_TIMEOUT, removing).await;
    Err(why)
}

/// Like [`probe_shaping`], on the engine that the environment selects.
///
/// # Errors
/// The reason if the test could not be carried out.
pub(crate) fn probe_engine(image: &str, limit: Duration) -> Result<Support, String> {
    let runtime = engine::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let (docker, _) = engine::connect(image, limit)
            .await
            .map_err(|missing| missing.to_string())?;
        probe_shaping(&docker, image, limit).await
    })
}

/// A room in containers that carries out the runs of a plan. Dropping it removes its containers and network.
struct DockerRunner {
    connection: Connection,
    shaper: Shaper,
    size: RoomSize,
    /// Opened by the next run if there is none.
    room: Option<Room>,
    broken_rooms: u32,
    limit: Option<Limit>,
    cancelled: CancellationToken,
}

/// Why a room could not be opened or is no longer usable.
#[derive(Debug, thiserror::Error)]
enum RoomError {
    /// A request to the engine failed.
    #[error("Docker engine: {0}")]
    Engine(#[source] bollard::errors::Error),
    /// The engine accepts connections but did not complete a request in time.
    #[error(
        "the Docker engine did not complete a request in time; restart it, or use --runner sim"
    )]
    EngineHangs,
    /// A program in a container did not reply in time. It may still reply later.
    #[error("{0} did not answer in time")]
    Timeout(String),
    #[error("interrupted")]
    Cancelled,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<bollard::errors::Error> for RoomError {
    fn from(error: bollard::errors::Error) -> Self {
        match error {
            bollard::errors::Error::RequestTimeoutError => Self::EngineHangs,
            error => Self::Engine(error),
        }
    }
}

impl From<RoomError> for RunError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Cancelled => Self::Cancelled,
            other => Self::Broken(other.into()),
        }
    }
}

impl DockerRunner {
    /// Measures the machine's capacity. `None` if that fails, because the plan can still be tried.
    fn calibrate(&mut self) -> Result<Option<Limit>, RunError> {
        let measured = self.run(&Limit::calibration()?)?;
        if let Some(failure) = &measured.failure {
            tracing::warn!("cannot measure how many packets this machine can handle: {failure}");
        }
        Ok(Limit::from_calibration(&measured))
    }

    fn open_room(&self) -> Result<Room, RoomError> {
        let Connection {
            runtime,
            containers,
            ..
        } = &self.connection;
        let opening = Room::open(containers, self.shaper, self.size, &self.cancelled);
        runtime.block_on(opening)
    }

    fn remove_containers(&self) -> Result<(), bollard::errors::Error> {
        let Containers { docker, owner, .. } = &self.connection.containers;
        let removing = engine::remove_all_of(docker, owner);
        self.connection.runtime.block_on(removing)
    }
}

/// The clock that programs see here. The virtual machine of docker/netem-kernel tells it to a lab that is started in it.
fn clock() -> ClockName {
    match env::var_os("BACKROOM_CLOCK").is_some_and(|clock| clock == "virtual") {
        true => ClockName::Virtual,
        false => ClockName::Real,
    }
}

impl Runner for DockerRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::docker(self.shaper, clock())
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        let mut room = match self.room.take() {
            Some(room) => room,
            None => self.open_room()?,
        };
        let measured = self.connection.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => Err(RoomError::Cancelled),
                measured = transfer::carry_out(&mut room, run) => measured,
            }
        });
        if let Ok(Measurement { failure: None, .. }) = measured {
            self.room = Some(room);
        } else if !matches!(measured, Err(RoomError::Cancelled)) {
            drop(room);
            self.remove_containers()
                .context("cannot replace a room after a failure")?;
        }
        match measured {
            Ok(measurement) => {
                self.broken_rooms = 0;
                Ok(Measurement {
                    overload: self.limit.and_then(|limit| limit.overload(&run.cell)),
                    ..measurement
                })
            }
            Err(RoomError::Cancelled) => Err(RunError::Cancelled),
            Err(error) => {
                self.broken_rooms += 1;
                if self.broken_rooms == MAX_BROKEN_ROOMS {
                    return Err(anyhow::Error::new(error)
                        .context(format!("{MAX_BROKEN_ROOMS} rooms failed in a row"))
                        .into());
                }
                Ok(Measurement {
                    failure: Some(error.to_string()),
                    ..Measurement::default()
                })
            }
        }
    }
}

impl Drop for DockerRunner {
    fn drop(&mut self) {
        self.room = None;
        if let Err(error) = self.remove_containers() {
            tracing::warn!("containers may be left; the next run of the lab removes them: {error}");
        }
    }
}

/// Opens all rooms concurrently. This happens before the first run, because joining members would disturb it.
fn open_all(runners: &mut [DockerRunner]) -> Result<(), RoomError> {
    thread::scope(|scope| {
        let open = |runner: &mut DockerRunner| {
            runner.room = Some(runner.open_room()?);
            Ok(())
        };
        let opening: Vec<_> = runners
            .iter_mut()
            .map(|runner| scope.spawn(move || open(runner)))
            .collect();
        opening.into_iter().try_for_each(|opened| {
            let opened = opened.join();
            opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_of_the_engine_suggests_a_fix() {
        let error = RoomError::from(bollard::errors::Error::RequestTimeoutError);
        let message = format!("{:#}", anyhow::Error::new(error));
        assert!(
            message.contains("restart it, or use --runner sim"),
            "{message}"
        );
        assert!(!message.contains("Timeout error"), "{message}");
    }
}
