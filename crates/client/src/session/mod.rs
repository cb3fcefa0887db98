//! The session of a member: reads lines, emits events, and exchanges envelopes with other members.
//!
//! One task owns all state and waits for the room, the input, the transfers and the socket at the same time. It never waits
//! for a file or for another member, so a transfer does not delay the chat.

mod commands;
mod ending;
mod identities;
mod messages;
mod phase;
mod unconfirmed;

use std::collections::VecDeque;
use std::time::Duration;

use backroom_protocol::{
    ClientMessage, Content, EnvelopeError, Envelopes, FileMessage, KeyPair, MemberId, MemberInfo,
    PublicKey, ServerMessage,
};
use backroom_transport::connection::{Connection, ConnectionError, Encoded, Reader, Writer};
use backroom_vocabulary::event::{Event, Server};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::event;
use crate::input::{Input, Line, Prompt};
use crate::roster::Roster;
use crate::settings::Settings;
use crate::transfers::{TransferEvent, Transfers};
use crate::trust::Acquaintances;

use phase::Phase;
pub(crate) use phase::{Ending, Outcome};
use unconfirmed::Unconfirmed;

/// The number of unsent bytes above which no more input is read.
const MAX_BUFFERED_BYTES: usize = 1 << 20;

/// The interval of keep-alive messages.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// The number of pings without any message from the room after which the connection counts as lost.
const MAX_UNANSWERED_PINGS: u32 = 3;

/// The number of recipients whose HPKE contexts are set up before other events are handled. It takes one or two
/// milliseconds.
const KEY_BATCH: usize = 4;

/// The state of a member that has just joined.
pub(crate) struct Membership {
    pub(crate) connection: Connection<ServerMessage, ClientMessage>,
    pub(crate) key_pair: KeyPair,
    pub(crate) own_id: MemberId,
    /// All members with a valid identity or none, including this one.
    pub(crate) members: Vec<MemberInfo>,
    /// The members that the server announced with an identity that is not theirs.
    pub(crate) forged: Vec<MemberInfo>,
}

/// What a member is told first.
pub(crate) struct Introduction {
    pub(crate) server: Server,
    /// [`Membership::forged`].
    pub(crate) forged: Vec<MemberInfo>,
}

/// A member's session, from joining the room to leaving it.
pub(crate) struct Session {
    reader: Reader<ServerMessage>,
    writer: Writer<ClientMessage>,
    envelopes: Envelopes,
    /// The posts that wait until the HPKE contexts of their recipients are set up.
    posts: VecDeque<(Content, Vec<(MemberId, PublicKey)>)>,
    roster: Roster,
    acquaintances: Acquaintances,
    transfers: Transfers,
    settings: Settings,
    events: mpsc::Sender<Event>,
    phase: Phase,
    /// The reason that the room gave for closing the connection.
    closing: Option<String>,
    unanswered_pings: u32,
    unconfirmed: Unconfirmed,
    /// The lines and files that have failed.
    failures: usize,
    /// Cancelled by a signal that ends the program.
    interrupt: CancellationToken,
}

/// An event that the session waits for.
enum Wakeup {
    Received(Result<Option<ServerMessage>, ConnectionError>),
    Line(Line),
    Transfer(TransferEvent),
    Written(Result<(), ConnectionError>),
    PostPending,
    Interrupted,
    OutputClosed,
    PingDue,
    DeadlineReached,
}

impl Session {
    pub(crate) fn new(
        membership: Membership,
        acquaintances: Acquaintances,
        transfers: Transfers,
        settings: Settings,
        events: mpsc::Sender<Event>,
        interrupt: CancellationToken,
    ) -> Self {
        Self {
            reader: membership.connection.reader,
            writer: membership.connection.writer,
            envelopes: Envelopes::new(membership.key_pair, membership.own_id),
            posts: VecDeque::new(),
            roster: Roster::new(membership.own_id, membership.members),
            acquaintances,
            transfers,
            settings,
            events,
            phase: Phase::Open,
            closing: None,
            unanswered_pings: 0,
            unconfirmed: Unconfirmed::default(),
            failures: 0,
            interrupt,
        }
    }

    /// Runs until the user leaves, the connection is lost, or the member is removed.
    pub(crate) async fn run(mut self, introduction: Introduction, input: &mut Input) -> Outcome {
        self.show_joined(introduction).await;
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(ending) = self.advance() {
                return Outcome {
                    ending,
                    failures: self.failures,
                };
            }
            let wakeup = self.wait(input, &mut pings).await;
            self.handle(wakeup).await;
        }
    }

    /// Waits for the next event. All branches are cancel safe, so no other event is lost.
    async fn wait(&mut self, input: &mut Input, pings: &mut Interval) -> Wakeup {
        let Self {
            reader,
            writer,
            transfers,
            events,
            phase,
            posts,
            unconfirmed,
            interrupt,
            ..
        } = self;
        // While a post waits for its contexts, nothing is read that could cause another one: the order of posts is fixed.
        let sealing = !posts.is_empty();
        let waiting_bytes = writer.buffered_bytes();
        let connected = phase.is_connected();
        // A program that writes commands too fast waits for the room and for the files before.
        let is_behind =
            waiting_bytes >= MAX_BUFFERED_BYTES || unconfirmed.is_full() || transfers.is_full();
        let reads_lines = matches!(phase, Phase::Open) && !sealing && !is_behind;
        tokio::select! {
            message = reader.receive(), if connected => Wakeup::Received(message),
            event = transfers.next_event(), if !sealing => Wakeup::Transfer(event),
            written = writer.flush(), if connected && waiting_bytes > 0 => Wakeup::Written(written),
            () = tokio::task::yield_now(), if sealing => Wakeup::PostPending,
            line = input.next(Prompt::Command), if reads_lines => Wakeup::Line(line),
            () = interrupt.cancelled(), if !phase.is_ending() => Wakeup::Interrupted,
            () = events.closed(), if !phase.is_ending() => Wakeup::OutputClosed,
            _ = pings.tick(), if connected => Wakeup::PingDue,
            () = phase.deadline() => Wakeup::DeadlineReached,
        }
    }

    async fn handle(&mut self, wakeup: Wakeup) {
        match wakeup {
            Wakeup::Received(Ok(Some(message))) => {
                self.unanswered_pings = 0;
                self.handle_message(message).await;
            }
            Wakeup::Received(Ok(None)) => self.lose("the server closed the connection"),
            Wakeup::Received(Err(error)) | Wakeup::Written(Err(error)) => {
                self.lose(&error.to_string())
            }
            Wakeup::Written(Ok(())) => {}
            Wakeup::PostPending => self.seal_post().await,
            Wakeup::Line(line) => self.handle_line(line).await,
            Wakeup::Transfer(event) => match event {
                TransferEvent::Send(to, message) => self.send_file_message(to, message).await,
                TransferEvent::Show(event) => self.show(event).await,
                TransferEvent::Ended { event, failed, .. } => {
                    self.failures += usize::from(failed);
                    self.show(event).await;
                }
                TransferEvent::ChannelClosed(_) => {}
            },
            Wakeup::Interrupted | Wakeup::OutputClosed => self.leave(Ending::Interrupted),
            Wakeup::PingDue if self.unanswered_pings >= MAX_UNANSWERED_PINGS => {
                self.lose("the server does not respond");
            }
            Wakeup::PingDue => {
                self.unanswered_pings += 1;
                self.send(&ClientMessage::Ping).await;
            }
            Wakeup::DeadlineReached => self.expire().await,
        }
    }

    /// Sends a message about a file to a member, if it is still in the room.
    async fn send_file_message(&mut self, to: MemberId, message: FileMessage) {
        let Some(key) = self.roster.members.get(&to).map(|member| member.public_key) else {
            return;
        };
        self.post(Content::File(message), vec![(to, key)]).await;
    }

    /// Queues a content for sealing and sending. Posts are sent in the order in which they are sealed, as the receivers'
    /// HPKE contexts require.
    async fn post(&mut self, content: Content, recipients: Vec<(MemberId, PublicKey)>) {
        self.posts.push_back((content, recipients));
        self.seal_post().await;
    }

    /// Continues with the oldest queued post. Setting up the contexts of a thousand members takes a while, so this is done
    /// in steps, between which the session handles other events.
    async fn seal_post(&mut self) {
        let Some((content, recipients)) = self.posts.front() else {
            return;
        };
        let sealed = match self.envelopes.prepare(recipients, KEY_BATCH) {
            Ok(false) => return,
            Ok(true) => self.envelopes.seal(content, recipients),
            Err(error) => Err(error),
        };
        self.posts.pop_front();
        match sealed {
            Ok(post) => self.send(&ClientMessage::Post(post)).await,
            Err(error) => {
                self.failures += 1;
                self.show_envelope_error(&error).await;
            }
        }
    }

    async fn send(&mut self, message: &ClientMessage) {
        let mut fed = self.feed(message);
        if fed.is_ok() && self.unconfirmed.needs_ping() {
            fed = self.feed(&ClientMessage::Ping);
        }
        if let Err(error) = fed {
            self.fail(error.to_string()).await;
        }
    }

    fn feed(&mut self, message: &ClientMessage) -> Result<(), ConnectionError> {
        self.writer.feed(&Encoded::new(message)?)?;
        match message {
            ClientMessage::Ping => self.unconfirmed.pinged(),
            _ => self.unconfirmed.sent(),
        }
        Ok(())
    }

    /// Reports an error of a command, which counts for the exit status.
    async fn fail(&mut self, error: impl Into<String>) {
        self.failures += 1;
        self.show(event::error(error)).await;
    }

    async fn show_envelope_error(&mut self, error: &EnvelopeError) {
        let name = |id: &MemberId| match self.roster.members.get(id) {
            Some(member) => member.name.to_string(),
            None => id.to_string(),
        };
        let text = match error {
            EnvelopeError::NotAuthentic(id) => format!(
                "discarded a message from {} that failed authentication",
                name(id)
            ),
            EnvelopeError::IdentityChanged(id) => format!(
                "the identity of {} has changed; do not trust this server",
                name(id)
            ),
            error => error.to_string(),
        };
        self.show(event::error(text)).await;
    }

    async fn show(&self, event: Event) {
        let place = tokio::select! {
            biased;
            place = self.events.reserve() => place.ok(),
            // An output that nobody reads must not keep the program from ending.
            () = self.interrupt.cancelled() => None,
        };
        // Without a place, the output is closed, which `wait` handles, or the program is ending.
        if let Some(place) = place {
            place.send(event);
        }
    }
}
