//! A room with the other programs in it: the sender and its receivers, and a turn of each contestant.

use backroom_shaper::protocol::{ShaperConfig, ShaperStats};
use backroom_vocabulary::account::TransferAccount;
use bollard::Docker;
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::STALL;
use crate::docker::container::{Containers, DOWNLOAD_DIR};
use crate::docker::member::Member;
use crate::docker::room::{Room, RoomSize};
use crate::docker::{RoomError, exec, file, transfer};
use crate::peers::tool::{self, Command, MOST_SECONDS, Ours, Side, Task, Tool};
use crate::peers::{Comparison, Contestant, Network, Row, Turn};
use crate::runner::Shaper;

/// Windows that atftp tries in a comparison, to be measured with the best of them.
const ATFTP_WINDOWS: [u32; 4] = [16, 64, 256, 1_024];
/// Size of the IP packets that fill the link.
const PACKET_BYTES: usize = 1_480;
/// No packet of an Ethernet is larger.
const MTU_BYTES: u64 = 1_500;
/// `utime` and `stime` count in these (proc_pid_stat(5)).
const TICK_SECONDS: f64 = 0.01;

/// A room in which contestants take turns.
pub(super) struct Hall<'a> {
    docker: &'a Docker,
    comparison: &'a Comparison,
    room: Room,
    gso: bool,
    /// The best of atftp's.
    pub(super) window: u32,
    atftp_limit_seconds: u32,
}

/// What a turn came to.
struct Outcome {
    seconds: f64,
    processor_seconds: Option<f64>,
}

impl<'a> Hall<'a> {
    /// Opens a room for `comparison` and starts in it what waits for transfers.
    pub(super) async fn open(
        docker: &'a Docker,
        containers: &Containers<'_>,
        shaper: Shaper,
        comparison: &'a Comparison,
        cancelled: &CancellationToken,
    ) -> Result<Self, RoomError> {
        let contestants = &comparison.contestants;
        let size = RoomSize {
            members: comparison.receivers + 1,
            file_bytes: contestants.iter().map(|one| one.bytes).max().unwrap_or(0),
        };
        let room = Room::open(docker, containers, shaper, size, cancelled).await?;
        let mut hall = Self {
            docker,
            comparison,
            room,
            gso: containers.gso,
            window: ATFTP_WINDOWS[0],
            atftp_limit_seconds: MOST_SECONDS,
        };
        hall.start_daemons().await?;
        if comparison.network.is_some() {
            hall.switch_offload_off().await?;
        }
        Ok(hall)
    }

    /// A container that has the programs.
    pub(super) fn container(&mut self) -> &str {
        &self.room.sender().container
    }

    async fn start_daemons(&mut self) -> Result<(), RoomError> {
        for (member, number) in self.room.members().iter().zip(0..) {
            let daemons = match number {
                0 => tool::sender_daemons(file::FOLDER),
                _ => tool::receiver_daemons(number, DOWNLOAD_DIR),
            };
            for daemon in daemons {
                let container = container_of(member, &daemon);
                exec::start(self.docker, container, daemon.user, &daemon.words).await?;
            }
        }
        Ok(())
    }

    /// Nothing hands several packets to the network as one, which would be shaped, and lost, as one.
    async fn switch_offload_off(&mut self) -> Result<(), RoomError> {
        let words = "ethtool -K eth0 gso off tso off gro off".split(' ');
        let words: Vec<_> = words.collect();
        for member in self.room.members().iter() {
            let output = exec::run(self.docker, &member.side.id, None, &words).await?;
            if output.code != 0 {
                let why = output.stderr.trim().to_owned();
                return Err(RoomError::Shaping(format!("ethtool: {why}")));
            }
        }
        Ok(())
    }

    /// Tries atftp's windows where it takes part, the largest first, and remembers the best. A trial that takes longer than
    /// the best so far is ended. Returns the rows of the trials.
    pub(super) async fn find_windows(&mut self, seed: u64) -> Vec<Row> {
        let contestants = &self.comparison.contestants;
        let place = contestants.iter().position(|one| one.tool == Tool::Atftp);
        let Some(contestant) = place else {
            return Vec::new();
        };
        let trial = Turn {
            contestant,
            repetition: 0,
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut best = (f64::INFINITY, self.window);
        for window in ATFTP_WINDOWS.into_iter().rev() {
            self.window = window;
            let row = self.take(trial, 0, seed).await;
            if let Some(seconds) = row.seconds.filter(|seconds| row.ok && *seconds < best.0) {
                best = (seconds, window);
                self.atftp_limit_seconds = MOST_SECONDS.min(seconds.ceil() as u32);
            }
            rows.push(row);
        }
        self.window = best.1;
        self.atftp_limit_seconds = MOST_SECONDS;
        rows
    }

    /// A contestant's turn.
    pub(super) async fn take(&mut self, turn: Turn, order: usize, seed: u64) -> Row {
        let contestant = &self.comparison.contestants[turn.contestant];
        let mut row = Row {
            comparison: self.comparison.name.to_owned(),
            contestant: contestant.name.to_owned(),
            options: contestant.tool.options(self.window),
            receivers: contestant.receivers,
            repetition: turn.repetition,
            seed,
            order,
            bytes: contestant.bytes,
            ..Row::default()
        };
        if let Err(error) = self.fill(&mut row, contestant).await {
            row.failed(error);
        }
        row
    }

    async fn fill(&mut self, row: &mut Row, contestant: &Contestant) -> Result<(), RoomError> {
        let path = self.room.file(self.docker, contestant.bytes).await?;
        let comparison = self.comparison;
        if let Some(network) = &comparison.network {
            self.configure(network, contestant.receivers, row.seed)
                .await?;
        }
        let outcome = match &contestant.tool {
            Tool::Backroom(ours) => self.ours(row, contestant, ours, &path).await?,
            tool => self.another(row, contestant, tool, &path).await?,
        };
        match outcome {
            Ok(outcome) => {
                row.took(outcome.seconds);
                row.sender_processor_seconds = outcome.processor_seconds;
            }
            Err(why) => row.failed(why),
        }
        if contestant.tool.leaves_a_file() {
            self.check_files(row).await?;
        }
        if let Some(network) = &comparison.network {
            let members = &mut self.room.members()[..=usize::from(contestant.receivers)];
            let stats = try_join_all(members.iter_mut().map(|member| member.side.stats())).await?;
            count(row, network, &stats);
        }
        Ok(())
    }

    async fn configure(
        &mut self,
        network: &Network,
        receivers: u16,
        seed: u64,
    ) -> Result<(), RoomError> {
        let members = &mut self.room.members()[..=usize::from(receivers)];
        let configured = members.iter_mut().zip(0_u64..).map(|(member, number)| {
            member.side.configure(ShaperConfig {
                egress: network.egress.clone(),
                egress_seed: seed * 1_000 + 2 * number,
                ingress: network.ingress.clone(),
                ingress_seed: seed * 1_000 + 2 * number + 1,
                packet_bytes: PACKET_BYTES,
                tcp_port: Some(tool::IPERF3_PORT),
                loss_in_kernel: network.loss_in_kernel,
            })
        });
        try_join_all(configured).await.map(drop)
    }

    async fn ours(
        &mut self,
        row: &mut Row,
        contestant: &Contestant,
        ours: &Ours,
        path: &str,
    ) -> Result<Result<Outcome, String>, RoomError> {
        let members = self.room.members();
        members.iter_mut().for_each(Member::discard_events);
        let names: Vec<_> = members[1..=usize::from(contestant.receivers)]
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        let lines = [
            format!("window|{}", ours.window),
            "recovery|fast".to_owned(),
            "timeout|adaptive".to_owned(),
            format!("copies|{}", ours.copies),
            format!("delivery|{}", ours.delivery),
            format!("segment|{}", ours.segment_bytes),
            format!("fmulticast|{}|{path}", names.join("|")),
        ];
        let gso = if self.gso { "on" } else { "off" };
        row.command = format!("backroom-client --gso {gso}: {}", lines.join("; "));
        let before = self.processor_seconds().await?;
        let sender = self.room.sender();
        for line in &lines {
            sender.say(line).await?;
        }
        let sent = match transfer::wait_until_sent(sender, STALL).await? {
            Ok(sent) => sent,
            Err(why) => return Ok(Err(why)),
        };
        let after = self.processor_seconds().await?;
        Ok(
            judged(&sent, contestant.receivers, ours).map(|seconds| Outcome {
                seconds,
                processor_seconds: before.zip(after).map(|(before, after)| after - before),
            }),
        )
    }

    /// What the sender's client has used so far.
    async fn processor_seconds(&mut self) -> Result<Option<f64>, RoomError> {
        let container = &self.room.sender().container;
        let output = exec::run(self.docker, container, None, &["cat", "/proc/1/stat"]).await?;
        Ok(processor_seconds(&output.stdout))
    }

    async fn another(
        &mut self,
        row: &mut Row,
        contestant: &Contestant,
        tool: &Tool,
        path: &str,
    ) -> Result<Result<Outcome, String>, RoomError> {
        let members = self.room.members();
        let (sender, receiver) = (&members[0], &members[1]);
        let task = Task {
            path,
            bytes: contestant.bytes,
            folder: DOWNLOAD_DIR,
            sender: &sender.side.address.to_string(),
            receiver: &receiver.side.address.to_string(),
            receivers: contestant.receivers,
            window: self.window,
            atftp_limit_seconds: self.atftp_limit_seconds,
        };
        let Some((side, command)) = tool.command(&task) else {
            return Ok(Err("it has no command".to_owned()));
        };
        row.command = command.line();
        let member = match side {
            Side::Sender => sender,
            Side::Receiver => receiver,
        };
        let container = container_of(member, &command);
        let output = exec::run(self.docker, container, command.user, &command.words).await?;
        let read = tool.seconds(&output.stdout, &output.stderr, &task);
        Ok(read
            .map(|seconds| Outcome {
                seconds,
                processor_seconds: None,
            })
            .map_err(|error| format!("{error} (exit {})", output.code)))
    }

    /// Whether every receiver has one file of the right size, and nothing else; then it has nothing.
    async fn check_files(&mut self, row: &mut Row) -> Result<(), RoomError> {
        let words = ["find", DOWNLOAD_DIR, "-type", "f", "-printf", "%s "];
        for member in &mut self.room.members()[1..=usize::from(row.receivers)] {
            let found = exec::run(self.docker, &member.container, None, &words).await?;
            let sizes = found.stdout.trim();
            if row.ok && sizes != row.bytes.to_string() {
                row.failed(format!("{} has files of {sizes:?} bytes", member.name));
            }
            member.forget_received(self.docker).await?;
        }
        Ok(())
    }
}

/// Where `command` runs: beside the member where it needs its shaper's privilege.
fn container_of<'a>(member: &'a Member, command: &Command) -> &'a str {
    if command.privileged {
        &member.side.id
    } else {
        &member.container
    }
}

/// The seconds of our transfer; as text, why it does not count.
fn judged(sent: &TransferAccount, receivers: u16, ours: &Ours) -> Result<f64, String> {
    if let Some(failed) = sent.receivers.iter().find(|receiver| !receiver.ok) {
        let why = failed.error.as_deref().unwrap_or("no reason given");
        return Err(format!("{}: {why}", failed.name));
    }
    if sent.receivers.len() != usize::from(receivers) {
        return Err(format!(
            "{} receivers instead of {receivers}",
            sent.receivers.len()
        ));
    }
    if sent.delivery.to_string() != ours.delivery {
        return Err(format!(
            "delivery was {} instead of {}",
            sent.delivery, ours.delivery
        ));
    }
    Ok(sent.seconds)
}

/// Packets where loss is decided, and what no run may have.
fn count(row: &mut Row, network: &Network, stats: &[ShaperStats]) {
    let comes_in = network.ingress != backroom_link::LinkConfig::default();
    let deciding = stats.iter().map(|one| match comes_in {
        true => &one.ingress,
        false => &one.egress,
    });
    let (mut packets, mut lost, mut bytes) = (0, 0, 0);
    for direction in deciding {
        packets += direction.offered;
        lost += direction.lost;
        bytes += direction.offered_bytes;
    }
    (row.packets, row.packets_lost) = (Some(packets), Some(lost));
    let overrun: u64 = stats
        .iter()
        .map(|one| one.egress.overrun + one.ingress.overrun)
        .sum();
    if overrun > 0 {
        row.failed(format!(
            "the shaper did not keep up and lost {overrun} packets"
        ));
    }
    if bytes > packets * MTU_BYTES {
        row.failed("the shaper saw packets larger than an Ethernet's");
    }
}

/// `utime` and `stime` of `/proc/PID/stat`. The program's name may contain anything, so it is read from behind that.
fn processor_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks * TICK_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backroom_shaper::protocol::DirectionStats;

    #[test]
    fn processor_time_is_read_behind_a_name_with_spaces_and_parentheses() {
        let stat = "1 (a (b) c) S 0 1 1 0 -1 4194560 5 6 7 8 120 30 0 0 20 0 5 0 99 1 2";
        assert_eq!(processor_seconds(stat), Some(1.5));
        assert_eq!(processor_seconds("1 (a"), None);
    }

    fn egress(offered: u64, bytes: u64, overrun: u64) -> ShaperStats {
        ShaperStats {
            egress: DirectionStats {
                offered,
                offered_bytes: bytes,
                lost: 1,
                overrun,
                ..DirectionStats::default()
            },
            ..ShaperStats::default()
        }
    }

    #[test]
    fn super_packets_and_packets_that_the_shaper_lost_spoil_a_run() {
        let network = Network {
            egress: backroom_link::LinkConfig::default(),
            ingress: backroom_link::LinkConfig::default(),
            loss_in_kernel: false,
        };
        let counted = |stats: &[ShaperStats]| {
            let mut row = Row::default();
            row.took(1.0);
            count(&mut row, &network, stats);
            row
        };
        let row = counted(&[egress(10, 15_000, 0), egress(10, 520, 0)]);
        assert_eq!(
            (row.packets, row.packets_lost, row.ok),
            (Some(20), Some(2), true)
        );
        assert!(!counted(&[egress(10, 15_000, 2)]).ok);
        assert!(!counted(&[egress(1, 64_000, 0)]).ok);
    }

    #[test]
    fn a_receiver_without_the_file_and_another_delivery_spoil_a_run() {
        let ours = Ours {
            copies: 1,
            delivery: "ip-multicast",
            window: "64",
            segment_bytes: 1_415,
        };
        let sent = |ok: bool, delivery: &str| -> TransferAccount {
            serde_json::from_value(serde_json::json!({
                "id": 1, "cast": "broadcast", "file": "a", "bytes": 1, "seconds": 2.0, "goodput_mbps": 0.1,
                "window": 64, "segments": 1, "segments_sent": 1, "segments_retransmitted": 0, "segments_copied": 0,
                "timeouts": 0, "go_backs": 0, "delivery": delivery, "recovery": "fast", "copies": 1,
                "segment_bytes": 1415, "receivers": [{"name": "bob", "ok": ok}],
            }))
            .unwrap()
        };
        assert_eq!(judged(&sent(true, "ip-multicast"), 1, &ours), Ok(2.0));
        judged(&sent(true, "ip-multicast"), 2, &ours).unwrap_err();
        judged(&sent(false, "ip-multicast"), 1, &ours).unwrap_err();
        let mixed = judged(&sent(true, "mixed"), 1, &ours).unwrap_err();
        assert!(mixed.contains("mixed"), "{mixed}");
    }
}
