//! The program's end, and what is not its end.

use backroom_protocol::ServerMessage;
use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::harness::Server;

async fn is_told_and_ends_well(signal: Signal) {
    let mut server = Server::start(&[]).await;
    let mut members = [server.join("Ann").await, server.join("Bob").await];
    members[0].catches_up().await;
    // Someone who is only just coming in holds up nothing.
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
async fn after_sigterm_members_are_told_and_the_exit_is_0() {
    is_told_and_ends_well(Signal::TERM).await;
}

#[tokio::test]
async fn after_sigint_members_are_told_and_the_exit_is_0() {
    is_told_and_ends_well(Signal::INT).await;
}

#[tokio::test]
async fn a_member_that_does_not_listen_does_not_hold_up_the_end() {
    let mut server = Server::start(&[]).await;
    let _deaf = server.join("Deaf").await;
    server.signal(Signal::TERM);
    assert_eq!(server.exit().await.code(), Some(0));
}

#[tokio::test]
async fn the_end_of_standard_input_is_not_the_end() {
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
