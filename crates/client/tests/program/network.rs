//! A room whose members are hosts of their own, in network namespaces that the test makes.
//!
//! ```text
//! bob 10.8.0.12 ---+
//!                  +--- bridge 10.8.0.1, the server
//! ada 10.8.0.11 ---+
//! ```

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Member, Room, prepare_within, server_program};

/// The server's address.
const SERVER: &str = "10.8.0.1";

/// The host of the server, and one for each member. The namespaces last as long as this.
pub(crate) struct Network {
    server: Host,
    members: Vec<Host>,
}

/// A network namespace, and the process that keeps it.
pub(crate) struct Host {
    process: Child,
}

impl Network {
    /// A network with this many hosts for members. `None` if this system does not allow it, after printing the reason.
    pub(crate) fn new(members: usize) -> Option<Self> {
        match Self::try_new(members) {
            Ok(network) => Some(network),
            Err(why) if std::env::var("BACKROOM_TEST_NETWORK").as_deref() == Ok("required") => {
                panic!("{why}")
            }
            Err(why) => {
                // Not `eprintln!`, whose output a test that passes hides.
                let thread = std::thread::current();
                let test = thread.name().unwrap_or("test");
                writeln!(std::io::stderr(), "skipped {test}: {why}").unwrap();
                None
            }
        }
    }

    fn try_new(members: usize) -> Result<Self, String> {
        let server = Host::hold(Command::new("unshare").args(["--user", "--map-root-user"]))?;
        server
            .run("ip link set lo up && ip link add bridge type bridge && ip link set bridge up")?;
        server.run(&format!("ip address add {SERVER}/24 dev bridge"))?;
        // The modules of the tests' rules.
        server.run("iptables -A INPUT -m conntrack --ctstate ESTABLISHED -m length --length 0:65535 -j ACCEPT")?;
        let mut network = Self {
            server,
            members: Vec::new(),
        };
        for number in 11..11 + members {
            let mut inside = Command::new("nsenter");
            inside.args(network.server.entry()).arg("unshare");
            let host = Host::hold(&mut inside)?;
            let id = host.process.id();
            network.server.run(&format!(
                "ip link add port{number} type veth peer name uplink netns {id} \
                 && ip link set port{number} master bridge && ip link set port{number} up"
            ))?;
            host.run(&format!(
                "ip link set lo up && ip address add 10.8.0.{number}/24 dev uplink && ip link set uplink up"
            ))?;
            network.members.push(host);
        }
        Ok(network)
    }

    /// Starts the server.
    pub(crate) async fn open_room(&self) -> Room {
        let command = prepare_within(&self.server.command_prefix(), server_program());
        Room::open_with(command, SERVER).await
    }

    /// A member joins from the host with this index.
    pub(crate) async fn join(
        &self,
        room: &Room,
        host: usize,
        name: &str,
        options: &[&str],
    ) -> Member {
        let downloads: TempDir = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_backroom-client"));
        let mut command = prepare_within(&self.members[host].command_prefix(), program);
        command
            .args(room.address())
            .arg("--download-dir")
            .arg(downloads.path())
            .args(["--output", "json", "--name", name])
            .args(options);
        let mut member = Member::spawn(&mut command, downloads);
        member.event("joined").await;
        member
    }

    /// Runs a script on the host of a member.
    pub(crate) fn on(&self, host: usize, script: &str) -> String {
        self.members[host].run(script).unwrap()
    }
}

impl Host {
    fn hold(command: &mut Command) -> Result<Self, String> {
        let mut process = command
            .args(["--net", "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("can't run unshare: {error}"))?;
        let output = process.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        let host = Self { process };
        match read {
            Ok(1..) => Ok(host),
            _ => Err("this system does not allow network namespaces".into()),
        }
    }

    fn entry(&self) -> Vec<String> {
        let target = self.process.id().to_string();
        [
            "--target",
            &target,
            "--user",
            "--net",
            "--preserve-credentials",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn command_prefix(&self) -> Vec<String> {
        [vec!["nsenter".to_owned()], self.entry()].concat()
    }

    fn run(&self, script: &str) -> Result<String, String> {
        let output = Command::new("nsenter")
            .args(self.entry())
            .args(["sh", "-c", script])
            .output()
            .map_err(|error| format!("can't run nsenter: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!(
                "{script}: {}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
