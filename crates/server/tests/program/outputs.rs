//! Outputs that are closed, full or not read: the room stays open.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;

use backroom_protocol::Password;
use backroom_transport::connection::{Login, connect};
use rustix::io::ioctl_fionbio;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use crate::harness::{Member, Output, PASSWORD, kill, prepare, program, soon};

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

async fn join(address: SocketAddr, name: &str) -> Member {
    let login = Login::new(Password::new(PASSWORD.to_owned()).unwrap());
    let connection = soon("a connection", async {
        loop {
            // At first, the server is not listening yet.
            match connect(address, &login).await {
                Ok(connection) => break connection,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    Member::join(connection.await, name).await.unwrap()
}

/// Members join and write to each other, and the server ends in order.
async fn works(mut child: Child, address: SocketAddr) {
    let mut ann = join(address, "Ann").await;
    for name in ["Bob", "Cid"] {
        let mut other = join(address, name).await;
        ann.catches_up().await;
        ann.posts(b"hello", &[other.id]).await;
        other.expect_post(&ann, b"hello").await;
    }
    kill(&child, Signal::TERM);
    let status = soon("the exit", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[tokio::test]
async fn closed_outputs_end_nothing() {
    let mut command = program(&["127.0.0.1", "0"]);
    command
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("RUST_LOG", "trace");
    let mut child = command.spawn().unwrap();
    // As with `2>&1 | head -1`: the reader takes what it needs and goes.
    let mut stderr = Output::new(child.stderr.take().unwrap());
    let line = stderr.find("address=").await;
    let (_, address) = line.split_once("address=").unwrap();
    let address = address.trim().parse().unwrap();
    drop((stderr, child.stdout.take()));
    works(child, address).await;
}

/// An address of loopback that no other test uses, for a server that cannot tell its port.
fn own_address(test: u8) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 77 + test, high, low], 9_000))
}

#[tokio::test]
async fn a_log_that_reaches_the_largest_file_size_ends_nothing() {
    let address = own_address(0);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 1 && exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_backroom-server"))
        .args([&address.ip().to_string(), "9000"]);
    let log = tempfile::tempfile().unwrap();
    prepare(&mut command)
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("RUST_LOG", "trace")
        .stderr(log.try_clone().unwrap());
    works(command.spawn().unwrap(), address).await;
    assert!(log.metadata().unwrap().len() <= 1_024);
}

#[tokio::test]
async fn a_full_disk_under_the_outputs_ends_nothing() {
    let address = own_address(1);
    let mut command = program(&[&address.ip().to_string(), "9000"]);
    command
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("RUST_LOG", "trace")
        .stdout(full())
        .stderr(full());
    works(command.spawn().unwrap(), address).await;
}

#[tokio::test]
async fn outputs_that_nobody_reads_block_nothing() {
    let address = own_address(2);
    let (_unread, pipe) = std::io::pipe().unwrap();
    ioctl_fionbio(&pipe, true).unwrap();
    while (&pipe).write(&[b'.'; 4_096]).is_ok() {}
    ioctl_fionbio(&pipe, false).unwrap();
    let mut command = program(&[&address.ip().to_string(), "9000"]);
    command
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("RUST_LOG", "trace")
        .stdout(pipe.try_clone().unwrap())
        .stderr(pipe);
    works(command.spawn().unwrap(), address).await;
}
