//! One direction of a network link, sans-IO and seeded: rate, delay, jitter, queue and loss.
//!
//! The model holds no packet, only times: [`Link::send`] says of each packet when it arrives, or why it does not. So
//! the same model serves tests, a simulator and a shaper of real packets.
//!
//! A packet meets, in netem's order: the loss model (what is lost takes no transmission time), the queue's limit, the
//! transmitter (one packet after the other, at the rate), and the delay with its jitter.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use backroom_link::{Link, LinkConfig, Verdict};
//!
//! let config = LinkConfig {
//!     rate: Some("10mbit".parse()?),
//!     delay: Duration::from_millis(10),
//!     ..LinkConfig::default()
//! };
//! config.validate()?;
//! let mut link = Link::new(config, 42);
//! let now = Instant::now();
//! let at = now + Duration::from_millis(11);
//! assert_eq!(link.send(now, 1250), Verdict::Deliver { at, duplicate_at: None });
//! # Ok::<(), backroom_link::ConfigError>(())
//! ```

mod config;
mod link;
mod loss;
mod random;
mod rate;
mod stats;
mod time;

pub use config::{ConfigError, LinkConfig, MAX_DELAY};
pub use link::{DropCause, Link, Verdict};
pub use loss::Loss;
pub use rate::Rate;
pub use stats::LinkStats;
pub use time::{format_time, parse_time};
