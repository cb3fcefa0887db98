//! Derives a report from the facts, without accessing the machine.

mod engine;
mod shaping;

use super::facts::Facts;
use super::report::{Auto, Check, Report, Status};
use super::{Distribution, Environment};
use crate::runner::ClockName;

/// One processor each for a sender and a receiver.
const MIN_CORES: usize = 2;
/// Enough for the containers of 32 receivers and their received files.
const MIN_MEMORY_BYTES: u64 = 2_000_000_000;

/// Checks what works and suggests fixes for the rest.
pub fn diagnose(facts: &Facts) -> Report {
    let system = facts.engine.as_ref().ok();
    let environment = Environment::detect(
        &facts.proc_version,
        &facts.os_release,
        system.map(|engine| engine.operating_system.as_str()),
    );
    let netem = shaping::netem(facts, environment);
    let nfqueue = shaping::nfqueue(facts, environment);
    let virtual_time = shaping::virtual_time(facts);
    let auto = auto(facts, &netem, &nfqueue);
    let checks = vec![
        Check::ok("simulator", "has no requirements"),
        engine::engine(facts, environment),
        engine::image(facts),
        netem,
        nfqueue,
        virtual_time,
        multicast(facts.multicast.as_ref()),
        machine(facts, environment),
    ];
    Report {
        environment,
        checks,
        auto,
    }
}

/// What `run` uses without `--runner`, `--shaper` and `--clock`, with the reason.
fn auto(facts: &Facts, netem: &Check, nfqueue: &Check) -> Auto {
    let simulate = |why| Auto {
        runner: "sim",
        shaper: None,
        clock: ClockName::Virtual,
        why,
    };
    let in_containers = |shaper, why| Auto {
        runner: "docker",
        shaper,
        clock: ClockName::Real,
        why,
    };
    let Ok(engine) = &facts.engine else {
        return simulate("no engine can be used");
    };
    match (&engine.shaping, netem.status, nfqueue.status) {
        _ if engine.image.is_none() => simulate("the engine responds but does not have the image"),
        _ if facts.machine.is_some() => Auto {
            clock: ClockName::Virtual,
            ..in_containers(Some("netem"), "a virtual machine with the image is saved")
        },
        (Some(Ok(_)), Status::Ok, _) => {
            in_containers(Some("netem"), "the engine's kernel supports netem")
        }
        (Some(Ok(_)), _, Status::Ok) => in_containers(
            Some("nfqueue"),
            "the engine's kernel does not support netem",
        ),
        (Some(Ok(_)), _, _) => in_containers(
            None,
            "fails, because the containers' network cannot be shaped here; use --runner sim",
        ),
        _ => in_containers(
            None,
            "netem if the engine's kernel supports it, otherwise nfqueue",
        ),
    }
}

/// `tested` is [`Facts::multicast`].
fn multicast(tested: Option<&Result<String, Vec<String>>>) -> Check {
    const NAME: &str = "multicast";
    match tested {
        None => Check::not_checked(NAME, "the test did not finish in time", None),
        Some(Ok(interface)) => Check::ok(
            NAME,
            format!(
                "received on {interface}; this does not test whether the LAN forwards multicast"
            ),
        ),
        Some(Err(interfaces)) => match interfaces.first() {
            None => Check::not_ok(
                NAME,
                "no interface except loopback is up and supports multicast",
                "find an interface with: ip link show; then, as root: ip link set dev INTERFACE up multicast on",
            ),
            Some(first) => Check::not_ok(
                NAME,
                format!("not received on {}", interfaces.join(", ")),
                format!(
                    "allow UDP to 239.255.0.0/16 in the firewall: sudo iptables -I INPUT -i {first} -p udp -d 239.255.0.0/16 -j ACCEPT"
                ),
            ),
        },
    }
}

fn machine(facts: &Facts, environment: Environment) -> Check {
    const NAME: &str = "machine";
    let host = &facts.host;
    let memory = host.memory_bytes.map_or("unknown".to_owned(), |bytes| {
        format!("{:.1} GB", bytes as f64 / 1e9)
    });
    let distribution = facts
        .os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or("Linux", |name| name.trim_matches('"'));
    let cores = match host.cores {
        1 => "1 core".to_owned(),
        cores => format!("{cores} cores"),
    };
    let wsl = if environment.wsl2 { " under WSL2" } else { "" };
    let found = format!("{cores}, {memory} of memory, {distribution}{wsl}");
    let enough = host.cores >= MIN_CORES
        && host
            .memory_bytes
            .is_none_or(|bytes| bytes >= MIN_MEMORY_BYTES);
    if enough {
        return Check::ok(NAME, found);
    }
    let remedy = if environment.wsl2 {
        "in %UserProfile%\\.wslconfig, under [wsl2]: processors=4 and memory=8GB; then in Windows: wsl --shutdown"
    } else if environment.docker_desktop {
        "assign more processors and memory in Docker Desktop, Settings, Resources"
    } else {
        "containers need two cores and 2 GB of memory; with less, use --runner sim"
    };
    Check::not_ok(NAME, found, remedy)
}

impl Distribution {
    /// The command that installs an engine and starts it.
    fn install_engine(self) -> &'static str {
        match self {
            Self::Debian => "sudo apt-get install docker.io && sudo systemctl start docker",
            Self::RedHat => {
                "sudo dnf config-manager --add-repo https://download.docker.com/linux/rhel/docker-ce.repo && sudo dnf install docker-ce && sudo systemctl start docker"
            }
            Self::Other => "install Docker Engine: https://docs.docker.com/engine/install/",
        }
    }
}
