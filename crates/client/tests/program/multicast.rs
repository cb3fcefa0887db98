//! Multicast streams on loopback.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Files, Member, Room};

/// Whether this machine delivers multicast on loopback. Not every kernel and sandbox does.
fn loopback_hears_groups() -> bool {
    let group = Ipv4Addr::new(239, 255, 77, 67);
    let message_parts = || -> std::io::Result<bool> {
        let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        receiver.set_read_timeout(Some(Duration::from_secs(1)))?;
        // A socket bound to an address sends to groups by the interface that has it.
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = receiver.local_addr()?.port();
        sender.send_to(b"heard", SocketAddrV4::new(group, port))?;
        Ok(receiver.recv(&mut [0; 8])? == 5)
    };
    message_parts().unwrap_or(false)
}

/// The expected delivery to a receiver that can receive multicast.
fn heard_as(delivery: &'static str, otherwise: &'static str) -> &'static str {
    if loopback_hears_groups() {
        delivery
    } else {
        otherwise
    }
}

/// Sends a file to all members and checks its contents. Returns the `sent` event.
async fn broadcast(ada: &mut Member, others: &mut [&mut Member], bytes: usize) -> Value {
    let files = Files::new();
    let (path, contents) = files.create("a.bin", bytes);
    ada.type_line(&format!("fbroadcast|{path}")).await;
    for other in others.iter_mut() {
        let received = other.event("received").await;
        let arrived = std::fs::read(received["path"].as_str().unwrap()).unwrap();
        assert!(arrived == contents, "{bytes} bytes arrived otherwise");
    }
    let sent = ada.event("sent").await;
    for receiver in sent["receivers"].as_array().unwrap() {
        assert_eq!(receiver["ok"], true, "{sent}");
    }
    sent
}

async fn set_delivery(ada: &mut Member, delivery: &str) {
    ada.type_line(&format!("delivery|{delivery}")).await;
    assert_eq!(ada.event("settings").await["delivery"], delivery);
}

#[tokio::test]
async fn three_receivers_share_one_multicast_stream() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve, mut kim] = room.join_all(["ada", "bob", "eve", "kim"]).await;
    set_delivery(&mut ada, "ip-multicast").await;
    let mut others = [&mut bob, &mut eve, &mut kim];
    for bytes in [3_000_001, 1_184, 0] {
        let sent = broadcast(&mut ada, &mut others, bytes).await;
        assert_eq!(sent["delivery"], heard_as("ip-multicast", "parallel"));
        let segments = bytes.div_ceil(1_184) as u64;
        assert_eq!(sent["segments"], segments);
        let new = sent["segments_sent"].as_u64().unwrap()
            - sent["segments_retransmitted"].as_u64().unwrap();
        let streams = if loopback_hears_groups() { 1 } else { 3 };
        assert_eq!(new, streams * segments, "{sent}");
        for receiver in sent["receivers"].as_array().unwrap() {
            assert_eq!(receiver["delivery"], heard_as("ip-multicast", "unicast"));
        }
    }
}

#[tokio::test]
async fn a_receiver_without_multicast_gets_its_own_stream() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room.join("bob").await;
    let mut eve = room.join("eve").await;
    let mut deaf = room.join_with("deaf", &["--multicast", "off"]).await;
    for _ in 0..3 {
        ada.event("member_joined").await;
    }
    let mut others = [&mut bob, &mut eve, &mut deaf];
    // What is chosen without being asked for.
    let sent = broadcast(&mut ada, &mut others, 2_000_003).await;
    assert_eq!(sent["delivery"], heard_as("mixed", "parallel"));
    for receiver in sent["receivers"].as_array().unwrap() {
        let delivery = match receiver["name"].as_str().unwrap() {
            "deaf" => "unicast",
            _ => heard_as("ip-multicast", "unicast"),
        };
        assert_eq!(receiver["delivery"], delivery, "{sent}");
    }
}

#[tokio::test]
async fn a_group_of_one_is_used_only_on_request() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room.join("bob").await;
    let mut deaf = room.join_with("deaf", &["--multicast", "off"]).await;
    for _ in 0..2 {
        ada.event("member_joined").await;
    }
    let mut others = [&mut bob, &mut deaf];
    let sent = broadcast(&mut ada, &mut others, 100_000).await;
    assert_eq!(
        sent["delivery"], "parallel",
        "only one of them hears it: {sent}"
    );
    set_delivery(&mut ada, "ip-multicast").await;
    let sent = broadcast(&mut ada, &mut others, 100_000).await;
    assert_eq!(sent["delivery"], heard_as("mixed", "parallel"));
}

#[tokio::test]
async fn a_stopped_receiver_is_moved_and_a_killed_one_reported() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve, mut kim] = room.join_all(["ada", "bob", "eve", "kim"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, contents) = files.create("a.bin", 600_000);
    ada.type_line(&format!("fbroadcast|{path}")).await;
    bob.event("receiving").await;
    bob.signal(Signal::STOP);
    for other in [&mut eve, &mut kim] {
        let received = other.event("received").await;
        assert!(std::fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
    }
    assert!(!ada.has_passed("sent"));
    bob.signal(Signal::KILL);
    let sent = ada.event("sent").await;
    for receiver in sent["receivers"].as_array().unwrap() {
        let is_bob = receiver["name"] == "bob";
        assert_eq!(receiver["ok"], !is_bob, "{sent}");
        if !is_bob {
            assert_eq!(receiver["delivery"], heard_as("ip-multicast", "unicast"));
        }
    }
}
