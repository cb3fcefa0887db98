//! The JSON form of Go-Back-N's settings, for serde's `with`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The JSON form of [`backroom_gbn::Recovery`].
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "backroom_gbn::Recovery", rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Recovery {
    Timeout,
    Fast,
}

/// The JSON form of a window: a number of segments, or `auto`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Window {
    Segments(u16),
    Auto(Auto),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Auto {
    Auto,
}

pub(crate) mod window {
    use backroom_gbn::WindowSetting;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Auto, Window};

    pub(crate) fn serialize<S: Serializer>(
        window: &WindowSetting,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match window {
            WindowSetting::Fixed(window) => Window::Segments(window.segments()),
            WindowSetting::Auto => Window::Auto(Auto::Auto),
        }
        .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<WindowSetting, D::Error> {
        match Window::deserialize(deserializer)? {
            Window::Segments(segments) => backroom_gbn::Window::try_from(segments)
                .map(WindowSetting::Fixed)
                .map_err(D::Error::custom),
            Window::Auto(Auto::Auto) => Ok(WindowSetting::Auto),
        }
    }
}

pub(crate) mod copies {
    use backroom_gbn::Copies;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        copies: &Copies,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(copies.count())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Copies, D::Error> {
        Copies::try_from(u8::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

pub(crate) mod timeout {
    use backroom_gbn::Timeout;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        timeout: &Timeout,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(timeout)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timeout, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
