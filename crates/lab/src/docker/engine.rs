//! The Docker Engine: connects to it, checks that it has the image, and removes containers and networks.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use super::container::Containers;
use super::owner::{LABEL, Owner};
use super::side;
use crate::runner::{RunError, Shaper, Unavailable};

/// Default name of the image with the project's programs.
pub const DEFAULT_IMAGE: &str = "backroom:latest";

/// Time limit for connecting to the engine if the run needs it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit for a single request. Starting a container can be slow on a busy machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Number of removal attempts. A container that was being created when the lab was interrupted appears late.
const REMOVAL_ATTEMPTS: u32 = 5;
const PAUSE_BETWEEN_REMOVALS: Duration = Duration::from_millis(300);

/// A connection to the engine, with the threads that serve it.
pub(super) struct Connection {
    pub(super) runtime: Runtime,
    pub(super) containers: Containers,
    /// Name and version of the engine.
    pub(super) engine: String,
}

impl Connection {
    pub(super) fn open(image: &str, owner: Owner) -> Result<Self, RunError> {
        let runtime = runtime().context("cannot start threads")?;
        let (docker, engine) = runtime
            .block_on(connect(image, CONNECT_TIMEOUT))
            .map_err(anyhow::Error::new)?;
        let containers = Containers {
            docker,
            owner,
            image: image.to_owned(),
        };
        Ok(Self {
            runtime,
            containers,
            engine,
        })
    }

    /// Removes leftovers of killed labs. Returns the requested shaper, or else the best one that works.
    pub(super) fn prepare(&self, requested: Option<Shaper>) -> Result<Shaper, RunError> {
        let Containers { docker, owner, .. } = &self.containers;
        self.runtime.block_on(async {
            remove_leftovers(docker, owner).await;
            side::choose_shaper(&self.containers, requested).await
        })
    }
}

/// One worker thread reads the containers' output while the calling thread waits.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Connects to the engine and checks that it has `image`. Each step must take at most `time_limit`. Also returns the
/// engine's name and version.
pub(super) async fn connect(
    image: &str,
    time_limit: Duration,
) -> Result<(Docker, String), Unavailable> {
    let silent = |_| unreachable_engine("it does not respond");
    let (docker, version) = timeout(time_limit, reach())
        .await
        .map_err(silent)?
        .map_err(|error| unreachable_engine(&format!("{:#}", anyhow::Error::new(error))))?;
    timeout(time_limit, docker.inspect_image(image))
        .await
        .map_err(silent)?
        .map_err(|_| Unavailable {
            why: format!("the engine has no image {image}"),
            remedy: if image == crate::peers::IMAGE {
                "build it with `docker/peers/image`".to_owned()
            } else {
                "build it with `just image`".to_owned()
            },
        })?;
    Ok((docker, format!("Docker {version}")))
}

/// Connects to the engine that the environment selects, for example by `DOCKER_HOST`. Also returns its version.
pub(crate) async fn reach() -> Result<(Docker, String), bollard::errors::Error> {
    let docker = Docker::connect_with_defaults()?
        .with_timeout(REQUEST_TIMEOUT)
        .negotiate_version()
        .await?;
    let version = docker
        .version()
        .await?
        .version
        .unwrap_or_else(|| "(unknown version)".to_owned());
    Ok((docker, version))
}

fn unreachable_engine(why: &str) -> Unavailable {
    Unavailable {
        why: format!("cannot use the Docker engine: {why}"),
        remedy: "start it and check that `docker version` works, or use --runner sim".to_owned(),
    }
}

/// Removes containers and networks of labs that are no longer running. A failure is only logged, because leftovers do
/// not affect a new lab. For example, an engine may refuse to remove a network that it wrongly considers in use.
async fn remove_leftovers(docker: &Docker, this_process: &Owner) {
    match remove(docker, |owner| owner.has_ended(this_process)).await {
        Ok(0) => {}
        Ok(count) => tracing::info!("removed {count} containers and networks left by a killed lab"),
        Err(error) => tracing::warn!(
            "cannot remove containers or networks left by an earlier lab; try restarting the engine: {error}"
        ),
    }
}

pub(super) async fn remove_all_of(
    docker: &Docker,
    owner: &Owner,
) -> Result<(), bollard::errors::Error> {
    let mut outcome = Ok(());
    for attempt in 0..REMOVAL_ATTEMPTS {
        if attempt > 0 {
            sleep(PAUSE_BETWEEN_REMOVALS).await;
        }
        match remove(docker, |other| other.id == owner.id).await {
            Ok(0) => return Ok(()),
            removed => outcome = removed.map(drop),
        }
    }
    outcome
}

/// Removes the containers, then the networks, of all matching owners. Returns how many were removed. The order matters:
/// a network with containers cannot be removed.
async fn remove(
    docker: &Docker,
    belongs: impl Fn(&Owner) -> bool,
) -> Result<usize, bollard::errors::Error> {
    let belongs = |labels: &HashMap<String, String>| {
        Owner::from_labels(labels).is_some_and(|owner| belongs(&owner))
    };
    let labelled = HashMap::from([("label", vec![LABEL])]);

    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&labelled)
        .build();
    let containers = docker.list_containers(Some(options)).await?.into_iter();
    let removals = containers
        .filter(|container| container.labels.as_ref().is_some_and(belongs))
        .filter_map(|container| container.id)
        .map(|id| async move {
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            ignore_already_removed(docker.remove_container(&id, Some(options)).await)
        });
    let removed = join_all(removals).await;
    let mut count = removed.len();
    removed.into_iter().collect::<Result<(), _>>()?;

    let options = ListNetworksOptionsBuilder::new().filters(&labelled).build();
    let networks = docker.list_networks(Some(options)).await?.into_iter();
    let mut outcome = Ok(());
    for id in networks
        .filter(|network| network.labels.as_ref().is_some_and(belongs))
        .filter_map(|network| network.id)
    {
        match ignore_already_removed(docker.remove_network(&id).await) {
            Ok(()) => count += 1,
            // Still remove the others.
            failed => outcome = failed,
        }
    }
    outcome.map(|()| count)
}

/// Treats 404 (not found) and 409 (removal already in progress) as success.
fn ignore_already_removed(
    outcome: Result<(), bollard::errors::Error>,
) -> Result<(), bollard::errors::Error> {
    match outcome {
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }) => Ok(()),
        other => other,
    }
}
