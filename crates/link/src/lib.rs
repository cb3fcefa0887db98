//! One direction of a network link, sans-IO and seeded: rate, delay, jitter, queue and loss.
//!
//! The model stores no packets, only times: [`Link::send`] returns when a packet arrives, or why it is dropped. Tests, the
//! simulator and the shaper of real packets therefore share one model.
//!
//! Each packet passes through these stages, in netem's order:
//!
//! 1. the loss model (a lost packet takes no transmission time),
//! 2. the queue's limit,
//! 3. the transmitter, which sends one packet at a time at the configured rate,
//! 4. the delay and its jitter.
//!
//! With the same seed, a link loses the same packets as netem, unless there is jitter or duplication.
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
mod error;
mod lfsr113;
mod link;
mod loss;
mod random;
mod rate;
mod stats;
mod time;

pub use config::{LinkConfig, MAX_DELAY};
pub use error::ConfigError;
pub use link::{DropCause, Link, Verdict};
pub use loss::{GilbertElliott, Loss};
pub use rate::Rate;
pub use stats::LinkStats;
pub use time::{format_time, parse_time};
