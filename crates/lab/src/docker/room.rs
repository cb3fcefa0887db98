//! A room in containers: a network of its own, the server, and members with their shapers.

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
use super::attached::{Attached, TalkError};
use super::container::Containers;
use super::member::{KEPT_BYTES, Member, RoomAddress};
use super::side::{SideContainer, address};
use crate::runner::Shaper;

/// The room's own network has nobody else on this port.
const PORT: u16 = 9000;
const SERVER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the news that somebody joined or left may take to the sender.
const NEWS_TIMEOUT: Duration = Duration::from_secs(20);
/// Containers that are created at the same time. More make an engine slower, not faster.
const AT_ONCE: usize = 4;
/// What a client wants to stay free, 64 MiB, and the file of the calibration.
const SPARE_BYTES: u64 = 96 << 20;
/// An Ethernet's, so that a segment meets what it meets on a LAN.
const MTU: &str = "1500";

/// What a room has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoomSize {
    /// Members, the sender among them.
    pub(super) members: u16,
    /// The largest file.
    pub(super) file_bytes: u64,
}

/// A room with everybody in it. The first member sends.
pub(super) struct Room {
    /// Never empty.
    members: Vec<Member>,
    /// Sizes of the files that the sender has, and where.
    files: HashMap<u64, String>,
    /// Ends when it is dropped.
    _server: Attached,
}

impl Room {
    /// Starts everything, and waits until all members see each other. Between two steps it looks whether it was
    /// `cancelled`, so that nothing is being created when all is removed.
    pub(super) async fn open(
        docker: &Docker,
        containers: &Containers<'_>,
        shaper: Shaper,
        size: RoomSize,
        cancelled: &CancellationToken,
    ) -> Result<Self, RoomError> {
        let network = create_network(docker, containers).await?;
        check(cancelled)?;
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
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        check(cancelled)?;
        let mut room = Self {
            members,
            files: HashMap::new(),
            _server: server,
        };
        room.gather(docker, size.members).await?;
        Ok(room)
    }

    /// The sender.
    pub(super) fn sender(&mut self) -> &mut Member {
        &mut self.members[0]
    }

    /// Everybody, the sender first.
    pub(super) fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// How many are in the room, the sender among them.
    pub(super) fn present(&self) -> u16 {
        self.members
            .iter()
            .map(|member| u16::from(member.is_present()))
            .sum()
    }

    /// Sees to it that the first `present` members are in the room, and no others.
    pub(super) async fn gather(&mut self, docker: &Docker, present: u16) -> Result<(), RoomError> {
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
        let mut news: HashSet<String> = leaving
            .iter()
            .chain(&joining)
            .map(|member| member.name.clone())
            .collect();
        try_join_all(leaving.into_iter().map(|member| member.leave(docker))).await?;
        stream::iter(joining)
            .map(|member| member.join(docker))
            .buffered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        if news.is_empty() {
            return Ok(());
        }
        let all_known = sender.wait_for(Instant::now() + NEWS_TIMEOUT, |event| {
            if let Event::MemberJoined { name } | Event::MemberLeft { name } = event {
                news.remove(&name);
            }
            news.is_empty()
        });
        all_known.await
    }

    /// Where the sender has a file of `bytes`.
    pub(super) async fn file(&mut self, docker: &Docker, bytes: u64) -> Result<String, RoomError> {
        if let Some(path) = self.files.get(&bytes) {
            return Ok(path.clone());
        }
        let path = self.members[0].upload(docker, bytes).await?;
        self.files.insert(bytes, path.clone());
        Ok(path)
    }
}

fn check(cancelled: &CancellationToken) -> Result<(), RoomError> {
    if cancelled.is_cancelled() {
        Err(RoomError::Cancelled)
    } else {
        Ok(())
    }
}

/// A bridge that leads nowhere else: nobody translates its addresses, so nothing answers from outside. One that Docker calls
/// internal would lead to no group either, since its rules drop what is not for the bridge's own addresses.
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
        .ok_or_else(|| TalkError::Ended {
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
    check(cancelled)?;
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
    check(cancelled)?;
    Member::create(docker, containers, side, name, room).await
}
