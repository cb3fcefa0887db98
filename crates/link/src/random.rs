//! Random numbers for everything but losses, that do not change when a library does.
//!
//! They come straight from the ChaCha8 key stream of the seed. The conversion to fractions is done here, because `rand`
//! may change its own between releases, and recorded seeds must keep their results.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The random numbers of one impairment.
///
/// Each impairment has an independent stream. Changing one impairment, such as the loss rate, then does not change what
/// the others do to the same packet.
#[derive(Debug, Clone)]
pub(crate) struct RandomStream(ChaCha8Rng);

/// The number of the ChaCha8 stream that an impairment uses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Impairment {
    Duplicate = 1,
    Reorder = 2,
    Jitter = 3,
    JitterOfDuplicate = 4,
}

impl RandomStream {
    pub(crate) fn new(seed: u64, impairment: Impairment) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(impairment as u64);
        Self(random)
    }

    /// Uniform in `0.0..1.0`, made of 53 random bits: as many as the mantissa of an `f64` holds.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability. Always draws one number, so an event that occurs at one probability also occurs at any
    /// higher one.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut stream = RandomStream::new(1, Impairment::Jitter);
        let drawn: Vec<f64> = (0..3).map(|_| stream.fraction()).collect();
        let expected = [0.6641884239456165, 0.6209326858797297, 0.9813877077351008];
        assert_eq!(
            drawn, expected,
            "computed by another implementation of ChaCha8 in the layout of RFC 8439"
        );
    }

    #[test]
    fn impairments_draw_different_numbers() {
        let mut duplicate = RandomStream::new(1, Impairment::Duplicate);
        let mut reorder = RandomStream::new(1, Impairment::Reorder);
        assert_ne!(duplicate.fraction(), reorder.fraction());
    }
}
