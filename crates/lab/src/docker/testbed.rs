//! Rooms in containers for programs other than the lab's own runs: the comparison in `benches/peers` uses them.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context;
use bollard::Docker;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use backroom_shaper::protocol::{ShaperConfig, ShaperStats};

use super::container::{Containers, DOWNLOAD_DIR};
use super::member::Member;
use super::owner::Owner;
use super::room::{Room, RoomSize};
use super::{RoomError, choose_shaper, engine, exec, file, runtime, transfer};
use crate::runner::{RunError, RunnerKind, Shaper};
use backroom_vocabulary::account::TransferAccount;

/// Give up a transfer after this long without traffic.
const STALL: Duration = Duration::from_secs(30);

/// The folder of the sender's files in its container.
pub const FILE_FOLDER: &str = file::FOLDER;
/// The folder of received files in a receiver's container.
pub const RECEIVED_FOLDER: &str = DOWNLOAD_DIR;

/// Opens testbeds on an engine. Everything it starts is removed after each [`with`](Self::with) and when it is dropped.
pub struct Testbeds {
    runtime: Runtime,
    docker: Docker,
    engine: String,
    image: String,
    shaper: Shaper,
    owner: Owner,
    opened: usize,
    cancelled: CancellationToken,
}

/// What a testbed must hold.
#[derive(Clone, Copy, Debug)]
pub struct TestbedSize {
    /// Number of members including the sender.
    pub members: u16,
    /// Size of the largest file in bytes.
    pub file_bytes: u64,
    /// Whether members send with GSO. A shaper treats a GSO batch as one packet, so this must be off if it shapes.
    pub gso: bool,
}

/// A room of members on a network of their own. Member 0 is the sender.
pub struct Testbed {
    docker: Docker,
    room: Room,
    gso: bool,
}

/// A command in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `None` is the image's default user.
    pub user: Option<&'static str>,
    /// Whether it needs NET_ADMIN. It then runs in the container of the member's shaper, which has the same network.
    pub privileged: bool,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// The output of a command.
#[derive(Debug)]
pub struct Output {
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
    /// Its exit status. 0 if the engine does not report one.
    pub code: i64,
}

impl Testbeds {
    /// Connects to the engine and removes containers left by labs that were killed. Without `shaper`, uses netem if the
    /// kernel has it, otherwise nfqueue.
    ///
    /// # Errors
    /// [`RunError`] with what is missing.
    pub fn start(
        image: &str,
        shaper: Option<Shaper>,
        cancelled: &CancellationToken,
    ) -> Result<Self, RunError> {
        let runtime = runtime().context("cannot start threads")?;
        let (docker, engine) = runtime
            .block_on(engine::connect(image, engine::CONNECT_TIMEOUT))
            .map_err(anyhow::Error::new)?;
        let owner = Owner::this_process();
        let shaper = runtime.block_on(async {
            engine::remove_leftovers(&docker, &owner).await;
            let containers = Containers {
                owner: &owner,
                image,
                gso: false,
            };
            choose_shaper(&docker, &containers, shaper).await
        })?;
        Ok(Self {
            runtime,
            docker,
            engine,
            image: image.to_owned(),
            shaper,
            owner,
            opened: 0,
            cancelled: cancelled.clone(),
        })
    }

    /// The runner in rows, manifests and folders.
    pub fn kind(&self) -> RunnerKind {
        RunnerKind::docker(self.shaper)
    }

    /// Name and version of the engine.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Opens `count` testbeds, lets `work` use them, and removes them.
    ///
    /// # Errors
    /// [`RunError`] if they cannot be opened or removed, `work` fails, or it was cancelled.
    pub fn with<T>(
        &mut self,
        count: usize,
        size: TestbedSize,
        work: impl AsyncFnOnce(Vec<Testbed>) -> anyhow::Result<T>,
    ) -> Result<T, RunError> {
        let owners: Vec<_> = (1..=count)
            .map(|number| self.owner.room(self.opened + number))
            .collect();
        self.opened += count;
        let worked = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => Err(RunError::Cancelled),
                worked = async {
                    let testbeds = self.open(&owners, size).await.map_err(RoomError::into_run_error)?;
                    Ok(work(testbeds).await?)
                } => worked,
            }
        });
        let removed = self.runtime.block_on(remove(&self.docker, &owners));
        let result = worked?;
        removed.context("containers may be left; the next run of the lab removes them")?;
        Ok(result)
    }

    async fn open(&self, owners: &[Owner], size: TestbedSize) -> Result<Vec<Testbed>, RoomError> {
        let room_size = RoomSize {
            members: size.members,
            file_bytes: size.file_bytes,
        };
        let mut testbeds = Vec::new();
        for owner in owners {
            let containers = Containers {
                owner,
                image: &self.image,
                gso: size.gso,
            };
            let opening = Room::open(
                &self.docker,
                &containers,
                self.shaper,
                room_size,
                &self.cancelled,
            );
            testbeds.push(Testbed {
                docker: self.docker.clone(),
                room: opening.await?,
                gso: size.gso,
            });
        }
        Ok(testbeds)
    }
}

impl Drop for Testbeds {
    fn drop(&mut self) {
        let owners: Vec<_> = (1..=self.opened)
            .map(|number| self.owner.room(number))
            .chain([self.owner.clone()])
            .collect();
        if let Err(error) = self.runtime.block_on(remove(&self.docker, &owners)) {
            tracing::warn!("containers may be left; the next run of the lab removes them: {error}");
        }
    }
}

async fn remove(docker: &Docker, owners: &[Owner]) -> Result<(), bollard::errors::Error> {
    for owner in owners {
        engine::remove_all_of(docker, owner).await?;
    }
    Ok(())
}

impl Testbed {
    /// The address of a member on the testbed's network.
    pub fn address(&mut self, member: u16) -> Ipv4Addr {
        self.member(member).side.address
    }

    /// The name of a member in the room.
    pub fn name(&mut self, member: u16) -> &str {
        &self.member(member).name
    }

    /// Runs a command at a member and waits until it ends.
    ///
    /// # Errors
    /// If the engine fails.
    pub async fn run(&mut self, member: u16, command: &Command) -> anyhow::Result<Output> {
        let docker = self.docker.clone();
        let container = container_of(self.member(member), command);
        let output = exec::run(&docker, container, command.user, &command.words).await;
        let output = output.map_err(RoomError::from)?;
        Ok(Output {
            stdout: output.stdout,
            stderr: output.stderr,
            code: output.code,
        })
    }

    /// Starts a command at a member. It runs until the testbed is removed.
    ///
    /// # Errors
    /// If the engine fails.
    pub async fn start(&mut self, member: u16, command: &Command) -> anyhow::Result<()> {
        let docker = self.docker.clone();
        let container = container_of(self.member(member), command);
        let started = exec::start(&docker, container, command.user, &command.words).await;
        Ok(started.map_err(RoomError::from)?)
    }

    /// Configures the shapers of the first members, one for each configuration.
    ///
    /// # Errors
    /// If a shaper does not support its configuration or does not reply.
    pub async fn shape(&mut self, configs: Vec<ShaperConfig>) -> anyhow::Result<()> {
        let members = self.room.members().iter_mut().zip(configs);
        let configured = members.map(|(member, config)| member.side.configure(config));
        try_join_all(configured).await?;
        Ok(())
    }

    /// The counters of the first `members` shapers.
    ///
    /// # Errors
    /// If a shaper does not reply.
    pub async fn shaper_stats(&mut self, members: u16) -> anyhow::Result<Vec<ShaperStats>> {
        let members = self.room.members().iter_mut().take(usize::from(members));
        Ok(try_join_all(members.map(|member| member.side.stats())).await?)
    }

    /// Creates a file of `bytes` at the sender, unless it exists. Returns its path.
    ///
    /// # Errors
    /// If the engine fails.
    pub async fn file(&mut self, bytes: u64) -> anyhow::Result<String> {
        Ok(self.room.file(&self.docker, bytes).await?)
    }

    /// Types `lines`, the last of which sends a file, into the sender's client and waits for the transfer to end.
    /// Returns its seconds, or why it does not count: it must reach all `receivers` by `delivery`.
    ///
    /// # Errors
    /// If the client ends or stalls.
    pub async fn send_file(
        &mut self,
        lines: &[String],
        receivers: u16,
        delivery: &str,
    ) -> anyhow::Result<Result<f64, String>> {
        let members = self.room.members();
        members.iter_mut().for_each(Member::discard_events);
        let sender = self.room.sender();
        for line in lines {
            sender.send_line(line).await?;
        }
        let sent = transfer::wait_until_sent(sender, STALL).await?;
        Ok(sent.and_then(|sent| seconds(&sent, receivers, delivery)))
    }

    /// Whether the clients send with GSO.
    pub fn gso(&self) -> bool {
        self.gso
    }

    /// Removes all files that a member has received.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub async fn remove_received(&mut self, member: u16) -> anyhow::Result<()> {
        let docker = self.docker.clone();
        Ok(self.member(member).remove_received(&docker).await?)
    }

    fn member(&mut self, member: u16) -> &Member {
        &self.room.members()[usize::from(member)]
    }
}

fn container_of<'a>(member: &'a Member, command: &Command) -> &'a str {
    if command.privileged {
        &member.side.id
    } else {
        &member.container
    }
}

fn seconds(sent: &TransferAccount, receivers: u16, delivery: &str) -> Result<f64, String> {
    if let Some(failed) = sent.receivers.iter().find(|receiver| !receiver.ok) {
        let why = failed.error.as_deref().unwrap_or("no reason given");
        return Err(format!("{}: {why}", failed.name));
    }
    if sent.receivers.len() != usize::from(receivers) {
        let count = sent.receivers.len();
        return Err(format!("{count} receivers instead of {receivers}"));
    }
    if sent.delivery.to_string() != delivery {
        return Err(format!(
            "delivery was {} instead of {delivery}",
            sent.delivery
        ));
    }
    Ok(sent.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_counts_if_it_reached_all_receivers_by_the_delivery_asked_for() {
        let sent = |ok: bool, delivery: &str| -> TransferAccount {
            serde_json::from_value(serde_json::json!({
                "id": 1, "cast": "broadcast", "file": "a", "bytes": 1, "seconds": 2.0, "goodput_mbps": 0.1,
                "window": 64, "segments": 1, "segments_sent": 1, "segments_retransmitted": 0, "segments_copied": 0,
                "timeouts": 0, "go_backs": 0, "delivery": delivery, "recovery": "fast", "copies": 1,
                "segment_bytes": 1_200, "receivers": [{ "name": "bob", "ok": ok }],
            }))
            .unwrap()
        };
        let judged = |sent: &TransferAccount, receivers| seconds(sent, receivers, "ip-multicast");
        assert_eq!(judged(&sent(true, "ip-multicast"), 1), Ok(2.0));
        judged(&sent(true, "ip-multicast"), 2).unwrap_err();
        judged(&sent(false, "ip-multicast"), 1).unwrap_err();
        let mixed = judged(&sent(true, "mixed"), 1).unwrap_err();
        assert!(mixed.contains("mixed"), "{mixed}");
    }
}
