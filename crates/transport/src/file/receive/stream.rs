//! One incoming stream: opens datagrams in place, writes what arrives in order, and acknowledges each train.

mod datagrams;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use backroom_gbn::Receiver;
use backroom_protocol::segment::{AckSealer, AnswerCipher, ProbeOpener, SegmentOpener, StreamId};
use rustix::event::PollFlags;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::greeter::Greeter;
use super::group::GroupLane;
use super::part::PartFile;
use super::pieces::BUFFERS;
use super::request::{ReceiveError, ReceiveOutcome, ReceiveRequest, SenderMessage};
use super::writer::Writer;
use crate::file::control::{Control, Progress};
use crate::file::layout::Layout;
use crate::file::thread::{self, Inbox};
use crate::file::trace::StreamTrace;
use crate::udp::{ReceiveBuffers, UdpEndpoint};

/// Receives a file on a thread of its own, compares its hash with the sender's if there is one, and gives it its final name.
/// Segments come from a group until a stream to this receiver alone begins.
///
/// `messages` come from the sender. Until [`SenderMessage::Finished`] arrives, its segments are answered: the last ACKs may have
/// been lost. If the channel closes before that, the sender counts as lost.
///
/// Must run within a tokio runtime. Dropping the future cancels the transfer and removes what was received.
///
/// # Errors
/// [`ReceiveError`]
pub async fn receive_file(
    endpoint: UdpEndpoint,
    request: ReceiveRequest,
    control: &Control,
    messages: mpsc::Receiver<SenderMessage>,
) -> Result<ReceiveOutcome, ReceiveError> {
    let transfer = |control, inbox| ReceiveStream::new(endpoint, request, control, inbox)?.run();
    thread::run(control, messages, transfer).await?
}

/// A sender that serves others first says so every 10 s, however short the time without progress may be otherwise.
const MAX_WAIT: Duration = Duration::from_secs(30);

struct ReceiveStream {
    endpoint: UdpEndpoint,
    inbox: Inbox<SenderMessage>,
    progress: Progress,
    part: PartFile,
    /// The stream to this receiver alone.
    stream: StreamId,
    layout: Layout,
    max_stall: Duration,
    gbn: Receiver,
    opener: SegmentOpener,
    acks: AckSealer,
    greeter: Greeter,
    /// `None` once segments come to this receiver alone.
    group: Option<GroupLane>,
    writer: Writer,
    /// Where to send ACKs, and the local address to send them from.
    peer: Option<(SocketAddr, Option<IpAddr>)>,
    first_segment: Option<Instant>,
    /// When the last byte arrived. Then the writer has been told that the file ends.
    last_byte: Option<Instant>,
    /// When the transfer last got further.
    last_progress: Instant,
    /// Whether anything has arrived since then.
    has_heard: bool,
    /// Whether the sender has said since then that others are served first.
    is_told_to_wait: bool,
    dropped: u64,
    trace: StreamTrace,
}

impl ReceiveStream {
    fn new(
        endpoint: UdpEndpoint,
        request: ReceiveRequest,
        control: Control,
        inbox: Inbox<SenderMessage>,
    ) -> Result<Self, ReceiveError> {
        let (stream, segment_bytes) = (request.stream, request.segment_bytes);
        let (receiver, ack_key) = (request.receiver_number, &request.ack_key);
        let free_segments = request.options.free_segments(segment_bytes);
        let writer = Writer::new(
            request.part.writer()?,
            free_segments,
            segment_bytes,
            request.with_hash,
            inbox.waker.clone(),
        );
        let greeter = Greeter::new(
            AnswerCipher::new(stream, receiver, ack_key),
            ProbeOpener::new(stream, &request.stream_key),
            request.sender,
            Instant::now(),
        );
        let group = request
            .group
            .map(|membership| GroupLane::new(membership, stream, receiver, ack_key, segment_bytes));
        Ok(Self {
            endpoint,
            trace: StreamTrace {
                sink: control.trace,
                stream: group.as_ref().map_or(stream, |group| group.stream),
            },
            progress: control.progress,
            inbox,
            part: request.part,
            stream,
            layout: Layout::new(request.bytes, segment_bytes),
            max_stall: request.options.max_stall,
            gbn: Receiver::new(free_segments),
            opener: SegmentOpener::new(stream, &request.stream_key),
            acks: AckSealer::new(stream, receiver, ack_key),
            greeter,
            group,
            writer,
            peer: None,
            first_segment: None,
            last_byte: None,
            last_progress: Instant::now(),
            has_heard: false,
            is_told_to_wait: false,
            dropped: 0,
        })
    }

    /// Receives the file, and gives it its final name.
    fn run(mut self) -> Result<ReceiveOutcome, ReceiveError> {
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let mut buffers = self.endpoint.receive_buffers(datagram_bytes, BUFFERS);
        self.end_if_complete();
        let sender_hash = self.receive(&mut buffers)?;
        if self.finish_writing()? != sender_hash {
            return Err(ReceiveError::WrongHash);
        }
        let elapsed = match (self.first_segment, self.last_byte) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        self.part.sync()?;
        // The caller may have given up during the sync. It then expects that there is no file.
        if self.inbox.cancel.is_cancelled() {
            return Err(ReceiveError::Cancelled);
        }
        Ok(ReceiveOutcome {
            path: self.part.publish()?,
            elapsed,
            stats: *self.gbn.stats(),
            dropped: self.dropped,
        })
    }

    /// Receives until everything is written and the sender has said that it has finished. Returns the sender's hash.
    fn receive(&mut self, buffers: &mut ReceiveBuffers) -> Result<Option<[u8; 32]>, ReceiveError> {
        let mut sender_hash = None;
        loop {
            let is_writing = self.reclaim_space()?;
            let has_more_work = self.take_datagrams(buffers)? | self.take_group_datagrams()?;
            if self.inbox.cancel.is_cancelled() {
                return Err(ReceiveError::Cancelled);
            }
            if sender_hash.is_none() {
                sender_hash = self.take_messages()?;
            }
            match (is_writing, self.last_byte, sender_hash) {
                (false, Some(_), Some(hash)) => return Ok(hash),
                // Writing failed.
                (false, None, _) => return self.finish_writing(),
                _ => {}
            }
            if !has_more_work {
                self.greet()?;
                self.wait()?;
            }
        }
    }

    /// Takes the sender's messages. Returns the hash once the sender has finished.
    fn take_messages(&mut self) -> Result<Option<Option<[u8; 32]>>, ReceiveError> {
        loop {
            match self.inbox.messages.try_recv() {
                Ok(SenderMessage::Finished(hash)) => return Ok(Some(hash)),
                Ok(SenderMessage::Wait) => {
                    self.record_progress(Instant::now());
                    self.is_told_to_wait = true;
                }
                Ok(SenderMessage::Address(sender)) => {
                    let now = Instant::now();
                    self.record_progress(now);
                    self.greeter.set_sender(sender, now);
                }
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(ReceiveError::SenderLost),
            }
        }
    }

    /// Blocks until there may be something to do.
    fn wait(&self) -> Result<(), ReceiveError> {
        let max_stall = match self.is_told_to_wait {
            true => self.max_stall.max(MAX_WAIT),
            false => self.max_stall,
        };
        let stall_deadline = self.last_progress + max_stall;
        if Instant::now() >= stall_deadline {
            return Err(match self.has_heard {
                true => ReceiveError::Stalled,
                false => ReceiveError::SenderLost,
            });
        }
        let ack_deadline = self.group.as_ref().and_then(|group| group.pace.deadline);
        let others = ack_deadline.into_iter().chain(self.greeting_deadline());
        let deadline = others.fold(stall_deadline, Instant::min);
        let own = (&self.endpoint, PollFlags::IN);
        match &self.group {
            Some(group) => {
                let sockets = [own, (&group.endpoint, PollFlags::IN)];
                self.inbox.wait(&sockets, Some(deadline))?;
            }
            None => self.inbox.wait(&[own], Some(deadline))?,
        }
        Ok(())
    }

    /// Sends a greeting if one is due.
    fn greet(&mut self) -> Result<(), ReceiveError> {
        let now = Instant::now();
        if self.greeting_deadline().is_some_and(|due| due <= now)
            && let Some((to, greeting)) = self.greeter.poll_greeting(now)?
        {
            // One that does not fit the socket buffer is lost, as it might be on the network.
            self.endpoint.try_send(to, None, &greeting, greeting.len());
        }
        Ok(())
    }

    /// Once everything has arrived, the sender need not know where this receiver is.
    fn greeting_deadline(&self) -> Option<Instant> {
        match self.last_byte {
            None => self.greeter.poll_timeout(),
            Some(_) => None,
        }
    }

    fn record_progress(&mut self, now: Instant) {
        self.last_progress = now;
        self.has_heard = false;
        self.is_told_to_wait = false;
    }

    fn finish_writing(&mut self) -> Result<Option<[u8; 32]>, ReceiveError> {
        let written = self.writer.finish();
        written.map_err(|error| self.part.write_error(error).into())
    }

    /// Takes back the space of what has been written. If there was none, the sender waits for an ACK that announces it. False
    /// once nothing more is written.
    fn reclaim_space(&mut self) -> Result<bool, ReceiveError> {
        let had_none = self.gbn.free_segments() == 0;
        let is_writing = self.writer.reclaim();
        self.gbn.set_free_segments(self.writer.free_segments);
        if had_none && self.gbn.free_segments() > 0 {
            self.acknowledge(Instant::now())?;
        }
        Ok(is_writing)
    }

    /// The last byte has a time of its own: all segments of a small file may arrive in one train.
    fn end_if_complete(&mut self) {
        if self.last_byte.is_none() && self.gbn.expected_seq_num() == self.layout.segments {
            self.last_byte = Some(Instant::now());
            self.writer.end();
        }
    }
}
