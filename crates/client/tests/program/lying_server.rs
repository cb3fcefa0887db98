//! A server that announces members with keys that are not theirs.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use backroom_protocol::handshake::{Lifetime, ServerIdentity};
use backroom_protocol::{
    ClientMessage, Identity, Join, KeyPair, MemberId, MemberInfo, Name, Password, PublicKey,
    ServerMessage, StretchParams, StretchedPassword,
};
use backroom_transport::connection::{Acceptor, ServerConnection};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::harness::{PASSWORD, client_of, soon};

fn acceptor() -> Acceptor {
    let password = Password::new(PASSWORD.to_owned()).unwrap();
    let stretched = StretchedPassword::stretch(&password, StretchParams::generate().unwrap());
    let identity = ServerIdentity {
        identity: Identity::generate().unwrap(),
        lifetime: Lifetime::Lasting,
    };
    Acceptor::new(stretched, Arc::new(identity))
}

fn new_key() -> PublicKey {
    KeyPair::generate().unwrap().public_key()
}

fn info(id: u32, join: &Join) -> MemberInfo {
    MemberInfo {
        id: MemberId(id),
        name: join.name.clone(),
        address: (Ipv4Addr::LOCALHOST, 4_000).into(),
        public_key: join.public_key,
        features: join.features,
        credential: join.credential.clone(),
    }
}

/// A member of this room, as it would join: on its own connection, but for the test that makes no difference.
fn member(id: u32, name: &str, connection: &ServerConnection) -> MemberInfo {
    let identity = Identity::generate().unwrap();
    let name = Name::new(name).unwrap();
    let join = Join::new(name, new_key(), Some(&identity), &connection.agreement);
    info(id, &join)
}

async fn receive_join(connection: &mut ServerConnection) -> Join {
    match soon("a join", connection.reader.receive()).await.unwrap() {
        Some(ClientMessage::Join(join)) => join,
        other => panic!("a join was expected, not {other:?}"),
    }
}

fn client(port: u16, folder: &Path) -> Command {
    let mut command = client_of(port, folder);
    command
        .args(["--name", "ada", "--output", "json"])
        .env("XDG_STATE_HOME", folder)
        .stderr(Stdio::null());
    command
}

#[tokio::test]
async fn a_member_with_a_key_that_its_identity_did_not_sign_is_left_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ada = client(port, folder.path()).spawn().unwrap();
    let mut keyboard = ada.stdin.take().unwrap();
    let mut events = BufReader::new(ada.stdout.take().unwrap()).lines();
    let mut event = async |kind: &str| loop {
        let line = soon(kind, events.next_line()).await.unwrap().unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["event"] == kind {
            return event;
        }
    };

    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = acceptor().accept(stream).await.unwrap();
    let own = info(1, &receive_join(&mut connection).await);
    let bob = member(2, "bob", &connection);
    // The server puts its own key under the identity of Eve, and later under that of Mallory.
    let forged = |id, name| MemberInfo {
        public_key: new_key(),
        ..member(id, name, &connection)
    };
    let (eve, mallory) = (forged(3, "eve"), forged(4, "mallory"));
    let members = vec![own, bob.clone(), eve.clone()];
    let joined = ServerMessage::Joined {
        you: MemberId(1),
        members: members.clone(),
    };
    connection.writer.send(&joined).await.unwrap();
    let shown = event("joined").await;
    assert_eq!(shown["members"], serde_json::json!(["ada", "bob"]));
    assert_left_out(&event("error").await, "eve");
    let joined = ServerMessage::MemberJoined(mallory);
    connection.writer.send(&joined).await.unwrap();
    assert_left_out(&event("error").await, "mallory");
    let users = ServerMessage::Users(members);
    connection.writer.send(&users).await.unwrap();
    let users = event("users").await["users"].clone();
    assert_eq!(users.as_array().unwrap().len(), 2);

    keyboard.write_all(b"hello\n").await.unwrap();
    let post = soon("a post", connection.reader.receive()).await.unwrap();
    let Some(ClientMessage::Post(post)) = post else {
        panic!("a post was expected, not {post:?}");
    };
    let recipients: Vec<_> = post.parts.iter().map(|part| part.to).collect();
    assert_eq!(recipients, [bob.id]);
}

fn assert_left_out(error: &Value, name: &str) {
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&format!("left out {name}")), "{message}");
}

#[tokio::test]
async fn a_server_that_replaces_the_own_key_is_not_trusted() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = listener.local_addr().unwrap().port();
    let ada = client(port, folder.path()).spawn().unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = acceptor().accept(stream).await.unwrap();
    let mut own = info(1, &receive_join(&mut connection).await);
    own.public_key = new_key();
    let joined = ServerMessage::Joined {
        you: own.id,
        members: vec![own],
    };
    connection.writer.send(&joined).await.unwrap();
    let output = soon("the end", ada.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("another key for this member"), "{shown}");
}
