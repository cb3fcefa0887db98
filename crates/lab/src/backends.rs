//! All kinds of runners.

use crate::docker::DockerBackend;
use crate::runner::Backend;
use crate::sim::Simulator;

/// All backends. `--runner auto` takes the first one that works; the last one works everywhere.
pub const BACKENDS: [&dyn Backend; 2] = [&DockerBackend, &Simulator];
