//! A network between sender and receiver that loses, repeats and swaps datagrams, by a seed.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::{LOOPBACK, SplitMix64};

/// What goes wrong, each with a probability for every datagram in each direction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    pub(crate) loss: f64,
    pub(crate) duplicate: f64,
    /// Held back until the next datagram has passed.
    pub(crate) swap: f64,
}

/// A running proxy: what is sent to its address goes to the receiver, and back.
pub(crate) struct UdpProxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl UdpProxy {
    pub(crate) async fn start(receiver: SocketAddr, faults: Faults) -> Self {
        let front = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
        let back = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
        let address = front.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut forward = Direction::new(&faults, 0);
            let mut backward = Direction::new(&faults, 1);
            let mut sender = None;
            let (mut from_sender, mut from_receiver) = (vec![0; 65_536], vec![0; 65_536]);
            loop {
                tokio::select! {
                    Ok((length, source)) = front.recv_from(&mut from_sender) => {
                        sender = Some(source);
                        forward.pass(&back, receiver, &from_sender[..length]).await;
                    }
                    Ok((length, _)) = back.recv_from(&mut from_receiver) => if let Some(sender) = sender {
                        backward.pass(&front, sender, &from_receiver[..length]).await;
                    },
                    else => return,
                }
            }
        });
        Self { address, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for UdpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Direction {
    random: SplitMix64,
    faults: Faults,
    held: Option<Vec<u8>>,
}

impl Direction {
    fn new(faults: &Faults, direction: u64) -> Self {
        Self {
            random: SplitMix64(faults.seed.wrapping_mul(2).wrapping_add(direction)),
            faults: faults.clone(),
            held: None,
        }
    }

    async fn pass(&mut self, socket: &UdpSocket, to: SocketAddr, datagram: &[u8]) {
        let (lost, duplicated) = (
            self.random.chance(self.faults.loss),
            self.random.chance(self.faults.duplicate),
        );
        if self.random.chance(self.faults.swap) && self.held.is_none() {
            self.held = Some(datagram.to_owned());
            return;
        }
        let copies = if lost { 0 } else { 1 + usize::from(duplicated) };
        for _ in 0..copies {
            let _ = socket.send_to(datagram, to).await;
        }
        if let Some(held) = self.held.take() {
            let _ = socket.send_to(&held, to).await;
        }
    }
}
