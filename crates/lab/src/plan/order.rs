//! The order of the cells in a repetition.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The indices of `cells` cells in a random order that depends only on `cells`, `seed` and `repetition`.
pub fn shuffled(cells: usize, seed: u64, repetition: u32) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::from(repetition));
    let mut places: Vec<_> = (0..cells).collect();
    places.shuffle(&mut random);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_comes_once_and_no_two_repetitions_have_the_same_order() {
        let one = shuffled(100, 7, 1);
        let mut sorted = one.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(one, shuffled(100, 7, 1));
        assert_ne!(one, sorted);
        assert_ne!(one, shuffled(100, 7, 2));
        assert_ne!(one, shuffled(100, 8, 1));
    }
}
