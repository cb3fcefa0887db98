//! netem and nfqueue: the result of a test in a container or, without one, what this machine's kernel reports.

use backroom_shaper::protocol::Support;

use crate::doctor::facts::{Configured, Facts, Module};
use crate::doctor::report::Check;
use crate::doctor::{Distribution, Environment};

/// Whether a kernel has a module, according to its files. Ordered, so `max` is the worse of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Presence {
    /// Loaded, built in or installed.
    Available,
    /// Only a test can tell.
    Unknown,
    /// The kernel supports it as a module, but the module is not installed.
    NotInstalled,
    /// The kernel was built without it.
    NotConfigured,
}

pub(super) fn netem(facts: &Facts, environment: Environment) -> Check {
    let presence = presence(facts.kernel.netem);
    let remedy = if environment.wsl2 {
        "in Windows: wsl --update; then here: sudo modprobe sch_netem. Until then the lab uses nfqueue"
    } else if environment.docker_desktop {
        "update Docker Desktop, which provides the kernel. Until then the lab uses nfqueue"
    } else {
        match (environment.distribution, presence) {
            (Distribution::RedHat, Presence::NotInstalled) => {
                "sudo dnf install \"kernel-modules-extra-$(uname -r)\" && sudo modprobe sch_netem"
            }
            (_, Presence::Available) => "sudo modprobe sch_netem",
            _ => {
                "the lab uses nfqueue in real time; to use netem: backroom-lab run --clock virtual"
            }
        }
    };
    let netem = |support: &Support| support.netem.reason().map(str::to_owned);
    check("netem", facts, environment, presence, netem, remedy)
}

pub(super) fn nfqueue(facts: &Facts, environment: Environment) -> Check {
    let presence = presence(facts.kernel.queue).max(presence(facts.kernel.queue_rule));
    let remedy = match (environment.distribution, presence) {
        (_, Presence::Available | Presence::Unknown) => {
            "sudo modprobe -a nfnetlink_queue xt_NFQUEUE"
        }
        (Distribution::RedHat, Presence::NotInstalled) => {
            "sudo dnf install \"kernel-modules-extra-$(uname -r)\" && sudo modprobe -a nfnetlink_queue xt_NFQUEUE"
        }
        _ => {
            "not needed if netem works; otherwise use: backroom-lab run --clock virtual, or --runner sim"
        }
    };
    let nfqueue = |support: &Support| support.nfqueue.reason().map(str::to_owned);
    check("nfqueue", facts, environment, presence, nfqueue, remedy)
}

/// Virtual time, which needs a saved machine.
pub(super) fn virtual_time(facts: &Facts) -> Check {
    const NAME: &str = "virtual";
    const AGAIN: &str = "see what fails: just netem-kernel true; until then use --clock real";
    match &facts.machine {
        None => Check::not_checked(
            NAME,
            "no virtual machine with the image is saved",
            Some("just netem-kernel true".to_owned()),
        ),
        Some(Err(why)) => Check::not_ok(NAME, format!("the saved machine fails: {why}"), AGAIN),
        Some(Ok(support)) => match support.netem.reason() {
            None => Check::ok(NAME, "netem tested in the saved machine"),
            Some(reason) => Check::not_ok(NAME, format!("in the saved machine, {reason}"), AGAIN),
        },
    }
}

/// The check of a backend. `missing` is why it is not available according to a test in a container, `remedy` how to fix
/// it.
fn check(
    name: &'static str,
    facts: &Facts,
    environment: Environment,
    presence: Presence,
    missing: fn(&Support) -> Option<String>,
    remedy: &str,
) -> Check {
    let engine = facts.engine.as_ref().ok();
    let not_tested = match engine.and_then(|engine| engine.shaping.as_ref()) {
        Some(Ok(support)) => {
            return match missing(support) {
                None => Check::ok(name, "tested in a container"),
                Some(reason) => Check::not_ok(name, reason, remedy),
            };
        }
        Some(Err(why)) => format!("not tested in a container: {why}"),
        None => "not tested, because there is no image to start".to_owned(),
    };
    let test = Some("run `just image`, then doctor can test it in a container".to_owned());
    match presence {
        // Docker Desktop's containers do not use this kernel.
        _ if environment.docker_desktop => Check::not_checked(name, not_tested, test),
        Presence::Available => Check::ok(name, format!("this kernel has it; {not_tested}")),
        Presence::Unknown => {
            let found =
                format!("this kernel does not report it, and a test here needs root; {not_tested}");
            Check::not_checked(name, found, test)
        }
        Presence::NotInstalled => Check::not_ok(name, "its kernel module is not installed", remedy),
        Presence::NotConfigured => Check::not_ok(name, "this kernel was built without it", remedy),
    }
}

fn presence(module: Module) -> Presence {
    if module.loaded
        || module.installed == Some(true)
        || module.configured == Some(Configured::BuiltIn)
    {
        Presence::Available
    } else if module.configured == Some(Configured::NotSet) {
        Presence::NotConfigured
    } else if module.installed == Some(false) {
        Presence::NotInstalled
    } else {
        // Configured as a module, or nothing is known: the list of installed modules cannot be read.
        Presence::Unknown
    }
}
