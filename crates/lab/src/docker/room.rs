//! A room in containers: a separate network, the server, and members with their shapers.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use backroom_vocabulary::event::Event;
use bollard::Docker;
use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::CreateContainerOptions;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RoomError;
use super::attached::{Attached, ProgramError};
use super::container::Containers;
use super::member::{KEPT_BYTES, Member, RoomAddress};
use super::side::{SideContainer, address};
use crate::runner::Shaper;

/// The server's port. Each room has its own network, so ports do not collide.
const PORT: u16 = 9000;
const SERVER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit until the sender is notified of all members that joined or left.
const MEMBERSHIP_TIMEOUT: Duration = Duration::from_secs(20);
/// How many containers to create, or members to join, at the same time. The engine does not get faster with more.
const MAX_CONCURRENT: usize = 4;
/// Free space for a member: 64 MiB that the client keeps free, and room for the calibration's file.
const SPARE_BYTES: u64 = 96 << 20;
/// The MTU of Ethernet, so packets are fragmented as on a LAN.
const MTU: &str = "1500";

/// The required size of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoomSize {
    /// Number of members including the sender.
    pub(super) members: u16,
    /// Size of the largest file in bytes.
    pub(super) file_bytes: u64,
}

/// A room with its server and members. The first member is the sender.
pub(super) struct Room {
    /// Never empty.
    members: Vec<Member>,
    /// Paths of the sender's files, by their sizes in bytes.
    files: HashMap<u64, String>,
    /// Kept because the server's stdin closes when this is dropped.
    _server: Attached,
}

impl Room {
    /// Starts the containers and waits until the sender sees all members. Checks `cancelled` between steps rather than
    /// aborting one, so that no container is still being created when the caller removes them all.
    pub(super) async fn open(
        docker: &Docker,
        containers: &Containers<'_>,
        shaper: Shaper,
        size: RoomSize,
        cancelled: &CancellationToken,
    ) -> Result<Self, RoomError> {
        let network = create_network(docker, containers).await?;
        check_cancelled(cancelled)?;
        let password = format!("lab-{}", containers.owner.id);
        let (server, address) = start_server(docker, containers, &network, &password).await?;
        let room = RoomAddress {
            address: &address,
            port: PORT,
            password: &password,
            download_bytes: 2 * size.file_bytes + KEPT_BYTES + SPARE_BYTES,
        };
        let members = stream::iter(0..size.members)
            .map(|number| {
                create_member(
                    docker, containers, &network, shaper, number, &room, cancelled,
                )
            })
            .buffered(MAX_CONCURRENT)
            .try_collect()
            .await?;
        check_cancelled(cancelled)?;
        let mut room = Self {
            members,
            files: HashMap::new(),
            _server: server,
        };
        room.set_present(docker, size.members).await?;
        Ok(room)
    }

    pub(super) fn sender(&mut self) -> &mut Member {
        &mut self.members[0]
    }

    /// All members, the sender first, including those that are not in the room.
    pub(super) fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Number of members in the room including the sender.
    pub(super) fn present(&self) -> u16 {
        self.members
            .iter()
            .map(|member| u16::from(member.is_present()))
            .sum()
    }

    /// Makes the first `present` members join and all others leave. Waits until the sender has been notified.
    pub(super) async fn set_present(
        &mut self,
        docker: &Docker,
        present: u16,
    ) -> Result<(), RoomError> {
        let (sender, others) = self.members.split_first_mut().ok_or(RoomError::Empty)?;
        if !sender.is_present() {
            sender.join(docker).await?;
        }
        let (staying, leaving) =
            others.split_at_mut(usize::from(present.saturating_sub(1)).min(others.len()));
        let leaving: Vec<_> = leaving
            .iter_mut()
            .filter(|member| member.is_present())
            .collect();
        let joining: Vec<_> = staying
            .iter_mut()
            .filter(|member| !member.is_present())
            .collect();
        let mut pending: HashSet<String> = leaving
            .iter()
            .chain(&joining)
            .map(|member| member.name.clone())
            .collect();
        try_join_all(leaving.into_iter().map(|member| member.leave(docker))).await?;
        stream::iter(joining)
            .map(|member| member.join(docker))
            .buffered(MAX_CONCURRENT)
            .try_collect::<()>()
            .await?;
        if pending.is_empty() {
            return Ok(());
        }
        let all_known = sender.wait_for(Instant::now() + MEMBERSHIP_TIMEOUT, |event| {
            if let Event::MemberJoined { name } | Event::MemberLeft { name } = event {
                pending.remove(&name);
            }
            pending.is_empty()
        });
        all_known.await
    }

    /// The path of a file of `bytes` at the sender. Uploads the file if necessary.
    pub(super) async fn file(&mut self, docker: &Docker, bytes: u64) -> Result<String, RoomError> {
        if let Some(path) = self.files.get(&bytes) {
            return Ok(path.clone());
        }
        let path = self.members[0].upload(docker, bytes).await?;
        self.files.insert(bytes, path.clone());
        Ok(path)
    }
}

fn check_cancelled(cancelled: &CancellationToken) -> Result<(), RoomError> {
    if cancelled.is_cancelled() {
        Err(RoomError::Cancelled)
    } else {
        Ok(())
    }
}

/// Creates a bridge network without masquerading, so hosts outside cannot reply. A Docker `internal` network would not
/// work: its firewall rules drop everything that is not for the bridge's addresses, including IP multicast.
async fn create_network(docker: &Docker, containers: &Containers<'_>) -> Result<String, RoomError> {
    let name = format!("backroom-lab-{}", containers.owner.id);
    let options = [
        ("com.docker.network.driver.mtu", MTU),
        ("com.docker.network.bridge.enable_ip_masquerade", "false"),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let request = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
        options: Some(HashMap::from(options)),
        labels: Some(containers.owner.labels()),
        ..NetworkCreateRequest::default()
    };
    docker.create_network(request).await?;
    Ok(name)
}

async fn start_server(
    docker: &Docker,
    containers: &Containers<'_>,
    network: &str,
    password: &str,
) -> Result<(Attached, String), RoomError> {
    let body = containers.server(network, PORT, password);
    let id = docker
        .create_container(None::<CreateContainerOptions>, body)
        .await?
        .id;
    let mut server = Attached::start(docker, &id, "the server").await?;
    let deadline = Instant::now() + SERVER_TIMEOUT;
    while !server
        .next_line(deadline)
        .await?
        .contains("Server is online")
    {}
    let address = address(docker, &id, network)
        .await?
        .map(|address| address.to_string())
        .ok_or_else(|| ProgramError::Ended {
            name: "the server".to_owned(),
            errors: Vec::new(),
        })?;
    Ok((server, address))
}

async fn create_member(
    docker: &Docker,
    containers: &Containers<'_>,
    network: &str,
    shaper: Shaper,
    number: u16,
    room: &RoomAddress<'_>,
    cancelled: &CancellationToken,
) -> Result<Member, RoomError> {
    check_cancelled(cancelled)?;
    let name = if number == 0 {
        "sender".to_owned()
    } else {
        format!("member-{number}")
    };
    let side = SideContainer::start(
        docker,
        containers,
        network,
        shaper,
        &format!("the shaper of {name}"),
    )
    .await?;
    check_cancelled(cancelled)?;
    Member::create(docker, containers, side, name, room).await
}
