//! The side container of a member, which runs the member's shaper.

use std::net::Ipv4Addr;
use std::time::Duration;

use backroom_shaper::protocol::{
    Command, Probe, Probed, Reply, ShaperConfig, ShaperStats, Support,
};
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, RemoveContainerOptionsBuilder,
};
use tokio::time::Instant;

use super::RoomError;
use super::attached::Attached;
use super::container::Containers;
use crate::runner::Shaper;

/// Time limit for a shaper's reply, which takes milliseconds unless the machine is very busy.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// A running shaper. Its container owns the network namespace that it shapes.
pub(super) struct SideContainer {
    /// The id of its container.
    pub(super) id: String,
    /// The address of the shaper and its member on the network.
    pub(super) address: Ipv4Addr,
    shaper: Attached,
}

impl SideContainer {
    /// Starts a shaper on `network` and waits until it is ready. `name` is used in error messages.
    pub(super) async fn start(
        docker: &Docker,
        containers: &Containers<'_>,
        network: &str,
        shaper: Shaper,
        name: &str,
    ) -> Result<Self, RoomError> {
        let body = containers.shaper(network, &["--backend", &shaper.name().to_string()]);
        let id = docker
            .create_container(None::<CreateContainerOptions>, body)
            .await?
            .id;
        let shaper = Attached::start(docker, &id, name).await?;
        let address = address(docker, &id, network).await?;
        let mut side = Self {
            id,
            address: address.ok_or_else(|| shaper.unexpected("no address".to_owned()))?,
            shaper,
        };
        match side.reply().await? {
            Reply::Ready => Ok(side),
            other => Err(side.unexpected(&other)),
        }
    }

    /// Applies `config` and resets the counters.
    pub(super) async fn configure(&mut self, config: ShaperConfig) -> Result<(), RoomError> {
        match self.request(&Command::Configure(Box::new(config))).await? {
            Reply::Configured => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The counters since the last [`configure`](Self::configure).
    pub(super) async fn stats(&mut self) -> Result<ShaperStats, RoomError> {
        match self.request(&Command::Stats).await? {
            Reply::Stats(stats) => Ok(*stats),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Measures the path to another shaper with probe packets.
    pub(super) async fn probe(&mut self, path: Probe) -> Result<Probed, RoomError> {
        match self.request(&Command::Probe(path)).await? {
            Reply::Probed(probed) => Ok(probed),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn request(&mut self, command: &Command) -> Result<Reply, RoomError> {
        self.shaper
            .send_line(&serde_json::to_string(command)?)
            .await?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, RoomError> {
        let line = self
            .shaper
            .next_line(Instant::now() + REPLY_TIMEOUT)
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

/// The address of container `id` on `network`. `None` if it has none.
pub(super) async fn address(
    docker: &Docker,
    id: &str,
    network: &str,
) -> Result<Option<Ipv4Addr>, RoomError> {
    let inspected = docker
        .inspect_container(id, None::<InspectContainerOptions>)
        .await?;
    Ok(inspected
        .network_settings
        .and_then(|settings| settings.networks)
        .and_then(|mut networks| networks.remove(network))
        .and_then(|endpoint| endpoint.ip_address?.parse().ok()))
}

/// Tests in a temporary container which shaping backends the engine's kernel supports.
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
    let line = shaper.next_line(Instant::now() + REPLY_TIMEOUT).await;
    docker
        .remove_container(
            &id,
            Some(RemoveContainerOptionsBuilder::new().force(true).build()),
        )
        .await?;
    let line = line?;
    serde_json::from_str(&line).map_err(|_| shaper.unexpected(line).into())
}
