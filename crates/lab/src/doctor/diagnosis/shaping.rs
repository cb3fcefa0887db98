//! netem and nfqueue: what containers found out, or else what this kernel says of itself.

use backroom_shaper::protocol::{Availability, Support};

use crate::doctor::facts::{Configured, Facts, Module};
use crate::doctor::report::{Check, Status};
use crate::doctor::{Distribution, Environment};

/// What a kernel's own words come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Presence {
    /// It can be used.
    There,
    /// Nobody can tell without trying.
    Unknown,
    /// The kernel could load it, but the file is not there.
    NotInstalled,
    /// The kernel was built without it.
    LeftOut,
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
            "in Windows: wsl --update; then here: sudo modprobe sch_netem. Until then the lab takes nfqueue"
        }
        (
            Environment {
                docker_desktop: true,
                ..
            },
            _,
        ) => "update Docker Desktop, whose kernel it is. Until then the lab takes nfqueue",
        (
            Environment {
                distribution: Distribution::RedHat,
                ..
            },
            Presence::NotInstalled,
        ) => "sudo dnf install \"kernel-modules-extra-$(uname -r)\" && sudo modprobe sch_netem",
        (_, Presence::There) => "sudo modprobe sch_netem",
        _ => "the lab takes nfqueue; for netem: just netem-kernel COMMAND",
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
        (_, Presence::There | Presence::Unknown) => "sudo modprobe -a nfnetlink_queue xt_NFQUEUE",
        (Distribution::RedHat, Presence::NotInstalled) => {
            "sudo dnf install \"kernel-modules-extra-$(uname -r)\" && sudo modprobe -a nfnetlink_queue xt_NFQUEUE"
        }
        _ => "where netem works it is not needed; else just netem-kernel COMMAND, or --runner sim",
    };
    Check {
        remedy: Some(remedy.to_owned()),
        ..check
    }
}

/// Without the remedy.
fn check(
    name: &'static str,
    facts: &Facts,
    environment: Environment,
    presence: Presence,
    availability: impl Fn(&Support) -> &Availability,
) -> Check {
    let not_ok = |found: String| Check::not_ok(name, found, "");
    let engine = facts.engine.as_ref().ok();
    let untried = match engine.and_then(|engine| engine.shaping.as_ref()) {
        Some(Ok(support)) => {
            return match availability(support).reason() {
                None => Check::ok(name, "tried in a container"),
                Some(reason) => not_ok(reason.to_owned()),
            };
        }
        Some(Err(why)) => format!("not tried in a container: {why}"),
        None => "not tried, without an image to start".to_owned(),
    };
    let mend = Some("just image, and doctor can try it in a container".to_owned());
    match presence {
        // Containers there have another kernel than this.
        _ if environment.docker_desktop => Check::not_checked(name, untried, mend),
        Presence::There => Check::ok(name, format!("this kernel has it; {untried}")),
        Presence::Unknown => {
            let found =
                format!("this kernel does not say, and trying it here needs root; {untried}");
            Check::not_checked(name, found, mend)
        }
        Presence::NotInstalled => not_ok("this kernel's module for it is not installed".to_owned()),
        Presence::LeftOut => not_ok("this kernel was built without it".to_owned()),
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
        } => Presence::There,
        Module {
            configured: Some(Configured::Left),
            ..
        } => Presence::LeftOut,
        Module {
            installed: Some(false),
            ..
        } => Presence::NotInstalled,
        // As a module, in a place that can't be seen from here.
        Module { .. } => Presence::Unknown,
    }
}
