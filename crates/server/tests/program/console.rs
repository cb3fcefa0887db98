//! The operator's commands.

use backroom_protocol::ServerMessage;

use crate::harness::Server;

#[tokio::test]
async fn users_and_votes_are_listed() {
    let mut server = Server::start(&[]).await;
    server.types("users").await;
    server.stdout.expect("the room is empty").await;
    let mut ann = server.join("Ann").await;
    let eve = server.join("Old Eve").await;
    server.types("users").await;
    for member in [&ann, &eve] {
        let line = server.stdout.line().await.unwrap();
        assert!(
            line.contains(&member.connection.local_addr.to_string()),
            "{line}"
        );
    }
    server.stdout.expect("2 members").await;
    server.types("votes").await;
    server.stdout.expect("no votes").await;
    ann.votes_against(&eve).await;
    ann.catches_up().await;
    server.types("votes").await;
    server.stdout.expect("Old Eve: 1 of 2, by Ann").await;
}

#[tokio::test]
async fn kick_needs_enough_votes() {
    let mut server = Server::start(&[]).await;
    let mut eve = server.join("Old Eve").await;
    server.types("kick Old Eve").await;
    server
        .stdout
        .expect("Old Eve was not removed: 0 of 2 votes")
        .await;
    server.types("kick Nobody").await;
    server
        .stdout
        .expect("no such member: Nobody. `users` lists the members")
        .await;
    assert!(eve.catches_up().await.is_empty());
}

#[tokio::test]
async fn an_unknown_command_lists_the_commands() {
    let mut server = Server::start(&[]).await;
    server.types("").await;
    server.types("ban Eve").await;
    let line = server.stdout.line().await.unwrap();
    assert!(line.contains("\"ban\""), "{line}");
    server.stdout.find("kick NAME").await;
    server.stdout.find("exit").await;
    server.types("help").await;
    server.stdout.find("kick NAME").await;
}

#[tokio::test]
async fn exit_notifies_the_members_and_returns_0() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    server.types("exit").await;
    let last = ann.next().await;
    assert!(matches!(last, ServerMessage::Closing { .. }), "{last:?}");
    ann.expect_end().await;
    drop(ann);
    assert!(server.exit().await.success());
    let rest = server.stdout.rest().await;
    assert_eq!(
        rest,
        [
            "Exiting application..Thank you:)",
            "Client Disconnected: Ann"
        ]
    );
}
