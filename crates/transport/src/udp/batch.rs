//! Cuts a run of datagrams into GSO batches, and decides what a refused batch means.

use std::io;

/// The largest payload of one UDP datagram over IPv4: 65,535 bytes less the IP and UDP headers. It also limits a GSO
/// batch, because the kernel builds a batch as one oversized datagram.
pub const MAX_UDP_PAYLOAD_BYTES: usize = 65_507;

/// The most datagrams the kernel splits one GSO batch into (`UDP_MAX_SEGMENTS`).
pub(crate) const MAX_GSO_DATAGRAMS: usize = 64;

/// The result of [`UdpEndpoint::try_send`](super::UdpEndpoint::try_send).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams handled, counted from the start of the run. Fewer than the run has if the socket buffer filled up.
    pub datagrams: usize,
    /// How many of these the kernel refused. They count as lost.
    pub lost: usize,
}

/// How many datagrams of `datagram_bytes` one GSO batch may hold: at most 64, and at most 65,507 bytes together.
pub(crate) fn batch_limit(datagram_bytes: usize) -> usize {
    (MAX_UDP_PAYLOAD_BYTES / datagram_bytes.max(1)).clamp(1, MAX_GSO_DATAGRAMS)
}

/// Hands `run` to `send` in batches of at most `max_batch` datagrams. `max_batch` is asked again for each batch: if the
/// kernel has turned GSO off, the refused datagrams are sent again one by one.
pub(super) fn send_run(
    run: &[u8],
    datagram_bytes: usize,
    max_batch: impl Fn() -> usize,
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
) -> Sent {
    let datagrams = run.len().div_ceil(datagram_bytes.max(1)).max(1);
    let mut sent = Sent {
        datagrams: 0,
        lost: 0,
    };
    while sent.datagrams < datagrams {
        let count = max_batch().min(datagrams - sent.datagrams);
        let from = sent.datagrams * datagram_bytes;
        let batch = &run[from..run.len().min(from + count * datagram_bytes)];
        match send(batch) {
            Ok(()) => sent.datagrams += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // The refusal turned GSO off: the next iteration sends the same datagrams in smaller batches.
            Err(_) if count > max_batch() => {}
            Err(error) => {
                tracing::debug!(%error, count, "the kernel refused datagrams; they count as lost");
                sent.datagrams += count;
                sent.lost += count;
            }
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// 100 datagrams of 10 bytes that tell their number, the last of them one byte short.
    fn run() -> Vec<u8> {
        let mut run: Vec<u8> = (0..100).flat_map(|number| [number; 10]).collect();
        run.pop();
        run
    }

    fn error(kind: io::ErrorKind) -> io::Result<()> {
        Err(kind.into())
    }

    #[test]
    fn a_batch_is_bounded_in_datagrams_and_in_bytes() {
        assert_eq!(batch_limit(100), 64);
        assert_eq!(batch_limit(1_237), 52);
        assert_eq!(batch_limit(MAX_UDP_PAYLOAD_BYTES), 1);
        assert_eq!(batch_limit(usize::MAX), 1);
        assert_eq!(batch_limit(0), 64);
    }

    #[test]
    fn when_gso_is_turned_off_on_the_way_every_datagram_still_goes_once() {
        let max_batch = Cell::new(64);
        let mut gone = Vec::new();
        let sent = send_run(
            &run(),
            10,
            || max_batch.get(),
            |batch| {
                if gone.len() >= 640 && batch.len() > 10 {
                    max_batch.set(1);
                    return error(io::ErrorKind::InvalidInput);
                }
                gone.extend_from_slice(batch);
                Ok(())
            },
        );
        assert_eq!(
            sent,
            Sent {
                datagrams: 100,
                lost: 0
            }
        );
        assert_eq!(gone, run());
    }

    #[test]
    fn a_batch_that_is_refused_for_good_is_lost_and_the_rest_goes() {
        let mut batches = 0;
        let sent = send_run(
            &run(),
            10,
            || 30,
            |_| {
                batches += 1;
                if batches == 2 {
                    error(io::ErrorKind::OutOfMemory)
                } else {
                    Ok(())
                }
            },
        );
        assert_eq!(
            sent,
            Sent {
                datagrams: 100,
                lost: 30
            }
        );
        assert_eq!(batches, 4);
    }

    #[test]
    fn a_socket_that_fills_up_says_how_far_it_got() {
        let mut batches = 0;
        let sent = send_run(
            &run(),
            10,
            || 30,
            |_| {
                batches += 1;
                if batches == 3 {
                    error(io::ErrorKind::WouldBlock)
                } else {
                    Ok(())
                }
            },
        );
        assert_eq!(
            sent,
            Sent {
                datagrams: 60,
                lost: 0
            }
        );
        let full = send_run(&run(), 10, || 30, |_| error(io::ErrorKind::WouldBlock));
        assert_eq!(
            full,
            Sent {
                datagrams: 0,
                lost: 0
            }
        );
    }
}
