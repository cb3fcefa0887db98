//! The rate limit of a member.
//!
//! The server reads more slowly from a member that exceeds the limit, and TCP flow control slows the member down. Nothing
//! is dropped: without one post, no later post between the same two members could be opened.

use std::time::{Duration, Instant};

use backroom_protocol::room::ClientMessage;

use crate::token_bucket::TokenBucket;

/// The burst of messages, as the time in which the long-term rate would allow them. It lets a member offer a file to a full
/// room, with up to three messages to each of 1,023 receivers.
const MESSAGE_BURST_SECONDS: u32 = 60;

/// The burst of bytes, as the time in which the long-term rate would allow them.
const BYTE_BURST_SECONDS: u32 = 4;

/// The bytes that each part of a post counts for.
const PART_BYTES: usize = 64;

/// The long-term rates of one member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitConfig {
    pub(crate) messages_per_second: u32,
    /// Bytes of posts.
    pub(crate) bytes_per_second: u32,
}

#[derive(Debug)]
pub(crate) struct RateLimiter {
    messages: TokenBucket,
    bytes: TokenBucket,
}

impl RateLimiter {
    pub(crate) fn new(config: RateLimitConfig, now: Instant) -> Self {
        let bucket = |per_second: u32, burst_seconds| {
            let burst = per_second.saturating_mul(burst_seconds);
            TokenBucket::new(per_second, Duration::from_secs(1), burst, now)
        };
        Self {
            messages: bucket(config.messages_per_second, MESSAGE_BURST_SECONDS),
            bytes: bucket(config.bytes_per_second, BYTE_BURST_SECONDS),
        }
    }

    /// Counts a message and returns how long to wait before reading the next one.
    pub(crate) fn charge(&mut self, now: Instant, message: &ClientMessage) -> Duration {
        let bytes = match message {
            ClientMessage::Post(post) => post.content.len() + PART_BYTES * post.parts.len(),
            _ => 0,
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let wait = self.messages.charge(now, 1);
        wait.max(self.bytes.charge(now, bytes))
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::{MemberId, Part, Post};

    use super::*;

    const CONFIG: RateLimitConfig = RateLimitConfig {
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
    fn offering_a_file_to_a_full_room_is_not_limited() {
        let now = Instant::now();
        let mut rate_limit = RateLimiter::new(CONFIG, now);
        for _ in 0..3 * 1_023 {
            assert_eq!(rate_limit.charge(now, &post(300, 1)), Duration::ZERO);
        }
    }

    #[test]
    fn messages_and_bytes_are_limited() {
        let now = Instant::now();
        let mut rate_limit = RateLimiter::new(CONFIG, now);
        let waits = (0..10_000).map(|_| rate_limit.charge(now, &ClientMessage::Ping));
        assert!(waits.last() > Some(Duration::from_secs(90)));
        let mut rate_limit = RateLimiter::new(CONFIG, now);
        let waits = (0..100).map(|_| rate_limit.charge(now, &post(64 << 10, 1)));
        assert!(waits.last() > Some(Duration::from_secs(8)));
    }
}
