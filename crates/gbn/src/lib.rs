//! Go-Back-N, sans-IO: the sender and the receiver as state machines over sequence numbers and time.
//!
//! The terms are those of Kurose & Ross, *Computer Networking*, 3.4.3: `base`, `next_seq_num`, `expected_seq_num`,
//! `window`, cumulative ACK, one retransmission timer. Sequence numbers count segments from 0. This crate holds no data,
//! opens no socket and reads no clock. The caller keeps the segments, carries [`Transmit`]s and [`Ack`]s over a network of
//! its choice, and passes in the time.
//!
//! # The run loop
//!
//! Both state machines have four kinds of methods:
//!
//! - `handle_*` reports an event to the state machine;
//! - `poll_transmit` returns what to send now;
//! - `poll_timeout` returns the time of the next `handle_timeout`;
//! - `poll_event` returns what the caller needs to know.
//!
//! **After any `handle_*` call, and after making segments available, call `poll_transmit` and `poll_event` until they
//! return `None` before waiting.** This is the only rule. Calling too often or too early has no effect.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use backroom_gbn::{Received, Receiver, ReceiverId, Sender, SenderConfig, SenderEvent};
//!
//! let file: Vec<&str> = "a file cut into segments of a word each".split(' ').collect();
//! let mut arrived = Vec::new();
//!
//! let peer = ReceiverId(0);
//! let mut sender = Sender::new(SenderConfig::default(), [peer]);
//! let mut receiver = Receiver::new(100); // it has space for 100 segments
//! sender.make_available(file.len() as u64);
//! sender.finish();
//!
//! let mut now = Instant::now();
//! let mut transmissions = 0;
//! while !sender.is_finished() {
//!     // Send. This network loses every third transmission.
//!     while let Some(run) = sender.poll_transmit(now, 16) {
//!         for seq in run.segments() {
//!             transmissions += 1;
//!             if transmissions % 3 == 0 {
//!                 continue;
//!             }
//!             if receiver.handle_segment(seq, run.round) == Received::Deliver {
//!                 arrived.push(file[seq as usize]);
//!             }
//!         }
//!     }
//!     // The ACK of all that arrived, or the timer, whichever is first.
//!     match receiver.poll_transmit() {
//!         Some(ack) => {
//!             now += Duration::from_millis(1);
//!             sender.handle_ack(now, peer, ack);
//!         }
//!         None => {
//!             now = sender.poll_timeout().expect("a timer runs while segments are outstanding");
//!             sender.handle_timeout(now);
//!         }
//!     }
//!     while let Some(event) = sender.poll_event() {
//!         if let SenderEvent::BaseAdvanced { base } = event {
//!             println!("segments below {base} may be forgotten");
//!         }
//!     }
//! }
//! assert_eq!(arrived, file);
//! assert!(sender.stats().segments_retransmitted > 0);
//! ```
//!
//! # Recovery
//!
//! The receiver keeps no segment that is out of order, so after a loss the sender goes back: it sends the lost segment and
//! everything after it again. With [`Recovery::Timeout`], only the retransmission timer triggers this. With
//! [`Recovery::Fast`], the first ACK that reports a gap does so too.
//!
//! *Rounds* ensure that the sender goes back exactly once for each loss. Every go-back starts a new round. A segment
//! carries the round in which it was last sent, and a gap report carries the round of the segment that arrived beyond the
//! gap. The sender acts on the report if the missing segment was last sent in that round or an earlier one, because then a
//! later transmission overtook it. If the segment has been sent again since, the report is stale and has no effect. The
//! loss of a retransmission is therefore found as fast as any other, one round trip later, without counting duplicate ACKs.
//!
//! # The window
//!
//! [`WindowSetting::Fixed`] is the textbook's N. With [`WindowSetting::Auto`], the sender uses the bandwidth-delay product
//! that it measures, plus a small margin, regardless of losses. A larger window only fills a queue, and Go-Back-N sends
//! all of it again after each loss.
//!
//! # Copies
//!
//! With [`Copies`] above one, each transmission of a segment is repeated that many times in succession. The receiver
//! delivers the first copy that arrives and drops the others ([`Received::Copy`]). All copies carry the same round and
//! count as one transmission: round trips are measured from the call that sent them.
//!
//! # Groups
//!
//! A [`Sender`] sends the same segments to one or more receivers; `base` is the lowest cumulative ACK of the live ones. A
//! receiver without progress is reported as lost after a bounded time, and the others continue. A
//! [`StragglerDetector`] identifies a receiver that is too slow for the group. The caller can
//! [remove](Sender::remove_receiver) it and serve it with [a separate sender](Sender::starting_at).

mod ack;
mod config;
mod receiver;
mod round;
mod sender;

pub use ack::{Ack, Transmit};
pub use config::{
    CONSTANT_RETRIES, ConfigError, Copies, DEFAULT_FLOOR, DEFAULT_MAX_STALL, INITIAL_RTO,
    MAX_BACK_OFF, MAX_FIXED_TIMEOUT, MIN_RETRIES, MIN_RTO, Recovery, SenderConfig, Silence,
    Timeout, Window, WindowSetting,
};
pub use receiver::{Received, Receiver, ReceiverStats};
pub use sender::{
    GoBackCause, LossCause, ReceiverId, ReceiverProgress, SegmentDelays, Sender, SenderEvent,
    SenderStats, straggler::StragglerDetector,
};
