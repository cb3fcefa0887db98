//! Files over networks as they are: firewalls, and addresses that nobody has proved.

use crate::harness::{Files, Member};
use crate::network::Network;

/// Lets answers in and nothing else, for UDP.
const FIREWALL: &str = "iptables -A INPUT -p udp -m conntrack --ctstate ESTABLISHED -j ACCEPT \
                        && iptables -A INPUT -p udp -j DROP";

async fn send(ada: &mut Member, command: &str) -> serde_json::Value {
    ada.type_line(command).await;
    ada.event("sent").await
}

#[tokio::test]
async fn files_reach_a_receiver_whose_firewall_lets_only_answers_in() {
    let Some(network) = Network::new(2) else {
        return;
    };
    let (room, files) = (network.open_room().await, Files::new());
    network.on(1, FIREWALL);
    let mut ada = network.join(&room, 0, "ada", &[]).await;
    let mut bob = network.join(&room, 1, "bob", &[]).await;
    ada.event("member_joined").await;
    let (empty, _) = files.create("empty", 0);
    let sent = send(&mut ada, &format!("funicast|bob|{empty}")).await;
    assert_eq!(sent["receivers"][0]["ok"], true, "{sent}");
    bob.event("received").await;
    for delivery in ["parallel", "ip-multicast"] {
        ada.type_line(&format!("delivery|{delivery}")).await;
        let (file, contents) = files.create(delivery, 300_000);
        let sent = send(&mut ada, &format!("funicast|bob|{file}")).await;
        let receiver = &sent["receivers"][0];
        assert_eq!(receiver["ok"], true, "{delivery}: {receiver}");
        assert_eq!(receiver["delivery"], "unicast", "{delivery}: {receiver}");
        let received = bob.event("received").await;
        assert!(std::fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
    }
}

/// Both firewalls let only answers in: each side's first datagram opens its own.
#[tokio::test]
async fn files_pass_two_firewalls() {
    let Some(network) = Network::new(2) else {
        return;
    };
    let (room, files) = (network.open_room().await, Files::new());
    network.on(0, FIREWALL);
    network.on(1, FIREWALL);
    let mut ada = network.join(&room, 0, "ada", &[]).await;
    let mut bob = network.join(&room, 1, "bob", &[]).await;
    ada.event("member_joined").await;
    let (file, _) = files.create("a", 300_000);
    let sent = send(&mut ada, &format!("funicast|bob|{file}")).await;
    assert_eq!(sent["receivers"][0]["ok"], true, "{sent}");
    bob.event("received").await;
}

/// A receiver whose UDP never gets out may be a stranger at whom someone aims the sender.
#[tokio::test]
async fn an_address_that_does_not_answer_gets_three_small_probes() {
    let Some(network) = Network::new(2) else {
        return;
    };
    let (room, files) = (network.open_room().await, Files::new());
    network.on(
        1,
        "iptables -A OUTPUT -p udp -j DROP && iptables -A INPUT -p udp -j ACCEPT",
    );
    let mut ada = network
        .join(
            &room,
            0,
            "ada",
            &["--give-up-after", "4s", "--delivery", "parallel"],
        )
        .await;
    let _bob = network.join(&room, 1, "bob", &[]).await;
    ada.event("member_joined").await;
    let (file, _) = files.create("a", 3_000_000);
    let sent = send(&mut ada, &format!("funicast|bob|{file}")).await;
    let receiver = &sent["receivers"][0];
    assert_eq!(receiver["ok"], false, "{sent}");
    let rules = network.on(1, "iptables -L INPUT -v -n -x");
    let udp = rules
        .lines()
        .find(|line| line.contains("ACCEPT") && line.contains("17"))
        .unwrap();
    let mut counters = udp.split_whitespace();
    let mut counter = || counters.next().unwrap().parse::<u64>().unwrap();
    let (packets, bytes) = (counter(), counter());
    assert_eq!(packets, 3, "{rules}");
    assert!(bytes < 3 * 100, "{rules}");
}

/// All files share one port, in both directions. The firewall has that port open and no other.
#[tokio::test]
async fn one_open_port_is_enough_for_many_files() {
    let Some(network) = Network::new(3) else {
        return;
    };
    let (room, files) = (network.open_room().await, Files::new());
    let port = ["--udp-port", "9001"];
    let mut members = Vec::new();
    for (host, name) in ["ada", "bob", "eve"].into_iter().enumerate() {
        network.on(
            host,
            "iptables -A INPUT -p udp --dport 9001 -j ACCEPT && iptables -A INPUT -p udp -j DROP \
             && iptables -A OUTPUT -p udp --sport 9001 -j ACCEPT && iptables -A OUTPUT -p udp -j DROP",
        );
        members.push(network.join(&room, host, name, &port).await);
    }
    let [ada, bob, eve] = &mut members[..] else {
        unreachable!()
    };
    for _ in 0..2 {
        ada.event("member_joined").await;
    }
    bob.event("member_joined").await;
    let (file, _) = files.create("a", 3_000_000);
    for _ in 0..5 {
        ada.type_line(&format!("fbroadcast|{file}")).await;
        bob.type_line(&format!("fbroadcast|{file}")).await;
        eve.type_line(&format!("funicast|ada|{file}")).await;
    }
    for member in members.iter_mut() {
        for _ in 0..5 {
            let sent = member.event("sent").await;
            for receiver in sent["receivers"].as_array().unwrap() {
                assert_eq!(receiver["ok"], true, "{sent}");
            }
        }
    }
}

/// Each of them sends the other more files than it has ports, so that both wait for ports at the same time.
#[tokio::test]
async fn files_in_both_directions_wait_for_the_ports_of_a_range() {
    let Some(network) = Network::new(2) else {
        return;
    };
    let (room, files) = (network.open_room().await, Files::new());
    let ports = ["--udp-port", "9001-9003"];
    let mut ada = network.join(&room, 0, "ada", &ports).await;
    let mut bob = network.join(&room, 1, "bob", &ports).await;
    ada.event("member_joined").await;
    let (file, _) = files.create("a", 100_000);
    for _ in 0..10 {
        ada.type_line(&format!("funicast|bob|{file}")).await;
        bob.type_line(&format!("funicast|ada|{file}")).await;
    }
    for member in [&mut ada, &mut bob] {
        for _ in 0..10 {
            let sent = member.event("sent").await;
            assert_eq!(sent["receivers"][0]["ok"], true, "{sent}");
        }
    }
}
