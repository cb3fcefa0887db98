//! The room as a state machine: members, posts and votes, without sockets or a clock.
//!
//! Time is an argument. One invariant: after any call that changes the room, take what
//! [`Room::poll_output`] returns until it is `None`, and carry it out in that order. Then wait
//! until somebody says something or [`Room::poll_timeout`] is reached.
//!
//! The room never reads a post. It hands each recipient its own part, in the order in which the
//! posts came; a part left out would make every later one of that pair of members unopenable, so
//! there is no case in which a member stays and a post to it does not arrive.

mod bans;
mod output;
mod roster;
mod votes;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use backroom_protocol::room::{ClientMessage, MemberId, Post, Refusal, ServerMessage};
use backroom_protocol::{Name, Reason};
use thiserror::Error;

use bans::Bans;
pub use output::{Departure, Notice, Output};
pub use roster::Arrival;
use roster::Roster;
use votes::{Tally, Votes};

/// How long a vote to put somebody out counts.
pub const VOTE_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The fewest votes that may put somebody out: one session alone never does.
pub const MIN_KICK_VOTES: u32 = 2;

/// The longest that somebody can be kept out.
pub const MAX_KICK_BAN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The room's rules.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// How many may be in the room at the same time.
    pub max_members: usize,
    /// How many votes put a member out, at least [`MIN_KICK_VOTES`].
    pub kick_votes: u32,
    /// How long somebody who was put out is kept out, at most [`MAX_KICK_BAN`].
    pub kick_ban: Duration,
    /// Who takes the last step.
    pub kick_decision: KickDecision,
}

/// Who takes the last step when the votes suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KickDecision {
    /// The votes themselves.
    Votes,
    /// The operator, at the console.
    Console,
}

/// Why the operator can't put somebody out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KickError {
    /// Nobody has that name.
    #[error("there is no member {0}; `users` lists them")]
    NoSuchMember(Name),
    /// The members don't want it enough.
    #[error("{name} stays: {votes} of {needed} votes, {} missing", needed.saturating_sub(*votes))]
    VotesMissing {
        /// Who was to be put out.
        name: Name,
        /// Votes now.
        votes: u32,
        /// Votes needed.
        needed: u32,
    },
}

/// The room.
#[derive(Debug)]
pub struct Room {
    config: RoomConfig,
    roster: Roster,
    votes: Votes,
    bans: Bans,
    outputs: VecDeque<Output>,
    closed: Option<Reason>,
}

impl Room {
    /// An empty room.
    pub fn new(config: RoomConfig) -> Self {
        let kick_votes = config.kick_votes.max(MIN_KICK_VOTES);
        Self {
            config: RoomConfig {
                kick_votes,
                ..config
            },
            roster: Roster::default(),
            votes: Votes::new(VOTE_LIFETIME),
            bans: Bans::default(),
            outputs: VecDeque::new(),
            closed: None,
        }
    }

    /// Lets somebody in, tells it who is there and tells the others.
    ///
    /// # Errors
    ///
    /// The refusal to be sent: kept out, full, the name taken (with one that is free), or closed.
    pub fn join(&mut self, now: Instant, arrival: Arrival) -> Result<MemberId, Refusal> {
        self.admit(now, &arrival)?;
        let name = arrival.name.clone();
        let peer = arrival.peer;
        let id = self.roster.insert(arrival);
        if let Some(member) = self.roster.get(id) {
            let members = self.roster.seen_by(member);
            self.send(id, ServerMessage::Joined { you: id, members });
        }
        for (info, to) in self.roster.introductions(id) {
            let message = ServerMessage::MemberJoined(info);
            self.outputs.push_back(Output::Send { to, message });
        }
        self.notice(Notice::Connected { name, peer });
        Ok(id)
    }

    /// Takes a member out and tells the others, who may find tallies changed. Somebody who is
    /// not, or no longer, a member may leave without effect.
    pub fn leave(&mut self, id: MemberId, departure: Departure) {
        let Some(member) = self.roster.remove(id) else {
            return;
        };
        if let Some(reason) = departure.farewell() {
            self.send(id, ServerMessage::Closing { reason });
        }
        self.outputs.push_back(Output::Disconnect {
            member: id,
            at_once: !departure.is_orderly(),
        });
        self.notice(Notice::Disconnected {
            name: member.name,
            departure,
        });
        self.send_all(ServerMessage::MemberLeft { id });
        self.votes.forget(id);
        let changed = self.votes.withdraw(id);
        self.announce(changed);
    }

    /// Does what a member asks for. What comes from somebody who is no longer a member is left
    /// undone: it crossed the news of its end.
    pub fn handle_message(&mut self, now: Instant, from: MemberId, message: ClientMessage) {
        let Some(member) = self.roster.get(from) else {
            return;
        };
        match message {
            ClientMessage::Join { .. } => self.reject(from, "you have joined already"),
            ClientMessage::Post(post) => self.post(from, post),
            ClientMessage::Kick { target } => self.vote(now, from, target),
            ClientMessage::Users => {
                let users = self.roster.seen_by(member);
                self.send(from, ServerMessage::Users(users));
            }
            ClientMessage::Ping => self.send(from, ServerMessage::Pong),
            ClientMessage::Leave => self.leave(from, Departure::Left),
        }
    }

    /// The operator's last step: puts a member out for whom the votes suffice.
    ///
    /// # Errors
    ///
    /// Says who is not there, or how many votes are missing.
    pub fn kick(&mut self, now: Instant, name: &Name) -> Result<(), KickError> {
        let target = self
            .roster
            .find(&name.fold())
            .ok_or_else(|| KickError::NoSuchMember(name.clone()))?;
        let tally = self.votes.tally(target);
        if !self.suffices(tally) {
            return Err(KickError::VotesMissing {
                name: name.clone(),
                votes: tally.votes,
                needed: self.config.kick_votes,
            });
        }
        self.put_out(now, target);
        Ok(())
    }

    /// Tells everyone why the room ends, and lets nobody in any more.
    pub fn close(&mut self, reason: Reason) {
        self.send_all(ServerMessage::Closing {
            reason: reason.clone(),
        });
        self.closed = Some(reason);
        let ids: Vec<MemberId> = self.roster.ids().collect();
        for id in ids {
            self.outputs.push_back(Output::Disconnect {
                member: id,
                at_once: false,
            });
            if let Some(member) = self.roster.remove(id) {
                self.notice(Notice::Disconnected {
                    name: member.name,
                    departure: Departure::RoomClosed,
                });
            }
        }
        self.votes = Votes::new(VOTE_LIFETIME);
    }

    /// Ends the votes whose time is over. Early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let changed = self.votes.expire(now);
        self.announce(changed);
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.votes.poll_timeout()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Everyone in the room, in the order in which they came.
    pub fn members(&self) -> impl Iterator<Item = &Arrival> {
        self.roster.members().map(|(_, member)| member)
    }

    /// How many votes put a member out.
    pub fn kick_votes(&self) -> u32 {
        self.config.kick_votes
    }

    /// Every member with a vote against it, and those who voted.
    pub fn votes(&self) -> Vec<(&Name, Vec<&Name>)> {
        let name = |id: &MemberId| self.roster.get(*id).map(|member| &member.name);
        self.votes
            .all()
            .iter()
            .filter_map(|(target, voters)| {
                Some((name(target)?, voters.iter().filter_map(name).collect()))
            })
            .collect()
    }

    fn admit(&mut self, now: Instant, arrival: &Arrival) -> Result<(), Refusal> {
        if let Some(reason) = &self.closed {
            return Err(Refusal::Other(reason.clone()));
        }
        let folded_name = arrival.name.fold();
        let address = arrival.peer.ip();
        if let Some(remaining) = self.bans.remaining(now, &folded_name, address) {
            return Err(Refusal::Banned {
                seconds: whole_seconds(remaining),
            });
        }
        if self.roster.len() >= self.config.max_members {
            return Err(Refusal::RoomFull {
                limit: u32::try_from(self.config.max_members).unwrap_or(u32::MAX),
            });
        }
        if self.roster.find(&folded_name).is_some() {
            return Err(Refusal::NameTaken {
                suggestion: self.free_name_like(&arrival.name),
            });
        }
        Ok(())
    }

    /// The name with the first number that makes it nobody's. There is one among as many as the
    /// room has members, and one more.
    fn free_name_like(&self, name: &Name) -> Option<Name> {
        (2..)
            .take(self.roster.len() + 1)
            .map(|number| name.numbered(number))
            .find(|name| self.roster.find(&name.fold()).is_none())
    }

    fn post(&mut self, from: MemberId, post: Post) {
        let (parts, unknown): (Vec<_>, Vec<_>) = post
            .parts
            .into_iter()
            .partition(|part| self.roster.get(part.to).is_some());
        if !parts.is_empty() {
            self.outputs.push_back(Output::Deliver {
                from,
                content: post.content.into(),
                parts,
            });
        }
        if !unknown.is_empty() {
            let to = unknown.into_iter().map(|part| part.to).collect();
            self.send(from, ServerMessage::Undelivered { to });
        }
    }

    fn vote(&mut self, now: Instant, voter: MemberId, target: MemberId) {
        let Some(member) = self.roster.get(target) else {
            self.reject(voter, "the member you want to put out is not in the room");
            return;
        };
        let name = member.name.clone();
        // A vote may be over before the timer fires: it must not count together with a later one.
        self.handle_timeout(now);
        let tally = match self.votes.cast(now, voter, target) {
            Ok(tally) => tally,
            Err(error) => {
                self.reject(voter, &error.to_string());
                return;
            }
        };
        self.announce([tally]);
        if !self.suffices(tally) {
            return;
        }
        match self.config.kick_decision {
            KickDecision::Votes => self.put_out(now, target),
            KickDecision::Console => self.notice(Notice::VotesSuffice {
                name,
                votes: tally.votes,
            }),
        }
    }

    /// Puts a member out, tells everyone, and keeps it out for a while: by its name, and by its
    /// address unless that would keep out others. Behind loopback and behind an address that
    /// another member shares, there may be other people.
    fn put_out(&mut self, now: Instant, target: MemberId) {
        let Some(member) = self.roster.get(target) else {
            return;
        };
        let name = member.name.clone();
        let address = member.peer.ip();
        let is_its_own = !address.is_loopback() && !self.roster.shares_address(target);
        let until = now + self.config.kick_ban.min(MAX_KICK_BAN);
        self.bans
            .add(name.fold(), is_its_own.then_some(address), until);
        self.send_all(ServerMessage::Kicked { target, name });
        self.leave(target, Departure::Kicked);
    }

    fn suffices(&self, tally: Tally) -> bool {
        tally.votes >= self.config.kick_votes
    }

    fn announce(&mut self, tallies: impl IntoIterator<Item = Tally>) {
        for Tally { target, votes } in tallies {
            let needed = self.config.kick_votes;
            self.send_all(ServerMessage::Vote {
                target,
                votes,
                needed,
            });
        }
    }

    fn reject(&mut self, to: MemberId, reason: &str) {
        let reason = Reason::new(reason);
        self.send(to, ServerMessage::Rejected { reason });
    }

    fn send(&mut self, to: MemberId, message: ServerMessage) {
        let to = vec![to];
        self.outputs.push_back(Output::Send { to, message });
    }

    fn send_all(&mut self, message: ServerMessage) {
        let to = self.roster.ids().collect();
        self.outputs.push_back(Output::Send { to, message });
    }

    fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }
}

/// Rounded up, so that who waits as long as it was told is let in.
fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
