//! Joins and messages between a member and the room.

use std::time::Duration;

use backroom_protocol::handshake::HandshakeError;
use backroom_protocol::{ClientMessage, MemberId, Part, Post, Reason, ServerMessage};
use backroom_transport::connection::{
    AcceptError, Acceptor, ClientConnection, ConnectError, Encoded, Login, ServerConnection,
    connect,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    LOOPBACK, login, password, server_identity, stretched_password, within_a_minute,
};

async fn listener() -> TcpListener {
    TcpListener::bind(LOOPBACK).await.unwrap()
}

fn acceptor() -> Acceptor {
    Acceptor::new(stretched_password(), server_identity())
}

pub(crate) async fn accept_one(listener: &TcpListener) -> Result<ServerConnection, AcceptError> {
    let (stream, _) = listener.accept().await.unwrap();
    acceptor().accept(stream).await
}

async fn joined() -> (ClientConnection, ServerConnection) {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let login = login();
    let (member, room) =
        within_a_minute(async { tokio::join!(connect(address, &login), accept_one(&listener)) })
            .await;
    (member.unwrap(), room.unwrap())
}

fn post(number: u32, bytes: usize) -> ClientMessage {
    ClientMessage::Post(Post {
        content: vec![7; bytes],
        parts: vec![Part {
            to: MemberId(number),
            sealed: vec![9; 48],
        }],
    })
}

#[tokio::test]
async fn messages_pass_in_both_directions_and_the_end_is_seen() {
    let (mut member, mut room) = joined().await;
    assert_eq!(member.peer_addr, room.local_addr);
    assert_eq!(member.local_addr, room.peer_addr);
    assert_eq!(member.agreement, room.agreement);
    assert_eq!(member.agreement.server, server_identity().server_key());
    for number in 0..100 {
        let message = post(number, number as usize * 600);
        member.writer.send(&message).await.unwrap();
        assert_eq!(
            within_a_minute(room.reader.receive()).await.unwrap(),
            Some(message)
        );
        room.writer
            .send(&ServerMessage::MemberLeft {
                id: MemberId(number),
            })
            .await
            .unwrap();
        let left = within_a_minute(member.reader.receive()).await.unwrap();
        assert_eq!(
            left,
            Some(ServerMessage::MemberLeft {
                id: MemberId(number)
            })
        );
    }
    let mut writer = member.writer;
    writer.send(&ClientMessage::Leave).await.unwrap();
    writer.close().await.unwrap();
    assert_eq!(
        within_a_minute(room.reader.receive()).await.unwrap(),
        Some(ClientMessage::Leave)
    );
    assert_eq!(within_a_minute(room.reader.receive()).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_encoded_once_reaches_every_member() {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let login = login();
    let delivery = Encoded::delivery(MemberId(1), b"content", b"key").unwrap();
    let closing = Encoded::new(&ServerMessage::Closing {
        reason: Reason::new("enough"),
    })
    .unwrap();
    for _ in 0..3 {
        let joining = async { tokio::join!(connect(address, &login), accept_one(&listener)) };
        let (member, room) = within_a_minute(joining).await;
        let (mut member, mut to_member) = (member.unwrap(), room.unwrap().writer);
        to_member.feed(&delivery).unwrap();
        to_member.feed(&closing).unwrap();
        assert!(to_member.buffered_bytes() > 0);
        to_member.flush().await.unwrap();
        assert_eq!(to_member.buffered_bytes(), 0);
        let expected = ServerMessage::Delivery {
            from: MemberId(1),
            content: b"content".to_vec(),
            sealed: b"key".to_vec(),
        };
        assert_eq!(
            within_a_minute(member.reader.receive()).await.unwrap(),
            Some(expected)
        );
        let expected = ServerMessage::Closing {
            reason: Reason::new("enough"),
        };
        assert_eq!(
            within_a_minute(member.reader.receive()).await.unwrap(),
            Some(expected)
        );
    }
}

#[tokio::test]
async fn sending_that_is_dropped_half_way_goes_on_where_it_was() {
    const POSTS: u32 = 400;
    let (member, mut room) = joined().await;
    let (_reader, mut writer) = (member.reader, member.writer);
    for number in 0..POSTS {
        writer
            .feed(&Encoded::new(&post(number, 60_000)).unwrap())
            .unwrap();
    }
    // More than any socket buffer holds: the first poll writes a part, and the future is dropped with the rest.
    tokio::select! {
        biased;
        flushed = writer.flush() => panic!("24 MB fitted a socket buffer: {flushed:?}"),
        () = std::future::ready(()) => {}
    }
    assert!(writer.buffered_bytes() > 0);
    let read = async {
        for number in 0..POSTS {
            assert_eq!(
                room.reader.receive().await.unwrap(),
                Some(post(number, 60_000))
            );
        }
    };
    let (flushed, ()) = within_a_minute(async { tokio::join!(writer.flush(), read) }).await;
    flushed.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_told_as_that_to_both_sides() {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let wrong = Login::new(password("tr0ub4dor&3"));
    let (member, room) =
        within_a_minute(async { tokio::join!(connect(address, &wrong), accept_one(&listener)) })
            .await;
    assert!(
        matches!(member, Err(ConnectError::WrongPassword)),
        "{member:?}"
    );
    assert!(room.is_err_and(|error| error.is_wrong_password()));
}

#[tokio::test]
async fn a_busy_room_says_so() {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let login = login();
    let refuse = async { Acceptor::refuse_busy(listener.accept().await.unwrap().0).await };
    let (member, ()) =
        within_a_minute(async { tokio::join!(connect(address, &login), refuse) }).await;
    assert!(matches!(member, Err(ConnectError::Busy)), "{member:?}");
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let address = listener().await.local_addr().unwrap();
    let member = within_a_minute(connect(address, &login())).await;
    assert!(
        matches!(member, Err(ConnectError::Unreachable(..))),
        "{member:?}"
    );
}

#[tokio::test]
async fn a_room_that_hangs_up_during_the_join_is_told_as_that() {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let login = login();
    let hang_up = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 2];
        stream.read_exact(&mut hello).await.unwrap();
    };
    let (member, ()) =
        within_a_minute(async { tokio::join!(connect(address, &login), hang_up) }).await;
    assert!(matches!(member, Err(ConnectError::Lost(..))), "{member:?}");
}

#[tokio::test]
async fn a_member_that_says_nothing_is_given_up() {
    let listener = listener().await;
    let _silent = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let impatient = acceptor().with_handshake_time(Duration::from_millis(50));
    let accepted = within_a_minute(impatient.accept(stream)).await;
    assert!(
        matches!(accepted, Err(AcceptError::TimedOut)),
        "{accepted:?}"
    );
}

#[tokio::test]
async fn a_member_that_sends_byte_by_byte_gets_no_more_time() {
    let listener = listener().await;
    let mut slow = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let impatient = acceptor().with_handshake_time(Duration::from_millis(200));
    let drip = async {
        slow.write_u16(512).await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while slow.write_u8(1).await.is_ok() {
            tick.tick().await;
        }
    };
    let accepted = tokio::select! {
        accepted = within_a_minute(impatient.accept(stream)) => accepted,
        () = drip => panic!("the room closed before it gave up"),
    };
    assert!(
        matches!(accepted, Err(AcceptError::TimedOut)),
        "{accepted:?}"
    );
}

#[tokio::test]
async fn a_frame_longer_than_any_is_refused_before_it_is_read() {
    let listener = listener().await;
    let mut stranger = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    stranger.write_u16(u16::MAX).await.unwrap();
    let accepted = within_a_minute(accept_one(&listener)).await;
    let expected = HandshakeError::FrameLength { bytes: 65_535 };
    assert!(matches!(accepted, Err(AcceptError::Handshake(error)) if error == expected));
}

#[tokio::test]
async fn a_stranger_who_speaks_http_is_told_off_and_disconnected() {
    let listener = listener().await;
    let mut stranger = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    stranger
        .write_all(b"\0\x20GET / HTTP/1.1\r\nHost: backroom\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let exchange = async { tokio::join!(accept_one(&listener), stranger.read_to_end(&mut answer)) };
    let (accepted, closed) = within_a_minute(exchange).await;
    assert!(
        matches!(
            accepted,
            Err(AcceptError::Handshake(HandshakeError::Malformed))
        ),
        "{accepted:?}"
    );
    closed.unwrap();
    assert!(
        answer.len() <= 8,
        "a stranger gets a refusal and nothing more"
    );
}

#[tokio::test]
async fn a_room_that_is_something_else_is_told_as_that() {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let login = login();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        stream
    };
    let (member, _stream) =
        within_a_minute(async { tokio::join!(connect(address, &login), answer) }).await;
    assert!(
        matches!(member, Err(ConnectError::Handshake(..))),
        "{member:?}"
    );
}
