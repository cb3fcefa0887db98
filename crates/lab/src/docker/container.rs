//! The three kinds of containers that the lab starts, with their privileges.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptions;

use super::owner::Owner;
use crate::plan::Plan;

/// Where members store received files. It is a tmpfs, so the disk does not affect the measurement.
pub const DOWNLOAD_DIR: &str = "/received";
/// The server's port. Each room has its own network, so ports do not collide.
const PORT: u16 = 9000;
/// Shapers take precedence over members on a busy processor: a packet that is released late distorts the network.
const SHAPER_CPU_SHARES: i64 = 8192;

/// What a room must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomSize {
    /// Number of members including the sender.
    pub members: u16,
    /// Size of the largest file in bytes.
    pub file_bytes: u64,
    /// Whether members send with GSO. A shaper treats a GSO batch as one packet, so this must be off if it shapes.
    pub gso: bool,
}

impl RoomSize {
    /// The size of a room for all runs of `plan`, on a shaped network.
    pub(crate) fn of(plan: &Plan) -> Self {
        let cells = || plan.cells.iter();
        Self {
            members: cells().map(|cell| cell.members()).max().unwrap_or(1),
            file_bytes: cells().map(|cell| cell.file_bytes).max().unwrap_or(0),
            gso: false,
        }
    }

    /// Whether a room of this size holds what one of size `other` does.
    pub(crate) fn holds(self, other: Self) -> bool {
        self.members >= other.members && self.file_bytes >= other.file_bytes
    }
}

/// Creates the containers of one owner on an engine.
#[derive(Clone)]
pub(super) struct Containers {
    pub(super) docker: Docker,
    /// The process that creates them.
    pub(super) owner: Owner,
    pub(super) image: String,
}

impl Containers {
    pub(super) async fn create(
        &self,
        body: ContainerCreateBody,
    ) -> Result<String, bollard::errors::Error> {
        let options = None::<CreateContainerOptions>;
        Ok(self.docker.create_container(options, body).await?.id)
    }

    pub(super) fn server(&self, network: &str) -> ContainerCreateBody {
        let host = HostConfig {
            network_mode: Some(network.to_owned()),
            ..unprivileged()
        };
        let port = PORT.to_string();
        let command = ["backroom-server", "0.0.0.0", &port, "--ephemeral"].map(str::to_owned);
        ContainerCreateBody {
            env: Some(self.environment()),
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
        let command = ["backroom-lab", "shaper"].iter().chain(arguments);
        ContainerCreateBody {
            user: Some("0:0".to_owned()),
            ..self.program(command.map(|&word| word.to_owned()), host)
        }
    }

    /// A member in the network namespace of `shaper`. Its received files can take up to `download_bytes`.
    pub(super) fn member(
        &self,
        shaper: &str,
        server: Ipv4Addr,
        name: &str,
        gso: bool,
        download_bytes: u64,
    ) -> ContainerCreateBody {
        let tmpfs = format!("rw,noexec,nosuid,mode=1777,size={download_bytes}");
        let host = HostConfig {
            network_mode: Some(format!("container:{shaper}")),
            tmpfs: Some(HashMap::from([(DOWNLOAD_DIR.to_owned(), tmpfs)])),
            ..unprivileged()
        };
        let gso = if gso { "on" } else { "off" };
        let command = format!(
            "backroom-client {server} {PORT} --name {name} --ephemeral --output json --gso {gso} --download-dir {DOWNLOAD_DIR}"
        );
        ContainerCreateBody {
            env: Some(self.environment()),
            ..self.program(command.split(' ').map(str::to_owned), host)
        }
    }

    /// The password of the room. It is in the environment, since any user can read a command line.
    fn environment(&self) -> Vec<String> {
        vec![format!("BACKROOM_PASSWORD=lab-{}", self.owner.id)]
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

    fn containers() -> Containers {
        let version = bollard::API_DEFAULT_VERSION;
        Containers {
            docker: Docker::connect_with_http("http://localhost:2375", 1, version).unwrap(),
            owner: Owner::this_process(),
            image: "image".to_owned(),
        }
    }

    fn member(containers: &Containers) -> ContainerCreateBody {
        let server = Ipv4Addr::new(10, 0, 0, 2);
        containers.member("shaper", server, "ann", false, 1 << 20)
    }

    #[test]
    fn only_a_shaper_has_a_capability_and_root() {
        let containers = containers();
        for body in [containers.server("network"), member(&containers)] {
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
        let containers = containers();
        let password = format!("lab-{}", containers.owner.id);
        for body in [containers.server("network"), member(&containers)] {
            assert!(!body.entrypoint.unwrap().concat().contains(&password));
            assert_eq!(body.env.unwrap(), [format!("BACKROOM_PASSWORD={password}")]);
        }
    }
}
