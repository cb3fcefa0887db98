//! The scenario `peers`: other programs that move files, and ours, side by side on the same network.
//!
//! - `comparisons`: who is measured against whom, under which conditions, and what is aimed at.
//! - `tool`: each contestant's command lines, and what its output says.
//! - `row` and `summary`: `runs.csv`, and what its rows come to.
//!
//! Unlike a sweep it has no axes: each comparison is a list of contestants. They take turns, in an order that is shuffled
//! anew for each repetition, so that a machine that becomes slower does so for all of them.

mod comparisons;
mod row;
mod summary;
pub(crate) mod tool;

pub(crate) use comparisons::{Comparison, Contestant, Network, comparisons};
pub(crate) use row::Row;
pub(crate) use summary::{Summary, summarise};

use crate::plan::order::shuffled;

/// The scenario's name.
pub(crate) const NAME: &str = "peers";
/// What it shows, for `list`.
pub(crate) const TITLE: &str = "Ours beside uftp, atftp, TCP and QUIC, on the same network";
/// Repetitions where nothing else is said: the fewest that have an interval.
pub(crate) const REPETITIONS: u32 = 6;
/// Seed of the first repetition where nothing else is said.
pub(crate) const SEED: u64 = 1;

/// One run: a contestant's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Place of the contestant in its comparison.
    pub(crate) contestant: usize,
    /// From 1.
    pub(crate) repetition: u32,
}

/// All turns of a comparison between so many, in the order in which they are taken.
pub(crate) fn turns(contestants: usize, repetitions: u32, seed: u64) -> Vec<Turn> {
    (1..=repetitions)
        .flat_map(|repetition| {
            shuffled(contestants, seed, repetition)
                .into_iter()
                .map(move |contestant| Turn {
                    contestant,
                    repetition,
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_each_repetition_everybody_has_a_turn_and_the_order_changes() {
        let turns = turns(4, 20, 7);
        let orders: Vec<Vec<_>> = turns
            .chunks(4)
            .map(|round| round.iter().map(|turn| turn.contestant).collect())
            .collect();
        assert!(orders.windows(2).any(|pair| pair[0] != pair[1]));
        for (order, repetition) in orders.into_iter().zip(1..) {
            let mut sorted = order;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3], "repetition {repetition}");
        }
        assert_eq!(turns[79].repetition, 20);
    }
}
