//! Checks which parts of the lab work on this machine and suggests a command to fix each problem.
//!
//! - `facts`: collects facts about the machine within a few seconds, without privileges.
//! - `environment`: the kind of machine.
//! - `diagnosis`: derives the report from the facts alone, so tests can supply any facts.
//! - `report`: the result as text or JSON.

mod diagnosis;
mod environment;
mod facts;
mod report;

pub use diagnosis::diagnose;
pub use environment::{Distribution, Environment};
pub use facts::{Configured, EngineFacts, EngineProblem, Facts, ImageFacts, KernelFacts, Module};
pub use report::{Auto, Check, Report, Status};

/// Checks this machine, and the engine's image with the name `image`.
///
/// # Errors
/// If no thread can be started.
pub fn examine(image: &str) -> std::io::Result<Report> {
    Ok(diagnose(&facts::collect(image)?))
}
