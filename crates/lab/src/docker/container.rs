//! The three kinds of containers that the lab starts, with their privileges.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, HostConfig};

use super::owner::Owner;

/// Where members store received files. It is a tmpfs, so the disk does not affect the measurement.
pub(super) const DOWNLOAD_DIR: &str = "/received";
/// Shapers take precedence over members on a busy processor: a packet that is released late distorts the network.
const SHAPER_CPU_SHARES: i64 = 8192;

/// Settings that all containers of a lab share.
pub(super) struct Containers<'a> {
    /// The process that starts them.
    pub(super) owner: &'a Owner,
    pub(super) image: &'a str,
    /// Whether members send with GSO. Must be off if the network is shaped: a shaper delays and drops a GSO batch as
    /// one packet.
    pub(super) gso: bool,
}

impl Containers<'_> {
    /// The room's server on `network`. It gets the password in its environment, since any user can read a command line.
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

    /// The shaper of a member. It starts first and owns the network namespace, so the network stays the same when the
    /// member leaves and returns.
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

    /// A member in the network namespace of `shaper`. Its received files can take up to `download_bytes`.
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

/// No capabilities, and no way to gain any.
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
    fn the_password_is_not_in_a_command_line() {
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
