//! A member that stops reading is disconnected and delays nobody.

use backroom_protocol::ServerMessage;

use crate::harness::Server;

#[tokio::test]
async fn a_member_that_stops_reading_is_disconnected_and_the_others_get_every_post() {
    let generous = ["--kib-per-second", "1000000", "--queue-kib", "512"];
    let mut server = Server::start(&generous).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    let mut deaf = server.join("Deaf").await;
    for member in [&mut ann, &mut bob, &mut deaf] {
        member.catches_up().await;
    }
    let content = vec![1; backroom_protocol::MAX_TEXT_BYTES];
    // The queue fills only after the socket buffers of the system.
    let most = 1_024;
    let mut remove_by_vote = false;
    for _ in 0..most {
        ann.posts(&content, &[deaf.id, bob.id]).await;
        // Each post must arrive before the next is sent: nobody waits for the slow member.
        match bob.next().await {
            ServerMessage::Delivery { content: got, .. } => assert!(got == content),
            ServerMessage::MemberLeft { id } => {
                assert_eq!(id, deaf.id);
                remove_by_vote = true;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(
        remove_by_vote,
        "{most} posts wait for a member that does not read"
    );
    server.stdout.expect("Client Disconnected: Deaf").await;
    server.stderr.find("its queue is full").await;
    bob.expect_post(&ann, &content).await;
    ann.expect(ServerMessage::MemberLeft { id: deaf.id }).await;
    ann.posts(b"after it", &[bob.id]).await;
    bob.expect_post(&ann, b"after it").await;
}
