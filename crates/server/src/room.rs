//! The room as a state machine: members, posts and votes, without sockets or a clock.
//!
//! Time is an argument. After any call that changes the room, call [`Room::poll_output`] until it returns `None`, and apply
//! the outputs in that order. Then wait for the next message or for [`Room::poll_timeout`].
//!
//! The room cannot read posts. It gives each recipient its part, in the order of the posts. A member either gets every post
//! for it or is disconnected: without one part, no later part from the same sender could be opened.

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
use clap::ValueEnum;
use thiserror::Error;

use bans::Bans;
pub use output::{Departure, Notice, Output};
pub use roster::Member;
use roster::Roster;
use votes::{Tally, Votes};

/// The time for which a vote to remove a member counts.
pub const VOTE_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The smallest number of votes that removes a member. With 2, a single session cannot remove anyone.
pub const MIN_KICK_VOTES: u32 = 2;

/// The longest ban of a removed member.
pub const MAX_KICK_BAN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The settings of a room.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// The largest number of members.
    pub max_members: usize,
    /// The number of votes that removes a member, at least [`MIN_KICK_VOTES`].
    pub kick_votes: u32,
    /// The duration of the ban of a removed member, at most [`MAX_KICK_BAN`].
    pub kick_ban: Duration,
    /// What happens when there are enough votes.
    pub kick_decision: KickDecision,
}

/// What happens when there are enough votes to remove a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KickDecision {
    /// Remove the member immediately
    Votes,
    /// Wait for the operator to enter `kick NAME`
    Console,
}

/// The operator's `kick` was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KickError {
    /// No member has this name.
    #[error("no such member: {0}. `users` lists the members")]
    NoSuchMember(Name),
    /// There are not enough votes.
    #[error("{name} was not removed: {votes} of {needed} votes")]
    VotesMissing {
        /// The name that the operator entered.
        name: Name,
        /// The current number of votes.
        votes: u32,
        /// The number of votes that is needed.
        needed: u32,
    },
}

/// A chat room. See the module's documentation for how to drive it.
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
    /// Creates an empty room.
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

    /// Admits a member, sends it the roster and announces it to the others.
    ///
    /// # Errors
    ///
    /// Returns the refusal to send if the member is banned, the name is taken, or the room is full or closed.
    pub fn join(&mut self, now: Instant, member: Member) -> Result<MemberId, Refusal> {
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

    /// Removes a member, announces that to the others, and withdraws its votes. An unknown id has no effect.
    pub fn leave(&mut self, id: MemberId, departure: Departure) {
        let Some(member) = self.roster.remove(id) else {
            return;
        };
        if let Some(reason) = departure.closing_reason() {
            self.send(id, ServerMessage::Closing { reason });
        }
        self.outputs.push_back(Output::Disconnect {
            member: id,
            immediately: !departure.is_orderly(),
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

    /// Handles a message from a member. A message from a former member has no effect: it was sent before the member knew of
    /// its removal.
    pub fn handle_message(&mut self, now: Instant, from: MemberId, message: ClientMessage) {
        let Some(member) = self.roster.get(from) else {
            return;
        };
        match message {
            ClientMessage::Join { .. } => self.reject(from, "you have already joined"),
            ClientMessage::Post(post) => self.post(from, post),
            ClientMessage::Kick { target } => self.vote(now, from, target),
            ClientMessage::Users => {
                let users = self.roster.visible_to(member);
                self.send(from, ServerMessage::Users(users));
            }
            ClientMessage::Ping => self.send(from, ServerMessage::Pong),
            ClientMessage::Leave => self.leave(from, Departure::Left),
        }
    }

    /// Removes a member at the operator's request, if there are enough votes.
    ///
    /// # Errors
    ///
    /// There is no such member, or there are not enough votes.
    pub fn kick(&mut self, now: Instant, name: &Name) -> Result<(), KickError> {
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
    pub fn close(&mut self, reason: Reason) {
        self.send_all(ServerMessage::Closing {
            reason: reason.clone(),
        });
        self.closed = Some(reason);
        let ids: Vec<MemberId> = self.roster.ids().collect();
        for id in ids {
            self.outputs.push_back(Output::Disconnect {
                member: id,
                immediately: false,
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

    /// Ends the votes that have expired. An early call has no effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        let changed = self.votes.expire(now);
        self.announce(changed);
    }

    /// The time at which to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.votes.poll_timeout()
    }

    /// Returns the next output to apply.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The members, in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.roster.members().map(|(_, member)| member)
    }

    /// The number of votes that removes a member.
    pub fn kick_votes(&self) -> u32 {
        self.config.kick_votes
    }

    /// The members with votes against them, and who voted.
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

    fn admit(&mut self, now: Instant, member: &Member) -> Result<(), Refusal> {
        if let Some(reason) = &self.closed {
            return Err(Refusal::Other(reason.clone()));
        }
        let folded_name = member.name.fold();
        let address = member.peer.ip();
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
                suggestion: self.free_name(&member.name),
            });
        }
        Ok(())
    }

    /// Appends the first number that makes the name free. With n members, one of n + 1 numbers is free.
    fn free_name(&self, name: &Name) -> Option<Name> {
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
            self.reject(voter, "the member to remove is not in the room");
            return;
        };
        let name = member.name.clone();
        // The timer may be late. An expired vote must not count together with this one.
        self.handle_timeout(now);
        let tally = match self.votes.cast(now, voter, target) {
            Ok(tally) => tally,
            Err(error) => {
                self.reject(voter, &error.to_string());
                return;
            }
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
        let is_exclusive = !address.is_loopback() && !self.roster.shares_address(target);
        let until = now + self.config.kick_ban.min(MAX_KICK_BAN);
        self.bans
            .add(name.fold(), is_exclusive.then_some(address), until);
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

/// Rounds up, so that a client that waits for this time is admitted.
fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
