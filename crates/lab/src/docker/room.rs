//! A room in containers: a separate network, the server, and members with their shapers.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use backroom_shaper::protocol::{ShaperConfig, ShaperStats};
use backroom_vocabulary::event::Event;
use bollard::models::NetworkCreateRequest;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RoomError;
use super::attached::Attached;
use super::container::{Containers, RoomSize};
use super::member::Member;
use super::side::{SideContainer, address};
use crate::runner::Shaper;

const SERVER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit until the sender is notified of all members that joined or left.
const MEMBERSHIP_TIMEOUT: Duration = Duration::from_secs(20);
/// How many containers to create, or members to join, at the same time. The engine does not get faster with more.
const MAX_CONCURRENT: usize = 4;
/// The MTU of Ethernet, so packets are fragmented as on a LAN.
const MTU: &str = "1500";

pub(super) struct Room {
    /// All members, the sender first, including those that are not in the room.
    pub(super) members: Vec<Member>,
    /// Paths of the sender's files, by their sizes in bytes.
    files: HashMap<u64, String>,
    /// Kept because the server's stdin closes when this is dropped.
    _server: Attached,
}

impl Room {
    /// Starts the containers and waits until the sender sees all members. Checks `cancelled` between steps rather than
    /// aborting one, so that no container is still being created when the caller removes them all.
    pub(super) async fn open(
        containers: &Containers,
        shaper: Shaper,
        size: RoomSize,
        cancelled: &CancellationToken,
    ) -> Result<Self, RoomError> {
        let check_cancelled = || match cancelled.is_cancelled() {
            true => Err(RoomError::Cancelled),
            false => Ok(()),
        };
        let network = &create_network(containers).await?;
        check_cancelled()?;
        let (server, address) = start_server(containers, network).await?;
        let create_member = async |number: u16| {
            check_cancelled()?;
            let name = match number {
                0 => "sender".to_owned(),
                number => format!("member-{number}"),
            };
            let side = SideContainer::start(containers, network, shaper, &name).await?;
            check_cancelled()?;
            Member::create(containers, side, name, address, size).await
        };
        let members = stream::iter(0..size.members)
            .map(create_member)
            .buffered(MAX_CONCURRENT)
            .try_collect()
            .await?;
        check_cancelled()?;
        let mut room = Self {
            members,
            files: HashMap::new(),
            _server: server,
        };
        room.set_present(size.members).await?;
        Ok(room)
    }

    /// Number of members in the room including the sender.
    pub(super) fn present(&self) -> u16 {
        let present = self.members.iter().filter(|member| member.is_present());
        present.count() as u16
    }

    /// Makes the first `present` members join and all others leave. Waits until the sender has been notified.
    pub(super) async fn set_present(&mut self, present: u16) -> Result<(), RoomError> {
        let (sender, others) = self.members.split_at_mut(1);
        let sender = &mut sender[0];
        if !sender.is_present() {
            sender.join().await?;
        }
        let staying = usize::from(present.saturating_sub(1)).min(others.len());
        let (staying, leaving) = others.split_at_mut(staying);
        let leaving: Vec<_> = leaving.iter_mut().filter(|one| one.is_present()).collect();
        let joining: Vec<_> = staying.iter_mut().filter(|one| !one.is_present()).collect();
        let changing = leaving.iter().chain(&joining);
        let mut pending: HashSet<String> = changing.map(|member| member.name.clone()).collect();
        try_join_all(leaving.into_iter().map(Member::leave)).await?;
        stream::iter(joining)
            .map(Member::join)
            .buffered(MAX_CONCURRENT)
            .try_collect::<()>()
            .await?;
        let deadline = Instant::now() + MEMBERSHIP_TIMEOUT;
        while !pending.is_empty() {
            if let Event::MemberJoined { name } | Event::MemberLeft { name } =
                sender.next_event(deadline).await?
            {
                pending.remove(&name);
            }
        }
        Ok(())
    }

    /// The path of a file of `bytes` at the sender. Uploads the file if necessary.
    pub(super) async fn file(&mut self, bytes: u64) -> Result<String, RoomError> {
        if let Some(path) = self.files.get(&bytes) {
            return Ok(path.clone());
        }
        let path = self.members[0].upload(bytes).await?;
        self.files.insert(bytes, path.clone());
        Ok(path)
    }

    /// Configures the shapers of the first members, one for each configuration.
    pub(super) async fn configure(
        &mut self,
        configs: impl IntoIterator<Item = ShaperConfig>,
    ) -> Result<(), RoomError> {
        let members = self.members.iter_mut().zip(configs);
        let configured = members.map(|(member, config)| member.side.configure(config));
        try_join_all(configured).await.map(drop)
    }

    /// The counters of the first `members` shapers.
    pub(super) async fn shaper_stats(
        &mut self,
        members: u16,
    ) -> Result<Vec<ShaperStats>, RoomError> {
        let members = self.members.iter_mut().take(usize::from(members));
        try_join_all(members.map(|member| member.side.stats())).await
    }
}

/// Creates a bridge network without masquerading, so hosts outside cannot reply. A Docker `internal` network would not
/// work: its firewall rules drop everything that is not for the bridge's addresses, including IP multicast.
async fn create_network(containers: &Containers) -> Result<String, RoomError> {
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
    containers.docker.create_network(request).await?;
    Ok(name)
}

async fn start_server(
    containers: &Containers,
    network: &str,
) -> Result<(Attached, Ipv4Addr), RoomError> {
    const NAME: &str = "the server";
    let id = containers.create(containers.server(network)).await?;
    let mut server = Attached::start(&containers.docker, &id, NAME).await?;
    let deadline = Instant::now() + SERVER_TIMEOUT;
    let mut line = String::new();
    while !line.contains("Server is online") {
        line = server.next_line(deadline).await?;
    }
    let address = address(&containers.docker, &id, network, NAME).await?;
    Ok((server, address))
}
