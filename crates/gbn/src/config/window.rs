//! The window: a fixed number of segments, or automatic.

use std::{fmt, num::NonZeroU16, str::FromStr};

use super::error::ConfigError;

/// The most segments that may be outstanding: 1 to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(NonZeroU16);

impl Window {
    /// One segment: stop-and-wait.
    pub const MIN: Self = Self(NonZeroU16::MIN);
    /// 65,535 segments.
    pub const MAX: Self = Self(NonZeroU16::MAX);
    /// 64 segments.
    pub const DEFAULT: Self = Self(NonZeroU16::MIN.saturating_add(63));

    /// The window size in segments, at least 1.
    pub const fn segments(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for Window {
    type Error = ConfigError;

    fn try_from(segments: u16) -> Result<Self, ConfigError> {
        NonZeroU16::new(segments)
            .map(Self)
            .ok_or_else(|| ConfigError::Window(segments.to_string()))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How the window size is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowSetting {
    /// A constant size, as in the textbook.
    Fixed(Window),
    /// An automatic window: the sender estimates the bandwidth-delay product of the path and adds a small margin.
    Auto,
}

impl WindowSetting {
    /// The window size, if it is fixed.
    pub const fn fixed(self) -> Option<Window> {
        match self {
            Self::Fixed(window) => Some(window),
            Self::Auto => None,
        }
    }
}

impl Default for WindowSetting {
    fn default() -> Self {
        Self::Fixed(Window::DEFAULT)
    }
}

impl From<Window> for WindowSetting {
    fn from(window: Window) -> Self {
        Self::Fixed(window)
    }
}

impl FromStr for WindowSetting {
    type Err = ConfigError;

    /// Parses `auto` or a number of segments.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(|segments| Self::Fixed(Window(segments)))
            .map_err(|_| ConfigError::Window(text.to_owned()))
    }
}

impl fmt::Display for WindowSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(window) => window.fmt(f),
            Self::Auto => f.pad("auto"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_1_to_65535_segments() {
        for (text, segments) in [("1", 1), ("65535", u16::MAX), ("64", 64)] {
            let setting: WindowSetting = text.parse().unwrap();
            let window = setting.fixed().unwrap();
            assert_eq!(window.segments(), segments);
            assert_eq!(window.to_string(), text);
        }
        assert!(Window::try_from(0_u16).is_err());
    }

    #[test]
    fn a_window_setting_is_a_size_or_auto() {
        for text in ["auto", "1", "65535"] {
            let setting: WindowSetting = text.parse().unwrap();
            assert_eq!(setting.to_string(), text);
        }
        for text in ["0", "65536", "-1", "", "ten", "1.5", "Auto"] {
            let error = text.parse::<WindowSetting>().unwrap_err().to_string();
            assert!(error.contains("`auto` or a whole number"), "{error}");
        }
    }
}
