//! The random numbers of Linux's netem.

/// The generator LFSR113 (L'Ecuyer, *Tables of Maximally Equidistributed Combined LFSR Generators*, Mathematics of
/// Computation 68, 1999), seeded as netem does it.
///
/// With the same seed, a link and netem draw the same numbers for their losses, so they lose the same packets.
#[derive(Debug, Clone)]
pub(crate) struct Lfsr113 {
    components: [u32; 4],
}

/// A component needs a state of at least this value.
const SMALLEST: [u32; 4] = [2, 8, 16, 128];
/// For each component, the shifts `q`, `k - s` and `s` of the paper.
const SHIFTS: [(u32, u32, u32); 4] = [(6, 13, 18), (2, 27, 2), (13, 21, 7), (3, 12, 13)];

impl Lfsr113 {
    /// The generator with a netem `seed`: both halves are mixed into one word, where all components start.
    pub(crate) fn new(seed: u64) -> Self {
        let word = ((seed >> 32) ^ (seed << 10) ^ seed) as u32;
        Self {
            components: SMALLEST.map(|smallest| match word < smallest {
                true => word + smallest,
                false => word,
            }),
        }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        let steps = self.components.iter_mut().zip(SHIFTS).zip(SMALLEST);
        steps.fold(0, |number, ((z, (q, right, left)), smallest)| {
            let high_bits = *z & smallest.wrapping_neg();
            *z = (high_bits << left) ^ (((*z << q) ^ *z) >> right);
            number ^ *z
        })
    }
}

/// A probability in units of 2^-32, rounded as `tc` rounds it.
pub(crate) fn threshold(probability: f64) -> u32 {
    (probability * f64::from(u32::MAX)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states of the GNU Scientific Library's `taus113`: each is the one before times 69069, then ten steps.
    fn taus113(seed: u32) -> Lfsr113 {
        let mut state = seed;
        let mut random = Lfsr113 {
            components: SMALLEST.map(|smallest| {
                state = state.wrapping_mul(69069);
                if state < smallest {
                    state += smallest;
                }
                state
            }),
        };
        for _ in 0..10 {
            random.next_u32();
        }
        random
    }

    #[test]
    fn the_numbers_are_those_of_the_gnu_scientific_library() {
        for (seed, iteration, expected) in [
            (931_557_656, 959, 2_975_593_782),
            (366_221_443, 617, 2_992_857_763),
            (407_983_964, 921, 728_767_059),
        ] {
            let mut random = taus113(seed);
            let number = (0..iteration).map(|_| random.next_u32()).last();
            assert_eq!(number, Some(expected), "seed {seed}");
        }
    }

    #[test]
    fn small_seeds_are_raised_to_what_each_component_needs() {
        assert_eq!(Lfsr113::new(0).components, SMALLEST);
        assert_eq!(Lfsr113::new(1).components, [1025; 4], "1 << 10 ^ 1");
    }
}
