//! How files are sent. Options set it at the start, commands change it for later files.

use std::ops::RangeInclusive;
use std::time::Duration;

use backroom_gbn::{ConfigError, Copies, Recovery, SenderConfig, Timeout, WindowSetting};
use backroom_protocol::segment::{BadSegmentBytes, SegmentBytes};
use backroom_vocabulary::{DeliverySetting, ParseNameError, event};
use clap::Args;

/// The settings of the next transfer. Changes do not affect a transfer in progress.
#[derive(Debug, Clone, Copy, PartialEq, Args)]
pub(crate) struct Settings {
    /// Go-Back-N window for each receiver: 1 to 65535 segments, or `auto` to adapt it to the path
    #[arg(long, value_name = "N", default_value = "auto")]
    pub(crate) window: WindowSetting,

    /// When to go back: on timeout only (`timeout`), or also when an ACK reports a gap (`fast`)
    #[arg(long, default_value_t)]
    pub(crate) recovery: Recovery,

    /// Retransmission timeout: `adaptive` (RFC 6298) or a fixed time such as `200ms`
    #[arg(long, default_value_t)]
    pub(crate) timeout: Timeout,

    /// Send each segment N times in succession, 1 to 4. Copies help on long paths with random loss; elsewhere they only
    /// multiply the load
    #[arg(long, value_name = "N", default_value_t)]
    pub(crate) copies: Copies,

    /// How to send a file to several receivers: one multicast stream (`ip-multicast`), one stream each at the same time
    /// (`parallel`) or one after another (`sequential`). `auto` uses multicast if at least two receivers can receive it, and
    /// parallel streams for the others
    #[arg(long, default_value_t)]
    pub(crate) delivery: DeliverySetting,

    /// Payload of a segment in bytes
    #[arg(long, value_name = "BYTES", default_value_t)]
    pub(crate) segment: SegmentBytes,

    /// Give up sending or receiving a file after this long without progress
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_give_up_after)]
    pub(crate) give_up_after: Duration,
}

/// The limits of `--give-up-after`.
const GIVE_UP_AFTER: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

fn parse_give_up_after(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| GIVE_UP_AFTER.contains(time))
        .ok_or("a time from 1s to 24h, such as `30s` or `5m`")
}

impl Settings {
    /// The part that concerns the Go-Back-N sender.
    pub(crate) fn sender_config(&self) -> SenderConfig {
        SenderConfig {
            window: self.window,
            recovery: self.recovery,
            timeout: self.timeout,
            copies: self.copies,
            max_stall: self.give_up_after,
            ..SenderConfig::default()
        }
    }

    pub(crate) fn apply(&mut self, setting: Setting) {
        match setting {
            Setting::Window(window) => self.window = window,
            Setting::Recovery(recovery) => self.recovery = recovery,
            Setting::Timeout(timeout) => self.timeout = timeout,
            Setting::Copies(copies) => self.copies = copies,
            Setting::Delivery(delivery) => self.delivery = delivery,
            Setting::Segment(segment) => self.segment = segment,
        }
    }
}

/// One setting with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Window(WindowSetting),
    Recovery(Recovery),
    Timeout(Timeout),
    Copies(Copies),
    Delivery(DeliverySetting),
    Segment(SegmentBytes),
}

/// A setting cannot have this value. The message says which it can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    #[error(transparent)]
    GoBackN(#[from] ConfigError),
    #[error("a delivery is {0}")]
    Delivery(#[from] ParseNameError),
    #[error(transparent)]
    Segment(#[from] BadSegmentBytes),
}

impl From<Settings> for event::Settings {
    fn from(settings: Settings) -> Self {
        Self {
            window: settings.window,
            recovery: settings.recovery,
            timeout: settings.timeout,
            copies: settings.copies,
            delivery: settings.delivery,
            segment_bytes: settings.segment.value(),
        }
    }
}
