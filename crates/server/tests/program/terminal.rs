//! A server in the background of a terminal, which outlives it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::thread;

use backroom_protocol::{Password, ServerMessage};
use backroom_transport::connection::{Login, connect};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::harness::{Member, PASSWORD, prepare, soon};

/// A shell with job control that starts the server with `&`. Background processes may not write to its terminal.
const SHELL: &str = "stty tostop; set -m; \"$0\" 127.0.0.1 0 & echo \"pid=$!\"; wait";

/// What appears on the screen.
struct Screen(mpsc::UnboundedReceiver<String>);

impl Screen {
    /// The text after `key` in the next line with it.
    async fn find(&mut self, key: &str) -> String {
        loop {
            let line = soon(key, self.0.recv()).await;
            let line = line.unwrap_or_else(|| panic!("the terminal closed before {key}"));
            if let Some((_, value)) = line.split_once(key) {
                return value.trim().to_owned();
            }
        }
    }
}

/// Kills the server, which is no child of the test, if the test fails.
struct Background(Pid);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

/// The two ends of a pseudo-terminal.
fn terminal() -> (File, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let program = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(screen), program)
}

async fn join(address: SocketAddr, name: &str) -> Member {
    let login = Login::new(Password::new(PASSWORD.to_owned()).unwrap());
    let connection = soon("a connection", connect(address, &login)).await;
    Member::join(connection.unwrap(), name).await.unwrap()
}

#[tokio::test]
async fn a_server_in_the_background_neither_stops_nor_ends_with_its_terminal() {
    let (screen, program) = terminal();
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "sh", "-c", SHELL])
        .arg(env!("CARGO_BIN_EXE_backroom-server"));
    prepare(&mut command)
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("NO_COLOR", "1")
        .stdin(program.try_clone().unwrap())
        .stdout(program.try_clone().unwrap())
        .stderr(program);
    let mut shell = command.spawn().unwrap();
    drop(command);
    let (lines, shown) = mpsc::unbounded_channel();
    let reading = thread::spawn(move || {
        for line in BufReader::new(screen).lines() {
            // An error means that no program has the terminal open any more.
            let Ok(line) = line else { return };
            let _ = lines.send(line);
        }
    });
    let mut shown = Screen(shown);
    let pid = shown.find("pid=").await.parse().unwrap();
    let server = Background(Pid::from_raw(pid).unwrap());
    let address = shown.find("address=").await.parse().unwrap();

    let mut ann = join(address, "Ann").await;
    shown.find("joined name=Ann").await;

    // The end of the shell, which leads the session, hangs the terminal up.
    shell.kill().await.unwrap();
    kill_process(server.0, Signal::HUP).unwrap();
    let mut bob = join(address, "Bob").await;
    ann.catches_up().await;
    bob.posts(b"still here", &[ann.id]).await;
    ann.expect_post(&bob, b"still here").await;
    kill_process(server.0, Signal::TERM).unwrap();
    let last = ann.next().await;
    assert!(matches!(last, ServerMessage::Closing { .. }), "{last:?}");
    // Nobody has the terminal open any more, which ends the reading.
    tokio::task::spawn_blocking(|| reading.join())
        .await
        .unwrap()
        .unwrap();
}
