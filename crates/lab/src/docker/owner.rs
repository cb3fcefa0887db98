//! Labels that record which process started a container or network, to check whether that process is still running.
//!
//! A lab that is killed cannot clean up, so the next lab does. It must not touch the containers of another lab that is
//! still running on the same engine.

use std::collections::HashMap;
use std::fs;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// The label of all containers and networks of a lab. Its value is [`Owner::id`].
pub(super) const LABEL: &str = "backroom-lab";

/// Identifies a process, even if its PID is reused. Each field is a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// Unique among the labs on an engine, and different for each room of a lab.
    #[serde(rename = "backroom-lab")]
    pub(super) id: String,
    /// The kernel's boot ID.
    #[serde(rename = "backroom-lab.boot")]
    boot: String,
    #[serde(rename = "backroom-lab.host")]
    host: String,
    #[serde(rename = "backroom-lab.pid-namespace")]
    pid_namespace: String,
    #[serde(rename = "backroom-lab.pid")]
    pid: String,
    /// Start time of the process in clock ticks since boot.
    #[serde(rename = "backroom-lab.started")]
    started: String,
}

impl Owner {
    pub(super) fn this_process() -> Self {
        let pid = std::process::id();
        let since_epoch = UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            id: format!("{pid:x}-{:x}", since_epoch.as_millis()),
            boot: first_line("/proc/sys/kernel/random/boot_id"),
            host: first_line("/proc/sys/kernel/hostname"),
            pid_namespace: pid_namespace(),
            started: started(&pid.to_string()).unwrap_or_default(),
            pid: pid.to_string(),
        }
    }

    /// The same process with a separate id for room `number`, so the room can be removed alone.
    pub(super) fn room(&self, number: usize) -> Self {
        Self {
            id: format!("{}-{number}", self.id),
            ..self.clone()
        }
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        serde_json::from_value(serde_json::json!(self)).unwrap_or_default()
    }

    /// Reads an owner from labels. `None` if one is missing.
    pub(super) fn from_labels(labels: &HashMap<String, String>) -> Option<Self> {
        serde_json::from_value(serde_json::json!(labels)).ok()
    }

    /// Whether this process has certainly ended, as far as the process `observer` can see. Processes on another host or
    /// in another PID namespace count as running.
    pub(super) fn has_ended(&self, observer: &Self) -> bool {
        if self.boot != observer.boot {
            return self.host == observer.host;
        }
        self.pid_namespace == observer.pid_namespace
            && started(&self.pid).as_ref() != Some(&self.started)
    }
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Start time of process `pid`. `None` if there is no such process, or it is a zombie.
fn started(pid: &str) -> Option<String> {
    let pid: u32 = pid.parse().ok()?;
    parse_started(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22 of `/proc/PID/stat`, proc_pid_stat(5). The program name is in parentheses and may itself contain spaces
/// and parentheses, so fields are counted after the last `)`: the state comes first, the start time 19 fields later.
fn parse_started(stat: &str) -> Option<String> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_identify_their_owner() {
        let owner = Owner::this_process();
        assert_eq!(Owner::from_labels(&owner.labels()), Some(owner));
        assert_eq!(Owner::from_labels(&HashMap::new()), None);
    }

    #[test]
    fn a_running_process_has_not_ended() {
        let owner = Owner::this_process();
        assert!(!owner.has_ended(&owner));
    }

    #[test]
    fn a_process_has_ended_when_its_pid_is_free_or_reused() {
        let observer = Owner::this_process();
        let reused = Owner {
            started: "1".to_owned(),
            ..observer.clone()
        };
        assert!(reused.has_ended(&observer));
        let free = Owner {
            pid: u32::MAX.to_string(),
            ..observer.clone()
        };
        assert!(free.has_ended(&observer));
    }

    #[test]
    fn a_process_has_ended_when_its_host_was_rebooted() {
        let observer = Owner::this_process();
        assert!(
            Owner {
                boot: "before".to_owned(),
                ..observer.clone()
            }
            .has_ended(&observer)
        );
    }

    #[test]
    fn processes_on_another_host_or_in_another_namespace_count_as_running() {
        let observer = Owner::this_process();
        let elsewhere = Owner {
            boot: "x".to_owned(),
            host: "elsewhere".to_owned(),
            pid: u32::MAX.to_string(),
            ..observer.clone()
        };
        assert!(!elsewhere.has_ended(&observer));
        let contained = Owner {
            pid_namespace: "pid:[1]".to_owned(),
            pid: u32::MAX.to_string(),
            ..observer.clone()
        };
        assert!(!contained.has_ended(&observer));
    }

    #[test]
    fn a_program_name_may_have_spaces_and_parentheses() {
        let stat = "42 (a) Z (b) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 777 1000 0";
        assert_eq!(parse_started(stat).as_deref(), Some("777"));
        let dead = stat.replace(") S ", ") Z ");
        assert_eq!(parse_started(&dead), None);
    }
}
