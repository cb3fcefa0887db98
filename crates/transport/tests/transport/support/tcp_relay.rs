//! Someone between member and room who sees, and may change, what passes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::LOOPBACK;

/// Relays one connection. What the member sends after its handshake passes through `change`, read by read.
pub(crate) struct TcpRelay {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Frames a member sends before its records.
const HANDSHAKE_FRAMES: usize = 2;

impl TcpRelay {
    pub(crate) async fn start(
        room: SocketAddr,
        change: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (member, _) = listener.accept().await.unwrap();
            let room = TcpStream::connect(room).await.unwrap();
            let (mut from_member, mut to_member) = member.into_split();
            let (mut from_room, mut to_room) = room.into_split();
            let up = async move {
                relay_handshake(&mut from_member, &mut to_room).await;
                relay_records(&mut from_member, &mut to_room, change).await;
            };
            let down = async move {
                let _ = tokio::io::copy(&mut from_room, &mut to_member).await;
            };
            tokio::join!(up, down);
        });
        Self { address, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TcpRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay_handshake(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
) {
    for _ in 0..HANDSHAKE_FRAMES {
        let length = from.read_u16().await.unwrap();
        let mut body = vec![0; length.into()];
        from.read_exact(&mut body).await.unwrap();
        to.write_u16(length).await.unwrap();
        to.write_all(&body).await.unwrap();
    }
}

async fn relay_records(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut change: impl FnMut(Vec<u8>) -> Vec<u8>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        // One byte at a time, each a packet of its own: no reader may rely on records arriving whole.
        for byte in change(buffer[..length].to_owned()) {
            if to.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    }
}
