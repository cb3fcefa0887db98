//! A network that carries a group's datagrams to each receiver in its own way, with unicast sockets alone.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::{LOOPBACK, SplitMix64};

/// What a receiver hears of its group.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hearing {
    /// Everything but what is lost with this probability.
    Loss(f64),
    /// Everything up to this many datagrams, and then nothing.
    Until(usize),
}

/// A running network: what is sent to its address goes to all receivers, and what they answer to the sender.
pub(crate) struct FanOut {
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl FanOut {
    pub(crate) async fn start(receivers: Vec<(SocketAddr, Hearing)>) -> Self {
        let front = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
        let address = front.local_addr().unwrap();
        let (tell_sender, sender) = tokio::sync::watch::channel(None);
        let mut backs = Vec::new();
        let mut tasks = Vec::new();
        for (receiver, hearing) in receivers {
            let back = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
            backs.push((Arc::clone(&back), receiver, hearing));
            let (front, sender) = (Arc::clone(&front), sender.clone());
            tasks.push(tokio::spawn(async move {
                let mut ack = vec![0; 2_048];
                while let Ok((length, _)) = back.recv_from(&mut ack).await {
                    let sender: Option<SocketAddr> = *sender.borrow();
                    if let Some(sender) = sender {
                        let _ = front.send_to(&ack[..length], sender).await;
                    }
                }
            }));
        }
        tasks.push(tokio::spawn(async move {
            let mut random = SplitMix64(7);
            let mut datagram = vec![0; 65_536];
            let mut passed = 0;
            while let Ok((length, source)) = front.recv_from(&mut datagram).await {
                tell_sender.send_replace(Some(source));
                for (back, receiver, hearing) in &backs {
                    let hears = match *hearing {
                        Hearing::Loss(probability) => !random.chance(probability),
                        Hearing::Until(datagrams) => passed < datagrams,
                    };
                    if hears {
                        let _ = back.send_to(&datagram[..length], receiver).await;
                    }
                }
                passed += 1;
            }
        }));
        Self { address, tasks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FanOut {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
