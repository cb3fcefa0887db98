//! Posts reach exactly their recipients, in order.

use std::time::Instant;

use backroom_protocol::{ClientMessage, Join, MemberId, ServerMessage};

use crate::harness::Server;

#[tokio::test]
async fn a_post_reaches_only_its_recipients() {
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
async fn the_sender_learns_of_missing_recipients() {
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
async fn the_largest_message_is_delivered() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    ann.catches_up().await;
    let content = vec![7; backroom_protocol::MAX_TEXT_BYTES];
    ann.posts(&content, &[bob.id]).await;
    bob.expect_post(&ann, &content).await;
}

#[tokio::test]
async fn rate_limiting_drops_nothing() {
    // Twelve hundred at once, then twenty a second.
    let mut server = Server::start(&["--messages-per-second", "20"]).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    ann.catches_up().await;
    let posts = 1_240_u32;
    for number in 0..posts {
        ann.posts(&number.to_be_bytes(), &[bob.id]).await;
    }
    for number in 0..posts {
        bob.expect_post(&ann, &number.to_be_bytes()).await;
    }
}

#[tokio::test]
async fn a_flood_is_limited_and_delays_nobody_else() {
    // Six hundred at once, then ten a second.
    let mut server = Server::start(&["--messages-per-second", "10"]).await;
    let start = Instant::now();
    let mut flooder = server.join("Flooder").await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    let [flooder_id, bob_id] = [flooder.id, bob.id];
    let flood = tokio::spawn(async move {
        loop {
            flooder.posts(b"flood", &[bob_id]).await;
        }
    });
    let mut flooded = 0;
    for _ in 0..300 {
        ann.posts(b"in between", &[bob_id]).await;
        while is_from(flooder_id, &bob.next().await) {
            flooded += 1;
        }
    }
    let allowed = 600 + 10 * start.elapsed().as_secs() + 11;
    assert!(flooded <= allowed, "{flooded} came, {allowed} were allowed");
    flood.abort();
}

fn is_from(member: MemberId, message: &ServerMessage) -> bool {
    match message {
        ServerMessage::Delivery { from, .. } => *from == member,
        other => panic!("{other:?} is no post"),
    }
}

#[tokio::test]
async fn users_are_listed_and_a_second_join_is_rejected() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    let bob = server.join("Bob").await;
    ann.catches_up().await;
    ann.says(ClientMessage::Users).await;
    ann.expect(ServerMessage::Users(bob.roster.clone())).await;
    let (name, key) = (bob.roster[1].name.clone(), bob.roster[1].public_key);
    let join = Join::new(name, key, None, &ann.connection.agreement);
    ann.says(ClientMessage::Join(join)).await;
    let rejected = ann.next().await;
    assert!(
        matches!(rejected, ServerMessage::Rejected { .. }),
        "{rejected:?}"
    );
}
