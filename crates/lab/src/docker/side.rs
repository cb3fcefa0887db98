//! The side container of a member, which runs the member's shaper, and the choice of a shaper.

use std::net::Ipv4Addr;
use std::time::Duration;

use backroom_shaper::protocol::{
    Command, Probe, Probed, Reply, ShaperConfig, ShaperStats, Support,
};
use bollard::Docker;
use bollard::query_parameters::{InspectContainerOptions, RemoveContainerOptionsBuilder};
use tokio::time::Instant;

use super::RoomError;
use super::attached::Attached;
use super::container::Containers;
use crate::runner::{RunError, Shaper, Unavailable};

/// Time limit for a shaper's reply, which takes milliseconds unless the machine is very busy.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// A running shaper. Its container owns the network namespace that it shapes.
pub(super) struct SideContainer {
    pub(super) id: String,
    /// The address of the shaper and its member on the network.
    pub(super) address: Ipv4Addr,
    shaper: Attached,
}

impl SideContainer {
    /// Starts the shaper of `member` on `network` and waits until it is ready.
    pub(super) async fn start(
        containers: &Containers,
        network: &str,
        shaper: Shaper,
        member: &str,
    ) -> Result<Self, RoomError> {
        let body = containers.shaper(network, &["--backend", &shaper.name().to_string()]);
        let id = containers.create(body).await?;
        let name = format!("the shaper of {member}");
        let shaper = Attached::start(&containers.docker, &id, &name).await?;
        let mut side = Self {
            address: address(&containers.docker, &id, network, &name).await?,
            id,
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
        let command = serde_json::to_string(command)
            .map_err(|error| RoomError::Failed(format!("cannot serialize a command: {error}")))?;
        self.shaper.send_line(&command).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, RoomError> {
        self.shaper.next_json(Instant::now() + REPLY_TIMEOUT).await
    }

    fn unexpected(&self, reply: &Reply) -> RoomError {
        match reply {
            Reply::Error { message } => {
                RoomError::Failed(format!("cannot shape the network: {message}"))
            }
            other => self.shaper.unexpected(&format!("{other:?}")),
        }
    }
}

/// The address of container `id` on `network`. `name` is used in the error message.
pub(super) async fn address(
    docker: &Docker,
    id: &str,
    network: &str,
    name: &str,
) -> Result<Ipv4Addr, RoomError> {
    let inspected = docker
        .inspect_container(id, None::<InspectContainerOptions>)
        .await?;
    inspected
        .network_settings
        .and_then(|settings| settings.networks)
        .and_then(|mut networks| networks.remove(network))
        .and_then(|endpoint| endpoint.ip_address?.parse().ok())
        .ok_or_else(|| RoomError::Failed(format!("{name} has no address")))
}

/// Tests in a temporary container which shaping backends the engine's kernel supports.
pub(super) async fn probe(containers: &Containers) -> Result<Support, RoomError> {
    let id = containers
        .create(containers.shaper("none", &["--probe"]))
        .await?;
    let mut shaper = Attached::start(&containers.docker, &id, "the shaper's probe").await?;
    let support = shaper.next_json(Instant::now() + REPLY_TIMEOUT).await;
    let options = RemoveContainerOptionsBuilder::new().force(true).build();
    let removing = containers.docker.remove_container(&id, Some(options));
    removing.await?;
    support
}

/// Returns the requested shaper, or else netem if the engine's kernel supports it, otherwise nfqueue.
pub(super) async fn choose_shaper(
    containers: &Containers,
    requested: Option<Shaper>,
) -> Result<Shaper, RunError> {
    let support = probe(containers).await?;
    let missing = |shaper: Shaper| match shaper {
        Shaper::Netem => support.netem.reason(),
        Shaper::Nfqueue => support.nfqueue.reason(),
    };
    let works = |shaper: &&Shaper| missing(**shaper).is_none();
    let all = [Shaper::Netem, Shaper::Nfqueue];
    let candidates = requested.map_or(all.to_vec(), |shaper| vec![shaper]);
    if let Some(&shaper) = candidates.iter().find(works) {
        return Ok(shaper);
    }
    let reasons: Vec<_> = candidates.into_iter().filter_map(missing).collect();
    let remedy = match all.iter().find(works) {
        Some(other) => format!("use --shaper {}, which works here", other.name()),
        None => "`backroom-lab doctor` shows how to fix it".to_owned(),
    };
    let reasons = reasons.join("; ");
    let why = format!("cannot shape the containers' network: {reasons}");
    Err(anyhow::Error::new(Unavailable { why, remedy }).into())
}
