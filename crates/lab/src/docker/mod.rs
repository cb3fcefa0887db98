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

use std::thread;
use std::time::Duration;

use anyhow::Context;
use backroom_shaper::protocol::Support;
use backroom_sim::Measurement;
use bollard::Docker;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use engine::DEFAULT_IMAGE;

pub(crate) use engine::reach;

use attached::ProgramError;
use container::Containers;
use limit::Limit;
use owner::Owner;
use room::{Room, RoomSize};

use crate::plan::{Plan, Run};
use crate::runner::{
    Backend, Engine, RunError, Runner, RunnerKind, RunnerName, RunnerOptions, Runners, Shaper,
    Unavailable,
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

    fn description(&self) -> &'static str {
        "The real programs in containers on a shaped network"
    }

    fn takes_shaper(&self) -> bool {
        true
    }

    fn probe(&self, options: &RunnerOptions, time_limit: Duration) -> Result<String, Unavailable> {
        let runtime = runtime().map_err(|error| Unavailable {
            why: format!("cannot start the threads that connect to the engine: {error}"),
            remedy: "use --runner sim".to_owned(),
        })?;
        let (_, version) = runtime.block_on(engine::connect(&options.image, time_limit))?;
        Ok(format!("containers ({version})"))
    }

    fn start(
        &self,
        plan: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError> {
        DockerRunner::start(plan, options, cancelled)
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
    let owner = Owner::this_process();
    let containers = Containers {
        owner: &owner,
        image,
        gso: false,
    };
    let why = match timeout(limit, side::probe(docker, &containers)).await {
        Ok(Ok(support)) => return Ok(support),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no container responded within {limit:?}"),
    };
    // If this fails, the next lab removes the container.
    let _ = timeout(REMOVAL_TIMEOUT, engine::remove_all_of(docker, &owner)).await;
    Err(why)
}

/// A room in containers that carries out the runs of a plan. Dropping it removes its containers and network.
pub struct DockerRunner {
    runtime: Runtime,
    docker: Docker,
    owner: Owner,
    image: String,
    shaper: Shaper,
    size: RoomSize,
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
    /// A program in a container ended, timed out or printed unexpected output.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A shaper reported an error.
    #[error("cannot shape the network: {0}")]
    Shaping(String),
    /// The sender stopped sending without reporting a result, or the transfer took too long.
    #[error("the transfer stalled or took too long and was stopped after {0:.0?}")]
    Stalled(Duration),
    /// The received files could not be removed.
    #[error("cannot remove the files that {name} received: exit status {code}")]
    Cleaning { name: String, code: i64 },
    /// The archive with the file could not be created.
    #[error("cannot pack the file: {0}")]
    Packing(#[from] std::io::Error),
    /// A command to a shaper could not be serialized.
    #[error("cannot serialize a command: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no room, or it has no members.
    #[error("a room without members")]
    Empty,
    #[error("interrupted")]
    Cancelled,
}

impl From<bollard::errors::Error> for RoomError {
    fn from(error: bollard::errors::Error) -> Self {
        match error {
            bollard::errors::Error::RequestTimeoutError => Self::EngineHangs,
            error => Self::Engine(error),
        }
    }
}

impl DockerRunner {
    /// Removes leftovers of killed labs, then opens the rooms for `plan`. Without `options.shaper`, uses netem if the
    /// kernel has it, otherwise nfqueue. Without `options.jobs`, opens as many rooms as the machine can handle without
    /// slowing each other down.
    ///
    /// # Errors
    /// [`RunError`] if something cannot be started or the run is cancelled. No containers remain. If the machine lacks
    /// something, the error contains an [`Unavailable`].
    fn start(
        plan: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError> {
        let owner = Owner::this_process();
        let (mut first, version) = Self::new(plan, &options.image, owner.room(1), cancelled)?;
        first.remove_leftovers();
        first.shaper = first.choose_shaper(options.shaper)?;
        first.open_room().map_err(RoomError::into_run_error)?;
        first.limit = first.calibrate()?;
        let limit = first.limit;
        let count = options
            .jobs
            .unwrap_or_else(|| limit.map_or(1, |limit| limit.rooms(plan)));
        let mut rooms = vec![first];
        for number in 2..=count.min(plan.runs.len()) {
            let (mut room, _) = Self::new(plan, &options.image, owner.room(number), cancelled)?;
            (room.shaper, room.limit) = (rooms[0].shaper, limit);
            rooms.push(room);
        }
        open_all(&mut rooms[1..]).map_err(RoomError::into_run_error)?;
        let kind = rooms[0].kind();
        let workers = rooms.into_iter();
        Ok(Runners {
            kind,
            workers: workers
                .map(|room| Box::new(room) as Box<dyn Runner>)
                .collect(),
            engine: Some(Engine {
                version,
                packets_per_second: limit.map(|limit| limit.packets_per_second),
            }),
        })
    }

    /// Connects to the engine and returns a room that is not open yet, with the engine's name and version.
    fn new(
        plan: &Plan,
        image: &str,
        owner: Owner,
        cancelled: &CancellationToken,
    ) -> Result<(Self, String), RunError> {
        let runtime = runtime().context("cannot start threads")?;
        let (docker, version) = runtime
            .block_on(engine::connect(image, engine::CONNECT_TIMEOUT))
            .map_err(anyhow::Error::new)?;
        let room = Self {
            runtime,
            docker,
            owner,
            image: image.to_owned(),
            shaper: Shaper::Nfqueue,
            size: RoomSize::for_plan(plan),
            room: None,
            broken_rooms: 0,
            limit: None,
            cancelled: cancelled.clone(),
        };
        Ok((room, version))
    }

    /// Measures the machine's capacity. `None` if that fails, because the plan can still be tried.
    fn calibrate(&mut self) -> Result<Option<Limit>, RunError> {
        let measured = self.run(&Limit::calibration()?)?;
        if let Some(failure) = &measured.failure {
            tracing::warn!("cannot measure how many packets this machine can handle: {failure}");
        }
        Ok(Limit::from_calibration(&measured))
    }

    fn remove_leftovers(&self) {
        self.runtime
            .block_on(engine::remove_leftovers(&self.docker, &self.owner));
    }

    fn choose_shaper(&self, requested: Option<Shaper>) -> Result<Shaper, RunError> {
        let containers = Containers {
            owner: &self.owner,
            image: &self.image,
            gso: false,
        };
        self.runtime
            .block_on(choose_shaper(&self.docker, &containers, requested))
    }

    fn open_room(&mut self) -> Result<(), RoomError> {
        let containers = Containers {
            owner: &self.owner,
            image: &self.image,
            gso: false,
        };
        let opened = Room::open(
            &self.docker,
            &containers,
            self.shaper,
            self.size,
            &self.cancelled,
        );
        self.room = Some(self.runtime.block_on(opened)?);
        Ok(())
    }

    /// Closes the room. The next run opens a new one.
    fn replace_room_later(&mut self) -> Result<(), RunError> {
        Ok(self
            .close_room()
            .context("cannot replace a room after a failure")?)
    }

    fn close_room(&mut self) -> Result<(), bollard::errors::Error> {
        self.room = None;
        self.runtime
            .block_on(engine::remove_all_of(&self.docker, &self.owner))
    }
}

impl Runner for DockerRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::docker(self.shaper)
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        if self.room.is_none() {
            self.open_room().map_err(RoomError::into_run_error)?;
        }
        let Some(room) = &mut self.room else {
            return Err(RoomError::Empty.into_run_error());
        };
        let measured = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => Err(RoomError::Cancelled),
                measured = transfer::carry_out(room, &self.docker, run) => measured,
            }
        });
        match measured {
            Ok(measurement) => {
                self.broken_rooms = 0;
                if measurement.failure.is_some() {
                    self.replace_room_later()?;
                }
                Ok(Measurement {
                    overload: self.limit.and_then(|limit| limit.overload(&run.cell)),
                    ..measurement
                })
            }
            Err(RoomError::Cancelled) => Err(RunError::Cancelled),
            Err(error) => {
                self.broken_rooms += 1;
                self.replace_room_later()?;
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
        if let Err(error) = self.close_room() {
            tracing::warn!("containers may be left; the next run of the lab removes them: {error}");
        }
    }
}

impl RoomSize {
    fn for_plan(plan: &Plan) -> Self {
        Self {
            members: plan
                .cells
                .iter()
                .map(|cell| cell.members())
                .max()
                .unwrap_or(1),
            file_bytes: plan
                .cells
                .iter()
                .map(|cell| cell.file_bytes)
                .max()
                .unwrap_or(0),
        }
    }
}

impl RoomError {
    fn into_run_error(self) -> RunError {
        match self {
            Self::Cancelled => RunError::Cancelled,
            other => RunError::Broken(other.into()),
        }
    }
}

/// Opens all rooms concurrently. This happens before the first run, because joining members would disturb it.
fn open_all(rooms: &mut [DockerRunner]) -> Result<(), RoomError> {
    thread::scope(|scope| {
        let opening: Vec<_> = rooms
            .iter_mut()
            .map(|room| scope.spawn(|| room.open_room()))
            .collect();
        opening
            .into_iter()
            .try_for_each(|room| room.join().unwrap_or(Err(RoomError::Empty)))
    })
}

/// Returns the requested shaper, or else the preferred one of those that the engine's kernel supports.
async fn choose_shaper(
    docker: &Docker,
    containers: &Containers<'_>,
    requested: Option<Shaper>,
) -> Result<Shaper, RunError> {
    let support = side::probe(docker, containers)
        .await
        .map_err(RoomError::into_run_error)?;
    let missing = |shaper: Shaper| match shaper {
        Shaper::Netem => support.netem.reason(),
        Shaper::Nfqueue => support.nfqueue.reason(),
    };
    let candidates = requested.map_or(vec![Shaper::Netem, Shaper::Nfqueue], |shaper| vec![shaper]);
    let works = |shaper: &&Shaper| missing(**shaper).is_none();
    if let Some(&shaper) = candidates.iter().find(works) {
        return Ok(shaper);
    }
    let reasons: Vec<_> = candidates
        .iter()
        .filter_map(|&shaper| missing(shaper))
        .collect();
    let remedy = match [Shaper::Netem, Shaper::Nfqueue].iter().find(works) {
        Some(other) => format!("use --shaper {}, which works here", other.name()),
        None => "`backroom-lab doctor` shows how to fix it".to_owned(),
    };
    let why = format!(
        "cannot shape the containers' network: {}",
        reasons.join("; ")
    );
    Err(anyhow::Error::new(Unavailable { why, remedy }).into())
}

/// One worker thread reads the containers' output while the calling thread waits.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
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
