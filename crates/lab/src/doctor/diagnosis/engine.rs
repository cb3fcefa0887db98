//! The engine and its image.

use crate::doctor::facts::{EngineProblem, Facts};
use crate::doctor::report::Check;
use crate::doctor::{Distribution, Environment};

pub(super) fn engine(facts: &Facts, environment: Environment) -> Check {
    const NAME: &str = "engine";
    let problem = match &facts.engine {
        Ok(engine) => {
            let found = format!("Docker {} on {}", engine.version, engine.operating_system);
            return Check::ok(NAME, found);
        }
        Err(problem) => problem,
    };
    if let Some(host) = &facts.docker_host
        && *problem != EngineProblem::NoPermission
    {
        let found = format!(
            "DOCKER_HOST is {host}, where none can be used: {}",
            why(problem)
        );
        return Check::not_ok(
            NAME,
            found,
            "start that engine, or take this machine's own: unset DOCKER_HOST",
        );
    }
    Check::not_ok(NAME, why(problem), remedy(problem, facts, environment))
}

fn why(problem: &EngineProblem) -> String {
    match problem {
        EngineProblem::NoSocket => "none runs: its socket is not there".to_owned(),
        EngineProblem::NoPermission => "this user may not use its socket".to_owned(),
        EngineProblem::NotRunning => "none runs: nobody listens at its socket".to_owned(),
        EngineProblem::Silent => "it does not answer".to_owned(),
        EngineProblem::Other(message) => message.clone(),
    }
}

fn remedy(problem: &EngineProblem, facts: &Facts, environment: Environment) -> String {
    // WSL2 has systemd only where somebody switched it on.
    let restart = match environment.wsl2 {
        true => "sudo service docker restart",
        false => "sudo systemctl restart docker",
    };
    match problem {
        EngineProblem::NoPermission => {
            "sudo usermod -aG docker \"$USER\" && newgrp docker".to_owned()
        }
        EngineProblem::NoSocket | EngineProblem::NotRunning if facts.engine_installed => {
            restart.replace("restart", "start")
        }
        EngineProblem::NoSocket | EngineProblem::NotRunning if environment.wsl2 => {
            let own = match environment.distribution {
                Distribution::Debian => {
                    "sudo apt-get install docker.io && sudo service docker start"
                }
                other => other.install_engine(),
            };
            format!(
                "start Docker Desktop and switch on Settings, Resources, WSL integration for this distribution; or without it: {own}"
            )
        }
        EngineProblem::NoSocket | EngineProblem::NotRunning => {
            environment.distribution.install_engine().to_owned()
        }
        EngineProblem::Silent | EngineProblem::Other(_) => restart.to_owned(),
    }
}

pub(super) fn image(facts: &Facts) -> Check {
    const NAME: &str = "image";
    const BUILD: &str = "just image";
    let name = &facts.build.image;
    let Ok(engine) = &facts.engine else {
        return Check::not_checked(NAME, "needs an engine", None);
    };
    let Some(image) = &engine.image else {
        return Check::not_ok(NAME, format!("the engine has no {name}"), BUILD);
    };
    let here = &facts.build.commit;
    let Some(there) = &image.revision else {
        let found = format!("{name} does not say what it was built from; this program is {here}");
        return Check::not_ok(NAME, found, BUILD);
    };
    match (commit(here), commit(there)) {
        (Some(one), Some(other)) if one.starts_with(other) || other.starts_with(one) => {
            let changed = here.ends_with("-dirty") || there.ends_with("-dirty");
            let doubt = match changed {
                true => ", with changes that were not committed, so the two may differ",
                false => ", as this program",
            };
            Check::ok(
                NAME,
                format!("{name} is built from {}{doubt}", short(there)),
            )
        }
        _ => {
            let found = format!(
                "{name} is built from {}, this program from {}",
                short(there),
                short(here)
            );
            Check::not_ok(NAME, found, BUILD)
        }
    }
}

/// The hash without the mark for changes. `None` where it is none.
fn commit(revision: &str) -> Option<&str> {
    let hash = revision.trim_end_matches("-dirty");
    (hash.len() >= 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

/// As much of a revision as people compare.
fn short(revision: &str) -> String {
    let dirty = if revision.ends_with("-dirty") {
        "-dirty"
    } else {
        ""
    };
    match commit(revision) {
        Some(hash) => format!("{}{dirty}", &hash[..hash.len().min(12)]),
        None => revision.to_owned(),
    }
}
