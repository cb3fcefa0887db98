//! Finds the receivers that a multicast group reaches.

use std::time::{Duration, Instant};

use backroom_protocol::segment::{ACK_BYTES, ProbeSealer};
use rustix::event::PollFlags;

use super::receivers::Receivers;
use super::result::SendError;
use super::stream::StreamSpec;
use crate::file::thread::Inbox;
use crate::udp::UdpEndpoint;

/// Probes are repeated for half a second in all. That is longer than the round trip of any local network, and often enough that
/// loss does not hide a receiver.
const MAX_PROBES: u32 = 20;
const PROBE_INTERVAL: Duration = Duration::from_millis(25);

/// Sends probes to the group until all receivers have answered one, or until the last probe's time is over.
///
/// # Errors
/// [`SendError::Cancelled`], or that the socket failed.
pub(super) fn probe<M>(
    endpoint: &UdpEndpoint,
    spec: &StreamSpec,
    receivers: &mut Receivers,
    inbox: &Inbox<M>,
) -> Result<(), SendError> {
    let mut sealer = ProbeSealer::new(spec.stream, &spec.stream_key);
    let mut buffers = endpoint.receive_buffers(ACK_BYTES, 1);
    for _ in 0..MAX_PROBES {
        if have_all_answered(receivers) {
            break;
        }
        let probe = sealer.seal()?;
        // A probe that does not fit the socket buffer is lost, as it might be on the network.
        endpoint.try_send(spec.to, None, &probe, probe.len());
        let next_probe = Instant::now() + PROBE_INTERVAL;
        while !have_all_answered(receivers) && Instant::now() < next_probe {
            inbox.wait(&[(endpoint, PollFlags::IN)], Some(next_probe))?;
            if inbox.cancel.is_cancelled() {
                return Err(SendError::Cancelled);
            }
            endpoint.try_receive(&mut buffers)?;
            let now = Instant::now();
            for datagram in buffers.datagrams() {
                receivers.open(datagram.contents, now);
            }
        }
    }
    Ok(())
}

fn have_all_answered(receivers: &Receivers) -> bool {
    receivers.all.iter().all(|one| one.last_ack.is_some())
}
