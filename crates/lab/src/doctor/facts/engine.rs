//! Facts about the engine: whether it responds, its image, and the shaping backends that its kernel supports.

use std::env;
use std::io;
use std::path::Path;
use std::time::Duration;

use backroom_shaper::protocol::Support;
use bollard::Docker;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::docker;

/// Time limit for testing the shaping backends in a container.
const SHAPING_TIMEOUT: Duration = Duration::from_millis(2_000);
/// Time limit for a simple request to the engine.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(700);
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What is known about an engine that responds.
#[derive(Clone, Debug, Default)]
pub struct EngineFacts {
    /// The engine's version.
    pub version: String,
    /// The operating system that the engine reports: `Docker Desktop` or a Linux distribution.
    pub operating_system: String,
    /// The project's image. `None` if the engine does not have it.
    pub image: Option<ImageFacts>,
    /// Result of testing the shaping backends in a container. `None` without an image to start.
    pub shaping: Option<Result<Support, String>>,
}

/// The project's image.
#[derive(Clone, Debug, Default)]
pub struct ImageFacts {
    /// The commit that it was built from, with `-dirty` if there were uncommitted changes.
    pub revision: Option<String>,
}

/// Why the engine cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineProblem {
    /// Its socket does not exist.
    NoSocket,
    /// This user has no permission to use its socket.
    NoPermission,
    /// Its socket exists, but no process listens on it.
    NotRunning,
    /// It does not respond in time.
    Silent,
    /// Any other error.
    Other(String),
}

pub(super) fn docker_host() -> Option<String> {
    env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty())
}

pub(super) fn is_installed() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join("dockerd").is_file())
}

/// Collects facts about the engine that the docker runner would use.
pub(super) async fn inspect(image: &str) -> Result<EngineFacts, EngineProblem> {
    let host = docker_host();
    let socket = match &host {
        None => Some(DEFAULT_SOCKET),
        Some(host) => host.strip_prefix("unix://"),
    };
    if let Some(path) = socket {
        timeout(REQUEST_TIMEOUT, UnixStream::connect(Path::new(path)))
            .await
            .map_err(|_| EngineProblem::Silent)?
            .map_err(|error| problem(&error))?;
    }
    let (docker, version) = timeout(REQUEST_TIMEOUT, docker::reach())
        .await
        .map_err(|_| EngineProblem::Silent)?
        .map_err(|error| EngineProblem::Other(error.to_string()))?;
    let (operating_system, image_facts) =
        tokio::join!(operating_system(&docker), image_facts(&docker, image));
    let shaping = match image_facts {
        None => None,
        Some(_) => Some(docker::probe_shaping(&docker, image, SHAPING_TIMEOUT).await),
    };
    Ok(EngineFacts {
        version,
        operating_system: operating_system.unwrap_or_default(),
        image: image_facts,
        shaping,
    })
}

async fn operating_system(docker: &Docker) -> Option<String> {
    timeout(REQUEST_TIMEOUT, docker.info())
        .await
        .ok()?
        .ok()?
        .operating_system
}

async fn image_facts(docker: &Docker, image: &str) -> Option<ImageFacts> {
    let found = timeout(REQUEST_TIMEOUT, docker.inspect_image(image))
        .await
        .ok()?
        .ok()?;
    let labels = found.config.and_then(|config| config.labels);
    Some(ImageFacts {
        revision: labels
            .and_then(|labels| labels.get("org.opencontainers.image.revision").cloned()),
    })
}

fn problem(error: &io::Error) -> EngineProblem {
    match error.kind() {
        io::ErrorKind::NotFound => EngineProblem::NoSocket,
        io::ErrorKind::PermissionDenied => EngineProblem::NoPermission,
        io::ErrorKind::ConnectionRefused => EngineProblem::NotRunning,
        _ => EngineProblem::Other(error.to_string()),
    }
}
