//! One contestant's turn in a testbed.

use backroom_lab::docker::testbed::{Command, FILE_FOLDER, RECEIVED_FOLDER, Testbed};
use backroom_shaper::protocol::{ShaperConfig, ShaperStats};

use crate::comparisons::{Comparison, Contestant, Network};
use crate::row::Row;
use crate::tool::{self, MAX_SECONDS, Ours, Side, Task, Tool};

/// Windows that atftp tries in a comparison. It is measured with the best.
const ATFTP_WINDOWS: [u32; 4] = [16, 64, 256, 1_024];
/// Size of the IP packets that fill the link.
const PACKET_BYTES: usize = 1_480;
const ETHERNET_MTU_BYTES: u64 = 1_500;
/// Unit of `utime` and `stime` (proc_pid_stat(5)).
const TICK_SECONDS: f64 = 0.01;

/// A contestant's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Index of the contestant in its comparison.
    pub(crate) contestant: usize,
    /// From 1. 0 is a trial.
    pub(crate) repetition: u32,
}

/// A testbed in which the contestants of a comparison take turns.
pub(crate) struct Session<'a> {
    testbed: Testbed,
    comparison: &'a Comparison,
    /// The window of atftp.
    pub(crate) window: u32,
    atftp_limit_seconds: u32,
}

/// A successful transfer.
struct Outcome {
    seconds: f64,
    processor_seconds: Option<f64>,
}

impl<'a> Session<'a> {
    /// Starts the programs that wait for transfers.
    pub(crate) async fn start(
        testbed: Testbed,
        comparison: &'a Comparison,
    ) -> anyhow::Result<Self> {
        let mut session = Self {
            testbed,
            comparison,
            window: ATFTP_WINDOWS[0],
            atftp_limit_seconds: MAX_SECONDS,
        };
        for member in 0..=comparison.receivers {
            let daemons = match member {
                0 => tool::sender_daemons(FILE_FOLDER),
                _ => tool::receiver_daemons(member, RECEIVED_FOLDER),
            };
            for daemon in daemons {
                session.testbed.start(member, &daemon).await?;
            }
        }
        if comparison.network.is_some() {
            session.disable_offload().await?;
        }
        Ok(session)
    }

    /// Makes the kernel send single packets. A batch would be shaped, and lost, as one packet.
    async fn disable_offload(&mut self) -> anyhow::Result<()> {
        let command = Command {
            privileged: true,
            ..tool::command("ethtool -K eth0 gso off tso off gro off")
        };
        for member in 0..=self.comparison.receivers {
            let output = self.testbed.run(member, &command).await?;
            anyhow::ensure!(output.code == 0, "ethtool: {}", output.stderr.trim());
        }
        Ok(())
    }

    /// Tries atftp's windows if it takes part, from the largest, and keeps the best. A trial ends when it takes longer than
    /// the best so far. Returns the rows of the trials.
    pub(crate) async fn find_window(&mut self, seed: u64) -> Vec<Row> {
        let contestants = &self.comparison.contestants;
        let index = contestants.iter().position(|one| one.tool == Tool::Atftp);
        let Some(contestant) = index else {
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
                self.atftp_limit_seconds = MAX_SECONDS.min(seconds.ceil() as u32);
            }
            rows.push(row);
        }
        self.window = best.1;
        self.atftp_limit_seconds = MAX_SECONDS;
        rows
    }

    /// Takes a turn. A failure is in the row.
    pub(crate) async fn take(&mut self, turn: Turn, order: usize, seed: u64) -> Row {
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

    async fn fill(&mut self, row: &mut Row, contestant: &Contestant) -> anyhow::Result<()> {
        let path = self.testbed.file(contestant.bytes).await?;
        let members = contestant.receivers + 1;
        if let Some(network) = &self.comparison.network {
            let configs = (0..members).map(|member| config(network, member, row.seed));
            self.testbed.shape(configs.collect()).await?;
        }
        let outcome = match &contestant.tool {
            Tool::Backroom(ours) => self.run_ours(row, contestant, ours, &path).await?,
            tool => self.run_tool(row, contestant, tool, &path).await?,
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
        if let Some(network) = &self.comparison.network {
            count(row, network, &self.testbed.shaper_stats(members).await?);
        }
        Ok(())
    }

    async fn run_ours(
        &mut self,
        row: &mut Row,
        contestant: &Contestant,
        ours: &Ours,
        path: &str,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let mut names = Vec::new();
        for member in 1..=contestant.receivers {
            names.push(self.testbed.name(member).to_owned());
        }
        let lines = [
            format!("window|{}", ours.window),
            "recovery|fast".to_owned(),
            "timeout|adaptive".to_owned(),
            format!("copies|{}", ours.copies),
            format!("delivery|{}", ours.delivery),
            format!("segment|{}", ours.segment_bytes),
            format!("fmulticast|{}|{path}", names.join("|")),
        ];
        let gso = if self.testbed.gso() { "on" } else { "off" };
        row.command = format!("backroom-client --gso {gso}: {}", lines.join("; "));
        let before = self.processor_seconds().await?;
        let sending = (self.testbed).send_file(&lines, contestant.receivers, ours.delivery);
        let sent = sending.await?;
        let after = self.processor_seconds().await?;
        Ok(sent.map(|seconds| Outcome {
            seconds,
            processor_seconds: before.zip(after).map(|(before, after)| after - before),
        }))
    }

    /// Processor time of the sender's client so far.
    async fn processor_seconds(&mut self) -> anyhow::Result<Option<f64>> {
        let command = tool::command("cat /proc/1/stat");
        let output = self.testbed.run(0, &command).await?;
        Ok(processor_seconds(&output.stdout))
    }

    async fn run_tool(
        &mut self,
        row: &mut Row,
        contestant: &Contestant,
        tool: &Tool,
        path: &str,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let task = Task {
            path,
            bytes: contestant.bytes,
            folder: RECEIVED_FOLDER,
            sender: &self.testbed.address(0).to_string(),
            receiver: &self.testbed.address(1).to_string(),
            receivers: contestant.receivers,
            window: self.window,
            atftp_limit_seconds: self.atftp_limit_seconds,
        };
        let Some((side, command)) = tool.command(&task) else {
            return Ok(Err("it has no command".to_owned()));
        };
        row.command = command.words.join(" ");
        let member = match side {
            Side::Sender => 0,
            Side::Receiver => 1,
        };
        let output = self.testbed.run(member, &command).await?;
        let seconds = tool.seconds(&output.stdout, &output.stderr, &task);
        Ok(seconds
            .map(|seconds| Outcome {
                seconds,
                processor_seconds: None,
            })
            .map_err(|error| format!("{error} (exit {})", output.code)))
    }

    /// Checks that every receiver has exactly one file, of the right size, and removes it.
    async fn check_files(&mut self, row: &mut Row) -> anyhow::Result<()> {
        let words = ["find", RECEIVED_FOLDER, "-type", "f", "-printf", "%s "];
        let command = Command {
            words: words.map(str::to_owned).into(),
            ..tool::command("")
        };
        for member in 1..=row.receivers {
            let found = self.testbed.run(member, &command).await?;
            let sizes = found.stdout.trim();
            if row.ok && sizes != row.bytes.to_string() {
                let name = self.testbed.name(member);
                row.failed(format!("{name} has files of {sizes:?} bytes"));
            }
            self.testbed.remove_received(member).await?;
        }
        Ok(())
    }
}

fn config(network: &Network, member: u16, seed: u64) -> ShaperConfig {
    let egress_seed = seed * 1_000 + 2 * u64::from(member);
    ShaperConfig {
        egress: network.egress.clone(),
        egress_seed,
        ingress: network.ingress.clone(),
        ingress_seed: egress_seed + 1,
        packet_bytes: PACKET_BYTES,
        tcp_port: Some(tool::IPERF3_PORT),
        loss_in_kernel: network.loss_in_kernel,
    }
}

/// Counts the packets where the network loses them. Fails a run with too large packets or with packets lost by the shaper.
fn count(row: &mut Row, network: &Network, stats: &[ShaperStats]) {
    let is_incoming = network.ingress != backroom_link::LinkConfig::default();
    let deciding = stats.iter().map(|one| match is_incoming {
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
    if bytes > packets * ETHERNET_MTU_BYTES {
        row.failed("the shaper saw packets larger than an Ethernet MTU");
    }
}

/// Reads `utime` and `stime` of `/proc/PID/stat`. They follow the program's name, which may contain anything.
fn processor_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks * TICK_SECONDS)
}

#[cfg(test)]
mod tests {
    use backroom_shaper::protocol::DirectionStats;

    use super::*;

    #[test]
    fn processor_time_is_read_after_a_name_with_spaces_and_parentheses() {
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
    fn super_packets_and_packets_lost_by_the_shaper_invalidate_a_run() {
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
}
