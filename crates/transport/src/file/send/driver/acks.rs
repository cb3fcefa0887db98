//! What the receivers say, handed to Go-Back-N.

use std::io;

use super::{Driver, trace};
use crate::file::TraceKind;
use crate::file::send::SendError;
use crate::file::timer::now;

/// How often the socket is asked at most before other tasks get their turn.
const CALLS_PER_TURN: usize = 8;

impl Driver<'_> {
    /// Takes the ACKs that the runtime has heard of. True where there were any.
    pub(super) fn take_acks(&mut self) -> Result<bool, SendError> {
        match self.endpoint.try_receive(&mut self.ack_buffers) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.handle_acks();
        Ok(true)
    }

    /// Takes the ACKs that came while this thread waited for the processor, of which the runtime has not heard yet: the
    /// timer would take them for lost. True where there were any.
    pub(super) fn take_late_acks(&mut self) -> bool {
        for taken in 0..CALLS_PER_TURN {
            if self.endpoint.receive_now(&mut self.ack_buffers).is_err() {
                return taken > 0;
            }
            self.handle_acks();
        }
        true
    }

    fn handle_acks(&mut self) {
        let now = now();
        for datagram in self.ack_buffers.datagrams() {
            let Some((receiver, ack)) = self.receivers.open(datagram.contents, now) else {
                self.dropped += 1;
                trace(self.control, self.job.stream, now, TraceKind::Dropped);
                continue;
            };
            let acknowledged = ack.cumulative.min(self.layout.segments);
            receiver.progress.set(self.layout.bytes_below(acknowledged));
            self.last_ack = Some(now);
            self.gbn.handle_ack(now, receiver.id, ack);
            trace(
                self.control,
                self.job.stream,
                now,
                TraceKind::AckReceived(ack),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::UdpSocket;
    use std::time::Duration;

    use backroom_gbn::{SenderConfig, Timeout};
    use backroom_protocol::segment::{Ack, AckSealer, SegmentBytes, Stream};
    use backroom_protocol::{Key, TransferId};

    use super::super::{Job, Receivers};
    use super::*;
    use crate::file::{Control, SourceFile};
    use crate::udp::{UdpEndpoint, UdpOptions};

    const STREAM: Stream = Stream {
        transfer: TransferId(1),
        lane: 1,
    };

    /// A file of one segment for `to`, with the shortest timer there is.
    fn job(to: &UdpSocket) -> Job {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "a file").unwrap();
        Job {
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
        }
    }

    /// The runtime runs nothing else meanwhile, so only the socket itself knows of the ACK.
    #[tokio::test]
    async fn an_ack_that_came_while_nobody_looked_is_no_timeout() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let endpoint =
            UdpEndpoint::bind("127.0.0.1:0".parse().unwrap(), UdpOptions::default()).unwrap();
        let control = Control::default();
        let ack_key = Key::generate().unwrap();
        let mut receivers = Receivers::new(STREAM);
        receivers.insert(0, &ack_key, 0, 1, control.progress.clone());
        let mut driver = Driver::new(&endpoint, job(&receiver), receivers, &control, None);
        let mut reader = driver.reader();
        endpoint.writable().await.unwrap();

        driver.turn(&mut reader).unwrap();
        let (_, sender) = receiver.recv_from(&mut [0; 2_000]).unwrap();
        let ack = Ack {
            cumulative: 1,
            accepted_round: 0,
            gap_round: None,
            free_segments: 1,
        };
        let ack = AckSealer::new(STREAM, 0, &ack_key).seal(ack).unwrap();
        receiver.send_to(&ack, sender).unwrap();
        while driver.gbn.poll_timeout().unwrap() > now() {
            std::hint::spin_loop();
        }
        driver.turn(&mut reader).unwrap();
        assert_eq!(driver.totals().stats.timeouts, 0);
        assert!(driver.finished);
    }
}
