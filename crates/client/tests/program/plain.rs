//! Plain output without a terminal.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::harness::{Files, Room, soon};

#[tokio::test]
async fn plain_output_uses_the_format_of_the_report() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let downloads = tempfile::tempdir().unwrap();
    let mut child = room
        .client(downloads.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin.write_all(b"bob\n").await.unwrap();
    ada.event("member_joined").await;

    let files = Files::new();
    let (path, _) = files.create("a.txt", 10);
    ada.type_line("municast|bob|hi").await;
    ada.type_line(&format!("funicast|bob|{path}")).await;
    ada.event("sent").await;

    let mut seen = Vec::new();
    // Of the file's end and the sender's leaving, either may show first: she leaves when he has the file.
    let mut read_until = async |last: &str| {
        loop {
            seen.push(soon("a line", lines.next_line()).await.unwrap().unwrap());
            if seen.last().is_some_and(|line| line.starts_with(last)) {
                break;
            }
        }
    };
    read_until("Time taken: ").await;
    ada.type_line("exit").await;
    ada.end().await;
    read_until("ada left").await;
    let saved = downloads.path().join("a.txt");
    for expected in [
        "Authentication successful:)",
        "Enter Your Name:",
        "Welcome to chatroom!!!",
        "***ada : hi",
        "***Started receiving file from: ada",
        &format!("Saving it as: {}", saved.display()),
        &format!("Downloaded successfully: {} (10 B)", saved.display()),
    ] {
        assert!(
            seen.iter().any(|line| line == expected),
            "{expected:?} is not among {seen:#?}"
        );
    }
    assert!(seen.iter().any(|line| line.starts_with("Time taken: ")));
    assert!(seen.iter().all(|line| !line.contains('\u{1b}')));

    drop(stdin);
    assert_eq!(soon("the end", child.wait()).await.unwrap().code(), Some(0));
}
