//! Transfers that make no progress for a while, or for ever.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Files, Member, Room};

/// How long a process is stopped. Both sides of a transfer are patient for 30 s.
const OUTAGE: Duration = Duration::from_secs(25);

/// Begins a transfer from ada to bob that takes thousands of round trips.
async fn begin(room: &Room, files: &Files, options: &[&str]) -> (Member, Member, Vec<u8>) {
    let mut ada = room.join_with("ada", options).await;
    let bob = room.join_with("bob", options).await;
    ada.event("member_joined").await;
    ada.send_slowly().await;
    let (path, contents) = files.create("a.bin", 2_000_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    // Something has arrived.
    while bytes_sent(&mut ada).await == 0 {}
    (ada, bob, contents)
}

async fn bytes_sent(ada: &mut Member) -> u64 {
    ada.type_line("transfers").await;
    let transfers = ada.event("transfers").await;
    transfers["transfers"][0]["peers"][0]["bytes_done"]
        .as_u64()
        .unwrap_or(0)
}

async fn assert_arrives(ada: &mut Member, bob: &mut Member, contents: &[u8]) {
    let received = bob.event("received").await;
    assert!(std::fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
    let receiver = &ada.event("sent").await["receivers"][0];
    assert_eq!(receiver["ok"], true, "{receiver}");
}

#[tokio::test]
async fn an_outage_of_25_seconds_of_either_side_is_survived() {
    let files = Files::new();
    let stopped_sender = async {
        let room = Room::open().await;
        let (mut ada, mut bob, contents) = begin(&room, &files, &[]).await;
        ada.signal(Signal::STOP);
        tokio::time::sleep(OUTAGE).await;
        ada.signal(Signal::CONT);
        assert_arrives(&mut ada, &mut bob, &contents).await;
    };
    let stopped_receiver = async {
        let files = Files::new();
        let room = Room::open().await;
        let (mut ada, mut bob, contents) = begin(&room, &files, &[]).await;
        bob.signal(Signal::STOP);
        tokio::time::sleep(OUTAGE).await;
        bob.signal(Signal::CONT);
        assert_arrives(&mut ada, &mut bob, &contents).await;
    };
    tokio::join!(stopped_sender, stopped_receiver);
}

#[tokio::test]
async fn the_time_without_progress_is_an_option_of_both_sides() {
    let (room, files) = (Room::open().await, Files::new());
    let options = ["--give-up-after", "1s"];
    let (mut ada, bob, _) = begin(&room, &files, &options).await;
    bob.signal(Signal::STOP);
    let error = ada.event("sent").await["receivers"][0]["error"].to_string();
    assert!(error.contains("no longer responds"), "{error}");
    bob.signal(Signal::CONT);

    let room = Room::open().await;
    let (ada, mut bob, _) = begin(&room, &files, &options).await;
    ada.signal(Signal::STOP);
    let error = bob.event("failed").await["error"].to_string();
    assert!(error.contains("the sender stopped sending"), "{error}");
    assert_eq!(bob.downloaded(), [""; 0]);
    ada.signal(Signal::CONT);
}
