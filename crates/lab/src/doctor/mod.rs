//! What of the lab works on this machine, and for what does not, the command that mends it.
//!
//! - `facts`: everything there is to see, looked at concurrently and within a few seconds, without privileges.
//! - `environment`: what kind of machine that makes it.
//! - `diagnosis`: what follows. It looks at nothing but the facts.
//! - `report`: the answer, for people and for machines.

mod diagnosis;
mod environment;
mod facts;
mod report;

pub use diagnosis::diagnose;
pub use environment::{Distribution, Environment};
pub use facts::{
    Build, Configured, EngineFacts, EngineProblem, Facts, HostFacts, ImageFacts, KernelFacts,
    Module, MulticastFacts,
};
pub use report::{Auto, Check, Report, Status};

/// Looks at this machine, and at what an engine has under the name `image`.
///
/// # Errors
/// When no thread can be started to look with.
pub fn examine(image: &str) -> std::io::Result<Report> {
    Ok(diagnose(&facts::collect(image)?))
}
