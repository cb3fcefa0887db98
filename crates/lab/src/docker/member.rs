//! A member: the real client in a container, with its shaper in another one.

use std::time::Duration;

use backroom_vocabulary::event::Event;
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, UploadToContainerOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::attached::{Attached, ProgramError};
use super::container::{Containers, DOWNLOAD_DIR};
use super::side::SideContainer;
use super::{RoomError, exec, file};

/// Joining takes 0.2 s of processor time, so members wait for each other if dozens join at once.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Received files are removed once there are this many.
const KEPT_FILES: u32 = 50;
/// Received files are removed once they have this many bytes in total.
pub(super) const KEPT_BYTES: u64 = 32 << 20;
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A member that has joined the room, or can join it.
pub(super) struct Member {
    /// Its name in the room.
    pub(super) name: String,
    /// The shaper of its network.
    pub(super) side: SideContainer,
    /// The container of its client.
    pub(super) container: String,
    /// `None` if it is not in the room.
    client: Option<Attached>,
    /// Number and total bytes of the received files that have not been removed.
    received: (u32, u64),
}

impl Member {
    /// Creates the container of a member. The member does not join yet.
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

    pub(super) fn is_present(&self) -> bool {
        self.client.is_some()
    }

    /// Starts the client and waits until it has joined the room.
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

    /// Leaves the room. Kills the client if it does not exit in time.
    pub(super) async fn leave(&mut self, docker: &Docker) -> Result<(), RoomError> {
        let Some(mut client) = self.client.take() else {
            return Ok(());
        };
        let mut ended = docker.wait_container(&self.container, None::<WaitContainerOptions>);
        client.send_line("exit").await?;
        if timeout(LEAVE_TIMEOUT, ended.next()).await.is_err() {
            docker
                .kill_container(&self.container, None::<KillContainerOptions>)
                .await?;
            let _ = timeout(LEAVE_TIMEOUT, ended.next()).await;
        }
        Ok(())
    }

    /// Sends a line to the client's stdin.
    pub(super) async fn send_line(&mut self, line: &str) -> Result<(), RoomError> {
        Ok(self.client_mut()?.send_line(line).await?)
    }

    /// Waits until `deadline` for the client's next event.
    pub(super) async fn next_event(&mut self, deadline: Instant) -> Result<Event, RoomError> {
        next_event(self.client_mut()?, deadline).await
    }

    /// Waits until `deadline` for an event that `matches` accepts.
    pub(super) async fn wait_for(
        &mut self,
        deadline: Instant,
        mut matches: impl FnMut(Event) -> bool,
    ) -> Result<(), RoomError> {
        while !matches(self.next_event(deadline).await?) {}
        Ok(())
    }

    /// Discards all events so far.
    pub(super) fn discard_events(&mut self) {
        if let Some(client) = &mut self.client {
            client.discard_waiting();
        }
    }

    /// Uploads a file of `bytes` to the container. Returns its path there.
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

    /// Records that the member has received a file. Removes all received files only once there are many, because
    /// removing them takes longer than a short run.
    pub(super) async fn record_received(
        &mut self,
        docker: &Docker,
        file_bytes: u64,
    ) -> Result<(), RoomError> {
        let (files, bytes) = &mut self.received;
        *files += 1;
        *bytes += file_bytes;
        if *files >= KEPT_FILES || *bytes >= KEPT_BYTES {
            self.received = (0, 0);
            self.remove_received(docker).await?;
        }
        Ok(())
    }

    /// Removes all received files.
    pub(super) async fn remove_received(&self, docker: &Docker) -> Result<(), RoomError> {
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
            ProgramError::Ended {
                name: self.name.clone(),
                errors: Vec::new(),
            }
            .into()
        })
    }
}

/// How a member joins the room, and how many bytes of files it can receive there.
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
