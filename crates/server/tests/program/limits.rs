//! Limits on unauthenticated clients and hostile members.

use std::time::Duration;

use backroom_protocol::handshake::HandshakeError;
use backroom_protocol::{ClientMessage, MAX_RECORD_BYTES, Part, Password, Post, ServerMessage};
use backroom_transport::connection::{ConnectError, Login, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{Member, PASSWORD, Server, prepare, soon};

/// Everything that the server sends until it closes the connection.
async fn answer_to(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.addresses[0]).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    soon("the end", stream.read_to_end(&mut answer))
        .await
        .unwrap();
    answer
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let mut server = Server::start(&[]).await;
    let refusal = HandshakeError::Malformed.refusal();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\xff\xff what a long frame",
        b"\x00\x00",
        b"\x00\x04four",
    ] {
        assert_eq!(answer_to(&server, bytes).await, refusal.as_bytes());
    }
    server.join("Ann").await;
}

#[tokio::test]
async fn a_slow_join_times_out() {
    let server = Server::start(&["--join-time", "1s"]).await;
    assert_eq!(answer_to(&server, b"").await, b"");
}

#[tokio::test]
async fn a_client_that_never_sends_a_join_times_out() {
    let server = Server::start(&["--join-time", "2s"]).await;
    // On a busy machine the first stretching may take longer. Later joins reuse the result.
    let mut silent = match server.connect().await {
        Ok(connection) => connection,
        Err(_) => server.connect().await.unwrap(),
    };
    let end = soon("the end", silent.reader.receive()).await;
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
}

#[tokio::test]
async fn concurrent_joins_are_bounded() {
    let mut server = Server::start(&["--max-joining", "1"]).await;
    let _ann = server.join("Ann").await;
    let half_open = TcpStream::connect(server.addresses[0]).await.unwrap();
    // The server gives it a permit as soon as it has accepted it. Only then is the next client in the backlog.
    let (address, login) = (server.addresses[0], server.login.clone());
    let mut next = tokio::spawn(async move { connect(address, &login).await });
    let early = timeout(Duration::from_millis(300), &mut next).await;
    assert!(early.is_err(), "two joins were under way");
    drop(half_open);
    let connection = soon("a place", next).await.unwrap().unwrap();
    Member::join(connection, "Bob").await.unwrap();
}

#[tokio::test]
async fn password_guessing_is_throttled() {
    let mut server = Server::start(&["--failed-joins", "2"]).await;
    for _ in 0..2 {
        let wrong = Login::new(Password::new("guess".to_owned()).unwrap());
        let refused = soon("an answer", connect(server.addresses[0], &wrong)).await;
        assert!(matches!(refused, Err(ConnectError::WrongPassword)));
    }
    server.stderr.find("too many wrong passwords").await;
    let turned_away = server.connect().await;
    assert!(matches!(turned_away, Err(ConnectError::Busy)));
}

#[tokio::test]
async fn an_oversized_message_disconnects_with_a_reason() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let mut eve = server.join("Eve").await;
    ann.catches_up().await;
    let part = Part {
        to: ann.id,
        sealed: Vec::new(),
    };
    let content = vec![0; MAX_RECORD_BYTES - 1_024];
    let parts = vec![part];
    eve.says(ClientMessage::Post(Post { content, parts })).await;
    let last = eve.next().await;
    let ServerMessage::Closing { reason } = last else {
        panic!("a reason was expected, not {last:?}");
    };
    assert!(reason.as_str().starts_with("protocol error"), "{reason}");
    eve.expect_end().await;
    server.stdout.expect("Client Disconnected: Eve").await;
    ann.expect(ServerMessage::MemberLeft { id: eve.id }).await;
}

#[tokio::test]
async fn a_silent_member_is_disconnected() {
    let mut server = Server::start(&["--silence", "200ms"]).await;
    let mut ann = server.join("Ann").await;
    let last = ann.next().await;
    assert!(matches!(last, ServerMessage::Closing { .. }), "{last:?}");
    ann.expect_end().await;
    server.stdout.expect("Client Disconnected: Ann").await;
}

#[tokio::test]
async fn a_low_limit_of_open_files_is_raised() {
    const MEMBERS: usize = 40;
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -S -n 32 && exec \"$0\" \"$@\""])
        .args([env!("CARGO_BIN_EXE_backroom-server"), "127.0.0.1", "0"]);
    prepare(&mut command).env("BACKROOM_PASSWORD", PASSWORD);
    let mut server = Server::spawn(&mut command, 1).await;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(server.join(&format!("member {number}")).await);
    }
}
