//! The Docker Engine: whether one answers, whether it has the image, and who removes what.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::future::join_all;

use super::owner::{LABEL, Owner};
use crate::runner::Unavailable;

/// The image that holds the project's programs.
pub const DEFAULT_IMAGE: &str = "backroom:latest";

/// Time for an engine's answer where nothing else will do.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// A single request may take this long. Starting containers on a busy machine does take its time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Removing is tried so often: what was being created when the lab was interrupted appears late.
const REMOVAL_ATTEMPTS: u32 = 5;
const PAUSE_BETWEEN_REMOVALS: Duration = Duration::from_millis(300);

/// Finds the engine, and `image` on it, if each answers within `patience`. Returns the engine's name and version, too.
pub(super) async fn connect(
    image: &str,
    patience: Duration,
) -> Result<(Docker, String), Unavailable> {
    let (docker, version) = tokio::time::timeout(patience, reach())
        .await
        .map_err(|_| unreachable_engine("it does not answer"))?
        .map_err(|error| unreachable_engine(&format!("{:#}", anyhow::Error::new(error))))?;
    tokio::time::timeout(patience, docker.inspect_image(image))
        .await
        .map_err(|_| unreachable_engine("it does not answer"))?
        .map_err(|_| Unavailable {
            why: format!("the engine has no image {image}"),
            remedy: if image == crate::peers::IMAGE {
                "`docker/peers/image` builds it".to_owned()
            } else {
                "`just image` builds it".to_owned()
            },
        })?;
    Ok((docker, format!("Docker {version}")))
}

/// Finds the engine that the environment names, and its version.
pub(crate) async fn reach() -> Result<(Docker, String), bollard::errors::Error> {
    let docker = Docker::connect_with_defaults()?
        .with_timeout(REQUEST_TIMEOUT)
        .negotiate_version()
        .await?;
    let version = docker
        .version()
        .await?
        .version
        .unwrap_or_else(|| "of an unknown version".to_owned());
    Ok((docker, version))
}

fn unreachable_engine(why: &str) -> Unavailable {
    Unavailable {
        why: format!("no Docker engine can be used: {why}"),
        remedy: "start one and make sure that `docker version` works for you, or use --runner sim"
            .to_owned(),
    }
}

/// Removes what labs left behind that run no more. What can't be removed is in nobody's way: an engine may, for one, take
/// a network for one in use though no container is on it.
pub(super) async fn remove_leftovers(docker: &Docker, here: &Owner) {
    match remove(docker, |owner| owner.has_ended(here)).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(
            "removed {count} containers and networks that a killed lab had left behind"
        ),
        Err(error) => tracing::warn!(
            "something that an earlier lab left behind can't be removed; restarting the engine may help: {error}"
        ),
    }
}

/// Removes everything that `owner` started.
pub(super) async fn remove_all_of(
    docker: &Docker,
    owner: &Owner,
) -> Result<(), bollard::errors::Error> {
    let mut outcome = Ok(());
    for attempt in 0..REMOVAL_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE_BETWEEN_REMOVALS).await;
        }
        match remove(docker, |other| other.id == owner.id).await {
            Ok(0) => return Ok(()),
            removed => outcome = removed.map(drop),
        }
    }
    outcome
}

/// Containers first: a network with containers on it can't be removed.
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
    let containers = docker.list_containers(Some(options)).await?;
    let containers = containers
        .into_iter()
        .filter(|container| container.labels.as_ref().is_some_and(belongs));
    let removals = containers
        .filter_map(|container| container.id)
        .map(|id| async move {
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            gone(docker.remove_container(&id, Some(options)).await)
        });
    let removed: Vec<_> = join_all(removals)
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;

    let options = ListNetworksOptionsBuilder::new().filters(&labelled).build();
    let networks = docker.list_networks(Some(options)).await?;
    let networks = networks
        .into_iter()
        .filter(|network| network.labels.as_ref().is_some_and(belongs));
    let mut count = removed.len();
    let mut outcome = Ok(());
    for id in networks.filter_map(|network| network.id) {
        match gone(docker.remove_network(&id).await) {
            Ok(()) => count += 1,
            // The others are removed all the same.
            failed => outcome = failed,
        }
    }
    outcome.map(|()| count)
}

/// What another is removing already, or has, counts as removed.
fn gone(outcome: Result<(), bollard::errors::Error>) -> Result<(), bollard::errors::Error> {
    match outcome {
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }) => Ok(()),
        other => other,
    }
}
