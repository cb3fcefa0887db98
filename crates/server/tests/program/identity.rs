//! The identity of the server, and those of members.

use backroom_protocol::handshake::Lifetime;
use backroom_protocol::{Identity, Join, KeyPair, Name, Refusal, ServerMessage};

use crate::harness::{Member, Output, PASSWORD, Server, program};

/// Starts a server with this state folder. Returns it with the log line of its fingerprint.
async fn start(state: &std::path::Path, options: &[&str]) -> (Server, String) {
    let mut command = program(&["127.0.0.1", "0"]);
    command
        .args(options)
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env("XDG_STATE_HOME", state);
    let mut child = command.spawn().unwrap();
    let mut stderr = Output::new(child.stderr.take().unwrap());
    let line = stderr.find("the server's fingerprint is").await;
    let server = Server::follow(child, stderr, 1).await;
    let (_, fingerprint) = line.split_once("fingerprint is ").unwrap();
    (server, fingerprint.to_owned())
}

#[tokio::test]
async fn the_identity_lasts_and_its_fingerprint_is_logged() {
    let state = tempfile::tempdir().unwrap();
    let (server, first) = start(state.path(), &[]).await;
    let key = server.connect().await.unwrap().agreement.server;
    assert_eq!(key.lifetime, Lifetime::Lasting);
    assert_eq!(key.key.fingerprint().to_string(), first);
    drop(server);
    let (server, again) = start(state.path(), &[]).await;
    assert_eq!(again, first);
    assert_eq!(server.connect().await.unwrap().agreement.server, key);
    drop(server);

    let file = state.path().join("another");
    let (_server, other) = start(state.path(), &["--identity", file.to_str().unwrap()]).await;
    assert_ne!(other, first);
    assert!(file.exists());
}

#[tokio::test]
async fn an_ephemeral_server_says_so_and_stores_nothing() {
    let state = tempfile::tempdir().unwrap();
    let (server, first) = start(state.path(), &["--ephemeral"]).await;
    let key = server.connect().await.unwrap().agreement.server;
    assert_eq!(key.lifetime, Lifetime::Ephemeral);
    assert!(first.ends_with("for this run only"), "{first}");
    let (_other, second) = start(state.path(), &["--ephemeral"]).await;
    assert_ne!(first, second);
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_no_obstacle() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let (_server, fingerprint) = start(&file, &[]).await;
    assert!(fingerprint.ends_with("for this run only"), "{fingerprint}");
}

#[tokio::test]
async fn a_member_is_announced_with_its_identity() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let connection = server.connect().await.unwrap();
    let key = connection.agreement.server.key;
    let identity = Identity::generate().unwrap();
    let public_key = KeyPair::generate().unwrap().public_key();
    let name = Name::new("Bob").unwrap();
    let join = Join::new(name, public_key, Some(&identity), &connection.agreement);
    let bob = Member::join_as(connection, join.clone()).await.unwrap();
    let ServerMessage::MemberJoined(shown) = ann.next().await else {
        panic!("nobody joined");
    };
    assert_eq!(shown, bob.roster[1]);
    assert_eq!(shown.credential, join.credential);
    assert_eq!(shown.identity(), Some(identity.key()));
    assert_eq!(shown.verify(&key), Ok(()));
    assert_eq!(bob.roster[0].credential, None);
}

/// Eve has seen Bob's credential in her roster.
#[tokio::test]
async fn a_recorded_or_altered_credential_is_refused() {
    let server = Server::start(&[]).await;
    let identity = Identity::generate().unwrap();
    let key = || KeyPair::generate().unwrap().public_key();
    let recorded = {
        let connection = server.connect().await.unwrap();
        let name = Name::new("Bob").unwrap();
        Join::new(name, key(), Some(&identity), &connection.agreement)
    };
    let connection = server.connect().await.unwrap();
    let name = Name::new("Bob").unwrap();
    let mut altered = Join::new(name, key(), Some(&identity), &connection.agreement);
    altered.public_key = key();
    let other = server.connect().await.unwrap();
    for (connection, join, reason) in [
        (connection, altered, "the signature does not match"),
        (other, recorded, "made for another connection"),
    ] {
        let Err(Refusal::Other(refused)) = Member::join_as(connection, join).await else {
            panic!("not refused");
        };
        assert!(refused.as_str().contains(reason), "{refused}");
    }
}
