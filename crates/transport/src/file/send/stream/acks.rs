//! Passes the receivers' ACKs to Go-Back-N.

use std::io;
use std::time::Instant;

use super::SendStream;
use crate::file::trace::TraceKind;

/// How often the socket is read at most before the timer and the transmissions get their turn.
const RECEIVES_PER_TURN: usize = 8;

impl SendStream {
    /// Takes the ACKs that have arrived. True if there may be more.
    pub(super) fn take_acks(&mut self) -> io::Result<bool> {
        for _ in 0..RECEIVES_PER_TURN {
            if !self.endpoint.try_receive(&mut self.ack_buffers)? {
                return Ok(false);
            }
            self.handle_acks(Instant::now());
            if !self.ack_buffers.is_full() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn handle_acks(&mut self, now: Instant) {
        for datagram in self.ack_buffers.datagrams() {
            let from = datagram.source;
            if let Some(path) = &mut self.path
                && path.handle_datagram(now, from, datagram.contents)
            {
                continue;
            }
            let Some((receiver, ack)) = self.receivers.open(datagram.contents, now) else {
                self.dropped += 1;
                self.trace.record(now, TraceKind::Dropped);
                continue;
            };
            let acknowledged = ack.cumulative.min(self.layout.segments);
            receiver.progress.set(self.layout.bytes_below(acknowledged));
            self.last_ack = Some(now);
            if let Some(path) = &mut self.path {
                path.handle_authentic(now, from);
            }
            self.gbn.handle_ack(now, receiver.id, ack);
            self.trace.record(now, TraceKind::AckReceived(ack));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::UdpSocket;
    use std::time::Duration;

    use backroom_gbn::{Ack, SenderConfig, Timeout};
    use backroom_protocol::segment::{AckSealer, SegmentBytes, StreamId};
    use backroom_protocol::{Key, TransferId};
    use tempfile::NamedTempFile;

    use super::*;
    use crate::file::control::Control;
    use crate::file::send::receivers::Receivers;
    use crate::file::send::stream::StreamSpec;
    use crate::file::source::SourceFile;
    use crate::file::waker::Waker;
    use crate::udp::{UdpEndpoint, UdpOptions};

    const STREAM: StreamId = StreamId {
        transfer: TransferId(1),
        lane: 1,
    };

    /// A file of one segment for `to`, with the shortest timer.
    fn spec(file: &NamedTempFile, to: &UdpSocket) -> StreamSpec {
        fs::write(file.path(), "a file").unwrap();
        StreamSpec {
            source: SourceFile::open(file.path()).unwrap(),
            stream: STREAM,
            stream_key: Key::generate().unwrap(),
            segment_bytes: SegmentBytes::DEFAULT,
            to: to.local_addr().unwrap(),
            first_segment: 0,
            with_hash: true,
            config: SenderConfig {
                timeout: Timeout::Fixed(Duration::from_millis(1)),
                ..SenderConfig::default()
            },
            path: None,
        }
    }

    /// The sender's thread does nothing meanwhile, as if it waited for the processor.
    #[test]
    fn an_ack_that_arrived_before_the_timer_is_handled_prevents_a_timeout() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let endpoint =
            UdpEndpoint::bind("127.0.0.1:0".parse().unwrap(), UdpOptions::default()).unwrap();
        let ack_key = Key::generate().unwrap();
        let control = Control::default();
        let mut receivers = Receivers::new(STREAM);
        receivers.insert(0, &ack_key, 0, 1, control.progress.clone());
        let waker = Waker::new().unwrap();
        let file = NamedTempFile::new().unwrap();
        let spec = spec(&file, &receiver);
        let mut stream = SendStream::new(endpoint, spec, receivers, control, &waker);

        while stream.turn().unwrap() {}
        let (_, sender) = receiver.recv_from(&mut [0; 2_000]).unwrap();
        let ack = Ack {
            cumulative: 1,
            accepted_round: 0,
            gap_round: None,
            free_segments: 1,
        };
        let ack = AckSealer::new(STREAM, 0, &ack_key).seal(ack).unwrap();
        receiver.send_to(&ack, sender).unwrap();
        while stream.gbn.poll_timeout().unwrap() > Instant::now() {
            std::hint::spin_loop();
        }
        stream.turn().unwrap();
        assert_eq!(stream.totals().stats.timeouts, 0);
        assert!(stream.gbn.is_finished());
    }
}
