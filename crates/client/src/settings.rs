//! How files are sent. Flags set it at the start, commands change it for later files.

use backroom_gbn::{ConfigError, Copies, Recovery, SenderConfig, Timeout, WindowSetting};
use backroom_protocol::segment::{BadSegmentBytes, SegmentBytes};
use backroom_vocabulary::{DeliverySetting, ParseNameError};

use crate::event;

/// The settings of the next transfer. Changes do not affect a transfer in progress.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The window of each stream, in segments, or `auto`.
    pub window: WindowSetting,
    /// What makes the sender go back.
    pub recovery: Recovery,
    /// The retransmission timer.
    pub timeout: Timeout,
    /// How often each segment is put on the wire.
    pub copies: Copies,
    /// How receivers are served.
    pub delivery: DeliverySetting,
    /// Payload of each segment but the last.
    pub segment: SegmentBytes,
}

impl Settings {
    /// The part that concerns the Go-Back-N sender.
    #[must_use]
    pub fn sender_config(&self) -> SenderConfig {
        SenderConfig {
            window: self.window,
            recovery: self.recovery,
            timeout: self.timeout,
            copies: self.copies,
            ..SenderConfig::default()
        }
    }

    /// Changes one value.
    pub fn apply(&mut self, setting: Setting) {
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
pub enum Setting {
    /// `window|N` or `window|auto`.
    Window(WindowSetting),
    /// `recovery|timeout` or `recovery|fast`.
    Recovery(Recovery),
    /// `timeout|adaptive` or `timeout|200ms`.
    Timeout(Timeout),
    /// `copies|N`.
    Copies(Copies),
    /// `delivery|auto`, `delivery|ip-multicast`, `delivery|parallel` or `delivery|sequential`.
    Delivery(DeliverySetting),
    /// `segment|BYTES`.
    Segment(SegmentBytes),
}

/// A value that a setting cannot have. The message says which it can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Of the window, the recovery, the timeout or the copies.
    #[error(transparent)]
    GoBackN(#[from] ConfigError),
    /// Of the delivery.
    #[error("a delivery is {0}")]
    Delivery(#[from] ParseNameError),
    /// Of the segment.
    #[error(transparent)]
    Segment(#[from] BadSegmentBytes),
}

impl Setting {
    pub(crate) fn window(text: &str) -> Result<Self, SettingError> {
        Ok(Self::Window(text.parse()?))
    }

    pub(crate) fn recovery(text: &str) -> Result<Self, SettingError> {
        Ok(Self::Recovery(text.parse()?))
    }

    pub(crate) fn timeout(text: &str) -> Result<Self, SettingError> {
        Ok(Self::Timeout(text.parse()?))
    }

    pub(crate) fn copies(text: &str) -> Result<Self, SettingError> {
        Ok(Self::Copies(text.parse()?))
    }

    pub(crate) fn delivery(text: &str) -> Result<Self, SettingError> {
        Ok(Self::Delivery(text.parse()?))
    }

    pub(crate) fn segment(text: &str) -> Result<Self, SettingError> {
        Ok(Self::Segment(text.parse()?))
    }
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
