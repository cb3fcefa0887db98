//! What there is to see. Each look has a time limit, and all of them happen at once.

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

/// Looking at files and at loopback traffic takes no longer, unless something is very wrong.
const LOCAL_LIMIT: Duration = Duration::from_secs(3);

/// Everything a diagnosis is made from.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The machine that this program runs on.
    pub host: HostFacts,
    /// Its kernel, which is not always the one that containers get.
    pub kernel: KernelFacts,
    /// The engine, or why there is none to be used.
    pub engine: Result<EngineFacts, EngineProblem>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// Whether an engine is installed, running or not.
    pub engine_installed: bool,
    /// Multicast on the interfaces of this machine. `None` when it could not be tried in time.
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
    /// Processors that may be used.
    pub cores: usize,
    /// Main memory.
    pub memory_bytes: Option<u64>,
}

/// What is to be compared with the image.
#[derive(Clone, Debug)]
pub struct Build {
    /// The commit this program comes from, with `-dirty` where its sources differ from it.
    pub commit: String,
    /// The name of the image.
    pub image: String,
}

/// Looks at everything.
///
/// # Errors
/// When no thread can be started to look with.
pub(super) fn collect(image: &str) -> io::Result<Facts> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let facts = runtime.block_on(async {
        let kernel = timeout(LOCAL_LIMIT, tokio::task::spawn_blocking(kernel::look));
        let multicast = timeout(LOCAL_LIMIT, tokio::task::spawn_blocking(multicast::listen));
        let commit = timeout(
            LOCAL_LIMIT,
            tokio::task::spawn_blocking(backroom_provenance::commit),
        );
        let (kernel, multicast, commit, engine) =
            tokio::join!(kernel, multicast, commit, engine::ask(image));
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
    // A look that takes longer is not waited for.
    runtime.shutdown_background();
    Ok(facts)
}

/// `None` for a look that was not finished.
fn flatten<T, E, F>(look: Result<Result<T, E>, F>) -> Option<T> {
    look.ok()?.ok()
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
