//! Go-Back-N, sans-IO: the sender and the receiver as state machines over sequence numbers and time.
//!
//! The words are the textbook's (Kurose & Ross, *Computer Networking*, 3.4.3): `base`, `next_seq_num`,
//! `expected_seq_num`, `window`, cumulative ACK, one retransmission timer. Sequence numbers count segments from 0. No
//! bytes are held here, no socket is opened and no clock is read: the caller keeps the segments, carries
//! [`Transmit`]s and [`Ack`]s over whatever network there is, and says what time it is.
//!
//! # The run loop
//!
//! There are four verbs. `handle_*` tells a state machine what happened; `poll_transmit` asks what to send now,
//! `poll_timeout` when to come back at the latest, `poll_event` what the caller should know. **After any `handle_*`,
//! and after making segments available, drain `poll_transmit` and `poll_event` before waiting.** That is the only
//! rule; to call too often, or too early, does nothing.
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
//! The receiver keeps nothing that is out of order, so after a loss all that followed is sent again: that is going
//! back. With [`Recovery::Timeout`] the timer decides when. With [`Recovery::Fast`] so does the first ACK that reports
//! a gap, and *rounds* make sure that each loss is gone back to exactly once. Every go-back begins a new round; a
//! segment carries the round it was last sent in, and a gap report the round of the segment that arrived beyond the
//! gap. The report is believed where the missing segment was last sent in that round or before: then something sent
//! after it overtook it. Where it has been sent again since, the report is old. So the loss of a retransmission is
//! found as fast as any other, one round trip later, without counting duplicate ACKs.
//!
//! # The window
//!
//! [`WindowSetting::Fixed`] is the textbook's N. With [`WindowSetting::Auto`] the sender finds it: the bandwidth-delay
//! product of the path and next to nothing on top, whatever is lost. A window beyond that stands in a queue, and Go-Back-N
//! sends it again whole after each loss.
//!
//! # Copies
//!
//! With [`Copies`] above one each segment goes that many times in succession, `s, s, s+1, s+1, …`, the first time and
//! when going back: stutter Go-Back-N, here with a finite window. The receiver delivers the first that arrives and drops
//! the others ([`Received::Copy`]), so only the loss of all of them is a loss. All carry the same round, and the last
//! proves no other transmission than the first: round trips are measured from the call that sent them.
//!
//! # Groups
//!
//! A [`Sender`] serves one receiver or many with the same segments: `base` is the least cumulative ACK of those that
//! live. A receiver that stops answering is lost after a bounded time, and reported; the others go on. One that is too
//! slow for them, as [`Patience`] tells, can be [removed](Sender::remove_receiver) and served by
//! [a sender of its own](Sender::starting_at).

mod ack;
mod config;
mod receiver;
mod round;
mod sender;

pub use ack::{Ack, Transmit};
pub use config::{
    ConfigError, Copies, DEFAULT_FLOOR, INITIAL_RTO, MAX_BACK_OFF, MAX_FIXED_TIMEOUT, MIN_RTO,
    Recovery, SenderConfig, Timeout, Window, WindowSetting,
};
pub use receiver::{Received, Receiver, ReceiverStats};
pub use sender::{
    GoBackCause, Patience, ReceiverId, ReceiverProgress, SegmentDelays, Sender, SenderEvent,
    SenderStats,
};
