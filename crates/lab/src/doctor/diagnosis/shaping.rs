//! netem and nfqueue: the result of a test in a container or, without one, what this machine's kernel reports.

use backroom_shaper::protocol::{Availability, Support};

use crate::doctor::facts::{Configured, Facts, Module};
use crate::doctor::report::{Check, Status};
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
    let check = check("netem", facts, environment, presence, |support| {
        &support.netem
    });
    if check.status != Status::NotOk {
        return check;
    }
    let remedy = match (environment, presence) {
        (Environment { wsl2: true, .. }, _) => {
            "in Windows: wsl --update; then here: sudo modprobe sch_netem. Until then the lab uses nfqueue"
        }
        (
            Environment {
                docker_desktop: true,
                ..
            },
            _,
        ) => "update Docker Desktop, which provides the kernel. Until then the lab uses nfqueue",
        (
            Environment {
                distribution: Distribution::RedHat,
                ..
            },
            Presence::NotInstalled,
        ) => "sudo dnf install \"kernel-modules-extra-$(uname -r)\" && sudo modprobe sch_netem",
        (_, Presence::Available) => "sudo modprobe sch_netem",
        _ => "the lab uses nfqueue; to use netem: just netem-kernel COMMAND",
    };
    Check {
        remedy: Some(remedy.to_owned()),
        ..check
    }
}

pub(super) fn nfqueue(facts: &Facts, environment: Environment) -> Check {
    let presence = presence(facts.kernel.queue).max(presence(facts.kernel.queue_rule));
    let check = check("nfqueue", facts, environment, presence, |support| {
        &support.nfqueue
    });
    if check.status != Status::NotOk {
        return check;
    }
    let remedy = match (environment.distribution, presence) {
        (_, Presence::Available | Presence::Unknown) => {
            "sudo modprobe -a nfnetlink_queue xt_NFQUEUE"
        }
        (Distribution::RedHat, Presence::NotInstalled) => {
            "sudo dnf install \"kernel-modules-extra-$(uname -r)\" && sudo modprobe -a nfnetlink_queue xt_NFQUEUE"
        }
        _ => "not needed if netem works; otherwise use: just netem-kernel COMMAND, or --runner sim",
    };
    Check {
        remedy: Some(remedy.to_owned()),
        ..check
    }
}

/// The check of a backend. If it is not ok, the caller adds the fix.
fn check(
    name: &'static str,
    facts: &Facts,
    environment: Environment,
    presence: Presence,
    availability: impl Fn(&Support) -> &Availability,
) -> Check {
    let not_ok = |found: String| Check::not_ok(name, found, "");
    let engine = facts.engine.as_ref().ok();
    let not_tested = match engine.and_then(|engine| engine.shaping.as_ref()) {
        Some(Ok(support)) => {
            return match availability(support).reason() {
                None => Check::ok(name, "tested in a container"),
                Some(reason) => not_ok(reason.to_owned()),
            };
        }
        Some(Err(why)) => format!("not tested in a container: {why}"),
        None => "not tested, because there is no image to start".to_owned(),
    };
    let remedy = Some("run `just image`, then doctor can test it in a container".to_owned());
    match presence {
        // Docker Desktop's containers do not use this kernel.
        _ if environment.docker_desktop => Check::not_checked(name, not_tested, remedy),
        Presence::Available => Check::ok(name, format!("this kernel has it; {not_tested}")),
        Presence::Unknown => {
            let found =
                format!("this kernel does not report it, and a test here needs root; {not_tested}");
            Check::not_checked(name, found, remedy)
        }
        Presence::NotInstalled => not_ok("its kernel module is not installed".to_owned()),
        Presence::NotConfigured => not_ok("this kernel was built without it".to_owned()),
    }
}

fn presence(module: Module) -> Presence {
    match module {
        Module { loaded: true, .. }
        | Module {
            installed: Some(true),
            ..
        }
        | Module {
            configured: Some(Configured::BuiltIn),
            ..
        } => Presence::Available,
        Module {
            configured: Some(Configured::Left),
            ..
        } => Presence::NotConfigured,
        Module {
            installed: Some(false),
            ..
        } => Presence::NotInstalled,
        // Configured as a module, or nothing is known: the list of installed modules cannot be read.
        Module { .. } => Presence::Unknown,
    }
}
