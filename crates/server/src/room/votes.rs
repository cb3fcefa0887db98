//! The votes to remove members.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use backroom_protocol::room::MemberId;
use thiserror::Error;

use super::VOTE_LIFETIME;

/// The largest number of open votes of one member. It bounds the memory of all votes.
const MAX_OPEN_VOTES: usize = 32;

/// Each voter has at most one vote against a target. The vote ends when it expires, or when the voter or the target leaves.
/// It applies to a session: a member that joins again starts without votes against it.
#[derive(Debug, Default)]
pub(super) struct Votes {
    // Two indexes of the same votes: one to find a vote, one to find the next that expires.
    expiry_by_vote: BTreeMap<Vote, Instant>,
    by_expiry: BTreeSet<(Instant, Vote)>,
}

/// One vote. The order of the fields matters: sorted by target first, the votes against one target are a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Vote {
    target: MemberId,
    voter: MemberId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) target: MemberId,
    pub(super) votes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum VoteError {
    #[error("you cannot vote to remove yourself")]
    SelfVote,
    #[error("you have already voted to remove this member")]
    AlreadyVoted,
    #[error("you have reached the limit of {MAX_OPEN_VOTES} open votes; wait until some expire")]
    TooMany,
}

impl Votes {
    /// Counts a vote and returns the new tally. Nothing changes after an error.
    pub(super) fn cast(
        &mut self,
        now: Instant,
        voter: MemberId,
        target: MemberId,
    ) -> Result<Tally, VoteError> {
        let vote = Vote { target, voter };
        if voter == target {
            return Err(VoteError::SelfVote);
        }
        if self.expiry_by_vote.contains_key(&vote) {
            return Err(VoteError::AlreadyVoted);
        }
        let open_votes = self
            .expiry_by_vote
            .keys()
            .filter(|vote| vote.voter == voter);
        if open_votes.count() >= MAX_OPEN_VOTES {
            return Err(VoteError::TooMany);
        }
        let expiry = now + VOTE_LIFETIME;
        self.expiry_by_vote.insert(vote, expiry);
        self.by_expiry.insert((expiry, vote));
        Ok(self.tally(target))
    }

    /// Removes every vote of `voter` and returns the changed tallies.
    pub(super) fn withdraw(&mut self, voter: MemberId) -> Vec<Tally> {
        let withdrawn = self.select(|vote| vote.voter == voter);
        self.remove(&withdrawn)
    }

    /// Removes every vote against `target`.
    pub(super) fn forget(&mut self, target: MemberId) {
        let against = self.select(|vote| vote.target == target);
        self.remove(&against);
    }

    /// Removes the expired votes and returns the changed tallies.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Tally> {
        let expired: Vec<Vote> = self
            .by_expiry
            .iter()
            .take_while(|(expiry, _)| *expiry <= now)
            .map(|(_, vote)| *vote)
            .collect();
        self.remove(&expired)
    }

    /// The time at which the next vote expires.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    pub(super) fn tally(&self, target: MemberId) -> Tally {
        let [first, last] = [u32::MIN, u32::MAX].map(|id| Vote {
            target,
            voter: MemberId(id),
        });
        let against = self.expiry_by_vote.range(first..=last);
        let votes = u32::try_from(against.count()).unwrap_or(u32::MAX);
        Tally { target, votes }
    }

    /// The voters of each target, in the order of their ids.
    pub(super) fn all(&self) -> BTreeMap<MemberId, Vec<MemberId>> {
        let mut voters_by_target = BTreeMap::<_, Vec<_>>::new();
        for vote in self.expiry_by_vote.keys() {
            let voters = voters_by_target.entry(vote.target);
            voters.or_default().push(vote.voter);
        }
        voters_by_target
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
        targets.iter().map(|target| self.tally(*target)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ANN: MemberId = MemberId(1);
    const BOB: MemberId = MemberId(2);
    const EVE: MemberId = MemberId(3);

    fn tally(target: MemberId, votes: u32) -> Tally {
        Tally { target, votes }
    }

    #[test]
    fn one_voter_has_one_vote_against_a_target() {
        let now = Instant::now();
        let mut votes = Votes::default();
        assert_eq!(votes.cast(now, ANN, EVE), Ok(tally(EVE, 1)));
        assert_eq!(votes.cast(now, ANN, EVE), Err(VoteError::AlreadyVoted));
        assert_eq!(votes.cast(now, BOB, EVE), Ok(tally(EVE, 2)));
        assert_eq!(votes.cast(now, BOB, ANN), Ok(tally(ANN, 1)));
        assert_eq!(votes.tally(EVE), tally(EVE, 2));
    }

    #[test]
    fn a_vote_against_oneself_is_rejected() {
        let mut votes = Votes::default();
        assert_eq!(
            votes.cast(Instant::now(), EVE, EVE),
            Err(VoteError::SelfVote)
        );
        assert_eq!(votes.poll_timeout(), None);
    }

    #[test]
    fn withdrawing_removes_only_the_votes_of_the_voter() {
        let now = Instant::now();
        let mut votes = Votes::default();
        votes.cast(now, ANN, EVE).unwrap();
        votes.cast(now, BOB, EVE).unwrap();
        votes.cast(now, ANN, BOB).unwrap();
        assert_eq!(votes.withdraw(ANN), [tally(BOB, 0), tally(EVE, 1)]);
        assert_eq!(votes.withdraw(ANN), []);
        assert_eq!(votes.cast(now, ANN, EVE), Ok(tally(EVE, 2)));
    }

    #[test]
    fn forgetting_a_target_removes_the_votes_against_it() {
        let now = Instant::now();
        let mut votes = Votes::default();
        votes.cast(now, ANN, EVE).unwrap();
        votes.cast(now, BOB, EVE).unwrap();
        votes.cast(now, EVE, BOB).unwrap();
        votes.forget(EVE);
        assert_eq!(votes.tally(EVE), tally(EVE, 0));
        assert_eq!(votes.all(), BTreeMap::from([(BOB, vec![EVE])]));
    }

    #[test]
    fn votes_expire_exactly_after_their_lifetime() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        let mut votes = Votes::default();
        votes.cast(start, ANN, EVE).unwrap();
        votes.cast(later, BOB, EVE).unwrap();
        assert_eq!(votes.poll_timeout(), Some(start + VOTE_LIFETIME));
        let just_before = start + VOTE_LIFETIME - Duration::from_nanos(1);
        assert_eq!(votes.expire(just_before), []);
        assert_eq!(votes.expire(start + VOTE_LIFETIME), [tally(EVE, 1)]);
        assert_eq!(votes.poll_timeout(), Some(later + VOTE_LIFETIME));
        assert_eq!(votes.expire(later + VOTE_LIFETIME), [tally(EVE, 0)]);
        assert_eq!(votes.poll_timeout(), None);
    }

    #[test]
    fn an_expired_vote_can_be_cast_again() {
        let start = Instant::now();
        let mut votes = Votes::default();
        votes.cast(start, ANN, EVE).unwrap();
        votes.expire(start + VOTE_LIFETIME);
        assert_eq!(
            votes.cast(start + VOTE_LIFETIME, ANN, EVE),
            Ok(tally(EVE, 1))
        );
    }

    #[test]
    fn the_open_votes_of_one_member_are_bounded() {
        let now = Instant::now();
        let mut votes = Votes::default();
        for target in 0..MAX_OPEN_VOTES as u32 {
            votes.cast(now, ANN, MemberId(100 + target)).unwrap();
        }
        assert_eq!(votes.cast(now, ANN, EVE), Err(VoteError::TooMany));
        assert_eq!(votes.cast(now, BOB, EVE), Ok(tally(EVE, 1)));
    }
}
