//! Finds out which kernel modules are available, without loading any.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

/// Limit on the size of the kernel's configuration, which usually has about 250 kB.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// The kernel modules that shaping needs.
#[derive(Clone, Debug, Default)]
pub struct KernelFacts {
    /// The network emulator, `sch_netem`.
    pub netem: Module,
    /// Queues of packets for user space, `nfnetlink_queue`.
    pub queue: Module,
    /// The iptables target that adds packets to a queue, `xt_NFQUEUE`.
    pub queue_rule: Module,
}

/// What is known about a kernel module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Whether it is loaded.
    pub loaded: bool,
    /// Whether it can be loaded or is built in. `None` if the lists of this kernel's modules cannot be read.
    pub installed: Option<bool>,
    /// Its option in the kernel's configuration. `None` if that cannot be read.
    pub configured: Option<Configured>,
}

/// The value of an option in a kernel's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configured {
    /// `=y`
    BuiltIn,
    /// `=m`
    AsModule,
    /// Neither.
    NotSet,
}

pub(super) fn inspect() -> KernelFacts {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let modules = ["modules.dep", "modules.builtin"]
        .map(|list| fs::read_to_string(Path::new("/lib/modules").join(release).join(list)).ok());
    let modules = modules
        .into_iter()
        .flatten()
        .reduce(|one, other| one + &other);
    let config = configuration(release);
    let module = |name: &str, option: &str| Module {
        loaded: Path::new("/sys/module").join(name).exists(),
        installed: modules.as_ref().map(|list| lists_module(list, name)),
        configured: config.as_ref().map(|config| configured(config, option)),
    };
    KernelFacts {
        netem: module("sch_netem", "CONFIG_NET_SCH_NETEM"),
        queue: module("nfnetlink_queue", "CONFIG_NETFILTER_NETLINK_QUEUE"),
        queue_rule: module("xt_NFQUEUE", "CONFIG_NETFILTER_XT_TARGET_NFQUEUE"),
    }
}

fn configuration(release: &str) -> Option<String> {
    let mut text = String::new();
    if let Ok(file) = File::open("/proc/config.gz") {
        let read = GzDecoder::new(file)
            .take(MAX_CONFIG_BYTES)
            .read_to_string(&mut text);
        return read.ok().map(|_| text);
    }
    fs::read_to_string(format!("/boot/config-{release}")).ok()
}

/// Lines are paths like `kernel/net/sched/sch_netem.ko.xz: kernel/...`.
fn lists_module(list: &str, name: &str) -> bool {
    list.lines().any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        file.split_once(".ko").is_some_and(|(stem, _)| stem == name)
    })
}

fn configured(config: &str, option: &str) -> Configured {
    let mut values = config
        .lines()
        .filter_map(|line| line.strip_prefix(option)?.strip_prefix('='));
    match values.next_back() {
        Some("y") => Configured::BuiltIn,
        Some("m") => Configured::AsModule,
        _ => Configured::NotSet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_not_mistaken_for_a_longer_one() {
        let config =
            "CONFIG_NET_SCH_NETEM_X=y\nCONFIG_A=m\n# CONFIG_NET_SCH_NETEM is not set\nCONFIG_B=y\n";
        assert_eq!(
            configured(config, "CONFIG_NET_SCH_NETEM"),
            Configured::NotSet
        );
        assert_eq!(configured(config, "CONFIG_A"), Configured::AsModule);
        assert_eq!(configured(config, "CONFIG_B"), Configured::BuiltIn);
    }

    #[test]
    fn a_module_is_found_compressed_or_not_but_not_as_a_dependency() {
        let list = "kernel/net/sched/sch_netem.ko.xz:\nkernel/net/a.ko: kernel/net/b.ko\n";
        assert!(lists_module(list, "sch_netem"));
        assert!(lists_module(list, "a"));
        assert!(!lists_module(list, "b"));
        assert!(!lists_module(list, "netem"));
    }
}
