//! Removing a member by vote.

use backroom_protocol::{ClientMessage, Name, Refusal, ServerMessage};

use crate::harness::{Member, Server};

fn vote(target: &Member, votes: u32) -> ServerMessage {
    ServerMessage::Vote {
        target: target.id,
        votes,
        needed: 2,
    }
}

async fn three(server: &mut Server) -> [Member; 3] {
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    let eve = server.join("Eve").await;
    ann.catches_up().await;
    bob.catches_up().await;
    [ann, bob, eve]
}

fn kicked(target: &Member, name: &str) -> ServerMessage {
    ServerMessage::Kicked {
        target: target.id,
        name: Name::new(name).unwrap(),
    }
}

#[tokio::test]
async fn two_votes_remove_and_ban_a_member() {
    let mut server = Server::start(&[]).await;
    let [mut ann, mut bob, mut eve] = three(&mut server).await;
    ann.votes_against(&eve).await;
    for member in [&mut ann, &mut bob] {
        member.expect(vote(&eve, 1)).await;
    }
    bob.votes_against(&eve).await;
    for member in [&mut ann, &mut bob] {
        member.expect(vote(&eve, 2)).await;
        member.expect(kicked(&eve, "Eve")).await;
        member
            .expect(ServerMessage::MemberLeft { id: eve.id })
            .await;
    }
    eve.expect(vote(&eve, 1)).await;
    eve.expect(vote(&eve, 2)).await;
    eve.expect(kicked(&eve, "Eve")).await;
    eve.expect_end().await;
    server.stdout.expect("Client Disconnected: Eve").await;
    let refused = server.try_join("eve").await.err();
    let Some(Refusal::Banned { seconds }) = refused else {
        panic!("Eve should be kept out: {refused:?}");
    };
    assert!((1..=60).contains(&seconds));
    server.join("Dan").await;
}

#[tokio::test]
async fn without_a_ban_a_removed_member_may_rejoin() {
    let mut server = Server::start(&["--kick-ban", "0s"]).await;
    let [mut ann, mut bob, eve] = three(&mut server).await;
    ann.votes_against(&eve).await;
    bob.votes_against(&eve).await;
    server.stdout.expect("Client Disconnected: Eve").await;
    server.join("Eve").await;
}

#[tokio::test]
async fn leaving_withdraws_the_vote() {
    let mut server = Server::start(&[]).await;
    let [mut ann, mut bob, mut eve] = three(&mut server).await;
    ann.votes_against(&eve).await;
    bob.expect(vote(&eve, 1)).await;
    let ann_id = ann.id;
    drop(ann);
    bob.expect(ServerMessage::MemberLeft { id: ann_id }).await;
    bob.expect(vote(&eve, 0)).await;
    bob.votes_against(&eve).await;
    bob.expect(vote(&eve, 1)).await;
    eve.catches_up().await;
}

#[tokio::test]
async fn a_single_member_cannot_remove_anyone() {
    let mut server = Server::start(&[]).await;
    let [mut ann, _bob, mut eve] = three(&mut server).await;
    ann.votes_against(&eve).await;
    ann.expect(vote(&eve, 1)).await;
    for target in [eve.id, ann.id] {
        ann.says(ClientMessage::Kick { target }).await;
        let rejected = ann.next().await;
        assert!(
            matches!(rejected, ServerMessage::Rejected { .. }),
            "{rejected:?}"
        );
    }
    eve.catches_up().await;
}

#[tokio::test]
async fn kick_votes_can_be_raised() {
    let mut server = Server::start(&["--kick-votes", "3"]).await;
    let [mut ann, mut bob, mut eve] = three(&mut server).await;
    ann.votes_against(&eve).await;
    bob.votes_against(&eve).await;
    for votes in 1..=2 {
        let needed = 3;
        let target = eve.id;
        let vote = ServerMessage::Vote {
            target,
            votes,
            needed,
        };
        eve.expect(vote).await;
    }
    eve.catches_up().await;
}

#[tokio::test]
async fn with_kick_console_the_operator_removes_the_member() {
    let mut server = Server::start(&["--kick", "console"]).await;
    let [mut ann, mut bob, mut eve] = three(&mut server).await;
    ann.votes_against(&eve).await;
    eve.expect(vote(&eve, 1)).await;
    server.types("kick Eve").await;
    server
        .stdout
        .expect("Eve was not removed: 1 of 2 votes")
        .await;
    bob.votes_against(&eve).await;
    eve.expect(vote(&eve, 2)).await;
    server.stderr.find("enough votes to remove a member").await;
    eve.catches_up().await;
    server.types("votes").await;
    server.stdout.expect("Eve: 2 of 2, by Ann, Bob").await;
    server.types("kick eve").await;
    eve.expect(kicked(&eve, "Eve")).await;
    eve.expect_end().await;
    server.stdout.find("Client Disconnected: Eve").await;
}
