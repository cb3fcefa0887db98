//! Joining: names, limits, ports and announcements.

use backroom_protocol::{ClientMessage, Name, Password, Refusal, ServerMessage};
use backroom_transport::connection::{ConnectError, Login, connect};

use crate::harness::{Member, Server, soon};

fn names(member: &Member) -> Vec<&str> {
    member
        .roster
        .iter()
        .map(|info| info.name.as_str())
        .collect()
}

#[tokio::test]
async fn joins_and_leaves_are_printed_and_announced() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    assert_eq!(names(&bob), ["Ann", "Bob"]);
    let introduced = bob.roster[1].clone();
    assert_eq!(introduced.address, bob.connection.local_addr);
    ann.expect(ServerMessage::MemberJoined(introduced)).await;
    bob.says(ClientMessage::Leave).await;
    server.stdout.expect("Client Disconnected: Bob").await;
    ann.expect(ServerMessage::MemberLeft { id: bob.id }).await;
    bob.expect_end().await;
    drop(ann);
    server.stdout.expect("Client Disconnected: Ann").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_correct_one_still_works() {
    let mut server = Server::start(&[]).await;
    let wrong = Login::new(Password::new("incorrect horse".to_owned()).unwrap());
    let refused = soon("an answer", connect(server.addresses[0], &wrong)).await;
    assert!(matches!(refused, Err(ConnectError::WrongPassword)));
    server.stderr.find("wrong password").await;
    server.join("Ann").await;
}

#[tokio::test]
async fn a_similar_name_is_refused_with_a_working_suggestion() {
    let mut server = Server::start(&[]).await;
    let _ann = server.join("Ann").await;
    let suggestion = Some(Name::new("ANN2").unwrap());
    assert_eq!(
        server.try_join("ANN").await.err(),
        Some(Refusal::NameTaken { suggestion })
    );
    server.join("ANN2").await;
}

#[tokio::test]
async fn leaving_frees_the_name() {
    let mut server = Server::start(&[]).await;
    let ann = server.join("Ann").await;
    drop(ann);
    server.stdout.expect("Client Disconnected: Ann").await;
    server.join("Ann").await;
}

#[tokio::test]
async fn a_full_room_refuses_and_reports_its_limit() {
    let mut server = Server::start(&["--max-members", "2"]).await;
    let ann = server.join("Ann").await;
    let _bob = server.join("Bob").await;
    assert_eq!(
        server.try_join("Eve").await.err(),
        Some(Refusal::RoomFull { limit: 2 })
    );
    drop(ann);
    server.stdout.expect("Client Disconnected: Ann").await;
    server.join("Eve").await;
}

#[tokio::test]
async fn two_ports_share_one_room() {
    let mut server = Server::start_on("0,0", &[]).await;
    let mut ann = server.join("Ann").await;
    server.addresses.reverse();
    let mut bob = server.join("Bob").await;
    assert_ne!(ann.connection.peer_addr, bob.connection.peer_addr);
    assert_eq!(names(&bob), ["Ann", "Bob"]);
    ann.expect(ServerMessage::MemberJoined(bob.roster[1].clone()))
        .await;
    bob.posts(b"hello", &[ann.id]).await;
    ann.expect_post(&bob, b"hello").await;
}

#[tokio::test]
async fn a_first_message_that_is_not_a_join_is_refused_with_a_reason() {
    let server = Server::start(&[]).await;
    let mut connection = server.connect().await.unwrap();
    connection.writer.send(&ClientMessage::Users).await.unwrap();
    let answer = soon("an answer", connection.reader.receive())
        .await
        .unwrap();
    let Some(ServerMessage::Refused(Refusal::Other(reason))) = answer else {
        panic!("a refusal was expected, not {answer:?}");
    };
    assert!(reason.as_str().contains("must be a join"), "{reason}");
    assert!(
        soon("the end", connection.reader.receive())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn concurrent_joins_all_see_each_other() {
    const MEMBERS: usize = 100;
    let server = Server::start(&[]).await;
    let joins: Vec<_> = (0..MEMBERS)
        .map(|number| {
            let (address, login) = (server.addresses[0], server.login.clone());
            tokio::spawn(async move {
                let connection = soon("a join", connect(address, &login)).await.unwrap();
                Member::join(connection, &format!("member {number}"))
                    .await
                    .unwrap()
            })
        })
        .collect();
    for join in joins {
        let mut member = join.await.unwrap();
        for _ in member.roster.len()..MEMBERS {
            let message = member.next().await;
            assert!(
                matches!(message, ServerMessage::MemberJoined(_)),
                "{message:?}"
            );
        }
    }
}
