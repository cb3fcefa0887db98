//! Several receivers, some of which stop, leave or are killed.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Files, Room};

/// A receiver's result in a `sent` event.
fn result<'a>(sent: &'a Value, name: &str) -> &'a Value {
    let results = sent["receivers"].as_array().unwrap();
    results
        .iter()
        .find(|result| result["name"] == name)
        .unwrap()
}

#[tokio::test]
async fn a_stopped_and_a_killed_receiver_do_not_delay_the_others() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve] = room.join_all(["ada", "bob", "eve"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, contents) = files.create("a.bin", 600_000);
    ada.type_line(&format!("fbroadcast|{path}")).await;
    bob.event("receiving").await;
    bob.signal(Signal::STOP);
    let received = eve.event("received").await;
    assert!(std::fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
    assert!(!ada.has_passed("sent"));
    bob.signal(Signal::KILL);
    let sent = ada.event("sent").await;
    assert_eq!(result(&sent, "eve")["ok"], true);
    assert_eq!(
        (&result(&sent, "bob")["ok"], &result(&sent, "bob")["error"]),
        (&json!(false), &json!("left the room"))
    );
    assert!(
        !bob.downloaded().contains(&"a.bin".to_owned()),
        "half a file under its name"
    );
}

#[tokio::test]
async fn a_receiver_that_leaves_keeps_no_partial_file() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve] = room.join_all(["ada", "bob", "eve"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 600_000);
    ada.type_line(&format!("fmulticast|bob|eve|{path}")).await;
    bob.event("receiving").await;
    bob.type_line("exit").await;
    assert_eq!(bob.end().await.code(), Some(0));
    assert!(bob.has_passed("failed"));
    assert!(bob.downloaded().is_empty());
    let sent = ada.event("sent").await;
    assert_eq!(result(&sent, "bob")["ok"], false);
    assert_eq!(result(&sent, "eve")["ok"], true);
    eve.event("received").await;
}

#[tokio::test]
async fn a_killed_sender_leaves_no_partial_file() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 1_000_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
    ada.signal(Signal::KILL);
    let failed = bob.event("failed").await;
    assert_eq!(failed["error"], "the sender left the room");
    assert!(bob.downloaded().is_empty());
}

#[tokio::test]
async fn an_unanswered_offer_times_out() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    let (path, _) = files.create("a.bin", 1_000);
    bob.signal(Signal::STOP);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    let sent = ada.event("sent").await;
    let error = result(&sent, "bob")["error"].as_str().unwrap();
    assert!(error.contains("did not answer the offer"), "{error}");
    bob.signal(Signal::CONT);
    bob.event("failed").await;
    assert!(bob.downloaded().is_empty());
}

#[tokio::test]
async fn either_side_can_cancel() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 1_000_000);
    for (by_sender, at_sender, at_receiver) in [
        (true, "cancelled", "cancelled by the sender"),
        (false, "cancelled by the receiver", "cancelled"),
    ] {
        ada.type_line(&format!("funicast|bob|{path}")).await;
        let (sending, receiving) = (ada.event("sending").await, bob.event("receiving").await);
        if by_sender {
            ada.type_line(&format!("cancel|{}", sending["id"])).await;
        } else {
            bob.type_line(&format!("cancel|{}", receiving["id"])).await;
        }
        let sent = ada.event("sent").await;
        assert_eq!(
            (&sent["receivers"][0]["ok"], &sent["receivers"][0]["error"]),
            (&json!(false), &json!(at_sender))
        );
        let failed = bob.event("failed").await;
        assert_eq!(
            (&failed["id"], &failed["error"]),
            (&receiving["id"], &json!(at_receiver))
        );
    }
    assert!(bob.downloaded().is_empty());
    ada.type_line("transfers").await;
    assert_eq!(ada.event("transfers").await["transfers"], json!([]));
}

#[tokio::test]
async fn the_sender_sees_the_reason_of_a_decline() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room.join_with("bob", &["--max-file-size", "1kB"]).await;
    let mut eve = room.join_with("eve", &["--max-incoming", "0"]).await;
    let mut kim = room.join("kim").await;
    std::fs::remove_dir(kim.downloads()).unwrap();
    for _ in 0..3 {
        ada.event("member_joined").await;
    }
    let files = Files::new();
    let (path, _) = files.create("a.bin", 1_001);
    ada.type_line(&format!("fbroadcast|{path}")).await;
    let sent = ada.event("sent").await;
    assert_eq!(sent["goodput_mbps"], 0.0);
    for (name, reason) in [
        ("bob", "at most 1000"),
        ("eve", "it receives no files"),
        ("kim", "download folder"),
    ] {
        let error = result(&sent, name)["error"].as_str().unwrap();
        assert!(
            error.starts_with("declined: ") && error.contains(reason),
            "{error}"
        );
    }
    for member in [&mut bob, &mut eve, &mut kim] {
        member.event("failed").await;
        assert!(!member.has_passed("receiving"));
    }
    let told = result(&sent, "kim")["error"].as_str().unwrap();
    assert!(!told.contains('/'), "a path was told to others: {told}");
}

#[tokio::test]
async fn parallel_streams_overlap_and_sequential_ones_do_not() {
    let room = Room::open().await;
    let [mut ada, _bob, _eve] = room.join_all(["ada", "bob", "eve"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 100_000);
    for (delivery, overlap) in [("parallel", true), ("sequential", false)] {
        ada.type_line(&format!("delivery|{delivery}")).await;
        ada.type_line(&format!("fbroadcast|{path}")).await;
        let sent = ada.event("sent").await;
        assert_eq!(sent["delivery"], delivery);
        let seconds = |name| result(&sent, name)["seconds"].as_f64().unwrap();
        let one_after_the_other = seconds("bob") + seconds("eve");
        assert_eq!(
            sent["seconds"].as_f64().unwrap() < one_after_the_other,
            overlap,
            "{sent}"
        );
    }
}
