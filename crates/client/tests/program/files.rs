//! File transfers, compared byte for byte.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Files, Member, Room};

/// Waits for a file and returns its contents.
async fn received(member: &mut Member) -> (Value, Vec<u8>) {
    let received = member.event("received").await;
    let contents = fs::read(received["path"].as_str().unwrap()).unwrap();
    (received, contents)
}

#[tokio::test]
async fn a_file_reaches_exactly_its_recipients() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve] = room.join_all(["ada", "bob", "eve"]).await;
    let files = Files::new();
    for (cast, to, receivers) in [
        ("unicast", "bob|", vec!["bob"]),
        ("multicast", "eve|bob|", vec!["eve", "bob"]),
        ("broadcast", "", vec!["bob", "eve"]),
        ("blockcast", "eve|", vec!["bob"]),
    ] {
        let name = format!("{cast}.bin");
        let (path, contents) = files.create(&name, 100_000);
        ada.type_line(&format!("f{cast}|{to}{path}")).await;
        let sending = ada.event("sending").await;
        assert_eq!(sending["receivers"], json!(receivers));
        for receiver in &receivers {
            let member = if *receiver == "bob" {
                &mut bob
            } else {
                &mut eve
            };
            let receiving = member.event("receiving").await;
            assert_eq!(
                (&receiving["from"], &receiving["file"], &receiving["bytes"]),
                (&json!("ada"), &json!(name), &json!(100_000))
            );
            let (received, arrived) = received(member).await;
            assert_eq!(
                (&received["id"], &received["path"]),
                (&receiving["id"], &receiving["path"])
            );
            assert!(arrived == contents, "{cast} to {receiver}");
        }
        let sent = ada.event("sent").await;
        assert_eq!(
            (&sent["id"], &sent["cast"], &sent["bytes"]),
            (&sending["id"], &json!(cast), &json!(100_000))
        );
        let results = sent["receivers"].as_array().unwrap();
        assert_eq!(results.len(), receivers.len());
        for (result, receiver) in results.iter().zip(&receivers) {
            assert_eq!(
                (&result["name"], &result["ok"], &result["error"]),
                (&json!(receiver), &json!(true), &Value::Null)
            );
            assert!(result["seconds"].as_f64().unwrap() > 0.0);
        }
    }
    ada.type_line("municast|eve|that was all").await;
    eve.event("message").await;
    assert!(
        !eve.has_passed("receiving"),
        "the one who was left out was offered a file"
    );
    assert_eq!(eve.downloaded(), ["broadcast.bin", "multicast.bin"]);
}

#[tokio::test]
async fn files_of_all_sizes_arrive_complete() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    for (bytes, segments) in [
        (0, 0),
        (1, 1),
        (1_183, 1),
        (1_184, 1),
        (1_185, 2),
        (5 << 20, 4_429),
    ] {
        let (path, contents) = files.create(&format!("{bytes}.bin"), bytes);
        ada.type_line(&format!("funicast|bob|{path}")).await;
        let sent = ada.event("sent").await;
        assert_eq!(sent["receivers"][0]["ok"], true, "{sent}");
        assert_eq!(
            (&sent["segments"], &sent["window"], &sent["segment_bytes"]),
            (&json!(segments), &json!("auto"), &json!(1_184))
        );
        let again = sent["segments_retransmitted"].as_u64().unwrap();
        assert_eq!(sent["segments_sent"].as_u64().unwrap(), segments + again);
        let (event, arrived) = received(&mut bob).await;
        assert!(arrived == contents, "{bytes} bytes");
        for quantity in ["seconds", "goodput_mbps"] {
            let measured = event[quantity].as_f64().unwrap();
            assert_eq!(measured > 0.0, bytes > 0, "{quantity} of {bytes} bytes");
        }
    }
}

#[tokio::test]
async fn an_existing_file_is_never_overwritten() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    let (path, contents) = files.create("notes.txt", 2_000);
    fs::write(bob.downloads().join("notes.txt"), "mine").unwrap();
    for name in ["notes (1).txt", "notes (2).txt"] {
        ada.type_line(&format!("funicast|bob|{path}")).await;
        let (event, arrived) = received(&mut bob).await;
        assert!(event["path"].as_str().unwrap().ends_with(name), "{event}");
        assert!(arrived == contents);
    }
    assert_eq!(
        fs::read(bob.downloads().join("notes.txt")).unwrap(),
        b"mine"
    );
    assert_eq!(
        bob.downloaded(),
        ["notes (1).txt", "notes (2).txt", "notes.txt"]
    );
}

#[tokio::test]
async fn a_bar_in_a_path_is_replaced_at_the_receiver() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    let (path, contents) = files.create("a|b.txt", 100);
    ada.type_line(&format!("fmulticast|bob|{path}")).await;
    let (_, arrived) = received(&mut bob).await;
    assert!(arrived == contents);
    assert_eq!(bob.downloaded(), ["a_b.txt"]);
}

#[tokio::test]
async fn an_unreadable_file_is_an_error() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    let (path, _) = files.create("a.txt", 100);
    for (line, error) in [
        (
            "funicast|bob|/nonexistent/file".to_owned(),
            "can't read /nonexistent/file",
        ),
        ("fbroadcast|/".to_owned(), "not a regular file"),
        ("fbroadcast|/dev/zero".to_owned(), "not a regular file"),
        (
            format!("funicast|nobody|{path}"),
            "no member named `nobody`",
        ),
        (format!("funicast|ada|{path}"), "yourself"),
        (
            format!("fblockcast|bob|{path}"),
            "excludes every other member",
        ),
        (format!("fmulticast|{path}"), "fmulticast|USER|USER...|PATH"),
    ] {
        let message = ada.error_of(&line).await;
        assert!(message.contains(error), "{line}: {message}");
    }
    ada.type_line("hello").await;
    bob.event("message").await;
    assert!(!ada.has_passed("sending") && !bob.has_passed("receiving"));
}

#[tokio::test]
async fn files_in_both_directions_do_not_delay_the_chat() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    bob.send_slowly().await;
    // So large that they would take half a minute. They are cancelled before that.
    let (large_from_ada, _) = files.create("large-ada.bin", 20_000_000);
    let (large_from_bob, _) = files.create("large-bob.bin", 20_000_000);
    ada.type_line(&format!("funicast|bob|{large_from_ada}"))
        .await;
    bob.type_line(&format!("funicast|ada|{large_from_bob}"))
        .await;
    ada.event("receiving").await;
    bob.event("receiving").await;
    for (line, number) in [("one", 0), ("two", 1), ("three", 2)] {
        ada.type_line(line).await;
        assert_eq!(bob.event("message").await["text"], line, "message {number}");
    }
    ada.type_line("transfers").await;
    let transfers = ada.event("transfers").await;
    let directions: Vec<&Value> = transfers["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transfer| &transfer["direction"])
        .collect();
    assert_eq!(
        directions,
        ["out", "in"],
        "both are still under way: {transfers}"
    );
    for transfer in transfers["transfers"].as_array().unwrap() {
        ada.type_line(&format!("cancel|{}", transfer["id"])).await;
    }
    for member in [&mut ada, &mut bob] {
        assert_eq!(member.event("sent").await["receivers"][0]["ok"], false);
    }
    let (from_ada, ada_contents) = files.create("ada.bin", 60_000);
    let (from_bob, bob_contents) = files.create("bob.bin", 60_000);
    ada.type_line(&format!("funicast|bob|{from_ada}")).await;
    bob.type_line(&format!("funicast|ada|{from_bob}")).await;
    assert!(received(&mut ada).await.1 == bob_contents);
    assert!(received(&mut bob).await.1 == ada_contents);
    assert_eq!(ada.event("sent").await["receivers"][0]["ok"], true);
    assert_eq!(bob.event("sent").await["receivers"][0]["ok"], true);
}

#[tokio::test]
async fn settings_apply_to_later_files() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    let (path, contents) = files.create("a.bin", 20_000);
    for line in [
        "window|7",
        "recovery|timeout",
        "timeout|250ms",
        "copies|2",
        "delivery|sequential",
        "segment|500",
    ] {
        ada.type_line(line).await;
    }
    let mut settings = Value::Null;
    for _ in 0..6 {
        settings = ada.event("settings").await;
    }
    let expected = json!({"event": "settings", "window": 7, "recovery": "timeout", "timeout": "250ms", "copies": 2, "delivery": "sequential", "segment_bytes": 500});
    assert_eq!(settings, expected);
    ada.type_line(&format!("fbroadcast|{path}")).await;
    let sent = ada.event("sent").await;
    for field in ["window", "recovery", "copies", "delivery", "segment_bytes"] {
        assert_eq!(sent[field], expected[field], "{field}");
    }
    assert_eq!(sent["segments"], 40);
    let [on_the_wire, again, copied] =
        ["segments_sent", "segments_retransmitted", "segments_copied"]
            .map(|count| sent[count].as_u64().unwrap());
    assert_eq!((40 + again, on_the_wire), (copied, 2 * copied), "{sent}");
    assert!(sent["srtt_ms"].as_f64().unwrap() > 0.0 && sent["min_rtt_ms"].as_f64().unwrap() > 0.0);
    assert!(sent["goodput_mbps"].as_f64().unwrap() > 0.0);
    let delays = ["min", "p50", "p90", "p99", "max"]
        .map(|share| sent["segment_delay_ms"][share].as_f64().unwrap());
    assert!(delays.is_sorted() && delays[0] > 0.0, "{sent}");
    assert!(received(&mut bob).await.1 == contents);
}
