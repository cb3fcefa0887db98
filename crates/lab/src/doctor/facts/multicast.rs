//! Tests whether a socket receives what another socket on this machine sends to a multicast group.
//!
//! Packets have a TTL of 0, so none leaves the machine: this tests interfaces and firewalls, not switches.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

/// An administratively scoped group (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 66);
/// Time limit for the packet's arrival. On the same machine it arrives at once or never.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(150);
const MAX_INTERFACES: usize = 12;

struct Interface {
    name: String,
    index: u32,
}

/// Tests interfaces until multicast works on one, and returns its name. If it works on none, the error has the names of
/// all tested interfaces.
pub(super) fn inspect() -> Result<String, Vec<String>> {
    let mut tested = Vec::new();
    for interface in interfaces() {
        if receives(&interface).unwrap_or(false) {
            return Ok(interface.name);
        }
        tested.push(interface.name);
    }
    Err(tested)
}

/// Interfaces that are up, support multicast, and are neither loopback nor part of a bridge, in the kernel's order.
fn interfaces() -> Vec<Interface> {
    const UP: u32 = 0x1;
    const LOOPBACK: u32 = 0x8;
    const MULTICAST: u32 = 0x1000;
    let usable = |path: &Path| {
        let text = |file| fs::read_to_string(path.join(file)).ok();
        let flags = text("flags")?;
        let flags = u32::from_str_radix(flags.trim().strip_prefix("0x")?, 16).ok()?;
        let suitable = flags & (UP | LOOPBACK | MULTICAST) == UP | MULTICAST;
        let interface = Interface {
            name: path.file_name()?.to_str()?.to_owned(),
            index: text("ifindex")?.trim().parse().ok()?,
        };
        (suitable && !path.join("master").exists()).then_some(interface)
    };
    let mut interfaces: Vec<_> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .filter_map(|entry| usable(&entry.ok()?.path()))
        .collect();
    interfaces.sort_by_key(|interface| interface.index);
    interfaces.truncate(MAX_INTERFACES);
    interfaces
}

/// Whether a packet that is sent to a group on `interface` is received on it.
fn receives(interface: &Interface) -> io::Result<bool> {
    let receiver = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    receiver.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())?;
    receiver.join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(interface.index))?;
    let port = receiver
        .local_addr()?
        .as_socket_ipv4()
        .ok_or(io::ErrorKind::AddrNotAvailable)?
        .port();

    let sender = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    sender.bind_device(Some(interface.name.as_bytes()))?;
    sender.set_multicast_ttl_v4(0)?;
    sender.set_multicast_loop_v4(true)?;
    sender.send_to(token().as_bytes(), &SocketAddrV4::new(GROUP, port).into())?;

    let deadline = Instant::now() + RECEIVE_TIMEOUT;
    let mut buffer = [MaybeUninit::uninit(); 64];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        receiver.set_read_timeout(Some(left))?;
        if receiver.recv_from(&mut buffer)?.0 == token().len() {
            return Ok(true);
        }
    }
}

/// Distinguishes this program's packet from others that arrive on the same port.
fn token() -> String {
    format!("backroom doctor {}", std::process::id())
}
