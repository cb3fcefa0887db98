//! Outputs that are closed, full or not read.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::harness::{Files, Room, soon};
use rustix::process::Signal;

#[tokio::test]
async fn an_idle_client_leaves_when_its_reader_goes() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    bob.close_output();
    // Nothing happens that it could write.
    assert_eq!(bob.exit_status().await.code(), Some(0));
    assert_eq!(ada.event("member_left").await["name"], "bob");
}

#[tokio::test]
async fn a_client_whose_reader_goes_cancels_its_files_and_leaves_no_part() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 1_000_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
    bob.close_output();
    assert_eq!(bob.exit_status().await.code(), Some(0));
    let sent = ada.event("sent").await;
    assert_eq!(sent["receivers"][0]["error"], "cancelled by the receiver");
    assert!(bob.downloaded().is_empty());
}

#[tokio::test]
async fn a_full_disk_under_the_outputs_does_not_stop_a_transfer() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let downloads = tempfile::tempdir().unwrap();
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let mut command = room.client(downloads.path());
    command
        .args(["--name", "bob"])
        .env("RUST_LOG", "debug")
        .stdout(full())
        .stderr(full());
    let mut bob = command.spawn().unwrap();
    ada.event("member_joined").await;
    let files = Files::new();
    let (path, contents) = files.create("a.bin", 100_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    assert_eq!(ada.event("sent").await["receivers"][0]["ok"], true);
    assert!(std::fs::read(downloads.path().join("a.bin")).unwrap() == contents);
    drop(bob.stdin.take());
    assert_eq!(soon("the end", bob.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_signal_ends_a_client_whose_output_nobody_reads() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    // More than the pipe and the queue of events hold.
    bob.type_line(&"help\n".repeat(8_000)).await;
    soon("the wait for a reader", bob.is_asleep()).await;
    bob.signal(Signal::TERM);
    assert_eq!(bob.exit_status().await.code(), Some(0));
    assert_eq!(ada.event("member_left").await["name"], "bob");
}

#[tokio::test]
async fn streams_that_another_program_made_non_blocking_lose_nothing() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let downloads = tempfile::tempdir().unwrap();
    let (stdin, mut keyboard) = std::io::pipe().unwrap();
    let (mut screen, stdout) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&stdin, true).unwrap();
    rustix::io::ioctl_fionbio(&stdout, true).unwrap();
    let mut command = room.client(downloads.path());
    command
        .args(["--name", "bob", "--output", "json"])
        .stdin(OwnedFd::from(stdin))
        .stdout(OwnedFd::from(stdout))
        .stderr(Stdio::null());
    let mut bob = command.spawn().unwrap();
    drop(command);
    ada.event("member_joined").await;
    // More than fits into the pipe, which nobody reads yet.
    let text = "x".repeat(10_000);
    for number in 0..20 {
        ada.type_line(&format!("municast|bob|{number} {text}"))
            .await;
    }
    ada.type_line("getusers").await;
    ada.event("users").await;
    std::io::Write::write_all(&mut keyboard, b"mbroadcast|hello\n").unwrap();
    drop(keyboard);
    assert_eq!(ada.event("message").await["text"], "hello");
    let mut output = String::new();
    let reading = tokio::task::spawn_blocking(move || {
        std::io::Read::read_to_string(&mut screen, &mut output).map(|_| output)
    });
    let output = soon("the output", reading).await.unwrap().unwrap();
    for number in 0..20 {
        assert!(output.contains(&format!("{number} x")), "message {number}");
    }
    assert_eq!(soon("the end", bob.wait()).await.unwrap().code(), Some(0));
}
