//! The payload. Each byte is derived from its position in the file, so that a misplaced segment is detected.

/// The SplitMix64 generator.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The payload of a segment; the last one of a file is shorter.
pub(crate) fn payload(seed: u64, seq: u64, segments: u64, payload_bytes: usize) -> Vec<u8> {
    let mut numbers = SplitMix64(seed ^ seq.wrapping_mul(0xd134_2543_de82_ef95));
    let is_last = seq + 1 == segments;
    let bytes = if is_last {
        1 + numbers.below(payload_bytes as u64) as usize
    } else {
        payload_bytes
    };
    (0..bytes).map(|_| numbers.next() as u8).collect()
}

/// The segments that the sender may still have to send. They are read from the file once and freed below the base.
pub(crate) struct SendBuffer {
    ring: Vec<Vec<u8>>,
    base: u64,
    end: u64,
}

impl SendBuffer {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            ring: vec![Vec::new(); capacity],
            base: 0,
            end: 0,
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether one more segment fits.
    pub(crate) fn has_space(&self) -> bool {
        self.end - self.base < self.ring.len() as u64
    }

    pub(crate) fn push(&mut self, payload: Vec<u8>) {
        let index = self.end as usize % self.ring.len();
        self.ring[index] = payload;
        self.end += 1;
    }

    pub(crate) fn free_below(&mut self, base: u64) {
        for seq in self.base..base {
            let index = seq as usize % self.ring.len();
            self.ring[index].clear();
        }
        self.base = base;
    }

    /// A copy of a segment's bytes, if it is buffered.
    pub(crate) fn copy(&self, seq: u64) -> Option<Vec<u8>> {
        (self.base..self.end)
            .contains(&seq)
            .then(|| self.ring[seq as usize % self.ring.len()].clone())
    }
}
