//! The votes to put a member out: who voted against whom, and until when it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use backroom_protocol::room::MemberId;
use thiserror::Error;

/// Votes one member may have open at a time; it bounds the memory that votes can take.
pub(super) const MAX_OPEN_VOTES: usize = 32;

/// The votes that count now.
///
/// Each voter has one vote against a target. It ends when it expires, when the voter leaves or
/// when the target does. Votes are against a session: somebody who leaves and joins again starts
/// without any.
#[derive(Debug)]
pub(super) struct Votes {
    lifetime: Duration,
    expiry_by_vote: BTreeMap<Vote, Instant>,
    by_expiry: BTreeSet<(Instant, Vote)>,
}

/// One vote. Ordered by target first, so that a target's votes stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Vote {
    target: MemberId,
    voter: MemberId,
}

/// How many count against a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) target: MemberId,
    pub(super) votes: u32,
}

/// Why a vote did not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum VoteError {
    #[error("you can't vote to put yourself out")]
    Oneself,
    #[error("you have already voted to put this member out")]
    AlreadyVoted,
    #[error("you have {MAX_OPEN_VOTES} votes open, which is the most; they end by themselves")]
    TooMany,
}

impl Votes {
    /// No votes yet; each will count for `lifetime`.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            expiry_by_vote: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
        }
    }

    /// Counts a vote and returns the tally with it.
    ///
    /// # Errors
    ///
    /// A vote for oneself, a second one against the same target, and one too many in all don't
    /// count and change nothing.
    pub(super) fn cast(
        &mut self,
        now: Instant,
        voter: MemberId,
        target: MemberId,
    ) -> Result<Tally, VoteError> {
        let vote = Vote { target, voter };
        if voter == target {
            return Err(VoteError::Oneself);
        }
        if self.expiry_by_vote.contains_key(&vote) {
            return Err(VoteError::AlreadyVoted);
        }
        if self.open_votes_of(voter) >= MAX_OPEN_VOTES {
            return Err(VoteError::TooMany);
        }
        let expiry = now + self.lifetime;
        self.expiry_by_vote.insert(vote, expiry);
        self.by_expiry.insert((expiry, vote));
        Ok(self.tally(target))
    }

    /// Takes back every vote of `voter`. Returns the tallies that changed.
    pub(super) fn withdraw(&mut self, voter: MemberId) -> Vec<Tally> {
        let withdrawn = self.select(|vote| vote.voter == voter);
        self.remove(&withdrawn)
    }

    /// Forgets every vote against `target`.
    pub(super) fn forget(&mut self, target: MemberId) {
        let against = self.select(|vote| vote.target == target);
        self.remove(&against);
    }

    /// Ends the votes whose time is over. Returns the tallies that changed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Tally> {
        let expired: Vec<Vote> = self
            .by_expiry
            .iter()
            .take_while(|(expiry, _)| *expiry <= now)
            .map(|(_, vote)| *vote)
            .collect();
        self.remove(&expired)
    }

    /// When the next vote ends by itself.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    /// How many votes count against `target`.
    pub(super) fn tally(&self, target: MemberId) -> Tally {
        Tally {
            target,
            votes: u32::try_from(self.against(target).count()).unwrap_or(u32::MAX),
        }
    }

    /// Every target with at least one vote, with those who voted, in the order of their ids.
    pub(super) fn all(&self) -> BTreeMap<MemberId, Vec<MemberId>> {
        let mut voters_by_target = BTreeMap::<_, Vec<_>>::new();
        for vote in self.expiry_by_vote.keys() {
            voters_by_target
                .entry(vote.target)
                .or_default()
                .push(vote.voter);
        }
        voters_by_target
    }

    fn against(&self, target: MemberId) -> impl Iterator<Item = Vote> {
        let first = Vote {
            target,
            voter: MemberId(u32::MIN),
        };
        let last = Vote {
            target,
            voter: MemberId(u32::MAX),
        };
        self.expiry_by_vote
            .range(first..=last)
            .map(|(vote, _)| *vote)
    }

    fn open_votes_of(&self, voter: MemberId) -> usize {
        self.expiry_by_vote
            .keys()
            .filter(|vote| vote.voter == voter)
            .count()
    }

    fn select(&self, wanted: impl Fn(&Vote) -> bool) -> Vec<Vote> {
        self.expiry_by_vote.keys().copied().filter(wanted).collect()
    }

    fn remove(&mut self, votes: &[Vote]) -> Vec<Tally> {
        for vote in votes {
            if let Some(expiry) = self.expiry_by_vote.remove(vote) {
                self.by_expiry.remove(&(expiry, *vote));
            }
        }
        let targets: BTreeSet<MemberId> = votes.iter().map(|vote| vote.target).collect();
        targets
            .into_iter()
            .map(|target| self.tally(target))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(15 * 60);
    const ANN: MemberId = MemberId(1);
    const BOB: MemberId = MemberId(2);
    const EVE: MemberId = MemberId(3);

    fn tally(target: MemberId, votes: u32) -> Tally {
        Tally { target, votes }
    }

    #[test]
    fn each_voter_counts_once_against_a_target() {
        let now = Instant::now();
        let mut votes = Votes::new(LIFETIME);
        assert_eq!(votes.cast(now, ANN, EVE), Ok(tally(EVE, 1)));
        assert_eq!(votes.cast(now, ANN, EVE), Err(VoteError::AlreadyVoted));
        assert_eq!(votes.cast(now, BOB, EVE), Ok(tally(EVE, 2)));
        assert_eq!(votes.cast(now, BOB, ANN), Ok(tally(ANN, 1)));
        assert_eq!(votes.tally(EVE), tally(EVE, 2));
    }

    #[test]
    fn nobody_votes_against_oneself() {
        let mut votes = Votes::new(LIFETIME);
        assert_eq!(
            votes.cast(Instant::now(), EVE, EVE),
            Err(VoteError::Oneself)
        );
        assert_eq!(votes.poll_timeout(), None);
    }

    #[test]
    fn the_votes_of_a_voter_who_leaves_are_withdrawn_and_no_others() {
        let now = Instant::now();
        let mut votes = Votes::new(LIFETIME);
        votes.cast(now, ANN, EVE).unwrap();
        votes.cast(now, BOB, EVE).unwrap();
        votes.cast(now, ANN, BOB).unwrap();
        assert_eq!(votes.withdraw(ANN), [tally(BOB, 0), tally(EVE, 1)]);
        assert_eq!(votes.withdraw(ANN), []);
        assert_eq!(votes.cast(now, ANN, EVE), Ok(tally(EVE, 2)));
    }

    #[test]
    fn a_target_who_leaves_takes_the_votes_against_it_along() {
        let now = Instant::now();
        let mut votes = Votes::new(LIFETIME);
        votes.cast(now, ANN, EVE).unwrap();
        votes.cast(now, BOB, EVE).unwrap();
        votes.cast(now, EVE, BOB).unwrap();
        votes.forget(EVE);
        assert_eq!(votes.tally(EVE), tally(EVE, 0));
        assert_eq!(votes.all(), BTreeMap::from([(BOB, vec![EVE])]));
    }

    #[test]
    fn a_vote_counts_for_its_lifetime_and_not_an_instant_longer() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        let mut votes = Votes::new(LIFETIME);
        votes.cast(start, ANN, EVE).unwrap();
        votes.cast(later, BOB, EVE).unwrap();
        assert_eq!(votes.poll_timeout(), Some(start + LIFETIME));
        let just_before = start + LIFETIME - Duration::from_nanos(1);
        assert_eq!(votes.expire(just_before), []);
        assert_eq!(votes.expire(start + LIFETIME), [tally(EVE, 1)]);
        assert_eq!(votes.poll_timeout(), Some(later + LIFETIME));
        assert_eq!(votes.expire(later + LIFETIME), [tally(EVE, 0)]);
        assert_eq!(votes.poll_timeout(), None);
    }

    #[test]
    fn a_vote_that_ended_can_be_cast_again() {
        let start = Instant::now();
        let mut votes = Votes::new(LIFETIME);
        votes.cast(start, ANN, EVE).unwrap();
        votes.expire(start + LIFETIME);
        assert_eq!(votes.cast(start + LIFETIME, ANN, EVE), Ok(tally(EVE, 1)));
    }

    #[test]
    fn the_open_votes_of_one_member_are_bounded() {
        let now = Instant::now();
        let mut votes = Votes::new(LIFETIME);
        for target in 0..MAX_OPEN_VOTES as u32 {
            votes.cast(now, ANN, MemberId(100 + target)).unwrap();
        }
        assert_eq!(votes.cast(now, ANN, EVE), Err(VoteError::TooMany));
        assert_eq!(votes.cast(now, BOB, EVE), Ok(tally(EVE, 1)));
    }
}
