//! Collects facts about the machine concurrently, each with a time limit.

mod engine;
mod kernel;
mod multicast;

use std::fs;
use std::io;
use std::time::Duration;

use backroom_shaper::protocol::Support;
use tokio::time::timeout;

pub use engine::{EngineFacts, EngineProblem, ImageFacts};
pub use kernel::{Configured, KernelFacts, Module};

use backroom_provenance::Host;

use crate::machine;

/// Time limit for reading files and for testing multicast on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Time limit for starting a saved virtual machine and testing the shapers in it.
const MACHINE_TIMEOUT: Duration = Duration::from_secs(30);

/// All facts that a diagnosis needs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The machine that runs this program.
    pub host: Host,
    /// `/proc/version`.
    pub proc_version: String,
    /// `/etc/os-release`.
    pub os_release: String,
    /// The kernel of this machine. Containers may use another one, for example with Docker Desktop.
    pub kernel: KernelFacts,
    /// The engine, or why it cannot be used.
    pub engine: Result<EngineFacts, EngineProblem>,
    /// Result of testing the shapers in a virtual machine. `None` if no machine is saved.
    pub machine: Option<Result<Support, String>>,
    /// The environment variable `DOCKER_HOST`, unless it is empty.
    pub docker_host: Option<String>,
    /// Whether an engine is installed, even if it is not running.
    pub engine_installed: bool,
    /// The first interface on which multicast works, or else all tested interfaces, which may be none. `None` if the test
    /// did not finish in time.
    pub multicast: Option<Result<String, Vec<String>>>,
    /// The commit that this program was built from, with `-dirty` if there were uncommitted changes.
    pub commit: String,
    /// Name of the project's image.
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
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    let facts = runtime.block_on(async {
        let (kernel, multicast, commit, engine) = tokio::join!(
            within_limit(kernel::inspect),
            within_limit(multicast::inspect),
            within_limit(backroom_provenance::commit),
            engine_and_machine(image)
        );
        let (engine, machine) = engine;
        Facts {
            host: Host::this(),
            proc_version: text("/proc/version"),
            os_release: text("/etc/os-release"),
            kernel: kernel.unwrap_or_default(),
            engine,
            machine,
            docker_host: engine::docker_host(),
            engine_installed: engine::is_installed(),
            multicast,
            commit: commit.unwrap_or_else(|| "unknown".to_owned()),
            image: image.to_owned(),
        }
    });
    // Do not wait for tasks that exceeded their time limit.
    runtime.shutdown_background();
    Ok(facts)
}

/// The engine, and the virtual machine with its image if one is saved. Without the image, there is no such machine.
async fn engine_and_machine(
    image: &str,
) -> (
    Result<EngineFacts, EngineProblem>,
    Option<Result<Support, String>>,
) {
    let engine = engine::inspect(image).await;
    let has_image = engine.as_ref().is_ok_and(|engine| engine.image.is_some());
    if !has_image {
        return (engine, None);
    }
    let image = image.to_owned();
    let test = move || machine::probe_saved(&image, MACHINE_TIMEOUT);
    let tested = tokio::task::spawn_blocking(test).await;
    (engine, tested.ok().flatten())
}

/// The result of `task`, which blocks. `None` if it takes longer than [`LOCAL_TIMEOUT`] or panics.
async fn within_limit<T: Send + 'static>(task: fn() -> T) -> Option<T> {
    let task = tokio::task::spawn_blocking(task);
    timeout(LOCAL_TIMEOUT, task).await.ok()?.ok()
}
