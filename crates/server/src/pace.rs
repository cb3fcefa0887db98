//! How fast a member may send.
//!
//! Who sends faster is read more slowly, and TCP holds it back. Nothing is refused or dropped: a
//! post left out would make every later one of that pair of members unopenable.

use std::time::{Duration, Instant};

use backroom_protocol::room::ClientMessage;

use crate::bucket::{Rate, TokenBucket};

/// How many seconds' worth of messages a member may send at once.
const MESSAGE_BURST_SECONDS: u32 = 60;

/// How many seconds' worth of bytes a member may send at once.
const BYTE_BURST_SECONDS: u32 = 4;

/// What a part of a post counts beside the content.
const PART_BYTES: usize = 64;

/// What is taken from one member in the long run.
#[derive(Clone, Copy, Debug)]
pub struct PaceConfig {
    /// Messages a second.
    pub messages_per_second: u32,
    /// Bytes a second.
    pub bytes_per_second: u32,
}

/// What a member has sent lately, in messages and in bytes.
#[derive(Debug)]
pub(crate) struct Pace {
    messages: TokenBucket,
    bytes: TokenBucket,
}

impl Pace {
    pub(crate) fn new(config: PaceConfig, now: Instant) -> Self {
        let bucket = |per_second: u32, burst_seconds| {
            let burst = per_second.saturating_mul(burst_seconds);
            let rate = Rate::new(per_second, Duration::from_secs(1), burst);
            TokenBucket::new(rate, now)
        };
        Self {
            messages: bucket(config.messages_per_second, MESSAGE_BURST_SECONDS),
            bytes: bucket(config.bytes_per_second, BYTE_BURST_SECONDS),
        }
    }

    /// Counts a message, and returns how long to wait before the next.
    pub(crate) fn charge(&mut self, now: Instant, message: &ClientMessage) -> Duration {
        let bytes = match message {
            ClientMessage::Post(post) => post.content.len() + PART_BYTES * post.parts.len(),
            _ => 0,
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.messages
            .charge(now, 1)
            .max(self.bytes.charge(now, bytes))
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::{MemberId, Part, Post};

    use super::*;

    const CONFIG: PaceConfig = PaceConfig {
        messages_per_second: 64,
        bytes_per_second: 512 << 10,
    };

    fn post(bytes: usize, recipients: u32) -> ClientMessage {
        ClientMessage::Post(Post {
            content: vec![0; bytes],
            parts: (0..recipients)
                .map(|to| Part {
                    to: MemberId(to),
                    sealed: vec![0; 48],
                })
                .collect(),
        })
    }

    #[test]
    fn offering_a_file_to_everyone_in_a_full_room_is_not_held_back() {
        let now = Instant::now();
        let mut pace = Pace::new(CONFIG, now);
        for _ in 0..3 * 1_023 {
            assert_eq!(pace.charge(now, &post(300, 1)), Duration::ZERO);
        }
    }

    #[test]
    fn a_flood_is_held_back_by_number_and_by_size() {
        let now = Instant::now();
        let mut pace = Pace::new(CONFIG, now);
        let waits = (0..10_000).map(|_| pace.charge(now, &ClientMessage::Ping));
        assert!(waits.last() > Some(Duration::from_secs(90)));
        let mut pace = Pace::new(CONFIG, now);
        let waits = (0..100).map(|_| pace.charge(now, &post(64 << 10, 1)));
        assert!(waits.last() > Some(Duration::from_secs(8)));
    }
}
