//! All kinds of runners.

use crate::docker::DockerBackend;
use crate::machine::MachineBackend;
use crate::runner::Backend;
use crate::sim::Simulator;

/// All backends. `--runner auto` takes the first one that works; the last one works everywhere. Those with the same name
/// differ in their clock.
pub const BACKENDS: [&dyn Backend; 3] = [&MachineBackend, &DockerBackend, &Simulator];
