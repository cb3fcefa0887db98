//! A member: the real client in its container, beside its shaper.

use std::time::Duration;

use backroom_vocabulary::event::Event;
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, UploadToContainerOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::attached::{Attached, TalkError};
use super::container::{Containers, DOWNLOAD_DIR};
use super::side::SideContainer;
use super::{RoomError, exec, file};

/// Joining takes 0.2 s of processor time; with dozens of members at once they wait for each other.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// What has been received is removed when it has come to so many files, or to so many bytes.
const KEPT_FILES: u32 = 50;
/// As above.
pub(super) const KEPT_BYTES: u64 = 32 << 20;
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A member of the room, or one that waits outside.
pub(super) struct Member {
    /// What it is called in the room.
    pub(super) name: String,
    /// What shapes its network.
    pub(super) side: SideContainer,
    /// Where its client runs.
    pub(super) container: String,
    /// While it is in the room.
    client: Option<Attached>,
    /// Files that it has received and still has, and their bytes.
    received: (u32, u64),
}

impl Member {
    /// A member that has not joined yet.
    pub(super) async fn create(
        docker: &Docker,
        containers: &Containers<'_>,
        side: SideContainer,
        name: String,
        room: &RoomAddress<'_>,
    ) -> Result<Self, RoomError> {
        let server = (room.address, room.port);
        let body = containers.member(&side.id, server, &name, room.password, room.download_bytes);
        let container = docker
            .create_container(None::<CreateContainerOptions>, body)
            .await?
            .id;
        Ok(Self {
            name,
            side,
            container,
            client: None,
            received: (0, 0),
        })
    }

    /// Whether it is in the room.
    pub(super) fn is_present(&self) -> bool {
        self.client.is_some()
    }

    /// Goes into the room.
    pub(super) async fn join(&mut self, docker: &Docker) -> Result<(), RoomError> {
        let mut client = Attached::start(docker, &self.container, &self.name).await?;
        let deadline = Instant::now() + JOIN_TIMEOUT;
        loop {
            match next_event(&mut client, deadline).await? {
                Event::Joined { .. } => break,
                Event::Error { message } => return Err(client.unexpected(message).into()),
                _ => {}
            }
        }
        self.client = Some(client);
        Ok(())
    }

    /// Leaves the room.
    pub(super) async fn leave(&mut self, docker: &Docker) -> Result<(), RoomError> {
        let Some(mut client) = self.client.take() else {
            return Ok(());
        };
        let mut ended = docker.wait_container(&self.container, None::<WaitContainerOptions>);
        client.say("exit").await?;
        if timeout(LEAVE_TIMEOUT, ended.next()).await.is_err() {
            docker
                .kill_container(&self.container, None::<KillContainerOptions>)
                .await?;
            let _ = timeout(LEAVE_TIMEOUT, ended.next()).await;
        }
        Ok(())
    }

    /// Types a line into the client.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), RoomError> {
        Ok(self.client_mut()?.say(line).await?)
    }

    /// The next thing that the client notices, before `deadline`.
    pub(super) async fn next_event(&mut self, deadline: Instant) -> Result<Event, RoomError> {
        next_event(self.client_mut()?, deadline).await
    }

    /// Waits until the client has noticed something that `is_it` recognises.
    pub(super) async fn wait_for(
        &mut self,
        deadline: Instant,
        mut is_it: impl FnMut(Event) -> bool,
    ) -> Result<(), RoomError> {
        while !is_it(self.next_event(deadline).await?) {}
        Ok(())
    }

    /// Forgets what the client has said so far.
    pub(super) fn discard_events(&mut self) {
        if let Some(client) = &mut self.client {
            client.discard_waiting();
        }
    }

    /// Puts a file of `bytes` into the container. Returns its path there.
    pub(super) async fn upload(&self, docker: &Docker, bytes: u64) -> Result<String, RoomError> {
        let options = UploadToContainerOptionsBuilder::new()
            .path(file::FOLDER)
            .build();
        docker
            .upload_to_container(
                &self.container,
                Some(options),
                bollard::body_stream(file::archive(bytes)?),
            )
            .await?;
        Ok(file::path(bytes))
    }

    /// Takes note of a file that the member has received, and removes all of them before they become too many: that
    /// takes longer than a short run.
    pub(super) async fn has_received(
        &mut self,
        docker: &Docker,
        file_bytes: u64,
    ) -> Result<(), RoomError> {
        let (files, bytes) = &mut self.received;
        *files += 1;
        *bytes += file_bytes;
        if *files >= KEPT_FILES || *bytes >= KEPT_BYTES {
            self.received = (0, 0);
            self.forget_received(docker).await?;
        }
        Ok(())
    }

    /// Removes all that it has received.
    pub(super) async fn forget_received(&self, docker: &Docker) -> Result<(), RoomError> {
        let words = ["find", DOWNLOAD_DIR, "-mindepth", "1", "-delete"];
        match exec::run(docker, &self.container, None, &words).await?.code {
            0 => Ok(()),
            code => Err(RoomError::Cleaning {
                name: self.name.clone(),
                code,
            }),
        }
    }

    fn client_mut(&mut self) -> Result<&mut Attached, RoomError> {
        self.client.as_mut().ok_or_else(|| {
            TalkError::Ended {
                name: self.name.clone(),
                errors: Vec::new(),
            }
            .into()
        })
    }
}

/// Where a member finds the room, and what it may take in there.
pub(super) struct RoomAddress<'a> {
    pub(super) address: &'a str,
    pub(super) port: u16,
    pub(super) password: &'a str,
    pub(super) download_bytes: u64,
}

async fn next_event(client: &mut Attached, deadline: Instant) -> Result<Event, RoomError> {
    let line = client.next_line(deadline).await?;
    serde_json::from_str(&line).map_err(|_| client.unexpected(line).into())
}
