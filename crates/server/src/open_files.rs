//! A connection is an open file, and by default a process may have only 1,024 of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// What the program has open besides connections: ports, standard streams, the runtime's own.
const BESIDES: u64 = 64;

/// Raises the soft limit, as far as the hard one allows, so that `connections` fit.
pub(crate) fn allow(connections: usize) {
    let needed = connections as u64 + BESIDES;
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
            allowed, "not all connections fit into the open files allowed; see `ulimit -Hn`"
        );
    }
}
