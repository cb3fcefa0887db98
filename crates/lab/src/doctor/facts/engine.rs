//! The engine: whether it answers, what it has, and what its kernel can shape with.

use std::env;
use std::io;
use std::path::Path;
use std::time::Duration;

use backroom_shaper::protocol::Support;
use bollard::Docker;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::docker;

/// Starting a container that says what it can do, and removing it.
const SHAPING_LIMIT: Duration = Duration::from_millis(2_000);
/// Asking for what the engine knows anyway.
const ANSWER_LIMIT: Duration = Duration::from_millis(700);
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine that answers.
#[derive(Clone, Debug, Default)]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// What it says it runs on: `Docker Desktop`, or a distribution.
    pub operating_system: String,
    /// What it has under the image's name.
    pub image: Option<ImageFacts>,
    /// What its kernel can shape with, as a container found out; or why none could.
    pub shaping: Option<Result<Support, String>>,
}

/// The project's image.
#[derive(Clone, Debug, Default)]
pub struct ImageFacts {
    /// The commit it was built from, with `-dirty` where the sources differed from it.
    pub revision: Option<String>,
}

/// Why no engine can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineProblem {
    /// Its socket is not there.
    NoSocket,
    /// Its socket is there and this user may not use it.
    NoPermission,
    /// Its socket is there and nobody listens.
    NotRunning,
    /// It does not answer in time.
    Silent,
    /// Something else.
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

/// Asks the engine that the docker runner would take.
pub(super) async fn ask(image: &str) -> Result<EngineFacts, EngineProblem> {
    let host = docker_host();
    let socket = match &host {
        None => Some(DEFAULT_SOCKET),
        Some(host) => host.strip_prefix("unix://"),
    };
    if let Some(path) = socket {
        timeout(ANSWER_LIMIT, UnixStream::connect(Path::new(path)))
            .await
            .map_err(|_| EngineProblem::Silent)?
            .map_err(|error| problem(&error))?;
    }
    let (docker, version) = timeout(ANSWER_LIMIT, docker::reach())
        .await
        .map_err(|_| EngineProblem::Silent)?
        .map_err(|error| EngineProblem::Other(error.to_string()))?;
    let (operating_system, image_facts) =
        tokio::join!(operating_system(&docker), image_facts(&docker, image));
    let shaping = match image_facts {
        None => None,
        Some(_) => Some(docker::probe_shaping(&docker, image, SHAPING_LIMIT).await),
    };
    Ok(EngineFacts {
        version,
        operating_system: operating_system.unwrap_or_default(),
        image: image_facts,
        shaping,
    })
}

async fn operating_system(docker: &Docker) -> Option<String> {
    timeout(ANSWER_LIMIT, docker.info())
        .await
        .ok()?
        .ok()?
        .operating_system
}

async fn image_facts(docker: &Docker, image: &str) -> Option<ImageFacts> {
    let found = timeout(ANSWER_LIMIT, docker.inspect_image(image))
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
