//! A member that stops reading is put out, and delays nobody.

use backroom_protocol::ServerMessage;

use crate::harness::Server;

#[tokio::test]
async fn who_stops_reading_is_disconnected_while_the_others_get_every_post() {
    let generous = ["--kib-per-second", "1000000", "--queue-kib", "512"];
    let mut server = Server::start(&generous).await;
    let mut ann = server.join("Ann").await;
    let mut bob = server.join("Bob").await;
    let mut deaf = server.join("Deaf").await;
    for member in [&mut ann, &mut bob, &mut deaf] {
        member.catches_up().await;
    }
    let content = vec![1; backroom_protocol::MAX_TEXT_BYTES];
    // The queue is the last to fill, after what the system buffers for a connection.
    let most = 1_024;
    let mut put_out = false;
    for _ in 0..most {
        ann.posts(&content, &[deaf.id, bob.id]).await;
        // Each post must have come before the next is sent: nobody waits for the deaf one.
        match bob.next().await {
            ServerMessage::Delivery { content: got, .. } => assert!(got == content),
            ServerMessage::MemberLeft { id } => {
                assert_eq!(id, deaf.id);
                put_out = true;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(put_out, "{most} posts wait for a member that does not read");
    server.stdout.expect("Client Disconnected: Deaf").await;
    server.stderr.find("its queue is full").await;
    bob.expect_post(&ann, &content).await;
    ann.expect(ServerMessage::MemberLeft { id: deaf.id }).await;
    ann.posts(b"after it", &[bob.id]).await;
    bob.expect_post(&ann, b"after it").await;
}
