//! The exit status after commands on standard input.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use crate::harness::{Files, Room, soon};

/// The exit status of a client that reads these lines, and then the end of the input.
async fn status_after(room: &Room, options: &[&str], lines: &str) -> Option<i32> {
    let downloads = tempfile::tempdir().unwrap();
    let mut command = room.client(downloads.path());
    command
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut client = command.spawn().unwrap();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).await.unwrap();
    drop(stdin);
    soon("the end", client.wait()).await.unwrap().code()
}

#[tokio::test]
async fn a_failed_line_makes_the_status_4_at_the_end_of_the_input() {
    let room = Room::open().await;
    let _bob = room.join("bob").await;
    let name = ["--name", "ada"];
    for (lines, status) in [
        ("hello\n\ngetusers\nhelp\ntransfers\nwindow|8\n", 0),
        ("", 0),
        ("nonsense|x\nhello\n", 4),
        ("municast|bob\n", 4),
        ("municast|nobody|hello\n", 4),
        ("municast|ada|hello\n", 4),
        ("mbroadcast|\n", 4),
        ("window|0\n", 4),
        ("cancel|7\n", 4),
        ("kick|nobody\n", 4),
        // The room refuses these two.
        ("kick|ada\n", 4),
        ("kick|bob\nkick|bob\n", 4),
        ("nonsense|x\nexit\n", 4),
        ("funicast|bob|/nowhere/file\n", 4),
        ("fbroadcast|/dev/zero\n", 4),
    ] {
        assert_eq!(
            status_after(&room, &name, lines).await,
            Some(status),
            "{lines}"
        );
    }
    let too_long = "x".repeat(1 << 20);
    assert_eq!(status_after(&room, &name, &too_long).await, Some(4));
    let longer_than_a_message = "x".repeat(65 * 1024);
    assert_eq!(
        status_after(&room, &name, &longer_than_a_message).await,
        Some(4)
    );
    // Lines that are no name, or a name that is taken.
    for (lines, status) in [("eve\n", 0), ("bob\neve\n", 4), ("a|b\n", 4)] {
        assert_eq!(
            status_after(&room, &[], lines).await,
            Some(status),
            "{lines}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_declined_makes_the_status_4() {
    let room = Room::open().await;
    let _bob = room.join_with("bob", &["--max-file-size", "1kB"]).await;
    let _eve = room.join("eve").await;
    let files = Files::new();
    let (small, _) = files.create("small", 1_000);
    let (large, _) = files.create("large", 2_000);
    let name = ["--name", "ada"];
    for (line, status) in [
        (format!("fbroadcast|{small}\n"), 0),
        (format!("fbroadcast|{large}\n"), 4),
        (format!("funicast|bob|{large}\n"), 4),
        (format!("funicast|eve|{large}\n"), 0),
    ] {
        assert_eq!(
            status_after(&room, &name, &line).await,
            Some(status),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_file_that_the_other_side_cancels_makes_the_status_4_on_both_sides_but_for_its_own() {
    let room = Room::open().await;
    let files = Files::new();
    let (path, _) = files.create("a.bin", 1_000_000);
    for (by_sender, of_sender, of_receiver) in [(true, 0, 4), (false, 4, 0)] {
        let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
        ada.send_slowly().await;
        ada.type_line(&format!("funicast|bob|{path}")).await;
        let (sending, receiving) = (ada.event("sending").await, bob.event("receiving").await);
        if by_sender {
            ada.type_line(&format!("cancel|{}", sending["id"])).await;
        } else {
            bob.type_line(&format!("cancel|{}", receiving["id"])).await;
        }
        for (member, status) in [(&mut ada, of_sender), (&mut bob, of_receiver)] {
            member.close_input();
            assert_eq!(
                member.end().await.code(),
                Some(status),
                "by the sender: {by_sender}"
            );
        }
    }
}

#[tokio::test]
async fn a_receiver_that_is_lost_makes_the_status_4() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 1_000_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    ada.close_input();
    bob.event("receiving").await;
    bob.signal(rustix::process::Signal::KILL);
    assert_eq!(ada.end().await.code(), Some(4));
}

#[tokio::test]
async fn the_offers_that_a_client_declines_do_not_count() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room.join_with("bob", &["--max-incoming", "0"]).await;
    let files = Files::new();
    let (path, _) = files.create("a", 10);
    ada.event("member_joined").await;
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("failed").await;
    bob.close_input();
    assert_eq!(bob.end().await.code(), Some(0));
}
