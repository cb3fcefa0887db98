//! `--trace`: the steps of a transfer on both sides, and the lab as their reader.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::harness::{Files, Member, Room, lab_program, soon};

const SEGMENTS: usize = 100;

/// The lines of a trace.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

/// The value of `field` in all lines of one kind, in order.
fn numbers(lines: &[Value], event: &str, field: &str) -> Vec<u64> {
    let of_kind = lines.iter().filter(|line| line["event"] == event);
    of_kind.map(|line| line[field].as_u64().unwrap()).collect()
}

/// Leaves the room, which completes the trace.
async fn leave(mut member: Member) {
    member.type_line("exit").await;
    assert!(member.end().await.success());
}

/// Sends a file from Ada to Bob while both write a trace. Returns Ada's `sent` event.
async fn transfer(of_sender: &Path, of_receiver: &Path) -> Value {
    let room = Room::open().await;
    let options = [of_sender, of_receiver].map(|path| ["--trace", path.to_str().unwrap()]);
    let mut ada = room.join_with("ada", &options[0]).await;
    let mut bob = room.join_with("bob", &options[1]).await;
    ada.event("member_joined").await;
    for setting in ["segment|1000", "window|8"] {
        ada.type_line(setting).await;
        ada.event("settings").await;
    }
    let files = Files::new();
    let (path, _) = files.create("a.bin", 1_000 * SEGMENTS);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("received").await;
    let sent = ada.event("sent").await;
    leave(ada).await;
    leave(bob).await;
    sent
}

#[tokio::test]
async fn both_sides_trace_every_step() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("ada.jsonl"), dir.path().join("bob.jsonl")];
    let sent = transfer(&paths[0], &paths[1]).await;
    let [ada, bob] = paths.map(|path| lines(&path));
    for (lines, side) in [(&ada, "sender"), (&bob, "receiver")] {
        let begin = &lines[0];
        assert_eq!(begin["event"], "begin");
        assert_eq!(
            (&begin["side"], &begin["bytes"]),
            (&side.into(), &sent["bytes"])
        );
        assert!(
            lines
                .iter()
                .all(|line| line["transfer"] == begin["transfer"])
        );
        assert!(!lines.iter().any(|line| line["event"] == "missing"));
    }
    let every: Vec<u64> = (0..SEGMENTS as u64).collect();
    assert_eq!(numbers(&ada, "send", "seq"), every);
    let again = numbers(&ada, "resend", "seq").len() as u64;
    assert_eq!(sent["segments_retransmitted"], again);
    assert_eq!(
        numbers(&ada, "go_back", "seq").len() as u64,
        sent["go_backs"]
    );
    assert_eq!(
        numbers(&ada, "ack", "ack").into_iter().max(),
        Some(SEGMENTS as u64)
    );
    assert_eq!(numbers(&bob, "deliver", "seq"), every);
    assert_eq!(
        numbers(&bob, "ack_sent", "ack").last(),
        Some(&(SEGMENTS as u64))
    );
}

#[tokio::test]
async fn the_lab_draws_the_trace_of_one_side_or_both() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("ada.jsonl"), dir.path().join("bob.jsonl")];
    transfer(&paths[0], &paths[1]).await;
    for sides in [&paths[..1], &paths[1..], &paths[..]] {
        let out = dir.path().join("drawn");
        let mut lab = Command::new(lab_program());
        lab.arg("trace").arg("--out").arg(&out);
        for path in sides {
            lab.arg("--from").arg(path);
        }
        let drawn = soon("the drawing", lab.output()).await.unwrap();
        let said = String::from_utf8_lossy(&drawn.stdout);
        let errors = String::from_utf8_lossy(&drawn.stderr);
        assert!(drawn.status.success(), "{sides:?}: {errors}");
        assert!(said.contains("100000 bytes in 100 segments"), "{said}");
        assert!(out.join("space-time.svg").is_file());
        fs::remove_dir_all(&out).unwrap();
    }
}

#[tokio::test]
async fn a_trace_that_holds_something_is_not_overwritten() {
    let room = Room::open().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.jsonl");
    let path_text = path.to_str().unwrap();
    let options = ["--name", "ada", "--trace", path_text];
    // An empty file, as `mktemp` makes it, holds nothing that could be lost.
    fs::write(&path, "").unwrap();
    let client = &mut room.client(dir.path());
    let ended = room.run(client.args(options)).await;
    assert_eq!(ended.status.code(), Some(0));

    fs::write(&path, "what another run wrote\n").unwrap();
    let ended = room.run(client).await;
    assert_eq!(ended.status.code(), Some(2));
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(
        error.contains(path_text) && error.contains("another name"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"what another run wrote\n");
}

#[tokio::test]
async fn two_clients_do_not_write_the_same_trace() {
    let room = Room::open().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.jsonl");
    let options = ["--trace", path.to_str().unwrap()];
    let ada = room.join_with("ada", &options).await;
    let mut bob = room.start(&[&["--name", "bob"], &options[..]].concat());
    assert_eq!(bob.end().await.code(), Some(2));
    leave(ada).await;
}
