//! The scenario `peers` in containers: rooms whose members also have the other programs, which take turns with ours.

mod hall;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anyhow::Context;
use bollard::Docker;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use self::hall::Hall;
use super::container::Containers;
use super::owner::Owner;
use super::{Engine, PATIENTLY, RoomError, choose_shaper, engine, exec, runtime};
use crate::peers::{Comparison, Row, Turn, turns};
use crate::runner::{RunError, RunnerKind, Shaper};

/// The image with the other programs in it.
pub(crate) const IMAGE: &str = "backroom-peers:latest";
/// What Debian calls the other programs.
const PACKAGES: [&str; 4] = ["iperf3", "uftp", "atftp", "atftpd"];

/// An engine on which comparisons are made. What they start is removed after each, and when this is dropped.
pub(crate) struct Peers {
    runtime: Runtime,
    docker: Docker,
    /// Which engine.
    pub(crate) engine: Engine,
    image: String,
    shaper: Shaper,
    owner: Owner,
    rooms_opened: usize,
    cancelled: CancellationToken,
}

/// How often, and with which losses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    pub(crate) repetitions: u32,
    /// Of the first repetition.
    pub(crate) seed: u64,
}

/// What is told of each row when it is there.
type OnRow<'a> = &'a mut dyn FnMut(&Row) -> anyhow::Result<()>;

impl Peers {
    /// Looks whether everything is there. `shaper` as for a sweep.
    ///
    /// # Errors
    /// [`RunError`] with what is missing.
    pub(crate) fn start(
        image: &str,
        shaper: Option<Shaper>,
        cancelled: &CancellationToken,
    ) -> Result<Self, RunError> {
        let runtime = runtime().context("can't start threads")?;
        let (docker, engine) = runtime
            .block_on(engine::connect(image, PATIENTLY))
            .map_err(anyhow::Error::new)?;
        let owner = Owner::this_process();
        let shaper = runtime.block_on(async {
            engine::remove_leftovers(&docker, &owner).await;
            let containers = Containers {
                owner: &owner,
                image,
                gso: false,
            };
            choose_shaper(&docker, &containers, shaper).await
        })?;
        Ok(Self {
            runtime,
            docker,
            engine,
            image: image.to_owned(),
            shaper,
            owner,
            rooms_opened: 0,
            cancelled: cancelled.clone(),
        })
    }

    /// Which runner this is.
    pub(crate) fn kind(&self) -> RunnerKind {
        RunnerKind::docker(self.shaper)
    }

    /// Makes `comparison`, and returns its rows in the order in which they ended. `versions` learns of the programs.
    ///
    /// # Errors
    /// [`RunError`] when rooms can't be opened or a row not be kept; what goes wrong in a single run is in its row.
    pub(crate) fn compare(
        &mut self,
        comparison: &Comparison,
        repeat: Repeat,
        versions: &mut Vec<String>,
        on_row: OnRow<'_>,
    ) -> Result<Vec<Row>, RunError> {
        let owners: Vec<_> = (1..=comparison.rooms)
            .map(|number| self.owner.room(self.rooms_opened + number))
            .collect();
        self.rooms_opened += comparison.rooms;
        let compared = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => Err(RunError::Cancelled),
                compared = self.compare_in(&owners, comparison, repeat, versions, on_row) => compared,
            }
        });
        let removed = self.runtime.block_on(remove(&self.docker, &owners));
        let rows = compared?;
        removed.context("containers may be left, which the next lab removes")?;
        Ok(rows)
    }

    async fn compare_in(
        &self,
        owners: &[Owner],
        comparison: &Comparison,
        repeat: Repeat,
        versions: &mut Vec<String>,
        on_row: OnRow<'_>,
    ) -> Result<Vec<Row>, RunError> {
        let mut halls = Vec::new();
        for owner in owners {
            let containers = Containers {
                owner,
                image: &self.image,
                gso: comparison.network.is_none(),
            };
            let opened = Hall::open(
                &self.docker,
                &containers,
                self.shaper,
                comparison,
                &self.cancelled,
            );
            halls.push(opened.await.map_err(RoomError::into_run_error)?);
        }
        if let (true, Some(hall)) = (versions.is_empty(), halls.first_mut()) {
            *versions = self.versions(hall).await;
        }
        let rows = RefCell::new((Vec::new(), on_row));
        let keep = |row: Row| {
            let (rows, on_row) = &mut *rows.borrow_mut();
            on_row(&row)?;
            rows.push(row);
            anyhow::Ok(())
        };
        if let Some(first) = halls.first_mut() {
            let trials = first.find_windows(repeat.seed).await;
            let window = first.window;
            halls.iter_mut().for_each(|hall| hall.window = window);
            trials.into_iter().try_for_each(keep)?;
        }
        let turns = turns(
            comparison.contestants.len(),
            repeat.repetitions,
            repeat.seed,
        );
        let begun = Cell::new(0);
        let take_turns = halls.iter_mut().map(async |hall: &mut Hall<'_>| {
            while let Some(&turn) = turns.get(begun.get()) {
                begun.set(begun.get() + 1);
                let order = begun.get();
                let Turn { repetition, .. } = turn;
                let seed = repeat.seed + u64::from(repetition - 1);
                keep(hall.take(turn, order, seed).await)?;
            }
            anyhow::Ok(())
        });
        try_join_all(take_turns).await?;
        Ok(rows.into_inner().0)
    }

    /// The programs' versions, as Debian's packages have them.
    async fn versions(&self, hall: &mut Hall<'_>) -> Vec<String> {
        let words = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n"];
        let words: Vec<_> = words.into_iter().chain(PACKAGES).collect();
        let asked = exec::run(&self.docker, hall.container(), None, &words).await;
        asked
            .map(|output| output.stdout.lines().map(str::to_owned).collect())
            .unwrap_or_default()
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let owners: Vec<_> = (1..=self.rooms_opened)
            .map(|number| self.owner.room(number))
            .chain([self.owner.clone()])
            .collect();
        if let Err(error) = self.runtime.block_on(remove(&self.docker, &owners)) {
            tracing::warn!("containers may be left, which the next lab removes: {error}");
        }
    }
}

async fn remove(docker: &Docker, owners: &[Owner]) -> Result<(), bollard::errors::Error> {
    for owner in owners {
        engine::remove_all_of(docker, owner).await?;
    }
    Ok(())
}

/// A sender from which nothing came for so long sends nothing more.
const STALL: Duration = Duration::from_secs(30);
