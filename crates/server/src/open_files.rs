//! The limit of open files. Each connection is one, and the default limit of a process is 1,024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// The open files besides connections: ports, standard streams and those of the runtime.
const RESERVED_FILES: u64 = 64;

/// Raises the soft limit for this number of connections, as far as the hard limit allows.
pub(crate) fn raise_limit(connections: usize) {
    let needed = connections as u64 + RESERVED_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is `None`.
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let allowed = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = Rlimit {
        current: Some(allowed),
        maximum,
    };
    let outcome = setrlimit(Resource::Nofile, raised);
    if outcome.is_err() || allowed < needed {
        warn!(
            needed,
            allowed, "the limit of open files is too low for all connections; see `ulimit -Hn`"
        );
    }
}
