//! The docker runner: the real server and clients, unchanged, each in a container on a network of their own.
//!
//! - `engine`: the Docker Engine, and removing what was started.
//! - `owner`: labels that say which lab something belongs to, and whether that lab still runs.
//! - `container`: the kinds of containers and what each may do.
//! - `attached`: a program in a container, spoken to line by line.
//! - `side`, `member`, `room`: a shaper, a member, and all of them together.
//! - `transfer`: one run; `event` and `file` are what it needs.
//!
//! Containers start once for a plan. From run to run the clients' settings and the shapers' links change, and members come
//! and go. A room in which something failed is replaced by a new one.

mod attached;
mod container;
mod engine;
mod event;
mod file;
mod member;
mod owner;
mod room;
mod side;
mod transfer;

use std::time::Duration;

use anyhow::Context;
use bollard::Docker;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use engine::reach;
pub use engine::{AT_ONCE, DEFAULT_IMAGE, Engine, PATIENTLY, Unavailable};

use attached::TalkError;
use container::Containers;
use owner::Owner;
use room::{Room, RoomSize};

use crate::plan::{Plan, Run};
use crate::record::Measurement;
use crate::runner::{RunError, Runner, RunnerKind, Shaper};
use crate::shaper::protocol::Support;

/// How long it may take to remove the container of a probe that was given up.
const REMOVAL_LIMIT: Duration = Duration::from_millis(600);
/// So many rooms that broke one after the other are no accident.
const MAX_BROKEN_ROOMS: u32 = 3;

/// Looks for an engine that has `image` and answers within `patience`: [`AT_ONCE`] or [`PATIENTLY`].
///
/// # Errors
/// [`Unavailable`] says what is missing.
pub fn probe(image: &str, patience: Duration) -> Result<Engine, Unavailable> {
    let runtime = runtime().map_err(|error| Unavailable {
        why: format!("no threads to talk to an engine with: {error}"),
        remedy: "use --runner sim".to_owned(),
    })?;
    runtime
        .block_on(engine::connect(image, patience))
        .map(|(_, engine)| engine)
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

/// Members in containers, started once for a whole plan. Everything is removed when it is dropped.
pub struct DockerRunner {
    runtime: Runtime,
    docker: Docker,
    owner: Owner,
    image: String,
    shaper: Shaper,
    size: RoomSize,
    room: Option<Room>,
    broken_rooms: u32,
    cancelled: CancellationToken,
}

/// Why a room can't be used any more, or never could.
#[derive(Debug, thiserror::Error)]
enum RoomError {
    /// The engine did not do what it was asked.
    #[error("the engine: {0}")]
    Engine(#[from] bollard::errors::Error),
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

impl DockerRunner {
    /// Starts what `plan` needs from `image`. `shaper` is what was asked for; `None` takes netem where the kernel has
    /// it, else nfqueue. What labs that were killed have left on the engine is removed first.
    ///
    /// # Errors
    /// [`RunError`] when something can't be started, or `cancelled` comes first. Nothing is left then. What this machine
    /// does not have is an [`Unavailable`] in it.
    pub fn start(
        plan: &Plan,
        image: &str,
        shaper: Option<Shaper>,
        cancelled: &CancellationToken,
    ) -> Result<Self, RunError> {
        let runtime = runtime().context("can't start threads")?;
        let (docker, _) = runtime
            .block_on(engine::connect(image, PATIENTLY))
            .map_err(anyhow::Error::new)?;
        let mut runner = Self {
            runtime,
            docker,
            owner: Owner::this_process(),
            image: image.to_owned(),
            shaper: shaper.unwrap_or(Shaper::Nfqueue),
            size: RoomSize::for_plan(plan),
            room: None,
            broken_rooms: 0,
            cancelled: cancelled.clone(),
        };
        runner.remove_leftovers()?;
        runner.shaper = runner.choose_shaper(shaper)?;
        runner.open_room().map_err(RoomError::into_run_error)?;
        Ok(runner)
    }

    fn remove_leftovers(&self) -> Result<(), RunError> {
        let removed = self
            .runtime
            .block_on(engine::remove_leftovers(&self.docker, &self.owner));
        match removed.context("can't look for what earlier labs left behind")? {
            0 => {}
            count => tracing::info!(
                "removed {count} containers and networks that a killed lab had left behind"
            ),
        }
        Ok(())
    }

    /// What was asked for, or else the best that the engine's kernel has.
    fn choose_shaper(&self, wanted: Option<Shaper>) -> Result<Shaper, RunError> {
        let containers = Containers {
            owner: &self.owner,
            image: &self.image,
        };
        let support = self
            .runtime
            .block_on(side::probe(&self.docker, &containers))
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

    fn open_room(&mut self) -> Result<(), RoomError> {
        let containers = Containers {
            owner: &self.owner,
            image: &self.image,
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
        RunnerKind::Docker(self.shaper)
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
                Ok(measurement)
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

/// One thread reads what the containers say while this one waits.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}
