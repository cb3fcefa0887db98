//! Collects facts about the machine concurrently, each with a time limit.

mod engine;
mod kernel;
mod multicast;

use std::fs;
use std::io;
use std::time::Duration;

use tokio::time::timeout;

pub use engine::{EngineFacts, EngineProblem, ImageFacts};
pub use kernel::{Configured, KernelFacts, Module};
pub use multicast::MulticastFacts;

use backroom_provenance::Host;

/// Time limit for reading files and for testing multicast on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(3);

/// All facts that a diagnosis needs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The machine that runs this program.
    pub host: HostFacts,
    /// The kernel of this machine. Containers may use another one, for example with Docker Desktop.
    pub kernel: KernelFacts,
    /// The engine, or why it cannot be used.
    pub engine: Result<EngineFacts, EngineProblem>,
    /// The environment variable `DOCKER_HOST`, unless it is empty.
    pub docker_host: Option<String>,
    /// Whether an engine is installed, even if it is not running.
    pub engine_installed: bool,
    /// Result of the multicast test. `None` if it did not finish in time.
    pub multicast: Option<MulticastFacts>,
    /// This program.
    pub build: Build,
}

/// The machine.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// `/proc/version`.
    pub proc_version: String,
    /// `/etc/os-release`.
    pub os_release: String,
    /// Number of processors that this program may use.
    pub cores: usize,
    /// Size of the main memory. `None` if unknown.
    pub memory_bytes: Option<u64>,
}

/// This program's build, to compare with the image.
#[derive(Clone, Debug)]
pub struct Build {
    /// The commit that this program was built from, with `-dirty` if there were uncommitted changes.
    pub commit: String,
    /// Name of the image.
    pub image: String,
}

/// Collects all facts.
///
/// # Errors
/// If no thread can be started.
pub(super) fn collect(image: &str) -> io::Result<Facts> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let facts = runtime.block_on(async {
        let kernel = timeout(LOCAL_TIMEOUT, tokio::task::spawn_blocking(kernel::inspect));
        let multicast = timeout(
            LOCAL_TIMEOUT,
            tokio::task::spawn_blocking(multicast::inspect),
        );
        let commit = timeout(
            LOCAL_TIMEOUT,
            tokio::task::spawn_blocking(backroom_provenance::commit),
        );
        let (kernel, multicast, commit, engine) =
            tokio::join!(kernel, multicast, commit, engine::inspect(image));
        Facts {
            host: host(),
            kernel: flatten(kernel).unwrap_or_default(),
            engine,
            docker_host: engine::docker_host(),
            engine_installed: engine::is_installed(),
            multicast: flatten(multicast),
            build: Build {
                commit: flatten(commit).unwrap_or_else(|| "unknown".to_owned()),
                image: image.to_owned(),
            },
        }
    });
    // Do not wait for tasks that exceeded their time limit.
    runtime.shutdown_background();
    Ok(facts)
}

/// `None` if a task timed out or panicked.
fn flatten<T, E, F>(outcome: Result<Result<T, E>, F>) -> Option<T> {
    outcome.ok()?.ok()
}

fn host() -> HostFacts {
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    let host = Host::this();
    HostFacts {
        proc_version: text("/proc/version"),
        os_release: text("/etc/os-release"),
        cores: host.cores,
        memory_bytes: host.memory_bytes,
    }
}
