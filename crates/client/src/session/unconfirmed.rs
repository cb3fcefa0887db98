//! The messages that the room has not handled yet.
//!
//! The room handles messages in order and answers a ping after everything before it. So an answer confirms all messages before
//! the ping. This limits how far a member gets ahead of the room, which reads more slowly from one that sends too much, and it
//! tells when everything has arrived.

use std::collections::{HashSet, VecDeque};

use backroom_protocol::MemberId;

/// A ping follows this many messages.
const MESSAGES_PER_PING: usize = 64;

/// Above this number of unconfirmed messages, no further commands are read. The room needs a few seconds for them at the lowest
/// rate at which it reads, which is far below the time after which the connection counts as lost.
const MAX_MESSAGES: usize = 256;

/// The messages that the room has not handled yet.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    /// The messages before each ping that was not answered yet.
    pinged: VecDeque<Messages>,
    /// The messages since the last ping.
    since_ping: Messages,
}

#[derive(Debug, Default)]
struct Messages {
    count: usize,
    /// The recipients of texts.
    texts_to: HashSet<MemberId>,
}

impl Unconfirmed {
    /// A message other than a ping was sent.
    pub(super) fn sent(&mut self) {
        self.since_ping.count += 1;
    }

    /// A text is going to be sent to these members.
    pub(super) fn sent_text(&mut self, to: impl IntoIterator<Item = MemberId>) {
        self.since_ping.texts_to.extend(to);
    }

    pub(super) fn pinged(&mut self) {
        self.pinged.push_back(std::mem::take(&mut self.since_ping));
    }

    /// The room has answered the oldest ping.
    pub(super) fn confirmed(&mut self) {
        self.pinged.pop_front();
    }

    /// Whether a ping is due.
    pub(super) fn needs_ping(&self) -> bool {
        self.since_ping.count >= MESSAGES_PER_PING
    }

    /// Whether a ping is needed to confirm the last messages.
    pub(super) fn lacks_ping(&self) -> bool {
        self.since_ping.count > 0
    }

    pub(super) fn count(&self) -> usize {
        self.pinged
            .iter()
            .map(|messages| messages.count)
            .sum::<usize>()
            + self.since_ping.count
    }

    /// Whether no further commands should be read.
    pub(super) fn is_full(&self) -> bool {
        self.count() >= MAX_MESSAGES
    }

    /// Whether one of these members is a recipient of an unconfirmed text.
    pub(super) fn has_text_to(&self, members: &[MemberId]) -> bool {
        let messages = || self.pinged.iter().chain([&self.since_ping]);
        let is_recipient = |member| messages().any(|messages| messages.texts_to.contains(member));
        members.iter().any(is_recipient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answered_ping_confirms_the_messages_before_it() {
        let mut unconfirmed = Unconfirmed::default();
        unconfirmed.sent_text([MemberId(1)]);
        unconfirmed.sent();
        unconfirmed.pinged();
        unconfirmed.sent_text([MemberId(2)]);
        unconfirmed.sent();
        assert_eq!(unconfirmed.count(), 2);
        assert!(unconfirmed.has_text_to(&[MemberId(1)]));
        unconfirmed.confirmed();
        assert_eq!(unconfirmed.count(), 1);
        assert!(unconfirmed.lacks_ping() && !unconfirmed.needs_ping());
        assert!(!unconfirmed.has_text_to(&[MemberId(1)]));
        assert!(unconfirmed.has_text_to(&[MemberId(1), MemberId(2)]));
    }

    #[test]
    fn a_member_gets_only_so_far_ahead() {
        let mut unconfirmed = Unconfirmed::default();
        while !unconfirmed.is_full() {
            unconfirmed.sent();
            if unconfirmed.needs_ping() {
                unconfirmed.pinged();
            }
        }
        assert_eq!(unconfirmed.count(), MAX_MESSAGES);
        unconfirmed.confirmed();
        assert_eq!(unconfirmed.count(), MAX_MESSAGES - MESSAGES_PER_PING);
    }
}
