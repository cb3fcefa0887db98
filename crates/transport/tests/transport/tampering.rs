//! A joined connection with someone in between.

use backroom_protocol::record::RecordError;
use backroom_protocol::{ClientMessage, MemberId};
use backroom_transport::connection::{
    ClientConnection, ConnectionError, ServerConnection, connect,
};
use tokio::net::TcpListener;

use crate::connection::accept_one;
use crate::support::{LOOPBACK, TcpRelay, login, within_a_minute};

async fn joined_through(
    change: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static,
) -> (ClientConnection, ServerConnection, TcpRelay) {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let relay = TcpRelay::start(listener.local_addr().unwrap(), change).await;
    let (address, login) = (relay.address(), login());
    let (member, room) =
        within_a_minute(async { tokio::join!(connect(address, &login), accept_one(&listener)) })
            .await;
    (member.unwrap(), room.unwrap(), relay)
}

#[tokio::test]
async fn receiving_that_is_dropped_between_any_two_bytes_loses_nothing() {
    let (mut member, mut room, _relay) = joined_through(|bytes| bytes).await;
    for number in 0..20 {
        member
            .writer
            .send(&ClientMessage::Kick {
                target: MemberId(number),
            })
            .await
            .unwrap();
        let message = within_a_minute(async {
            loop {
                // Polled once and dropped, again and again, while the record trickles in.
                tokio::select! {
                    biased;
                    message = room.reader.receive() => break message.unwrap(),
                    () = tokio::task::yield_now() => {}
                }
            }
        });
        assert_eq!(
            message.await,
            Some(ClientMessage::Kick {
                target: MemberId(number)
            })
        );
    }
}

#[tokio::test]
async fn a_changed_record_ends_the_connection() {
    let (mut member, mut room, _relay) = joined_through(|mut bytes| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    })
    .await;
    member.writer.send(&ClientMessage::Ping).await.unwrap();
    let received = within_a_minute(room.reader.receive()).await;
    assert!(
        matches!(
            received,
            Err(ConnectionError::Record(RecordError::NotAuthentic))
        ),
        "{received:?}"
    );
}

#[tokio::test]
async fn a_repeated_record_ends_the_connection() {
    let (mut member, mut room, _relay) = joined_through(|bytes| bytes.repeat(2)).await;
    member.writer.send(&ClientMessage::Ping).await.unwrap();
    assert_eq!(
        within_a_minute(room.reader.receive()).await.unwrap(),
        Some(ClientMessage::Ping)
    );
    let received = within_a_minute(room.reader.receive()).await;
    assert!(
        matches!(
            received,
            Err(ConnectionError::Record(RecordError::NotAuthentic))
        ),
        "{received:?}"
    );
}

#[tokio::test]
async fn a_record_longer_than_any_is_refused_before_it_is_read() {
    let (mut member, mut room, _relay) = joined_through(|_| u32::MAX.to_be_bytes().to_vec()).await;
    member.writer.send(&ClientMessage::Ping).await.unwrap();
    let received = within_a_minute(room.reader.receive()).await;
    assert!(
        matches!(
            received,
            Err(ConnectionError::Record(RecordError::BadLength { .. }))
        ),
        "{received:?}"
    );
}

#[tokio::test]
async fn a_record_cut_short_is_a_lost_connection() {
    let (mut member, mut room, relay) = joined_through(|mut bytes| {
        bytes.pop();
        bytes
    })
    .await;
    member.writer.send(&ClientMessage::Ping).await.unwrap();
    let mut writer = member.writer;
    writer.close().await.unwrap();
    let received = within_a_minute(room.reader.receive()).await;
    assert!(
        matches!(received, Err(ConnectionError::Lost(_))),
        "{received:?}"
    );
    drop(relay);
}
