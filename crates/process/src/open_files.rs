//! The limit of open files. Each connection and each socket is one, and the default limit of a process is 1,024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The open files of every program: ports, standard streams and those of the runtime.
const RESERVED_FILES: u64 = 64;

/// Raises the soft limit so that `files` can be open besides those of every program, as far as the hard limit allows. Returns for
/// how many the limit now is enough.
pub fn raise_limit(files: usize) -> usize {
    let needed = files as u64 + RESERVED_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is `None`.
    let Some(current) = current.filter(|&current| current < needed) else {
        return files;
    };
    let wanted = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = Rlimit {
        current: Some(wanted),
        maximum,
    };
    let allowed = setrlimit(Resource::Nofile, raised).map_or(current, |()| wanted);
    usize::try_from(allowed.saturating_sub(RESERVED_FILES)).unwrap_or(files)
}
