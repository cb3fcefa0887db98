//! Shutdown.

use backroom_protocol::ServerMessage;
use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::harness::Server;

async fn is_told_and_ends_well(signal: Signal) {
    let mut server = Server::start(&[]).await;
    let mut members = [server.join("Ann").await, server.join("Bob").await];
    members[0].catches_up().await;
    // A client that is still joining does not delay the shutdown.
    let _half_open = TcpStream::connect(server.addresses[0]).await.unwrap();
    server.signal(signal);
    for member in &mut members {
        let last = member.next().await;
        assert!(matches!(last, ServerMessage::Closing { .. }), "{last:?}");
        member.expect_end().await;
    }
    drop(members);
    assert_eq!(server.exit().await.code(), Some(0));
    let rest = server.stdout.rest().await;
    assert_eq!(
        rest,
        ["Client Disconnected: Ann", "Client Disconnected: Bob"]
    );
}

#[tokio::test]
async fn sigterm_notifies_the_members_and_exits_with_0() {
    is_told_and_ends_well(Signal::TERM).await;
}

#[tokio::test]
async fn sigint_notifies_the_members_and_exits_with_0() {
    is_told_and_ends_well(Signal::INT).await;
}

#[tokio::test]
async fn a_member_that_does_not_read_does_not_delay_the_shutdown() {
    let mut server = Server::start(&[]).await;
    let _deaf = server.join("Deaf").await;
    server.signal(Signal::TERM);
    assert_eq!(server.exit().await.code(), Some(0));
}

#[tokio::test]
async fn the_server_continues_after_the_end_of_standard_input() {
    let mut server = Server::start(&[]).await;
    let mut ann = server.join("Ann").await;
    drop(server.stdin.take());
    let mut bob = server.join("Bob").await;
    ann.catches_up().await;
    bob.posts(b"still here", &[ann.id]).await;
    ann.expect_post(&bob, b"still here").await;
    server.signal(Signal::TERM);
    assert!(server.exit().await.success());
}
