//! The ends of the program, and its exit codes.

use rustix::process::Signal;

use crate::harness::{Files, Room};

#[tokio::test]
async fn exit_the_end_of_input_and_signals_exit_with_0() {
    let room = Room::open().await;
    let mut watcher = room.join("watcher").await;
    for name in ["exit", "end", "int", "term"] {
        let mut member = room.join(name).await;
        match name {
            "exit" => member.type_line("exit").await,
            "end" => member.close_input(),
            "int" => member.signal(Signal::INT),
            _ => member.signal(Signal::TERM),
        }
        assert_eq!(member.end().await.code(), Some(0), "{name}");
        assert_eq!(watcher.event("member_left").await["name"], name);
    }
}

#[tokio::test]
async fn messages_before_the_end_of_input_are_sent() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    for number in 0..100 {
        ada.type_line(&format!("message {number}")).await;
    }
    ada.close_input();
    assert_eq!(ada.end().await.code(), Some(0));
    for number in 0..100 {
        assert_eq!(
            bob.event("message").await["text"],
            format!("message {number}")
        );
    }
}

#[tokio::test]
async fn the_end_of_input_waits_for_outgoing_files() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, contents) = files.create("a.bin", 50_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    ada.close_input();
    assert_eq!(ada.end().await.code(), Some(0));
    assert_eq!(ada.event("sent").await["receivers"][0]["ok"], true);
    let received = bob.event("received").await;
    assert!(std::fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
}

#[tokio::test]
async fn the_end_of_input_waits_for_incoming_files_and_declines_new_ones() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, contents) = files.create("a.bin", 600_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
    bob.close_input();
    bob.event("waiting").await;
    ada.type_line(&format!("funicast|bob|{path}")).await;
    let sent = ada.event("sent").await;
    assert_eq!(sent["receivers"][0]["error"], "declined: leaving the room");
    assert_eq!(bob.end().await.code(), Some(0));
    let received = bob.event("received").await;
    assert!(std::fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
    assert_eq!(ada.event("sent").await["receivers"][0]["ok"], true);
}

#[tokio::test]
async fn a_signal_cancels_transfers_and_notifies_the_peers() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 1_000_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
    ada.signal(Signal::INT);
    assert_eq!(ada.end().await.code(), Some(0));
    assert_eq!(ada.event("sent").await["receivers"][0]["ok"], false);
    assert_eq!(
        bob.event("failed").await["error"],
        "cancelled by the sender"
    );
    assert!(bob.downloaded().is_empty());
}

#[tokio::test]
async fn losing_the_server_exits_with_1() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 1_000_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
    room.kill().await;
    assert_eq!(ada.end().await.code(), Some(1));
    assert_eq!(bob.end().await.code(), Some(1));
    assert!(
        ada.event("error").await["message"]
            .as_str()
            .unwrap()
            .contains("connection lost")
    );
    assert_eq!(ada.event("sent").await["receivers"][0]["ok"], false);
    assert!(bob.downloaded().is_empty());
}

#[tokio::test]
async fn a_closed_output_exits_with_0() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    bob.close_output();
    ada.type_line("is anybody reading?").await;
    assert_eq!(bob.exit_status().await.code(), Some(0));
    assert_eq!(ada.event("member_left").await["name"], "bob");
}
