//! Random numbers that stay the same whatever the libraries do: the ChaCha8 key stream of the seed, and nothing of
//! theirs that turns it into numbers.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// One impairment's own numbers.
///
/// Each impairment draws from a stream of its own, so that changing one (say, the loss rate) leaves what the others do
/// to the same packet as it was.
#[derive(Debug, Clone)]
pub(crate) struct Stream(ChaCha8Rng);

/// Which impairment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Impairment {
    Loss = 0,
    Duplicate = 1,
    Reorder = 2,
    Jitter = 3,
    JitterOfDuplicate = 4,
}

impl Stream {
    pub(crate) fn new(seed: u64, impairment: Impairment) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(impairment as u64);
        Self(random)
    }

    /// Uniform in `0.0..1.0`, of 53 random bits.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability. The same draws, so that what happens at one probability happens at any higher one.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut stream = Stream::new(1, Impairment::Jitter);
        let drawn: Vec<f64> = (0..3).map(|_| stream.fraction()).collect();
        let expected = [0.6641884239456165, 0.6209326858797297, 0.9813877077351008];
        assert_eq!(
            drawn, expected,
            "ChaCha8 of RFC 8439's layout, computed apart"
        );
    }

    #[test]
    fn impairments_draw_different_numbers() {
        let mut loss = Stream::new(1, Impairment::Loss);
        let mut reorder = Stream::new(1, Impairment::Reorder);
        assert_ne!(loss.fraction(), reorder.fraction());
    }
}
