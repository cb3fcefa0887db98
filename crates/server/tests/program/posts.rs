//! What is posted reaches those it is for, in order, and nobody else.

use backroom_protocol::{ClientMessage, MemberId, ServerMessage};

use crate::harness::Server;

#[tokio::test]
async fn a_post_reaches_its_recipients_and_one_who_was_left_out_gets_nothing() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    let mut cid = server.join("Cid").await;
    let mut blocked = server.join("Eve").await;
    for member in [&mut ann, &mut bob, &mut cid] {
        member.catches_up().await;
    }
    ann.posts(b"not for Eve", &[bob.id, cid.id]).await;
    ann.posts(b"for Bob", &[bob.id]).await;
    assert!(ann.catches_up().await.is_empty(), "nothing comes back");
    bob.expect_post(&ann, b"not for Eve").await;
    bob.expect_post(&ann, b"for Bob").await;
    cid.expect_post(&ann, b"not for Eve").await;
    assert!(cid.catches_up().await.is_empty());
    assert!(blocked.catches_up().await.is_empty());
}

#[tokio::test]
async fn the_sender_hears_who_was_not_there() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    ann.catches_up().await;
    let nobody = MemberId(4_000_000_000);
    ann.posts(b"hello", &[nobody, bob.id]).await;
    let to = vec![nobody];
    ann.expect(ServerMessage::Undelivered { to }).await;
    bob.expect_post(&ann, b"hello").await;
}

#[tokio::test]
async fn the_largest_message_goes_through() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    ann.catches_up().await;
    let content = vec![7; backroom_protocol::MAX_TEXT_BYTES];
    ann.posts(&content, &[bob.id]).await;
    bob.expect_post(&ann, &content).await;
}

#[tokio::test]
async fn a_flood_arrives_whole_and_in_order_and_holds_up_nobody_else() {
    // Twelve hundred at once, then twenty a second.
    let mut server = Server::start(&["--messages-per-second", "20"]).await;
    let mut flooder = server.join("Flooder").await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    flooder.catches_up().await;
    ann.catches_up().await;
    let flood = 1_200..1_240;
    for number in 0..flood.end {
        let number = u32::to_be_bytes(number);
        flooder.posts(&number, &[bob.id]).await;
    }
    for number in 0..flood.start {
        bob.expect_post(&flooder, &number.to_be_bytes()).await;
    }
    ann.posts(b"meanwhile", &[bob.id]).await;
    let mut meanwhile_after = None;
    let mut next = flood.start;
    while next < flood.end || meanwhile_after.is_none() {
        match bob.next().await {
            ServerMessage::Delivery { from, content, .. } if from == flooder.id => {
                assert_eq!(content, next.to_be_bytes());
                next += 1;
            }
            ServerMessage::Delivery { from, .. } if from == ann.id => meanwhile_after = Some(next),
            other => panic!("{other:?} is from nobody here"),
        }
    }
    assert!(
        meanwhile_after < Some(flood.end),
        "Ann waited for the flood"
    );
}

#[tokio::test]
async fn the_users_are_listed_and_a_second_join_is_rejected() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let bob = server.join("Bob").await;
    ann.catches_up().await;
    ann.says(ClientMessage::Users).await;
    ann.expect(ServerMessage::Users(bob.roster.clone())).await;
    ann.says(ClientMessage::Join {
        name: bob.roster[1].name.clone(),
        public_key: bob.roster[1].public_key,
    })
    .await;
    let rejected = ann.next().await;
    assert!(
        matches!(rejected, ServerMessage::Rejected { .. }),
        "{rejected:?}"
    );
}
