//! The kind of machine, as far as the suggested fixes depend on it.

use serde::Serialize;

/// The kind of machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// Whether this is the Windows Subsystem for Linux 2, which runs Microsoft's Linux kernel.
    pub wsl2: bool,
    /// Whether containers run in Docker Desktop's virtual machine, with its kernel.
    pub docker_desktop: bool,
    /// The Linux distribution, which determines the package manager.
    pub distribution: Distribution,
}

/// Families of distributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Debian, Ubuntu and derivatives: `apt-get`.
    Debian,
    /// Red Hat Enterprise Linux, Fedora and derivatives: `dnf`.
    RedHat,
    /// Any other distribution.
    #[default]
    Other,
}

impl Environment {
    /// Detects the environment from the contents of `/proc/version` and `/etc/os-release`, and from the operating
    /// system that the engine reports.
    pub fn detect(proc_version: &str, os_release: &str, engine_system: Option<&str>) -> Self {
        let kernel = proc_version.to_lowercase();
        Self {
            wsl2: kernel.contains("microsoft-standard") || kernel.contains("wsl2"),
            docker_desktop: engine_system.is_some_and(|system| system.contains("Docker Desktop")),
            distribution: Distribution::detect(os_release),
        }
    }
}

impl Distribution {
    /// Uses the fields `ID` and `ID_LIKE` (os-release(5)).
    fn detect(os_release: &str) -> Self {
        let ids: Vec<_> = os_release
            .lines()
            .filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")))
            .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace())
            .collect();
        let is_one_of = |family: &[&str]| ids.iter().any(|id| family.contains(id));
        if is_one_of(&["debian", "ubuntu"]) {
            Self::Debian
        } else if is_one_of(&["rhel", "fedora", "centos"]) {
            Self::RedHat
        } else {
            Self::Other
        }
    }
}
