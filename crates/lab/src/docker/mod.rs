//! The docker runner: the real server and clients, unchanged, each in a container on a network of their own.
//!
//! - `engine`: the Docker Engine, and removing what was started.
//! - `owner`: labels that say which lab something belongs to, and whether that lab still runs.
//! - `container`: the kinds of containers and what each may do.
//! - `attached`: a program in a container, spoken to line by line.
//! - `side`, `member`, `room`: a shaper, a member, and all of them together.
//! - `transfer`: one run; `event` and `file` are what it needs.
//! - `exec`: further programs in a container; [`testbed`]: rooms for other programs.
//! - `limit`: how many packets a second the machine holds, and so how many rooms may be at work at the same time.
//!
//! Containers start once for a plan. From run to run the clients' settings and the shapers' links change, and members come
//! and go. A room in which something failed is replaced by a new one. Rooms know nothing of each other.

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

use attached::TalkError;
use container::Containers;
use limit::Limit;
use owner::Owner;
use room::{Room, RoomSize};

use crate::plan::{Plan, Run};
use crate::runner::{
    Backend, Engine, RunError, Runner, RunnerKind, RunnerName, RunnerOptions, Runners, Shaper,
    Unavailable,
};

/// How long it may take to remove the container of a probe that was given up.
const REMOVAL_LIMIT: Duration = Duration::from_millis(600);
/// So many rooms that broke one after the other are no accident.
const MAX_BROKEN_ROOMS: u32 = 3;

/// Containers on the engine that the environment names.
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

    fn probe(&self, options: &RunnerOptions, patience: Duration) -> Result<String, Unavailable> {
        let runtime = runtime().map_err(|error| Unavailable {
            why: format!("no threads can be started to talk to an engine: {error}"),
            remedy: "use --runner sim".to_owned(),
        })?;
        let (_, version) = runtime.block_on(engine::connect(&options.image, patience))?;
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

/// What the kernel of `docker` can shape with, tried in a container of `image` that is thrown away. `limit` holds for the
/// trial; removing what an unfinished one left may take [`REMOVAL_LIMIT`] more.
///
/// # Errors
/// Why it could not be tried.
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
        Err(_) => format!("no container answered within {limit:?}"),
    };
    // What this does not manage, the next lab does.
    let _ = timeout(REMOVAL_LIMIT, engine::remove_all_of(docker, &owner)).await;
    Err(why)
}

/// A room in containers, started once for a whole plan. Everything is removed when it is dropped.
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

/// Why a room can't be used any more, or never could.
#[derive(Debug, thiserror::Error)]
enum RoomError {
    /// The engine did not do what it was asked.
    #[error("the engine: {0}")]
    Engine(#[source] bollard::errors::Error),
    /// The engine answers, and does nothing.
    #[error("the engine does not do in time what it is asked; restart it, or use --runner sim")]
    EngineHangs,
    /// A program in a container did not.
    #[error(transparent)]
    Talk(#[from] TalkError),
    /// A shaper could not shape as asked.
    #[error("the network can't be shaped: {0}")]
    Shaping(String),
    /// The sender sends nothing more and does not say why.
    #[error("the transfer stood still; it was given up after {0:.0?}")]
    Stalled(Duration),
    /// What was received can't be removed.
    #[error("what {name} received can't be removed: exit {code}")]
    Cleaning { name: String, code: i64 },
    /// The file can't be made.
    #[error("the file can't be packed: {0}")]
    Packing(#[from] std::io::Error),
    /// What is to be said to a shaper can't be written.
    #[error("can't write a command: {0}")]
    Json(#[from] serde_json::Error),
    /// A room for nobody.
    #[error("a room without members")]
    Empty,
    /// Somebody asked to stop.
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
    /// Starts what `plan` needs from `image`. `shaper` is what was asked for; `None` takes netem where the kernel has
    /// it, else nfqueue. `jobs` is the number of rooms; `None` takes as many as the machine holds without one slowing
    /// down the other. What labs that were killed have left on the engine is removed first.
    ///
    /// # Errors
    /// [`RunError`] when something can't be started, or `cancelled` comes first. Nothing is left then. What this machine
    /// does not have is an [`Unavailable`] in it.
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

    /// A room that is not open yet, and its engine's name and version.
    fn new(
        plan: &Plan,
        image: &str,
        owner: Owner,
        cancelled: &CancellationToken,
    ) -> Result<(Self, String), RunError> {
        let runtime = runtime().context("can't start threads")?;
        let (docker, version) = runtime
            .block_on(engine::connect(image, engine::PATIENCE))
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

    /// Measures what the machine holds. `None` where that fails, which is no reason not to try the plan.
    fn calibrate(&mut self) -> Result<Option<Limit>, RunError> {
        let measured = self.run(&Limit::calibration()?)?;
        if let Some(failure) = &measured.failure {
            tracing::warn!("what this machine holds can't be measured: {failure}");
        }
        Ok(Limit::from_calibration(&measured))
    }

    fn remove_leftovers(&self) {
        self.runtime
            .block_on(engine::remove_leftovers(&self.docker, &self.owner));
    }

    /// What was asked for, or else the best that the engine's kernel has.
    fn choose_shaper(&self, wanted: Option<Shaper>) -> Result<Shaper, RunError> {
        let containers = Containers {
            owner: &self.owner,
            image: &self.image,
            gso: false,
        };
        self.runtime
            .block_on(choose_shaper(&self.docker, &containers, wanted))
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

    /// Closes the room; the next run opens another.
    fn replace_room_later(&mut self) -> Result<(), RunError> {
        Ok(self
            .close_room()
            .context("can't replace a room in which something failed")?)
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
                        .context("one room after the other goes wrong")
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
            tracing::warn!("containers may be left, which the next lab removes: {error}");
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

/// Opens all at the same time, and before the first run: members that join are what would disturb it most.
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

/// What was asked for, or else the best that the engine's kernel has.
async fn choose_shaper(
    docker: &Docker,
    containers: &Containers<'_>,
    wanted: Option<Shaper>,
) -> Result<Shaper, RunError> {
    let support = side::probe(docker, containers)
        .await
        .map_err(RoomError::into_run_error)?;
    let available = |shaper: Shaper| match shaper {
        Shaper::Netem => support.netem.reason(),
        Shaper::Nfqueue => support.nfqueue.reason(),
    };
    let candidates = wanted.map_or(vec![Shaper::Netem, Shaper::Nfqueue], |shaper| vec![shaper]);
    let works = |shaper: &&Shaper| available(**shaper).is_none();
    if let Some(&shaper) = candidates.iter().find(works) {
        return Ok(shaper);
    }
    let reasons: Vec<_> = candidates
        .iter()
        .filter_map(|&shaper| available(shaper))
        .collect();
    let remedy = match [Shaper::Netem, Shaper::Nfqueue].iter().find(works) {
        Some(other) => format!("--shaper {} works here", other.name()),
        None => "`backroom-lab doctor` says what would help".to_owned(),
    };
    let why = format!(
        "the containers' network can't be shaped: {}",
        reasons.join("; ")
    );
    Err(anyhow::Error::new(Unavailable { why, remedy }).into())
}

/// One thread reads what the containers say while this one waits.
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
    fn an_engine_that_takes_too_long_is_named_with_what_mends_it() {
        let error = RoomError::from(bollard::errors::Error::RequestTimeoutError);
        let said = format!("{:#}", anyhow::Error::new(error));
        assert!(said.contains("restart it, or use --runner sim"), "{said}");
        assert!(!said.contains("Timeout error"), "{said}");
    }
}
