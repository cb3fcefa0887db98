//! Joining a room, and the errors of joining.

use std::net::Ipv4Addr;
use std::process::Stdio;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{PASSWORD, Room, client_of, soon};

#[tokio::test]
async fn a_new_member_gets_the_roster_and_is_announced() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room.start(&["--name", "bob"]);
    assert_eq!(bob.event("authenticated").await["event"], "authenticated");
    let joined = bob.event("joined").await;
    assert_eq!(joined["name"], "bob");
    assert_eq!(joined["members"], serde_json::json!(["ada", "bob"]));
    assert_eq!(ada.event("member_joined").await["name"], "bob");

    bob.type_line("getusers").await;
    let users = bob.event("users").await;
    let users = users["users"].as_array().unwrap();
    assert_eq!(users.len(), 2);
    assert_eq!(users[0]["name"], "ada");
    assert!(
        users[0]["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert_eq!(users[1]["fingerprint"], joined["fingerprint"]);
    assert_ne!(users[0]["fingerprint"], users[1]["fingerprint"]);

    bob.type_line("exit").await;
    assert_eq!(ada.event("member_left").await["name"], "bob");
}

#[tokio::test]
async fn a_wrong_password_exits_with_3() {
    let room = Room::open().await;
    let folder = tempfile::tempdir().unwrap();
    let mut client = room.client(folder.path());
    let output = room
        .run(
            client
                .args(["--name", "ada"])
                .env("BACKROOM_PASSWORD", "wrong"),
        )
        .await;
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong password"));

    let mut member = room.start(&["--name", "ada", "wrong"]);
    let error = member.event("error").await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("wrong password"),
        "{error}"
    );
    assert_eq!(member.end().await.code(), Some(3));
}

#[tokio::test]
async fn only_a_password_argument_prints_a_warning() {
    let room = Room::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\nsecond line\n")).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, warns) in [
        (vec![PASSWORD], true),
        (vec!["--password-file", file], false),
    ] {
        let mut client = room.client(folder.path());
        let output = room
            .run(
                client
                    .args(["--name", "ada"])
                    .args(arguments)
                    .env_remove("BACKROOM_PASSWORD"),
            )
            .await;
        assert_eq!(output.status.code(), Some(0));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.contains("process list"), warns, "{stderr}");
        assert!(!stderr.contains(PASSWORD));
    }
}

#[tokio::test]
async fn usage_and_connection_errors_have_their_own_exit_codes() {
    let room = Room::open().await;
    let folder = tempfile::tempdir().unwrap();
    for wrong in [
        ["--window", "0"],
        ["--name", "a|b"],
        ["--output", "xml"],
        ["--password-file", "/nonexistent"],
        ["--name", ""],
    ] {
        let output = room.run(room.client(folder.path()).args(wrong)).await;
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty());
    }
    let output = room
        .run(&mut room.client(&folder.path().join("nonexistent")))
        .await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--download-dir"));

    let mut client = room.client(folder.path());
    room.kill().await;
    let room = Room::open().await;
    let output = room.run(client.args(["--name", "ada"])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("can't reach a server"));
}

#[tokio::test]
async fn a_taken_name_option_exits_with_2() {
    let room = Room::open().await;
    let _ada = room.join("ada").await;
    let mut second = room.start(&["--name", "ADA"]);
    let error = second.event("error").await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("the name is taken; try"),
        "{error}"
    );
    assert_eq!(second.end().await.code(), Some(2));
}

#[tokio::test]
async fn without_a_name_the_client_prompts_until_one_is_available() {
    let room = Room::open().await;
    let _ada = room.join("ada").await;
    let mut member = room.start(&[]);
    for (name, error) in [
        ("", "cannot be empty"),
        ("a|b", "cannot contain"),
        ("Ada", "the name is taken"),
    ] {
        member.event("name_wanted").await;
        let message = member.error_of(name).await;
        assert!(message.contains(error), "{message}");
    }
    member.event("name_wanted").await;
    member.type_line("bob").await;
    assert_eq!(member.event("joined").await["name"], "bob");
}

#[tokio::test]
async fn the_end_of_input_instead_of_a_name_exits_with_0() {
    let room = Room::open().await;
    let mut member = room.start(&[]);
    member.event("name_wanted").await;
    member.close_input();
    assert_eq!(member.end().await.code(), Some(0));
}

/// A server of version 2 reads the version of the first frame and answers with the bare reason.
#[tokio::test]
async fn a_server_of_version_2_is_named_as_too_old() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let client = client_of(port, folder.path())
        .args(["--name", "ada"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stream, _) = soon("a client", listener.accept()).await.unwrap();
    let mut hello = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello[..11], *b"\x01backroom\x00\x03");
    stream.write_all(&[0, 2, 5, 2]).await.unwrap();
    let output = soon("the end", client.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    for part in ["version 2 or older", "this program version 3", "upgrade"] {
        assert!(error.contains(part), "{error}");
    }
}
