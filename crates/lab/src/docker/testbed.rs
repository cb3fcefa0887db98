//! Rooms in containers for programs other than the lab's own runs: the comparison in `benches/peers` uses them.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use backroom_shaper::protocol::{ShaperConfig, ShaperStats};
use backroom_vocabulary::account::TransferAccount;

use super::container::Containers;
use super::engine::{self, Connection};
use super::member::Member;
use super::owner::Owner;
use super::room::Room;
use super::{RoomError, exec, transfer};
use crate::runner::{RunError, RunnerKind, Shaper};

/// The folder of received files in a receiver's container.
pub use super::container::DOWNLOAD_DIR as RECEIVED_FOLDER;
pub use super::container::RoomSize as TestbedSize;
pub use super::exec::Output;
/// The folder of the sender's files in its container.
pub use super::file::FOLDER as FILE_FOLDER;

/// Give up a transfer after this long without traffic.
const STALL: Duration = Duration::from_secs(30);

/// Opens testbeds on an engine. Everything it starts is removed after each [`with`](Self::with) and when it is dropped.
pub struct Testbeds {
    connection: Connection,
    shaper: Shaper,
    opened: usize,
    cancelled: CancellationToken,
}

/// A room of members on a network of their own. Member 0 is the sender.
pub struct Testbed {
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
        let connection = Connection::open(image, Owner::this_process())?;
        Ok(Self {
            shaper: connection.prepare(shaper)?,
            connection,
            opened: 0,
            cancelled: cancelled.clone(),
        })
    }

    /// The runner in rows, manifests and folders.
    pub fn kind(&self) -> RunnerKind {
        RunnerKind::docker(self.shaper, super::clock())
    }

    /// Name and version of the engine.
    pub fn engine(&self) -> &str {
        &self.connection.engine
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
        let first = self.opened + 1;
        self.opened += count;
        let owners: Vec<_> = (first..=self.opened)
            .map(|number| self.owner(number))
            .collect();
        let worked = self.connection.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => Err(RunError::Cancelled),
                worked = async {
                    let testbeds = self.open(&owners, size).await?;
                    Ok(work(testbeds).await?)
                } => worked,
            }
        });
        let removed = self.remove(&owners);
        let result = worked?;
        removed.context("containers may be left; the next run of the lab removes them")?;
        Ok(result)
    }

    fn owner(&self, number: usize) -> Owner {
        self.connection.containers.owner.room(number)
    }

    async fn open(&self, owners: &[Owner], size: TestbedSize) -> Result<Vec<Testbed>, RoomError> {
        let mut testbeds = Vec::new();
        for owner in owners {
            let containers = Containers {
                owner: owner.clone(),
                ..self.connection.containers.clone()
            };
            let opening = Room::open(&containers, self.shaper, size, &self.cancelled);
            testbeds.push(Testbed {
                room: opening.await?,
                gso: size.gso,
            });
        }
        Ok(testbeds)
    }

    fn remove(&self, owners: &[Owner]) -> Result<(), bollard::errors::Error> {
        self.connection.runtime.block_on(async {
            for owner in owners {
                engine::remove_all_of(&self.connection.containers.docker, owner).await?;
            }
            Ok(())
        })
    }
}

impl Drop for Testbeds {
    fn drop(&mut self) {
        let mut owners: Vec<_> = (1..=self.opened).map(|number| self.owner(number)).collect();
        owners.push(self.connection.containers.owner.clone());
        if let Err(error) = self.remove(&owners) {
            tracing::warn!("containers may be left; the next run of the lab removes them: {error}");
        }
    }
}

impl Testbed {
    /// The address of a member on the testbed's network.
    pub fn address(&self, member: u16) -> Ipv4Addr {
        self.member(member).side.address
    }

    /// The name of a member in the room.
    pub fn name(&self, member: u16) -> &str {
        &self.member(member).name
    }

    /// Runs a command at a member and waits until it ends.
    ///
    /// # Errors
    /// If the engine fails.
    pub async fn run(&self, member: u16, command: &Command) -> anyhow::Result<Output> {
        let member = self.member(member);
        let container = container_of(member, command);
        let output = exec::run(&member.docker, container, command.user, &command.words).await;
        Ok(output.map_err(RoomError::from)?)
    }

    /// Starts a command at a member. It runs until the testbed is removed.
    ///
    /// # Errors
    /// If the engine fails.
    pub async fn start(&self, member: u16, command: &Command) -> anyhow::Result<()> {
        let member = self.member(member);
        let container = container_of(member, command);
        let started = exec::start(&member.docker, container, command.user, &command.words).await;
        Ok(started.map_err(RoomError::from)?)
    }

    /// Configures the shapers of the first members, one for each configuration.
    ///
    /// # Errors
    /// If a shaper does not support its configuration or does not reply.
    pub async fn shape(&mut self, configs: Vec<ShaperConfig>) -> anyhow::Result<()> {
        Ok(self.room.configure(configs).await?)
    }

    /// The counters of the first `members` shapers.
    ///
    /// # Errors
    /// If a shaper does not reply.
    pub async fn shaper_stats(&mut self, members: u16) -> anyhow::Result<Vec<ShaperStats>> {
        Ok(self.room.shaper_stats(members).await?)
    }

    /// Creates a file of `bytes` at the sender, unless it exists. Returns its path.
    ///
    /// # Errors
    /// If the engine fails.
    pub async fn file(&mut self, bytes: u64) -> anyhow::Result<String> {
        Ok(self.room.file(bytes).await?)
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
        let members = &mut self.room.members;
        members.iter_mut().for_each(Member::discard_events);
        let sender = &mut members[0];
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
    pub async fn remove_received(&self, member: u16) -> anyhow::Result<()> {
        Ok(self.member(member).remove_received().await?)
    }

    fn member(&self, member: u16) -> &Member {
        &self.room.members[usize::from(member)]
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
    let actual = sent.delivery.to_string();
    match transfer::failed_receivers(sent, receivers) {
        Some(reason) => Err(reason),
        None if actual != delivery => Err(format!("delivery was {actual} instead of {delivery}")),
        None => Ok(sent.seconds),
    }
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
