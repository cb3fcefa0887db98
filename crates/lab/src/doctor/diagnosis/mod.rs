//! Derives a report from the facts, without accessing the machine.

mod engine;
mod shaping;

use super::facts::{EngineFacts, Facts, MulticastFacts};
use super::report::{Auto, Check, Report, Status};
use super::{Distribution, Environment};

/// One processor each for a sender and a receiver.
const MIN_CORES: usize = 2;
/// Enough for the containers of 32 receivers and their received files.
const MIN_MEMORY_BYTES: u64 = 2_000_000_000;

/// Checks what works and suggests fixes for the rest.
pub fn diagnose(facts: &Facts) -> Report {
    let system = facts.engine.as_ref().ok();
    let environment = Environment::detect(
        &facts.host.proc_version,
        &facts.host.os_release,
        system.map(|engine| engine.operating_system.as_str()),
    );
    let netem = shaping::netem(facts, environment);
    let nfqueue = shaping::nfqueue(facts, environment);
    let auto = auto(facts, &netem, &nfqueue);
    let checks = vec![
        Check::ok("simulator", "has no requirements"),
        engine::engine(facts, environment),
        engine::image(facts),
        netem,
        nfqueue,
        multicast(facts.multicast.as_ref()),
        machine(facts, environment),
    ];
    Report {
        environment,
        checks,
        auto,
    }
}

/// What `run` uses without `--runner` and `--shaper`, with the reason.
fn auto(facts: &Facts, netem: &Check, nfqueue: &Check) -> Auto {
    let simulate = |why: &str| Auto {
        runner: "sim",
        shaper: None,
        why: why.to_owned(),
    };
    let in_containers = |shaper, why: &str| Auto {
        runner: "docker",
        shaper,
        why: why.to_owned(),
    };
    match &facts.engine {
        Err(_) => simulate("no engine can be used"),
        Ok(EngineFacts { image: None, .. }) => {
            simulate("the engine responds but does not have the image")
        }
        Ok(EngineFacts {
            shaping: Some(Ok(_)),
            ..
        }) => match (netem.status, nfqueue.status) {
            (Status::Ok, _) => in_containers(Some("netem"), "the engine's kernel supports netem"),
            (_, Status::Ok) => in_containers(
                Some("nfqueue"),
                "the engine's kernel does not support netem",
            ),
            _ => in_containers(
                None,
                "fails, because the containers' network cannot be shaped here; use --runner sim",
            ),
        },
        Ok(_) => in_containers(
            None,
            "netem if the engine's kernel supports it, otherwise nfqueue",
        ),
    }
}

fn multicast(facts: Option<&MulticastFacts>) -> Check {
    const NAME: &str = "multicast";
    match facts {
        None => Check::not_checked(NAME, "the test did not finish in time", None),
        Some(MulticastFacts::Heard { interface }) => Check::ok(
            NAME,
            format!(
                "received on {interface}; this does not test whether the LAN forwards multicast"
            ),
        ),
        Some(MulticastFacts::Deaf { interfaces }) => match interfaces.first() {
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
    let distribution = host
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
    let remedy = match environment {
        Environment { wsl2: true, .. } => {
            "in %UserProfile%\\.wslconfig, under [wsl2]: processors=4 and memory=8GB; then in Windows: wsl --shutdown"
        }
        Environment {
            docker_desktop: true,
            ..
        } => "assign more processors and memory in Docker Desktop, Settings, Resources",
        _ => "containers need two cores and 2 GB of memory; with less, use --runner sim",
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
