//! A file on its way in.

use std::io;
use std::pin::pin;

use backroom_protocol::segment::Stream as StreamId;
use backroom_protocol::{FileMessage, Key, MemberInfo, Offer, Reason};
use backroom_transport::file::{
    Control, GroupMembership, PartFile, PartFileError, ReceiveError, ReceiveOptions,
    ReceiveOutcome, ReceiveRequest, SenderWord, TraceSink, receive_file,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use backroom_vocabulary::trace::Side;
use tokio::sync::mpsc;

use super::board::{Board, Entry};
use super::link::{INBOX_MESSAGES, Link, Note};
use super::stop::Stop;
use super::{Limits, endpoint, failed, goodput_mbps};
use crate::event::{Direction, Event};
use crate::tracer::Begin;

/// An offer that came.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: u64,
    pub(super) from: MemberInfo,
    pub(super) offer: Offer,
    pub(super) link: Link,
    pub(super) limits: Limits,
    pub(super) board: Board,
    pub(super) stop: Stop,
    pub(super) notes: mpsc::Sender<Note>,
}

/// Why a file is not received, and what the sender is told.
struct Failure {
    here: String,
    there: Option<FileMessage>,
}

impl Incoming {
    /// Accepts the offer, and receives the file.
    pub(super) async fn run(mut self) {
        let ended = self.receive().await;
        self.finish(ended).await;
    }

    async fn finish(self, ended: Result<ReceiveOutcome, Failure>) {
        let (from, file) = (self.from.name.to_string(), self.offer.name.to_string());
        let event = match ended {
            Ok(ReceiveOutcome { path, elapsed, .. }) => {
                self.link
                    .tell(FileMessage::Received {
                        transfer: self.offer.transfer,
                    })
                    .await;
                let (bytes, seconds) = (self.offer.bytes, elapsed.as_secs_f64());
                let goodput_mbps = goodput_mbps(bytes, seconds);
                Event::Received {
                    id: self.id,
                    from,
                    file,
                    path,
                    bytes,
                    seconds,
                    goodput_mbps,
                }
            }
            Err(failure) => {
                if let Some(message) = failure.there {
                    self.link.tell(message).await;
                }
                Event::Failed {
                    id: self.id,
                    from,
                    file,
                    error: failure.here,
                }
            }
        };
        self.link.close().await;
        // Without a session there is nobody to tell.
        let _ = self.notes.send(Note::Ended(self.id, event)).await;
    }

    async fn receive(&mut self) -> Result<ReceiveOutcome, Failure> {
        let part = self.create_part().await?;
        let (endpoint, port) =
            endpoint(&self.from, self.limits.gso).map_err(|error| self.unable(&error))?;
        // Before it is accepted, so that nothing that is sent to the group afterwards is missed.
        let group = self.join_group();
        let with_hash = self.offer.group.is_some();
        let ack_key = Key::generate().map_err(|error| self.unable(&error))?;
        let options = ReceiveOptions::default();
        let control = Control {
            cancel: self.stop.token(),
            trace: self.trace(),
            ..Control::default()
        };
        let path = part.intended_path();
        let (file, bytes, from) = (
            self.offer.name.to_string(),
            self.offer.bytes,
            self.from.name.to_string(),
        );
        let peers = vec![(from.clone(), control.progress.clone())];
        self.board.insert(
            self.id,
            Entry {
                direction: Direction::In,
                file: file.clone(),
                bytes,
                peers,
            },
        );
        self.link
            .show(Event::Receiving {
                id: self.id,
                from,
                file,
                bytes,
                path,
            })
            .await;
        let accept = FileMessage::Accept {
            transfer: self.offer.transfer,
            port,
            ack_key: ack_key.clone(),
            free_segments: options.free_segments(self.offer.segment_bytes),
        };
        self.link.tell(accept).await;
        let (told, words) = mpsc::channel(INBOX_MESSAGES);
        let request = ReceiveRequest {
            part,
            stream: StreamId {
                transfer: self.offer.transfer,
                lane: self.offer.lane,
            },
            stream_key: self.offer.stream_key.clone(),
            segment_bytes: self.offer.segment_bytes,
            bytes,
            receiver_number: self.offer.receiver,
            ack_key,
            group,
            with_hash,
            words,
            options,
        };
        self.receive_segments(endpoint, request, &control, told)
            .await
    }

    /// Where the transfer's steps are written down, if anyone asked for it.
    fn trace(&self) -> Option<TraceSink> {
        let tracer = self.limits.trace.as_ref()?;
        tracer.begin(Begin {
            stream: StreamId {
                transfer: self.offer.transfer,
                lane: self.offer.lane,
            },
            side: Side::Receiver,
            window: None,
            bytes: self.offer.bytes,
            segment_bytes: self.offer.segment_bytes.value(),
        })
    }

    /// Receives until the file has its name, listening to the sender meanwhile.
    async fn receive_segments(
        &mut self,
        endpoint: UdpEndpoint,
        request: ReceiveRequest,
        control: &Control,
        told: mpsc::Sender<SenderWord>,
    ) -> Result<ReceiveOutcome, Failure> {
        let mut receiving = pin!(receive_file(endpoint, request, control));
        let (mut finished, mut theirs) = (false, None);
        let outcome = loop {
            tokio::select! {
                outcome = &mut receiving => break outcome,
                // Once the hash is known nothing more is needed of the sender: it may leave.
                message = self.link.hear(), if !finished && theirs.is_none() => match message {
                    // Where nobody waits for it any more, receiving has failed and says so itself.
                    Some(FileMessage::Finished { hash, .. }) => {
                        finished = true;
                        let _ = told.send(SenderWord::Finished(hash)).await;
                    }
                    // Many say no more than one, and the last place is kept for the word that all was sent.
                    Some(FileMessage::Wait { .. }) if told.capacity() > 1 => {
                        let _ = told.try_send(SenderWord::Wait);
                    }
                    Some(FileMessage::Wait { .. }) => {}
                    message => {
                        theirs = Some(broken_off(message));
                        control.cancel.cancel();
                    }
                },
            }
        };
        match (outcome, theirs) {
            (Ok(outcome), _) => Ok(outcome),
            (Err(_), Some(reason)) => Err(Failure {
                here: reason,
                there: None,
            }),
            (Err(_), None) if self.stop.is_stopped() => Err(Failure {
                here: self.stop.reason(),
                there: Some(FileMessage::Cancel {
                    transfer: self.offer.transfer,
                }),
            }),
            (Err(error), None) => Err(Failure {
                there: Some(failed(self.offer.transfer, &reason_for_sender(&error))),
                here: error.to_string(),
            }),
        }
    }

    /// Joins the group that the segments may come to. Who can't is served alone.
    fn join_group(&self) -> Option<GroupMembership> {
        let (offer, interface) = (self.offer.group.as_ref()?, self.limits.interface?);
        let group = offer.group.socket_address();
        let options = UdpOptions {
            gso: self.limits.gso,
            ..UdpOptions::default()
        };
        let endpoint = UdpEndpoint::join_group(group, interface, options)
            .inspect_err(|error| tracing::debug!(%group, %error, "can't join a group"))
            .ok()?;
        Some(GroupMembership {
            endpoint,
            stream_key: offer.stream_key.clone(),
            ack_every: offer.ack_every,
        })
    }

    async fn create_part(&self) -> Result<PartFile, Failure> {
        let (folder, limits) = (self.limits.download_dir.clone(), self.limits.receive);
        let (name, bytes) = (self.offer.name.clone(), self.offer.bytes);
        let created =
            tokio::task::spawn_blocking(move || PartFile::create(&folder, &name, bytes, &limits))
                .await;
        match created.map_err(io::Error::from) {
            Ok(Ok(part)) => Ok(part),
            Ok(Err(error)) => Err(self.declined(error.to_string(), &reason_of_part(&error))),
            Err(error) => Err(self.unable(&error)),
        }
    }

    fn unable(&self, error: &impl std::fmt::Display) -> Failure {
        self.declined(error.to_string(), "its machine can't receive now")
    }

    fn declined(&self, here: String, there: &str) -> Failure {
        let decline = FileMessage::Decline {
            transfer: self.link.transfer(),
            reason: Reason::new(there),
        };
        Failure {
            here: format!("declined: {here}"),
            there: Some(decline),
        }
    }
}

/// What it means that the sender says this instead of going on.
fn broken_off(message: Option<FileMessage>) -> String {
    match message {
        None => "the sender left the room".into(),
        Some(FileMessage::Cancel { .. }) => "cancelled by the sender".into(),
        Some(FileMessage::Failed { reason, .. }) => format!("the sender says: {reason}"),
        Some(_) => "the sender said something else than the protocol has here".into(),
    }
}

/// Paths of this machine are not told to others.
fn reason_of_part(error: &PartFileError) -> String {
    match error {
        PartFileError::TooLarge { .. } => error.to_string(),
        PartFileError::NoSpace { .. } => "its disk is too full".into(),
        PartFileError::Folder { .. } | PartFileError::Write { .. } => {
            "it can't write to its download folder".into()
        }
        PartFileError::NoName { .. } => "it has too many files of that name".into(),
    }
}

fn reason_for_sender(error: &ReceiveError) -> String {
    match error {
        ReceiveError::File(error) => reason_of_part(error),
        ReceiveError::SenderLost => "heard nothing more on UDP; a firewall may drop it".into(),
        ReceiveError::WrongHash => "what arrived differs from what was sent; send it again".into(),
        ReceiveError::Io(_) | ReceiveError::Seal(_) => "receiving failed on its machine".into(),
        ReceiveError::Cancelled => "cancelled".into(),
    }
}
