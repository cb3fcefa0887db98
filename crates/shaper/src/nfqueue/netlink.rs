//! The netlink protocol of NFQUEUE: packets arrive on a netlink socket, verdicts go back.
//!
//! The messages are those of the kernel's `nfnetlink_queue.h`. The crate `nfq` implements them too but does not expose its
//! socket. Without it, one cannot wait for a packet *or* a due time, nor enlarge the receive buffer, whose default of
//! 212,992 bytes holds about 270 packets: fewer than one go-back of a large window sends at once.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::sockopt;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};

/// How much of each packet the kernel copies here: the IPv4 header, which has the length.
const COPY_BYTES: u32 = 20;
/// How many packets the kernel may hold. More than any delay line needs.
const MAX_HELD_PACKETS: u32 = 200_000;
/// A queued packet takes about 800 bytes, so this has room for a burst of 20,000.
const RECEIVE_BUFFER_BYTES: usize = 16 << 20;
const VERDICTS_PER_SEND: usize = 64;

const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const SUBSYSTEM_QUEUE: u16 = 3 << 8;
const MSG_PACKET: u16 = SUBSYSTEM_QUEUE;
const MSG_VERDICT: u16 = SUBSYSTEM_QUEUE | 1;
const MSG_CONFIG: u16 = SUBSYSTEM_QUEUE | 2;
const CFG_CMD: u16 = 1;
const CFG_PARAMS: u16 = 2;
const CFG_QUEUE_MAXLEN: u16 = 3;
const COMMAND_BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
const ATTR_PACKET_HDR: u16 = 1;
const ATTR_VERDICT_HDR: u16 = 2;
const ATTR_PAYLOAD: u16 = 10;
const ATTR_CAP_LEN: u16 = 13;

const HEADER_BYTES: usize = 16;
const NFGEN_BYTES: usize = 4;
const VERDICT_BYTES: usize = HEADER_BYTES + NFGEN_BYTES + 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Drop = 0,
    Accept = 1,
}

/// A packet that waits for its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) id: u32,
    /// Its size including the IP header.
    pub(super) bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Packet(Packet),
    Nothing,
    /// Another message, or packets were lost before they reached this process. The kernel counts those.
    Other,
}

/// A queue, bound in this process's network namespace.
pub(super) struct QueueSocket {
    pub(super) socket: OwnedFd,
    pub(super) number: u16,
    verdicts: Vec<u8>,
}

impl QueueSocket {
    /// Fails without NET_ADMIN, on a kernel without `nfnetlink_queue`, or if another process has bound the queue.
    pub(super) fn bind(number: u16) -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(NETFILTER),
        )?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        // Exceeding the system's limit requires NET_ADMIN in the initial user namespace. Elsewhere, use up to the limit.
        sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES))?;
        let queue = Self {
            socket,
            number,
            verdicts: Vec::with_capacity(VERDICTS_PER_SEND * VERDICT_BYTES),
        };
        queue.send(&bind_message(number))?;
        let mut buffer = [0; 512];
        let (length, _) = recv(&queue.socket, &mut buffer[..], RecvFlags::empty())?;
        match error_code(buffer.get(..length).unwrap_or_default()) {
            Some(0) => Ok(queue),
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "unexpected reply from the kernel",
            )),
        }
    }

    /// Receives the next packet without waiting.
    pub(super) fn receive(&self) -> io::Result<Received> {
        let mut buffer = [0; 1024];
        match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => {
                let packet = buffer.get(..length).and_then(parse_packet);
                Ok(packet.map_or(Received::Other, Received::Packet))
            }
            Err(Errno::AGAIN) => Ok(Received::Nothing),
            Err(Errno::NOBUFS | Errno::INTR) => Ok(Received::Other),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Queues the verdict on one packet. Verdicts are sent in batches; [`flush`](Self::flush) sends the rest.
    pub(super) fn decide(&mut self, id: u32, verdict: Verdict) -> io::Result<()> {
        append_verdict(&mut self.verdicts, self.number, id, verdict);
        if self.verdicts.len() >= VERDICTS_PER_SEND * VERDICT_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.verdicts.is_empty() {
            self.send(&self.verdicts)?;
            self.verdicts.clear();
        }
        Ok(())
    }

    fn send(&self, message: &[u8]) -> io::Result<()> {
        sendto(
            &self.socket,
            message,
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )?;
        Ok(())
    }
}

fn bind_message(number: u16) -> Vec<u8> {
    let [a, b, c, d] = COPY_BYTES.to_be_bytes();
    let attributes: [(u16, &[u8]); 3] = [
        (CFG_CMD, &[COMMAND_BIND, 0, 0, 0]),
        (CFG_PARAMS, &[a, b, c, d, COPY_PACKET]),
        (CFG_QUEUE_MAXLEN, &MAX_HELD_PACKETS.to_be_bytes()),
    ];
    let mut message = Vec::new();
    append_message(
        &mut message,
        MSG_CONFIG,
        NLM_F_REQUEST | NLM_F_ACK,
        number,
        &attributes,
    );
    message
}

fn append_verdict(messages: &mut Vec<u8>, number: u16, id: u32, verdict: Verdict) {
    let [a, b, c, d] = id.to_be_bytes();
    let header = [0, 0, 0, verdict as u8, a, b, c, d];
    append_message(
        messages,
        MSG_VERDICT,
        NLM_F_REQUEST,
        number,
        &[(ATTR_VERDICT_HDR, &header)],
    );
}

/// Appends `struct nlmsghdr`, `struct nfgenmsg` and the attributes.
fn append_message(
    messages: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    number: u16,
    attributes: &[(u16, &[u8])],
) {
    let start = messages.len();
    messages.extend_from_slice(&[0; 4]);
    messages.extend_from_slice(&kind.to_ne_bytes());
    messages.extend_from_slice(&flags.to_ne_bytes());
    messages.extend_from_slice(&[0; 10]);
    messages.extend_from_slice(&number.to_be_bytes());
    for (kind, value) in attributes {
        messages.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
        messages.extend_from_slice(&kind.to_ne_bytes());
        messages.extend_from_slice(value);
        messages.resize(messages.len().next_multiple_of(4), 0);
    }
    let length = (messages.len() - start) as u32;
    messages[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}

/// The packet in a message from the kernel. `None` for any other kind of message or a malformed one.
fn parse_packet(message: &[u8]) -> Option<Packet> {
    if u16::from_ne_bytes(array(message, 4)?) != MSG_PACKET {
        return None;
    }
    let length = u32::from_ne_bytes(array(message, 0)?) as usize;
    let (mut id, mut copied, mut whole) = (None, None, None);
    for (kind, value) in attributes(message.get(HEADER_BYTES + NFGEN_BYTES..length)?) {
        match kind {
            ATTR_PACKET_HDR => id = Some(u32::from_be_bytes(array(value, 0)?)),
            ATTR_PAYLOAD => copied = Some(value.len()),
            ATTR_CAP_LEN => whole = Some(u32::from_be_bytes(array(value, 0)?) as usize),
            _ => {}
        }
    }
    // The kernel reports the full length only if it copied less than that.
    Some(Packet {
        id: id?,
        bytes: whole.or(copied)?,
    })
}

/// The code in an acknowledgement: 0 or an errno.
fn error_code(message: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(array(message, 4)?);
    let code = i32::from_ne_bytes(array(message, HEADER_BYTES)?);
    (kind == NLMSG_ERROR).then(|| code.saturating_neg())
}

fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(array(rest, 0)?));
        let kind = u16::from_ne_bytes(array(rest, 2)?);
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's message for a packet of `bytes`, of which `copied` are included.
    fn packet_message(id: u32, bytes: u32, copied: usize) -> Vec<u8> {
        let [a, b, c, d] = id.to_be_bytes();
        let (header, mark) = ([a, b, c, d, 8, 0, 3], 2_u32.to_be_bytes());
        let (payload, length) = (vec![0x45; copied], bytes.to_be_bytes());
        let mut attributes = vec![
            (ATTR_PACKET_HDR, &header[..]),
            (6, &mark),
            (ATTR_PAYLOAD, &payload),
        ];
        if copied < bytes as usize {
            attributes.push((ATTR_CAP_LEN, &length));
        }
        let mut message = Vec::new();
        append_message(&mut message, MSG_PACKET, 0, 7, &attributes);
        message
    }

    #[test]
    fn a_packet_has_an_id_and_its_full_length() {
        assert_eq!(
            parse_packet(&packet_message(9, 1265, 20)),
            Some(Packet { id: 9, bytes: 1265 })
        );
        assert_eq!(
            parse_packet(&packet_message(u32::MAX, 18, 18)),
            Some(Packet {
                id: u32::MAX,
                bytes: 18
            })
        );
    }

    #[test]
    fn a_truncated_message_is_rejected() {
        let message = packet_message(9, 1265, 20);
        for length in 0..message.len() {
            assert_eq!(parse_packet(&message[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_wrong_length_is_rejected() {
        for (at, value) in [
            (0, 0),
            (0, 0xff),
            (HEADER_BYTES + NFGEN_BYTES, 0),
            (HEADER_BYTES + NFGEN_BYTES, 3),
        ] {
            let mut message = packet_message(9, 1265, 20);
            message[at] = value;
            assert_eq!(parse_packet(&message), None, "byte {at} = {value}");
        }
    }

    #[test]
    fn verdicts_have_the_expected_size() {
        let mut messages = Vec::new();
        append_verdict(&mut messages, 1, 5, Verdict::Drop);
        append_verdict(&mut messages, 1, 6, Verdict::Accept);
        assert_eq!(messages.len(), 2 * VERDICT_BYTES);
        assert_eq!(
            u32::from_ne_bytes(array(&messages, VERDICT_BYTES).unwrap()) as usize,
            VERDICT_BYTES
        );
        assert_eq!(
            messages[VERDICT_BYTES - 8..VERDICT_BYTES],
            [0, 0, 0, 0, 0, 0, 0, 5]
        );
        assert_eq!(messages[2 * VERDICT_BYTES - 8..], [0, 0, 0, 1, 0, 0, 0, 6]);
    }

    #[test]
    fn an_acknowledgement_carries_an_errno() {
        let mut message = vec![0; 20];
        message[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        assert_eq!(error_code(&message), Some(0));
        message[16..20].copy_from_slice(&(-16_i32).to_ne_bytes());
        assert_eq!(error_code(&message), Some(16));
        assert_eq!(error_code(&packet_message(1, 20, 20)), None);
    }
}
