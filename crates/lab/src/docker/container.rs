//! The three kinds of containers that a lab starts, and what each may do.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, HostConfig};

use super::owner::Owner;

/// Where members keep what they receive: in memory, so that no disk is measured.
pub(super) const DOWNLOAD_DIR: &str = "/received";
/// Shapers are served before members when both want the processor: a packet let go late falsifies the network.
const SHAPER_CPU_SHARES: i64 = 8192;

/// What is the same for every container of a lab.
pub(super) struct Containers<'a> {
    /// Who starts them.
    pub(super) owner: &'a Owner,
    /// What they run.
    pub(super) image: &'a str,
    /// Whether members send in batches. Where the network is shaped they must not: a batch would be shaped, and lost, as
    /// one packet.
    pub(super) gso: bool,
}

impl Containers<'_> {
    /// The room's server, on `network`.
    pub(super) fn server(&self, network: &str, port: u16, password: &str) -> ContainerCreateBody {
        let host = HostConfig {
            network_mode: Some(network.to_owned()),
            ..unprivileged()
        };
        let command = ["backroom-server", "0.0.0.0", &port.to_string()].map(str::to_owned);
        let environment = vec![format!("BACKROOM_PASSWORD={password}")];
        ContainerCreateBody {
            env: Some(environment),
            ..self.program(command, host)
        }
    }

    /// The shaper of a member. It is there first and holds the network namespace, so that a member can leave and come
    /// back without the network changing.
    pub(super) fn shaper(&self, network: &str, arguments: &[&str]) -> ContainerCreateBody {
        let host = HostConfig {
            network_mode: Some(network.to_owned()),
            cap_add: Some(vec!["NET_ADMIN".to_owned()]),
            cpu_shares: Some(SHAPER_CPU_SHARES),
            ..unprivileged()
        };
        let command = ["backroom-lab", "shaper"]
            .iter()
            .chain(arguments)
            .map(|&word| word.to_owned());
        ContainerCreateBody {
            user: Some("0:0".to_owned()),
            ..self.program(command, host)
        }
    }

    /// A member in the network namespace of `shaper`. What it receives may take up `download_bytes`.
    pub(super) fn member(
        &self,
        shaper: &str,
        server: (&str, u16),
        name: &str,
        password: &str,
        download_bytes: u64,
    ) -> ContainerCreateBody {
        let tmpfs = format!("rw,noexec,nosuid,mode=1777,size={download_bytes}");
        let host = HostConfig {
            network_mode: Some(format!("container:{shaper}")),
            tmpfs: Some(HashMap::from([(DOWNLOAD_DIR.to_owned(), tmpfs)])),
            ..unprivileged()
        };
        let (address, port) = (server.0, server.1.to_string());
        let command = [
            "backroom-client",
            address,
            &port,
            "--name",
            name,
            "--output",
            "json",
            "--gso",
            if self.gso { "on" } else { "off" },
        ]
        .into_iter()
        .chain(["--download-dir", DOWNLOAD_DIR])
        .map(str::to_owned);
        let environment = vec![format!("BACKROOM_PASSWORD={password}")];
        ContainerCreateBody {
            env: Some(environment),
            ..self.program(command, host)
        }
    }

    fn program(
        &self,
        command: impl IntoIterator<Item = String>,
        host_config: HostConfig,
    ) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            labels: Some(self.owner.labels()),
            entrypoint: Some(command.into_iter().collect()),
            cmd: Some(Vec::new()),
            open_stdin: Some(true),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            host_config: Some(host_config),
            ..ContainerCreateBody::default()
        }
    }
}

/// No capability, and no way to get one.
fn unprivileged() -> HostConfig {
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        ..HostConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shaper_has_a_capability_and_root() {
        let owner = Owner::this_process();
        let containers = Containers {
            owner: &owner,
            image: "image",
            gso: false,
        };
        let server = containers.server("network", 9000, "secret");
        let member = containers.member("shaper", ("10.0.0.2", 9000), "ann", "secret", 1 << 20);
        for body in [&server, &member] {
            let host = body.host_config.as_ref().unwrap();
            assert_eq!(host.cap_add, None);
            assert_eq!(host.privileged, None);
            assert_eq!(host.cap_drop.as_deref(), Some(&["ALL".to_owned()][..]));
            assert_eq!(body.user, None, "the image's own user");
        }
        let shaper = containers.shaper("network", &["--probe"]);
        let host = shaper.host_config.unwrap();
        assert_eq!(host.cap_add.unwrap(), ["NET_ADMIN"]);
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
    }

    #[test]
    fn the_password_is_in_no_command_line() {
        let owner = Owner::this_process();
        let containers = Containers {
            owner: &owner,
            image: "image",
            gso: false,
        };
        let server = containers.server("network", 9000, "secret");
        let member = containers.member("shaper", ("10.0.0.2", 9000), "ann", "secret", 1 << 20);
        for body in [server, member] {
            assert!(!body.entrypoint.unwrap().concat().contains("secret"));
            assert_eq!(body.env.unwrap(), ["BACKROOM_PASSWORD=secret"]);
        }
    }
}
