//! A member: the real client in its container, beside its shaper.

use std::time::Duration;

use bollard::Docker;
use bollard::models::ExecConfig;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, UploadToContainerOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::attached::{Attached, TalkError};
use super::container::{Containers, DOWNLOAD_DIR};
use super::event::Event;
use super::side::SideContainer;
use super::{RoomError, file};

/// Joining takes 0.2 s of processor time; with dozens of members at once they wait for each other.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A member of the room, or one that waits outside.
pub(super) struct Member {
    /// What it is called in the room.
    pub(super) name: String,
    /// What shapes its network.
    pub(super) side: SideContainer,
    container: String,
    /// While it is in the room.
    client: Option<Attached>,
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
                Event::Joined {} => break,
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

    /// Removes what the member has received.
    pub(super) async fn forget_received(&self, docker: &Docker) -> Result<(), RoomError> {
        let command = ["find", DOWNLOAD_DIR, "-mindepth", "1", "-delete"].map(str::to_owned);
        let config = ExecConfig {
            cmd: Some(command.into()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let exec = docker.create_exec(&self.container, config).await?.id;
        if let bollard::exec::StartExecResults::Attached { mut output, .. } =
            docker.start_exec(&exec, None).await?
        {
            // The stream ends with the command.
            while let Some(Ok(_)) = output.next().await {}
        }
        match docker.inspect_exec(&exec).await?.exit_code {
            Some(0) | None => Ok(()),
            Some(code) => Err(RoomError::Cleaning {
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
