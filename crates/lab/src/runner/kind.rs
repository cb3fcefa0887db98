//! The names of runners and shapers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

/// A runner, the shaper of its network, and its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerKind {
    /// The column `runner`.
    pub name: RunnerName,
    /// The column `shaper`.
    pub shaper: ShaperName,
    /// The column `clock`.
    pub clock: ClockName,
}

/// The kinds of runners.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum RunnerName {
    /// Virtual time in this process.
    Sim,
    /// The real programs in containers.
    Docker,
}

/// The shaper of the network of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ShaperName {
    /// The link model of the simulator.
    Link,
    /// The kernel's network emulator.
    Netem,
    /// The link model in user space, applied to each packet.
    Nfqueue,
}

/// The clock of a run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Display, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ClockName {
    /// That of the host. Its speed and its other work affect the run.
    #[default]
    Real,
    /// It advances with the events of the simulator, or with the instructions of a virtual machine.
    Virtual,
}

/// A shaper for the network of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shaper {
    /// The kernel's network emulator.
    Netem,
    /// The link model in user space, applied to each packet.
    Nfqueue,
}

impl RunnerKind {
    /// The simulator.
    pub const SIM: Self = Self {
        name: RunnerName::Sim,
        shaper: ShaperName::Link,
        clock: ClockName::Virtual,
    };

    /// Containers on a network that `shaper` shapes, and whose programs see `clock`.
    pub fn docker(shaper: Shaper, clock: ClockName) -> Self {
        Self {
            name: RunnerName::Docker,
            shaper: shaper.name(),
            clock,
        }
    }

    /// The folder of this runner's results, such as `sim` or `docker-netem`. It is the same for both clocks.
    pub fn folder(self) -> String {
        match self.shaper {
            ShaperName::Link => self.name.to_string(),
            shaper => format!("{}-{shaper}", self.name),
        }
    }
}

impl Shaper {
    /// The name in rows and on the command line.
    pub fn name(self) -> ShaperName {
        match self {
            Self::Netem => ShaperName::Netem,
            Self::Nfqueue => ShaperName::Nfqueue,
        }
    }
}
