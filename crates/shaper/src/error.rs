//! Why the network could not be shaped.

#[derive(Debug, thiserror::Error)]
pub(crate) enum ShaperError {
    #[error("cannot run {program}: {source}; the project's image includes it")]
    Start {
        program: &'static str,
        source: std::io::Error,
    },
    #[error("`{command}` failed: {stderr}")]
    Tool { command: String, stderr: String },
    /// The output of a tool, or a file of the kernel, has an unexpected format.
    #[error("cannot read the output of `{command}`: {reason}")]
    Unreadable {
        command: &'static str,
        reason: String,
    },
    #[error(
        "cannot use the kernel's packet queue: {0}; it requires NET_ADMIN and a kernel with nfnetlink_queue"
    )]
    Queue(std::io::Error),
    #[error("cannot probe the path: {0}")]
    Probe(std::io::Error),
    /// The thread that decides about packets has ended.
    #[error("the shaper's packet thread has stopped; its log has the reason")]
    Stopped,
    /// The backend cannot do what the configuration asks for.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl ShaperError {
    pub(crate) fn queue(error: impl Into<std::io::Error>) -> Self {
        Self::Queue(error.into())
    }
}
