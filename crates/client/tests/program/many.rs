//! Hundreds of commands at once.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::harness::{Files, Member, Room};

const FILES: usize = 500;

/// Sends all files with one write, and ends the input.
async fn send_all(sender: &mut Member, files: &Files, receiver: &str) {
    let lines: Vec<String> = (0..FILES)
        .map(|number| {
            let (path, _) = files.create(&format!("{number}.bin"), 1_000 + number);
            format!("funicast|{receiver}|{path}")
        })
        .collect();
    sender.type_line(&lines.join("\n")).await;
    sender.close_input();
}

/// Sends all files from Ada to Bob, and compares what arrives.
async fn all_arrive(mut ada: Member, mut bob: Member) {
    ada.event("member_joined").await;
    let files = Files::new();
    send_all(&mut ada, &files, "bob").await;
    let mut expected = BTreeSet::new();
    for _ in 0..FILES {
        let sent = ada.event("sent").await;
        assert_eq!(sent["receivers"][0]["error"], json!(null));
        expected.insert(sent["file"].as_str().unwrap().to_owned());
    }
    assert_eq!(ada.end().await.code(), Some(0));
    assert!(!ada.has_passed("error"));
    assert_eq!(expected.len(), FILES);
    bob.close_input();
    assert_eq!(bob.end().await.code(), Some(0));
    assert!(!bob.has_passed("failed"));
    assert_eq!(BTreeSet::from_iter(bob.downloaded()), expected);
    for name in expected {
        let arrived = fs::read(bob.downloads().join(&name)).unwrap();
        let number: usize = name.trim_end_matches(".bin").parse().unwrap();
        assert!(arrived == files.create(&name, 1_000 + number).1, "{name}");
    }
}

#[tokio::test]
async fn five_hundred_files_at_once_all_arrive() {
    let room = Room::open().await;
    let ada = room.join("ada").await;
    let bob = room.join("bob").await;
    all_arrive(ada, bob).await;
}

#[tokio::test]
async fn five_hundred_files_at_once_all_arrive_with_few_open_files() {
    let room = Room::open().await;
    let ada = room.join_with_few_open_files("ada", 100).await;
    let bob = room.join_with_few_open_files("bob", 100).await;
    all_arrive(ada, bob).await;
}

#[tokio::test]
async fn files_wait_for_a_receiver_that_takes_few_at_the_same_time() {
    let room = Room::open().await;
    let ada = room.join("ada").await;
    let bob = room.join_with("bob", &["--max-incoming", "3"]).await;
    all_arrive(ada, bob).await;
}

#[tokio::test]
async fn files_of_several_senders_wait_for_one_receiver() {
    let room = Room::open().await;
    let mut bob = room.join_with("bob", &["--max-incoming", "2"]).await;
    let mut senders = room.join_all(["ada", "eve", "kim"]).await;
    let files = Files::new();
    for (index, sender) in senders.iter_mut().enumerate() {
        for number in 0..40 {
            let (path, _) = files.create(&format!("{index} {number}"), 100);
            sender.type_line(&format!("funicast|bob|{path}")).await;
        }
        sender.close_input();
    }
    for sender in &mut senders {
        assert_eq!(sender.end().await.code(), Some(0));
    }
    bob.close_input();
    assert_eq!(bob.end().await.code(), Some(0));
    assert_eq!(bob.downloaded().len(), 3 * 40);
}

#[tokio::test]
async fn waiting_files_are_listed_and_can_be_cancelled() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (large, _) = files.create("large", 5_000_000);
    for _ in 0..32 {
        ada.type_line(&format!("funicast|bob|{large}")).await;
        bob.event("receiving").await;
    }
    let (small, _) = files.create("small", 10);
    ada.type_line(&format!("funicast|bob|{small}")).await;
    let queued = ada.event("queued").await;
    assert_eq!(
        (&queued["file"], &queued["receivers"]),
        (&json!(small), &json!(["bob"]))
    );
    ada.type_line("transfers").await;
    let listed = ada.event("transfers").await;
    let last = listed["transfers"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["id"], &last["queued"]),
        (&queued["id"], &json!(true))
    );
    let error = ada.error_of(&format!("cancel|{}", queued["id"])).await;
    assert!(error.contains("small: cancelled"), "{error}");
    ada.type_line("exit").await;
    assert_eq!(ada.end().await.code(), Some(0));
    assert!(bob.downloaded().iter().all(|name| name.ends_with(".part")));
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_delays_no_files_to_others() {
    let room = Room::open().await;
    let [mut ada, bob, mut eve] = room.join_all(["ada", "bob", "eve"]).await;
    bob.signal(rustix::process::Signal::STOP);
    let files = Files::new();
    let (path, _) = files.create("a", 10);
    for _ in 0..100 {
        ada.type_line(&format!("funicast|bob|{path}")).await;
    }
    ada.type_line(&format!("funicast|eve|{path}")).await;
    eve.event("received").await;
    assert!(!ada.has_passed("sent"));
}

#[tokio::test]
async fn five_hundred_messages_at_once_all_arrive() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let padding = "x".repeat(1_000);
    let lines: Vec<String> = (0..500)
        .map(|number| format!("{number} {padding}"))
        .collect();
    ada.type_line(&lines.join("\n")).await;
    ada.close_input();
    assert_eq!(ada.end().await.code(), Some(0));
    for line in lines {
        assert!(bob.event("message").await["text"] == line.as_str());
    }
}

/// The end of the input comes long before the room has read the messages: 600 at once, and then ten a second. The client waits
/// also for the answer to the last command, which the room refuses.
#[tokio::test]
async fn more_messages_than_the_room_takes_at_once_all_arrive() {
    let room = Room::open_at(0, &["--messages-per-second", "10"]).await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let lines: Vec<String> = (0..680).map(|number| number.to_string()).collect();
    ada.type_line(&lines.join("\n")).await;
    ada.type_line("kick|ada").await;
    ada.close_input();
    assert_eq!(ada.end().await.code(), Some(4));
    for line in lines {
        assert!(bob.event("message").await["text"] == line.as_str());
    }
}
