//! The nfqueue backend on real packets. Each test creates its own unprivileged network namespaces: two hosts connected by
//! a veth pair, one of them shaped.
//!
//! If the system does not allow such namespaces or has no NFQUEUE, the tests print the reason and are skipped, unless
//! `BACKROOM_TEST_SHAPER=required`.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use backroom_link::{Link, LinkConfig, Loss, Verdict};
use backroom_shaper::protocol::{DirectionStats, Reply, ShaperConfig, ShaperStats};

const SHAPER: &str = env!("CARGO_BIN_EXE_backroom-shaper");
/// A UDP datagram of two bytes, the output of `echo x`.
const PACKET_BYTES: usize = 30;
const DEADLINE: Duration = Duration::from_secs(60);

/// Two connected hosts: 10.9.0.1, which is shaped, and 10.9.0.2.
struct Hosts {
    shaped: Child,
    other: Child,
}

/// A running shaper.
struct Shaper {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Hosts {
    /// `None` if this system does not support it, after printing the reason.
    fn new() -> Option<Self> {
        match Self::try_new() {
            Ok(hosts) => Some(hosts),
            Err(why) if std::env::var("BACKROOM_TEST_SHAPER").as_deref() == Ok("required") => {
                panic!("{why}")
            }
            Err(why) => {
                // Not `eprintln!`, whose output a test that passes hides.
                let thread = std::thread::current();
                let test = thread.name().unwrap_or("test");
                let mut stderr = std::io::stderr();
                writeln!(stderr, "skipped {test}: {why}").unwrap();
                None
            }
        }
    }

    fn try_new() -> Result<Self, String> {
        // A namespace lasts as long as a process in it. `cat` runs until its stdin is closed.
        let shaped =
            hold(Command::new("unshare").args(["--user", "--map-root-user", "--net", "cat"]))?;
        let mut inner = enter(&shaped);
        let other = hold(inner.args(["unshare", "--net", "cat"]))?;
        let hosts = Self { shaped, other };
        let cable = format!(
            "ip link add v0 type veth peer name v1 netns {}",
            hosts.other.id()
        );
        hosts.on_shaped(&format!(
            "{cable} && ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up"
        ))?;
        hosts.on_other("ip addr add 10.9.0.2/24 dev v1 && ip link set v1 up")?;
        let probed = hosts.on_shaped(&format!("{SHAPER} --probe"))?;
        if probed.contains(r#""nfqueue":"works""#) {
            Ok(hosts)
        } else {
            Err(probed)
        }
    }

    fn on_shaped(&self, script: &str) -> Result<String, String> {
        run(enter(&self.shaped).args(["sh", "-c", script]))
    }

    fn on_other(&self, script: &str) -> Result<String, String> {
        run(enter(&self.other).args(["sh", "-c", script]))
    }

    fn shaper(&self) -> Shaper {
        let mut process = enter(&self.shaped)
            .args([SHAPER, "--backend", "nfqueue"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut shaper = Shaper {
            process,
            input,
            output,
        };
        assert_eq!(shaper.reply(), Reply::Ready);
        shaper
    }

    fn rules(&self) -> String {
        self.on_shaped("iptables -S").unwrap()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in [&mut self.other, &mut self.shaped] {
            let _ = host.kill();
            let _ = host.wait();
        }
    }
}

impl Shaper {
    fn configure(&mut self, egress: LinkConfig, ingress_loss: Loss) {
        self.configure_with(egress, ingress_loss, false);
    }

    fn configure_with(&mut self, egress: LinkConfig, ingress_loss: Loss, loss_in_kernel: bool) {
        let config = ShaperConfig {
            egress,
            egress_seed: 7,
            ingress: LinkConfig {
                loss: ingress_loss,
                ..LinkConfig::default()
            },
            ingress_seed: 8,
            packet_bytes: PACKET_BYTES,
            tcp_port: None,
            loss_in_kernel,
        };
        let mut command = serde_json::to_value(&config).unwrap();
        command["command"] = "configure".into();
        assert_eq!(self.ask(&command.to_string()), Reply::Configured);
    }

    /// The counters once all of `packets` are dropped or released.
    fn stats_after(
        &mut self,
        packets: u64,
        of: impl Fn(&ShaperStats) -> &DirectionStats,
    ) -> ShaperStats {
        let begun = Instant::now();
        loop {
            let Reply::Stats(stats) = self.ask(r#"{"command":"stats"}"#) else {
                panic!("no stats")
            };
            let direction = of(&stats);
            if direction.lost + direction.queue_drops + direction.delivered == packets {
                return *stats;
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "{packets} packets never arrived: {stats:?}"
            );
        }
    }

    fn ask(&mut self, line: &str) -> Reply {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Shaper {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}

/// Starts a `cat` and waits until it echoes a line.
fn hold(command: &mut Command) -> Result<Child, String> {
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = spawned.map_err(|error| format!("{command:?}: {error}"))?;
    let mut echoed = String::new();
    if let (Some(stdin), Some(stdout)) = (&mut child.stdin, &mut child.stdout) {
        let _ = stdin.write_all(b"in\n");
        let _ = BufReader::new(stdout).read_line(&mut echoed);
    }
    if echoed == "in\n" {
        Ok(child)
    } else {
        Err(format!("{command:?} does not start"))
    }
}

/// A command in the namespaces of `host`.
fn enter(host: &Child) -> Command {
    let mut command = Command::new("nsenter");
    command.args([
        "--preserve-credentials",
        "--user",
        "--net",
        "--target",
        &host.id().to_string(),
    ]);
    command
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A script that sends `count` datagrams to `address`.
fn send(count: u64, address: &str) -> String {
    format!("exec bash -c 'for i in $(seq {count}); do echo x > /dev/udp/{address}/7000; done'")
}

fn delayed(milliseconds: u64) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(milliseconds),
        ..LinkConfig::default()
    }
}

#[test]
fn the_same_packets_are_lost_as_in_the_link_model_with_the_same_seed() {
    let Some(hosts) = Hosts::new() else { return };
    let mut shaper = hosts.shaper();
    let config = LinkConfig {
        loss: Loss::Random(0.1),
        ..delayed(1)
    };
    shaper.configure(config.clone(), Loss::None);
    hosts.on_shaped(&send(300, "10.9.0.2")).unwrap();
    let stats = shaper.stats_after(300, |stats| &stats.egress).egress;
    let mut model = Link::new(config, 7);
    let now = Instant::now();
    let lost = (0..300)
        .filter(|_| matches!(model.send(now, PACKET_BYTES), Verdict::Drop(_)))
        .count() as u64;
    assert!(lost > 0);
    assert_eq!(
        (stats.offered, stats.lost, stats.delivered),
        (300, lost, 300 - lost)
    );
    assert_eq!((stats.queue_drops, stats.overrun), (0, 0));
    assert_eq!(stats.offered_bytes, 300 * PACKET_BYTES as u64);
}

#[test]
fn no_packet_is_released_before_its_delay_is_over() {
    let Some(hosts) = Hosts::new() else { return };
    let mut shaper = hosts.shaper();
    shaper.configure(delayed(25), Loss::None);
    hosts.on_shaped(&send(50, "10.9.0.2")).unwrap();
    let stats = shaper.stats_after(50, |stats| &stats.egress).egress;
    // The histogram keeps three digits.
    assert!(stats.sojourn.unwrap().min_ms >= 24.9, "{stats:?}");
}

#[test]
fn incoming_packets_are_lost_as_configured() {
    let Some(hosts) = Hosts::new() else { return };
    let mut shaper = hosts.shaper();
    shaper.configure(delayed(0), Loss::Droplist(vec![0, 5, 6]));
    hosts.on_other(&send(20, "10.9.0.1")).unwrap();
    let stats = shaper.stats_after(20, |stats| &stats.ingress).ingress;
    assert_eq!((stats.offered, stats.lost, stats.delivered), (20, 3, 17));
}

#[test]
fn loss_in_the_kernel_drops_and_counts_packets() {
    let Some(hosts) = Hosts::new() else { return };
    let untouched = hosts.rules();
    let mut shaper = hosts.shaper();
    for _ in 0..2 {
        shaper.configure_with(LinkConfig::default(), Loss::Random(0.5), true);
        hosts.on_other(&send(400, "10.9.0.1")).unwrap();
        let stats = shaper.stats_after(400, |stats| &stats.ingress).ingress;
        assert_eq!(stats.offered_bytes, 400 * PACKET_BYTES as u64);
        // Six standard deviations.
        assert!((140..=260).contains(&stats.lost), "{stats:?}");
    }
    // The queues return and the chain is removed.
    shaper.configure(delayed(0), Loss::None);
    hosts.on_shaped(&send(5, "10.9.0.2")).unwrap();
    shaper.stats_after(5, |stats| &stats.egress);
    drop(shaper);
    assert_eq!(hosts.rules(), untouched);
}

#[test]
fn configuring_again_resets_the_counters() {
    let Some(hosts) = Hosts::new() else { return };
    let mut shaper = hosts.shaper();
    shaper.configure(delayed(0), Loss::None);
    hosts.on_shaped(&send(5, "10.9.0.2")).unwrap();
    shaper.stats_after(5, |stats| &stats.egress);
    shaper.configure(delayed(0), Loss::None);
    assert_eq!(
        shaper.stats_after(0, |stats| &stats.egress).egress,
        DirectionStats::default()
    );
}

#[test]
fn the_rules_are_removed_after_quit_end_of_input_and_a_signal() {
    let Some(hosts) = Hosts::new() else { return };
    let untouched = hosts.rules();
    let shaped = |loss: f64| {
        let mut shaper = hosts.shaper();
        shaper.configure(delayed(1), Loss::Random(loss));
        assert_ne!(hosts.rules(), untouched);
        shaper
    };
    let mut shaper = shaped(0.1);
    assert_eq!(shaper.ask(r#"{"command":"quit"}"#), Reply::Closed);
    assert_eq!(hosts.rules(), untouched, "after quit");
    drop(shaped(0.1));
    assert_eq!(hosts.rules(), untouched, "after the end of its input");
    for signal in ["-TERM", "-INT"] {
        let mut shaper = shaped(0.1);
        run(Command::new("kill").args([signal, &shaper.process.id().to_string()])).unwrap();
        assert!(shaper.process.wait().unwrap().success());
        assert_eq!(hosts.rules(), untouched, "after {signal}");
    }
}

#[test]
fn an_invalid_command_is_an_error_and_the_shaper_continues() {
    let Some(hosts) = Hosts::new() else { return };
    let mut shaper = hosts.shaper();
    assert!(matches!(shaper.ask("shape!"), Reply::Error { .. }));
    let twice = LinkConfig {
        duplicate: 0.5,
        ..delayed(1)
    };
    let config = serde_json::json!({"command": "configure", "egress": twice, "egress_seed": 1, "ingress": delayed(0),
        "ingress_seed": 1, "packet_bytes": 1});
    assert!(
        matches!(shaper.ask(&config.to_string()), Reply::Error { message } if message.contains("duplicate"))
    );
    shaper.configure(delayed(0), Loss::None);
}
