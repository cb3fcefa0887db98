//! The side containers: a shaper for each member.

use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptionsBuilder};
use tokio::time::Instant;

use super::RoomError;
use super::attached::Attached;
use super::container::Containers;
use crate::runner::Shaper;
use crate::shaper::protocol::{Command, Reply, ShaperConfig, ShaperStats, Support};

/// A shaper answers within milliseconds, unless the machine is very busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A shaper at work, and the network namespace that it shapes.
pub(super) struct SideContainer {
    /// Its container.
    pub(super) id: String,
    shaper: Attached,
}

impl SideContainer {
    /// Starts the shaper that is called `name` on `network`.
    pub(super) async fn start(
        docker: &Docker,
        containers: &Containers<'_>,
        network: &str,
        shaper: Shaper,
        name: &str,
    ) -> Result<Self, RoomError> {
        let body = containers.shaper(network, &["--backend", shaper.name()]);
        let id = docker
            .create_container(None::<CreateContainerOptions>, body)
            .await?
            .id;
        let mut side = Self {
            shaper: Attached::start(docker, &id, name).await?,
            id,
        };
        match side.reply().await? {
            Reply::Ready => Ok(side),
            other => Err(side.unexpected(&other)),
        }
    }

    /// Shapes as `config` says, and counts from zero.
    pub(super) async fn configure(&mut self, config: ShaperConfig) -> Result<(), RoomError> {
        match self.ask(&Command::Configure(Box::new(config))).await? {
            Reply::Configured => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// What the shaper saw since.
    pub(super) async fn stats(&mut self) -> Result<ShaperStats, RoomError> {
        match self.ask(&Command::Stats).await? {
            Reply::Stats(stats) => Ok(*stats),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn ask(&mut self, command: &Command) -> Result<Reply, RoomError> {
        self.shaper.say(&serde_json::to_string(command)?).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, RoomError> {
        let line = self
            .shaper
            .next_line(Instant::now() + ANSWER_TIMEOUT)
            .await?;
        serde_json::from_str(&line).map_err(|_| self.shaper.unexpected(line).into())
    }

    fn unexpected(&self, reply: &Reply) -> RoomError {
        match reply {
            Reply::Error { message } => RoomError::Shaping(message.clone()),
            other => self.shaper.unexpected(format!("{other:?}")).into(),
        }
    }
}

/// What the engine's kernel can shape with, tried in a container that is thrown away.
pub(super) async fn probe(
    docker: &Docker,
    containers: &Containers<'_>,
) -> Result<Support, RoomError> {
    let body = containers.shaper("none", &["--probe"]);
    let id = docker
        .create_container(None::<CreateContainerOptions>, body)
        .await?
        .id;
    let mut shaper = Attached::start(docker, &id, "the shaper's probe").await?;
    let line = shaper.next_line(Instant::now() + ANSWER_TIMEOUT).await;
    docker
        .remove_container(
            &id,
            Some(RemoveContainerOptionsBuilder::new().force(true).build()),
        )
        .await?;
    let line = line?;
    serde_json::from_str(&line).map_err(|_| shaper.unexpected(line).into())
}
