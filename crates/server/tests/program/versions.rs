//! Clients of other versions, byte by byte.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Server, soon};

/// Sends the body of a first frame. Returns the body of the answer.
async fn answer_to(server: &Server, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.addresses[0]).await.unwrap();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, body].concat()).await.unwrap();
    let answer = async {
        let length = stream.read_u16().await.unwrap();
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    };
    soon("an answer", answer).await
}

fn hello(newest: u16, oldest: u16, appended: &[u8]) -> Vec<u8> {
    let (newest, oldest) = (newest.to_be_bytes(), oldest.to_be_bytes());
    let head = [&[1][..], b"backroom", &newest, &[7; 32]].concat();
    [&head, &oldest[..], &[0xff; 8], appended].concat()
}

#[tokio::test]
async fn the_next_version_may_append_fields_and_gets_this_version() {
    let server = Server::start(&[]).await;
    let challenge = answer_to(&server, &hello(4, 3, &[9; 400])).await;
    assert_eq!(challenge[..3], [2, 0, 3]);
    assert_eq!(challenge.len(), 98);
    assert_eq!(challenge[88..90], [0, 3], "the oldest version");
}

#[tokio::test]
async fn other_versions_are_refused_with_the_reason_that_they_understand() {
    let mut server = Server::start(&[]).await;
    let two_newer = answer_to(&server, &hello(5, 4, &[])).await;
    assert_eq!(two_newer, [5, 2, 0, 3, 0, 3]);
    let line = server.stderr.find("refused").await;
    assert!(line.contains("versions 4 to 5"), "{line}");
    let version_2 = [&[1][..], b"backroom", &[0, 2], &[7; 32]].concat();
    assert_eq!(answer_to(&server, &version_2).await, [5, 2]);
    let line = server.stderr.find("refused").await;
    assert!(line.contains("version 2"), "{line}");
}
