//! Go-Back-N, sans-IO: the sender and the receiver as state machines over sequence numbers and time.

mod ack;
mod config;
mod receiver;
mod round;
mod sender;

pub use ack::{Ack, Transmit};
pub use config::{
    ConfigError, DEFAULT_FLOOR, INITIAL_RTO, MAX_BACK_OFF, MAX_FIXED_TIMEOUT, MIN_RTO, Recovery,
    SenderConfig, Timeout, Window,
};
pub use receiver::{Received, Receiver, ReceiverStats};
pub use sender::{GoBackCause, ReceiverId, ReceiverProgress, Sender, SenderEvent, SenderStats};
