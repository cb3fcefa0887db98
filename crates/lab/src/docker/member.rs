//! A member: the real client in a container, with its shaper in another one.

use std::net::Ipv4Addr;
use std::time::Duration;

use backroom_vocabulary::event::Event;
use bollard::Docker;
use bollard::query_parameters::{
    KillContainerOptions, UploadToContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::attached::Attached;
use super::container::{Containers, DOWNLOAD_DIR, RoomSize};
use super::side::SideContainer;
use super::{RoomError, exec, file};

/// Joining takes 0.2 s of processor time, so members wait for each other if dozens join at once.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Received files are removed once there are this many.
const KEPT_FILES: u32 = 50;
/// Received files are removed once they have this many bytes in total.
const KEPT_BYTES: u64 = 32 << 20;
/// Free space for a member: 64 MiB that the client keeps free, and room for the calibration's file.
const SPARE_BYTES: u64 = 96 << 20;
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A member that has joined the room, or can join it.
pub(super) struct Member {
    pub(super) docker: Docker,
    pub(super) name: String,
    pub(super) side: SideContainer,
    pub(super) container: String,
    /// `None` if it is not in the room.
    client: Option<Attached>,
    /// Number and total bytes of the received files that have not been removed.
    received: (u32, u64),
}

impl Member {
    /// Creates the container of a member of the room at `server`. The member does not join yet.
    pub(super) async fn create(
        containers: &Containers,
        side: SideContainer,
        name: String,
        server: Ipv4Addr,
        size: RoomSize,
    ) -> Result<Self, RoomError> {
        let download_bytes = 2 * size.file_bytes + KEPT_BYTES + SPARE_BYTES;
        let body = containers.member(&side.id, server, &name, size.gso, download_bytes);
        Ok(Self {
            docker: containers.docker.clone(),
            name,
            side,
            container: containers.create(body).await?,
            client: None,
            received: (0, 0),
        })
    }

    pub(super) fn is_present(&self) -> bool {
        self.client.is_some()
    }

    /// Starts the client and waits until it has joined the room.
    pub(super) async fn join(&mut self) -> Result<(), RoomError> {
        let mut client = Attached::start(&self.docker, &self.container, &self.name).await?;
        let deadline = Instant::now() + JOIN_TIMEOUT;
        loop {
            match client.next_json(deadline).await? {
                Event::Joined { .. } => break,
                Event::Error { message } => return Err(client.unexpected(&message)),
                _ => {}
            }
        }
        self.client = Some(client);
        Ok(())
    }

    /// Leaves the room. Kills the client if it does not exit in time.
    pub(super) async fn leave(&mut self) -> Result<(), RoomError> {
        let Some(mut client) = self.client.take() else {
            return Ok(());
        };
        let (docker, id) = (&self.docker, &self.container);
        let mut ended = docker.wait_container(id, None::<WaitContainerOptions>);
        client.send_line("exit").await?;
        if timeout(LEAVE_TIMEOUT, ended.next()).await.is_err() {
            let options = None::<KillContainerOptions>;
            docker.kill_container(id, options).await?;
            let _ = timeout(LEAVE_TIMEOUT, ended.next()).await;
        }
        Ok(())
    }

    pub(super) async fn send_line(&mut self, line: &str) -> Result<(), RoomError> {
        self.client_mut()?.send_line(line).await
    }

    /// Waits until `deadline` for the client's next event.
    pub(super) async fn next_event(&mut self, deadline: Instant) -> Result<Event, RoomError> {
        self.client_mut()?.next_json(deadline).await
    }

    pub(super) fn discard_events(&mut self) {
        if let Some(client) = &mut self.client {
            client.discard_waiting();
        }
    }

    /// Uploads a file of `bytes` to the container. Returns its path there.
    pub(super) async fn upload(&self, bytes: u64) -> Result<String, RoomError> {
        let archive = file::archive(bytes)
            .map_err(|error| RoomError::Failed(format!("cannot pack the file: {error}")))?;
        let options = UploadToContainerOptionsBuilder::new()
            .path(file::FOLDER)
            .build();
        let body = bollard::body_stream(archive);
        self.docker
            .upload_to_container(&self.container, Some(options), body)
            .await?;
        Ok(file::path(bytes))
    }

    /// Records that the member has received a file. Removes all received files only once there are many, because
    /// removing them takes longer than a short run.
    pub(super) async fn record_received(&mut self, file_bytes: u64) -> Result<(), RoomError> {
        let (files, bytes) = &mut self.received;
        *files += 1;
        *bytes += file_bytes;
        if *files >= KEPT_FILES || *bytes >= KEPT_BYTES {
            self.received = (0, 0);
            self.remove_received().await?;
        }
        Ok(())
    }

    pub(super) async fn remove_received(&self) -> Result<(), RoomError> {
        let words = ["find", DOWNLOAD_DIR, "-mindepth", "1", "-delete"];
        let output = exec::run(&self.docker, &self.container, None, &words).await?;
        match (output.code, &self.name) {
            (0, _) => Ok(()),
            (code, name) => Err(RoomError::Failed(format!(
                "cannot remove the files that {name} received: exit status {code}"
            ))),
        }
    }

    fn client_mut(&mut self) -> Result<&mut Attached, RoomError> {
        let client = self.client.as_mut();
        client.ok_or_else(|| RoomError::Failed(format!("{} has ended", self.name)))
    }
}
