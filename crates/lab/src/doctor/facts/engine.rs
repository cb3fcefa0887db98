//! Facts about the engine: whether it responds, its image, and the shaping backends that its kernel supports.

use std::env;
use std::io;
use std::path::Path;
use std::time::Duration;

use backroom_shaper::protocol::Support;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::docker;

/// Time limit for testing the shaping backends in a container.
const SHAPING_TIMEOUT: Duration = Duration::from_millis(2_000);
/// Time limit for a simple request to the engine.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(700);
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// The label of an image with the commit that it was built from.
const REVISION_LABEL: &str = "org.opencontainers.image.revision";

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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineProblem {
    /// Its socket does not exist.
    #[error("not running: its socket does not exist")]
    NoSocket,
    /// This user has no permission to use its socket.
    #[error("this user has no permission to use its socket")]
    NoPermission,
    /// Its socket exists, but no process listens on it.
    #[error("not running: no process listens on its socket")]
    NotRunning,
    /// It does not respond in time.
    #[error("it does not respond")]
    Silent,
    /// Any other error.
    #[error("{0}")]
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
    let (system, found) = tokio::join!(
        timeout(REQUEST_TIMEOUT, docker.info()),
        timeout(REQUEST_TIMEOUT, docker.inspect_image(image))
    );
    let system = system.ok().and_then(Result::ok);
    let mut facts = EngineFacts {
        version,
        operating_system: system
            .and_then(|system| system.operating_system)
            .unwrap_or_default(),
        image: None,
        shaping: None,
    };
    if let Ok(Ok(found)) = found {
        let labels = found.config.and_then(|config| config.labels);
        let revision = labels.and_then(|mut labels| labels.remove(REVISION_LABEL));
        facts.image = Some(ImageFacts { revision });
        facts.shaping = Some(docker::probe_shaping(&docker, image, SHAPING_TIMEOUT).await);
    }
    Ok(facts)
}

fn problem(error: &io::Error) -> EngineProblem {
    match error.kind() {
        io::ErrorKind::NotFound => EngineProblem::NoSocket,
        io::ErrorKind::PermissionDenied => EngineProblem::NoPermission,
        io::ErrorKind::ConnectionRefused => EngineProblem::NotRunning,
        _ => EngineProblem::Other(error.to_string()),
    }
}
