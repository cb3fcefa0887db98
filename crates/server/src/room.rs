//! The room as a state machine: members, posts and votes, without sockets or a clock.
//!
//! Time is an argument. After any call that changes the room, call [`Room::poll_output`] until it returns `None`, and apply
//! the outputs in that order. Then wait for the next message or for [`Room::poll_timeout`].
//!
//! The room cannot read posts. It gives each recipient its part, in the order of the posts. A member either gets every post
//! for it or is disconnected: without one part, no later part from the same sender could be opened.

mod bans;
mod output;
mod probes;
mod roster;
mod votes;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use backroom_protocol::room::{ClientMessage, MemberId, Post, Refusal, ServerMessage};
use backroom_protocol::{Name, Reason};
use clap::ValueEnum;
use thiserror::Error;

use bans::Bans;
pub(crate) use output::{Departure, Notice, Output};
#[cfg(test)]
pub(crate) use probes::PROBE_TIME;
use probes::Probes;
pub(crate) use roster::Member;
use roster::Roster;
use votes::{Tally, Votes};

/// The time for which a vote to remove a member counts.
pub(crate) const VOTE_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The smallest number of votes that removes a member. With 2, a single session cannot remove anyone.
pub(crate) const MIN_KICK_VOTES: u32 = 2;

/// The longest ban of a removed member.
pub(crate) const MAX_KICK_BAN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Clone, Debug)]
pub(crate) struct RoomConfig {
    pub(crate) max_members: usize,
    /// The number of votes that removes a member, at least [`MIN_KICK_VOTES`].
    pub(crate) kick_votes: u32,
    /// The duration of the ban of a removed member, at most [`MAX_KICK_BAN`].
    pub(crate) kick_ban: Duration,
    pub(crate) kick_decision: KickDecision,
}

/// What happens when there are enough votes to remove a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KickDecision {
    /// Remove the member immediately
    Votes,
    /// Wait for the operator to enter `kick NAME`
    Console,
}

/// A client cannot become a member.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum JoinError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A member with the same identity has the name. It may be a lost connection of the client: see [`Room::probe`].
    #[error("the name is taken by a member with the same identity")]
    OwnName {
        /// The member.
        by: MemberId,
        /// The refusal if the member is there.
        refusal: Refusal,
    },
}

/// The operator's `kick` was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum KickError {
    #[error("no such member: {0}. `users` lists the members")]
    NoSuchMember(Name),
    #[error("{name} was not removed: {votes} of {needed} votes")]
    VotesMissing { name: Name, votes: u32, needed: u32 },
}

/// A chat room. See the module's documentation for how to drive it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) config: RoomConfig,
    roster: Roster,
    votes: Votes,
    bans: Bans,
    probes: Probes,
    outputs: VecDeque<Output>,
    closed: Option<Reason>,
}

impl Room {
    pub(crate) fn new(mut config: RoomConfig) -> Self {
        config.kick_votes = config.kick_votes.max(MIN_KICK_VOTES);
        Self {
            config,
            roster: Roster::default(),
            votes: Votes::default(),
            bans: Bans::default(),
            probes: Probes::default(),
            outputs: VecDeque::new(),
            closed: None,
        }
    }

    /// Admits a member, sends it the roster and announces it to the others. Returns the refusal to send if the member is banned,
    /// the name is taken, or the room is full or closed.
    pub(crate) fn join(&mut self, now: Instant, member: Member) -> Result<MemberId, JoinError> {
        self.admit(now, &member)?;
        let name = member.name.clone();
        let peer = member.peer;
        let id = self.roster.insert(member);
        if let Some(member) = self.roster.get(id) {
            let members = self.roster.visible_to(member);
            self.send(id, ServerMessage::Joined { you: id, members });
        }
        for (info, to) in self.roster.announcements(id) {
            let message = ServerMessage::MemberJoined(info);
            self.outputs.push_back(Output::Send { to, message });
        }
        self.notice(Notice::Connected { name, peer });
        Ok(id)
    }

    /// Asks a member whether it is there. Without an answer, [`Self::handle_timeout`] removes it. [`Self::is_probed`] tells when
    /// this is decided.
    pub(crate) fn probe(&mut self, now: Instant, id: MemberId) {
        if self.roster.get(id).is_some() && self.probes.start(now, id) {
            self.send(id, ServerMessage::Ping);
        }
    }

    /// Whether a member has been asked and may still answer.
    pub(crate) fn is_probed(&self, id: MemberId) -> bool {
        self.probes.is_waiting(id)
    }

    /// Removes a member, announces that to the others, and withdraws its votes. An unknown id has no effect.
    pub(crate) fn leave(&mut self, id: MemberId, departure: Departure) {
        let Some(member) = self.roster.remove(id) else {
            return;
        };
        // For any other reason, the member knows or cannot be told.
        self.probes.end(id);
        if let Departure::Malformed(_) | Departure::TimedOut | Departure::Replaced = departure {
            let reason = Reason::new(departure.to_string());
            self.send(id, ServerMessage::Closing { reason });
        }
        self.disconnect(id, member, departure);
        self.send_all(ServerMessage::MemberLeft { id });
        self.votes.forget(id);
        let changed = self.votes.withdraw(id);
        self.announce(changed);
    }

    /// Handles a message from a member. A message from a former member has no effect: it was sent before the member knew of
    /// its removal.
    pub(crate) fn handle_message(&mut self, now: Instant, from: MemberId, message: ClientMessage) {
        let Some(member) = self.roster.get(from) else {
            return;
        };
        self.probes.end(from);
        match message {
            ClientMessage::Join(_) => self.reject(from, "you have already joined"),
            ClientMessage::Post(post) => self.post(from, post),
            ClientMessage::Kick { target } => self.vote(now, from, target),
            ClientMessage::Users => {
                let users = self.roster.visible_to(member);
                self.send(from, ServerMessage::Users(users));
            }
            ClientMessage::Ping => self.send(from, ServerMessage::Pong),
            ClientMessage::Pong => {}
            ClientMessage::Leave => self.leave(from, Departure::Left),
        }
    }

    /// Removes a member at the operator's request, if there are enough votes.
    pub(crate) fn kick(&mut self, now: Instant, name: &Name) -> Result<(), KickError> {
        let target = self
            .roster
            .find(&name.fold())
            .ok_or_else(|| KickError::NoSuchMember(name.clone()))?;
        let tally = self.votes.tally(target);
        if !self.is_enough(tally) {
            return Err(KickError::VotesMissing {
                name: name.clone(),
                votes: tally.votes,
                needed: self.config.kick_votes,
            });
        }
        self.remove_by_vote(now, target);
        Ok(())
    }

    /// Notifies and removes all members. The room admits nobody any more.
    pub(crate) fn close(&mut self, reason: Reason) {
        self.closed = Some(reason.clone());
        self.send_all(ServerMessage::Closing { reason });
        let ids: Vec<MemberId> = self.roster.members().keys().copied().collect();
        for id in ids {
            if let Some(member) = self.roster.remove(id) {
                self.disconnect(id, member, Departure::RoomClosed);
            }
        }
        self.votes = Votes::default();
        self.probes = Probes::default();
    }

    /// Ends the votes that have expired, and removes the members that did not answer a probe. An early call has no effect.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for id in self.probes.expire(now) {
            self.leave(id, Departure::Replaced);
        }
        self.expire_votes(now);
    }

    fn expire_votes(&mut self, now: Instant) {
        let changed = self.votes.expire(now);
        self.announce(changed);
    }

    /// The time at which to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = [self.votes.poll_timeout(), self.probes.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The members, in the order in which they joined.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.roster.members().values()
    }

    /// The members with votes against them, and who voted.
    pub(crate) fn votes(&self) -> Vec<(&str, Vec<&str>)> {
        let name = |id: &MemberId| Some(self.roster.get(*id)?.name.as_str());
        self.votes
            .all()
            .iter()
            .filter_map(|(target, voters)| {
                Some((name(target)?, voters.iter().filter_map(name).collect()))
            })
            .collect()
    }

    fn admit(&mut self, now: Instant, member: &Member) -> Result<(), JoinError> {
        if let Some(reason) = &self.closed {
            return Err(Refusal::Other(reason.clone()).into());
        }
        let folded_name = member.name.fold();
        let address = member.peer.ip();
        if let Some(remaining) = self.bans.remaining(now, &folded_name, address) {
            // Rounded up, so that a client that waits for this time is admitted.
            let seconds = remaining.as_nanos().div_ceil(1_000_000_000);
            return Err(Refusal::Banned {
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            }
            .into());
        }
        let holder = self.roster.find(&folded_name);
        // Before the limit of members, because this member would replace another.
        if let Some(by) = holder
            && self.has_identity_of(by, member)
        {
            let refusal = self.name_taken(&member.name);
            return Err(JoinError::OwnName { by, refusal });
        }
        if self.roster.members().len() >= self.config.max_members {
            return Err(Refusal::RoomFull {
                limit: u32::try_from(self.config.max_members).unwrap_or(u32::MAX),
            }
            .into());
        }
        if holder.is_some() {
            return Err(self.name_taken(&member.name).into());
        }
        Ok(())
    }

    fn has_identity_of(&self, id: MemberId, member: &Member) -> bool {
        let holder = self.roster.get(id).and_then(Member::identity);
        holder.is_some() && holder == member.identity()
    }

    fn name_taken(&self, name: &Name) -> Refusal {
        Refusal::NameTaken {
            suggestion: self.free_name(name),
        }
    }

    /// Appends the first number that makes the name free. With n members, one of n + 1 numbers is free.
    fn free_name(&self, name: &Name) -> Option<Name> {
        (2..)
            .take(self.roster.members().len() + 1)
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
            return self.reject(voter, "the member to remove is not in the room");
        };
        let name = member.name.clone();
        // The timer may be late. An expired vote must not count together with this one.
        self.expire_votes(now);
        let tally = match self.votes.cast(now, voter, target) {
            Ok(tally) => tally,
            Err(error) => return self.reject(voter, &error.to_string()),
        };
        self.announce([tally]);
        if !self.is_enough(tally) {
            return;
        }
        match self.config.kick_decision {
            KickDecision::Votes => self.remove_by_vote(now, target),
            KickDecision::Console => self.notice(Notice::EnoughVotes {
                name,
                votes: tally.votes,
            }),
        }
    }

    /// Removes a member, announces that, and bans its name. It also bans its address, unless other people may share it: that
    /// is the case for loopback, and for an address from which another member comes.
    fn remove_by_vote(&mut self, now: Instant, target: MemberId) {
        let Some(member) = self.roster.get(target) else {
            return;
        };
        let name = member.name.clone();
        let address = member.peer.ip();
        let members = self.roster.members().values();
        let with_address = members.filter(|member| member.peer.ip() == address);
        let is_shared = address.is_loopback() || with_address.count() > 1;
        let until = now + self.config.kick_ban.min(MAX_KICK_BAN);
        self.bans
            .add(name.fold(), (!is_shared).then_some(address), until);
        self.send_all(ServerMessage::Kicked { target, name });
        self.leave(target, Departure::Kicked);
    }

    fn is_enough(&self, tally: Tally) -> bool {
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

    fn disconnect(&mut self, id: MemberId, member: Member, departure: Departure) {
        let immediately = matches!(
            departure,
            Departure::ConnectionLost(_) | Departure::QueueFull
        );
        self.outputs.push_back(Output::Disconnect {
            member: id,
            immediately,
        });
        let name = member.name;
        self.notice(Notice::Disconnected { name, departure });
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
        let to = self.roster.members().keys().copied().collect();
        self.outputs.push_back(Output::Send { to, message });
    }

    fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }
}
