//! A multicast network made of unicast sockets, which treats each receiver differently.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::{LOOPBACK, SplitMix64};

/// Which of the group's datagrams reach a receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reception {
    /// Each datagram is lost with this probability.
    Loss(f64),
    /// This many datagrams arrive, and then none.
    Until(usize),
}

/// A running network. What is sent to its address goes to all receivers, and their answers go to the sender.
pub(crate) struct FanOut {
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl FanOut {
    pub(crate) async fn start(receivers: Vec<(SocketAddr, Reception)>) -> Self {
        let front = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
        let address = front.local_addr().unwrap();
        let (sender_address, sender) = tokio::sync::watch::channel(None);
        let mut backs = Vec::new();
        let mut tasks = Vec::new();
        for (receiver, reception) in receivers {
            let back = Arc::new(UdpSocket::bind(LOOPBACK).await.unwrap());
            backs.push((Arc::clone(&back), receiver, reception));
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
                sender_address.send_replace(Some(source));
                for (back, receiver, reception) in &backs {
                    let arrives = match *reception {
                        Reception::Loss(probability) => !random.chance(probability),
                        Reception::Until(datagrams) => passed < datagrams,
                    };
                    if arrives {
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
