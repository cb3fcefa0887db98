//! A member in the room: lines in, events out, envelopes both ways.
//!
//! One task owns all state and waits for one thing at a time: the room, the keyboard, the transfers, the socket. Nothing
//! in it waits for a file or for another member, so a transfer never holds up the chat.

mod commands;
mod messages;
mod phase;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use backroom_protocol::{
    ClientMessage, Content, EnvelopeError, Envelopes, FileMessage, Identity, MemberId, MemberInfo,
    PublicKey, ServerMessage,
};
use backroom_transport::connection::{Connection, ConnectionError, Encoded, Reader, Writer};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::event::Event;
use crate::input::{Input, Line, Prompt};
use crate::roster::Roster;
use crate::settings::Settings;
use crate::transfers::{TransferEvent, Transfers};

use phase::Phase;

/// Bytes that may wait for the network before no more lines are read.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// How often the room is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Pings without any word of the room after which the connection counts as lost.
const MAX_UNANSWERED_PINGS: u32 = 3;

/// Members for whom keys are made before the session looks at what else there is: a millisecond or two.
const KEYS_AT_ONCE: usize = 4;

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As its user wanted.
    Left,
    /// The connection is gone, for this reason.
    Lost(String),
    /// The room put this member out.
    Kicked,
}

/// What a room said to a member that it let in.
#[derive(Debug)]
pub struct Admission {
    /// The connection, on which `Joined` has just come.
    pub connection: Connection<ServerMessage, ClientMessage>,
    /// The keys it joined with.
    pub identity: Identity,
    /// Its number.
    pub own_id: MemberId,
    /// Everyone, itself included.
    pub members: Vec<MemberInfo>,
    /// The server.
    pub server: SocketAddr,
}

/// A member in the room.
#[derive(Debug)]
pub struct Session {
    reader: Reader<ServerMessage>,
    writer: Writer<ClientMessage>,
    envelopes: Envelopes,
    /// Not sealed yet, since members have had nothing from this one before.
    posts: VecDeque<(Content, Vec<(MemberId, PublicKey)>)>,
    roster: Roster,
    transfers: Transfers,
    settings: Settings,
    events: mpsc::Sender<Event>,
    phase: Phase,
    /// Why the room said that it ends the connection.
    closing: Option<String>,
    unanswered_pings: u32,
}

/// What the session waits for.
enum Happening {
    Received(Result<Option<ServerMessage>, ConnectionError>),
    Typed(Line),
    Transfer(TransferEvent),
    Written(Result<(), ConnectionError>),
    PostWaits,
    Interrupted,
    NobodyWatches,
    PingDue,
    Late,
}

impl Session {
    /// A session that has just begun. What happens in it goes to `events`.
    #[must_use]
    pub fn new(
        admission: Admission,
        transfers: Transfers,
        settings: Settings,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let Admission {
            connection,
            identity,
            own_id,
            members,
            server: _,
        } = admission;
        let (reader, writer) = connection.split();
        Self {
            reader,
            writer,
            envelopes: Envelopes::new(identity, own_id),
            posts: VecDeque::new(),
            roster: Roster::new(own_id, members),
            transfers,
            settings,
            events,
            phase: Phase::Open,
            closing: None,
            unanswered_pings: 0,
        }
    }

    /// Runs until the user leaves, or has to. `interrupt` is the user's wish to leave from outside the input.
    pub async fn run(mut self, input: &mut Input, interrupt: CancellationToken) -> Ending {
        self.show_joined().await;
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(ending) = self.advance() {
                return ending;
            }
            let happening = self.wait(input, &interrupt, &mut pings).await;
            self.handle(happening).await;
        }
    }

    /// Waits for whatever comes first. Nothing is lost of what comes later.
    async fn wait(
        &mut self,
        input: &mut Input,
        interrupt: &CancellationToken,
        pings: &mut Interval,
    ) -> Happening {
        let Self {
            reader,
            writer,
            transfers,
            events,
            phase,
            posts,
            ..
        } = self;
        let sealing = !posts.is_empty();
        let waiting_bytes = writer.buffered_bytes();
        let connected = phase.is_connected();
        tokio::select! {
            message = reader.receive(), if connected => Happening::Received(message),
            event = transfers.next_event(), if !sealing => Happening::Transfer(event),
            written = writer.flush(), if connected && waiting_bytes > 0 => Happening::Written(written),
            () = tokio::task::yield_now(), if sealing => Happening::PostWaits,
            line = input.next(Prompt::Command), if phase.reads_lines() && !sealing && waiting_bytes < MAX_WAITING_BYTES => {
                Happening::Typed(line)
            }
            () = interrupt.cancelled(), if !phase.is_ending() => Happening::Interrupted,
            () = events.closed(), if !phase.is_ending() => Happening::NobodyWatches,
            _ = pings.tick(), if connected => Happening::PingDue,
            () = phase.deadline() => Happening::Late,
        }
    }

    async fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Received(Ok(Some(message))) => {
                self.unanswered_pings = 0;
                self.handle_message(message).await;
            }
            Happening::Received(Ok(None)) => self.lose("the server closed the connection"),
            Happening::Received(Err(error)) | Happening::Written(Err(error)) => {
                self.lose(&error.to_string())
            }
            Happening::Written(Ok(())) => {}
            Happening::PostWaits => self.seal_post().await,
            Happening::Typed(line) => self.handle_line(line).await,
            Happening::Transfer(event) => self.handle_transfer_event(event).await,
            Happening::Interrupted | Happening::NobodyWatches => self.leave(),
            Happening::PingDue if self.unanswered_pings >= MAX_UNANSWERED_PINGS => {
                self.lose("the server does not answer any more");
            }
            Happening::PingDue => {
                self.unanswered_pings += 1;
                self.say(&ClientMessage::Ping).await;
            }
            Happening::Late => self.phase.expire(),
        }
    }

    async fn handle_transfer_event(&mut self, event: TransferEvent) {
        match event {
            TransferEvent::Send(to, message) => self.tell(to, message).await,
            TransferEvent::Show(event) | TransferEvent::Ended(_, event) => self.show(event).await,
            TransferEvent::ChannelClosed(_) => {}
        }
    }

    /// Says something about a file to a member, if it is still there.
    async fn tell(&mut self, to: MemberId, message: FileMessage) {
        let Some(key) = self.roster.member(to).map(|member| member.public_key) else {
            return;
        };
        self.post(Content::File(message), vec![(to, key)]).await;
    }

    /// Seals a content and sends it, at once or after those that wait. Posts leave in the order in which they were sealed.
    async fn post(&mut self, content: Content, recipients: Vec<(MemberId, PublicKey)>) {
        self.posts.push_back((content, recipients));
        self.seal_post().await;
    }

    /// Goes on with the post that waits longest. The first one to a thousand members takes a while in all, during which
    /// the session does other things, too.
    async fn seal_post(&mut self) {
        let Some((content, recipients)) = self.posts.front() else {
            return;
        };
        let sealed = match self.envelopes.prepare(recipients, KEYS_AT_ONCE) {
            Ok(false) => return,
            Ok(true) => self.envelopes.seal(content, recipients),
            Err(error) => Err(error),
        };
        self.posts.pop_front();
        match sealed {
            Ok(post) => self.say(&ClientMessage::Post(post)).await,
            Err(error) => self.show_envelope_error(&error).await,
        }
    }

    /// Puts a message in line for the network.
    async fn say(&mut self, message: &ClientMessage) {
        let fed = Encoded::new(message)
            .map_err(ConnectionError::from)
            .and_then(|encoded| self.writer.feed(&encoded));
        if let Err(error) = fed {
            self.show(Event::error(error.to_string())).await;
        }
    }

    async fn show_envelope_error(&mut self, error: &EnvelopeError) {
        let name = |id: &MemberId| {
            self.roster
                .member(*id)
                .map_or_else(|| id.to_string(), |member| member.name.to_string())
        };
        let text = match error {
            EnvelopeError::NotAuthentic(id) => format!(
                "a message from {} could not be trusted and was left out",
                name(id)
            ),
            EnvelopeError::NotTheSame(id) => format!(
                "{} is not who it was before; don't trust this server",
                name(id)
            ),
            error => error.to_string(),
        };
        self.show(Event::error(text)).await;
    }

    async fn show(&self, event: Event) {
        // Where nobody watches any more, `wait` notices.
        let _ = self.events.send(event).await;
    }
}
