//! `doctor`: what it makes of machines that are described to it, and that it answers on this one.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::process::Command;

use backroom_lab::doctor::{
    Configured, Distribution, EngineFacts, EngineProblem, Environment, Facts, ImageFacts,
    KernelFacts, Module, Status, diagnose,
};
use backroom_lab::runner::ClockName;
use backroom_provenance::Host;
use backroom_shaper::protocol::{Availability, Support};

const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
const UBUNTU: &str = "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n";
const ROCKY: &str = "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
const ALPINE: &str = "ID=alpine\n";
const WSL2: &str =
    "Linux version 5.15.167.4-microsoft-standard-WSL2 (root@build) (gcc 11.2.0) #1 SMP";
const PLAIN: &str = "Linux version 6.1.0-28-amd64 (debian-kernel@lists.debian.org) #1 SMP";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

const THERE: Module = Module {
    loaded: false,
    installed: Some(true),
    configured: Some(Configured::AsModule),
};
const NOT_INSTALLED: Module = Module {
    loaded: false,
    installed: Some(false),
    configured: Some(Configured::AsModule),
};
const LEFT_OUT: Module = Module {
    loaded: false,
    installed: None,
    configured: Some(Configured::NotSet),
};

/// A machine on which everything works.
fn healthy() -> Facts {
    Facts {
        machine: Some(Ok(support(Ok(()), Ok(())))),
        host: Host {
            kernel: None,
            processor: None,
            cores: 8,
            memory_bytes: Some(16_000_000_000),
        },
        proc_version: PLAIN.to_owned(),
        os_release: DEBIAN.to_owned(),
        kernel: KernelFacts {
            netem: THERE,
            queue: THERE,
            queue_rule: THERE,
        },
        engine: Ok(EngineFacts {
            version: "27.3.1".to_owned(),
            operating_system: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            image: Some(ImageFacts {
                revision: Some(COMMIT.to_owned()),
            }),
            shaping: Some(Ok(support(Ok(()), Ok(())))),
        }),
        docker_host: None,
        engine_installed: true,
        multicast: Some(Ok("eth0".to_owned())),
        commit: COMMIT[..12].to_owned(),
        image: "backroom:latest".to_owned(),
    }
}

fn support(netem: Result<(), &str>, nfqueue: Result<(), &str>) -> Support {
    Support {
        netem: Availability::from(netem),
        nfqueue: Availability::from(nfqueue),
    }
}

/// A healthy machine whose engine can't be used for this reason.
fn without_engine(problem: EngineProblem) -> Facts {
    Facts {
        engine: Err(problem),
        ..healthy()
    }
}

/// A healthy machine whose engine says this of itself.
fn with_engine(change: impl FnOnce(&mut EngineFacts)) -> Facts {
    let mut facts = healthy();
    if let Ok(engine) = &mut facts.engine {
        change(engine);
    }
    facts
}

#[track_caller]
fn assert_check(facts: &Facts, name: &str, status: Status, remedy: &str) {
    let report = diagnose(facts);
    let check = report.check(name).unwrap();
    assert_eq!(check.status, status, "{check:?}");
    let said = check.remedy.as_deref().unwrap_or_default();
    assert!(said.contains(remedy), "{check:?}");
    assert_eq!(said.is_empty(), remedy.is_empty(), "{check:?}");
}

#[track_caller]
fn assert_auto(facts: &Facts, runner: &str, shaper: Option<&str>) {
    let auto = diagnose(facts).auto;
    assert_eq!((auto.runner, auto.shaper), (runner, shaper), "{auto:?}");
}

#[test]
fn a_machine_on_which_everything_works_needs_no_remedy() {
    let report = diagnose(&healthy());
    for check in &report.checks {
        assert_eq!(check.status, Status::Ok, "{check:?}");
        assert_eq!(check.remedy, None, "{check:?}");
    }
    assert_auto(&healthy(), "docker", Some("netem"));
    assert_eq!(diagnose(&healthy()).auto.clock, ClockName::Virtual);
}

#[test]
fn without_a_saved_machine_containers_have_real_time() {
    let none = Facts {
        machine: None,
        ..healthy()
    };
    assert_check(
        &none,
        "virtual",
        Status::NotChecked,
        "just netem-kernel true",
    );
    assert_auto(&none, "docker", Some("netem"));
    assert_eq!(diagnose(&none).auto.clock, ClockName::Real);
    assert!(
        diagnose(&none)
            .text()
            .contains("--shaper netem --clock real")
    );
}

#[test]
fn a_saved_machine_is_tried_and_taken_all_the_same() {
    for failing in [
        Err("it did not answer".to_owned()),
        Ok(support(Err("it did not answer"), Ok(()))),
    ] {
        let facts = Facts {
            machine: Some(failing),
            ..healthy()
        };
        assert_check(&facts, "virtual", Status::NotOk, "--clock real");
        let report = diagnose(&facts);
        let found = &report.check("virtual").unwrap().found;
        assert!(found.contains("it did not answer"), "{found}");
        assert_eq!(report.auto.clock, ClockName::Virtual);
    }
}

#[test]
fn environments_are_told_apart() {
    let wsl2 = Environment::detect(WSL2, UBUNTU, None);
    assert!(wsl2.wsl2 && !wsl2.docker_desktop);
    assert_eq!(wsl2.distribution, Distribution::Debian);
    let desktop = Environment::detect(WSL2, DEBIAN, Some("Docker Desktop"));
    assert!(desktop.wsl2 && desktop.docker_desktop);
    let rocky = Environment::detect(PLAIN, ROCKY, Some("Rocky Linux 9.5"));
    assert_eq!(rocky.distribution, Distribution::RedHat);
    assert!(!rocky.wsl2 && !rocky.docker_desktop);
    let other = Environment::detect("", ALPINE, None);
    assert_eq!(other, Environment::default());
    let first_wsl = "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)";
    assert!(!Environment::detect(first_wsl, UBUNTU, None).wsl2);
}

#[test]
fn without_an_engine_the_way_to_get_one_depends_on_the_machine() {
    let missing = Facts {
        engine_installed: false,
        ..without_engine(EngineProblem::NoSocket)
    };
    assert_check(
        &missing,
        "engine",
        Status::NotOk,
        "apt-get install docker.io",
    );
    assert_check(&missing, "image", Status::NotChecked, "");
    assert_auto(&missing, "sim", None);

    let mut red_hat = missing.clone();
    red_hat.os_release = ROCKY.to_owned();
    assert_check(&red_hat, "engine", Status::NotOk, "dnf install docker-ce");

    let mut wsl2 = missing;
    wsl2.proc_version = WSL2.to_owned();
    assert_check(&wsl2, "engine", Status::NotOk, "WSL integration");
}

#[test]
fn an_engine_that_is_only_not_running_is_started() {
    let mut stopped = without_engine(EngineProblem::NotRunning);
    assert_check(
        &stopped,
        "engine",
        Status::NotOk,
        "sudo systemctl start docker",
    );
    stopped.proc_version = WSL2.to_owned();
    assert_check(
        &stopped,
        "engine",
        Status::NotOk,
        "sudo service docker start",
    );
}

#[test]
fn a_socket_that_is_not_for_this_user_is_opened_to_him() {
    let denied = without_engine(EngineProblem::NoPermission);
    assert_check(&denied, "engine", Status::NotOk, "usermod -aG docker");
    assert_auto(&denied, "sim", None);
}

#[test]
fn an_engine_that_the_environment_names_in_vain_is_named() {
    let elsewhere = Facts {
        docker_host: Some("tcp://10.0.0.1:2375".to_owned()),
        ..without_engine(EngineProblem::Silent)
    };
    assert_check(&elsewhere, "engine", Status::NotOk, "unset DOCKER_HOST");
    let report = diagnose(&elsewhere);
    assert!(report.check("engine").unwrap().found.contains("10.0.0.1"));
}

#[test]
fn an_engine_without_the_image_gets_one() {
    let bare = with_engine(|engine| {
        engine.image = None;
        engine.shaping = None;
    });
    assert_check(&bare, "image", Status::NotOk, "just image");
    assert_check(&bare, "netem", Status::Ok, "");
    assert_auto(&bare, "sim", None);
}

#[test]
fn an_image_of_another_commit_is_built_again() {
    let revision = |revision: Option<&str>| {
        let image = ImageFacts {
            revision: revision.map(str::to_owned),
        };
        with_engine(|engine| engine.image = Some(image))
    };
    let other = revision(Some("fedcba9876543210fedcba9876543210fedcba98"));
    assert_check(&other, "image", Status::NotOk, "just image");
    assert_check(
        &revision(Some("unknown")),
        "image",
        Status::NotOk,
        "just image",
    );
    assert_check(&revision(None), "image", Status::NotOk, "just image");
    // It would be taken all the same.
    assert_auto(&other, "docker", Some("netem"));

    let changed = revision(Some(&format!("{COMMIT}-dirty")));
    assert_check(&changed, "image", Status::Ok, "");
    let found = &diagnose(&changed).check("image").unwrap().found.clone();
    assert!(found.contains("may differ"), "{found}");
}

#[test]
fn without_netem_nfqueue_is_taken() {
    let lacking = with_engine(|engine| {
        engine.shaping = Some(Ok(support(Err("this kernel has no netem"), Ok(()))));
    });
    let lacking = Facts {
        kernel: KernelFacts {
            netem: LEFT_OUT,
            ..lacking.kernel
        },
        machine: None,
        ..lacking
    };
    assert_check(&lacking, "netem", Status::NotOk, "--clock virtual");
    assert_check(&lacking, "nfqueue", Status::Ok, "");
    assert_auto(&lacking, "docker", Some("nfqueue"));

    let mut wsl2 = lacking.clone();
    wsl2.proc_version = WSL2.to_owned();
    assert_check(&wsl2, "netem", Status::NotOk, "wsl --update");

    let mut desktop = lacking.clone();
    if let Ok(engine) = &mut desktop.engine {
        engine.operating_system = "Docker Desktop".to_owned();
    }
    assert_check(&desktop, "netem", Status::NotOk, "update Docker Desktop");

    let mut red_hat = lacking;
    red_hat.os_release = ROCKY.to_owned();
    red_hat.kernel.netem = NOT_INSTALLED;
    assert_check(&red_hat, "netem", Status::NotOk, "kernel-modules-extra");
}

#[test]
fn with_neither_netem_nor_nfqueue_the_simulator_is_named() {
    let mut neither = with_engine(|engine| {
        engine.shaping = Some(Ok(support(Err("no netem"), Err("no queue"))));
    });
    neither.machine = None;
    let auto = diagnose(&neither).auto;
    assert_eq!((auto.runner, auto.shaper), ("docker", None));
    assert!(auto.why.contains("--runner sim"), "{auto:?}");
    assert_check(
        &neither,
        "nfqueue",
        Status::NotOk,
        "sudo modprobe -a nfnetlink_queue xt_NFQUEUE",
    );
}

#[test]
fn a_kernel_that_says_nothing_is_not_judged() {
    let mut silent = without_engine(EngineProblem::NoSocket);
    silent.kernel = KernelFacts::default();
    assert_check(&silent, "netem", Status::NotChecked, "just image");
    let found = diagnose(&silent).check("netem").unwrap().found.clone();
    assert!(found.contains("needs root"), "{found}");

    // Nor is the kernel of Docker Desktop by this one.
    let desktop = with_engine(|engine| {
        engine.operating_system = "Docker Desktop".to_owned();
        engine.image = None;
        engine.shaping = None;
    });
    assert_check(&desktop, "netem", Status::NotChecked, "just image");
}

#[test]
fn both_halves_of_nfqueue_are_needed() {
    let mut half = without_engine(EngineProblem::NoSocket);
    half.kernel.queue_rule = LEFT_OUT;
    assert_check(&half, "nfqueue", Status::NotOk, "netem");
}

#[test]
fn a_container_that_did_not_answer_in_time_leaves_it_open() {
    let mut slow = with_engine(|engine| {
        engine.shaping = Some(Err("no container answered within 2s".to_owned()));
    });
    slow.machine = None;
    let report = diagnose(&slow);
    let netem = report.check("netem").unwrap();
    assert_eq!(netem.status, Status::Ok);
    assert!(netem.found.contains("within 2s"), "{netem:?}");
    assert_auto(&slow, "docker", None);
}

#[test]
fn multicast_that_nobody_hears_is_said_with_the_interfaces() {
    let silent = |interfaces: &[&str]| Facts {
        multicast: Some(Err(interfaces
            .iter()
            .map(|name| (*name).to_owned())
            .collect())),
        ..healthy()
    };
    assert_check(&silent(&["eth0"]), "multicast", Status::NotOk, "-i eth0");
    assert_check(&silent(&[]), "multicast", Status::NotOk, "multicast on");
    let unknown = Facts {
        multicast: None,
        ..healthy()
    };
    assert_check(&unknown, "multicast", Status::NotChecked, "");
}

#[test]
fn a_small_machine_is_told_how_to_grow() {
    let mut small = healthy();
    small.host.cores = 1;
    assert_check(&small, "machine", Status::NotOk, "--runner sim");
    small.proc_version = WSL2.to_owned();
    assert_check(&small, "machine", Status::NotOk, ".wslconfig");
}

/// The program on this machine, away from any engine.
fn doctor(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_backroom-lab"))
        .arg("doctor")
        .args(arguments)
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_succeeds_without_an_engine_since_the_simulator_always_works() {
    let text = doctor(&[]);
    assert!(
        text.contains("DOCKER_HOST is unix:///nonexistent/docker.sock"),
        "{text}"
    );
    assert!(text.contains("`run` uses --runner sim"), "{text}");
}

#[test]
fn json_says_the_same_for_machines() {
    let report: serde_json::Value = serde_json::from_str(&doctor(&["--json"])).unwrap();
    assert_eq!(report["auto"]["runner"], "sim");
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "simulator",
            "engine",
            "image",
            "netem",
            "nfqueue",
            "virtual",
            "multicast",
            "machine"
        ]
    );
    assert_eq!(checks[0]["status"], "ok");
    assert_eq!(checks[1]["status"], "not_ok");
}
