//! The error of enums that are written as one of a few names.

use strum::VariantNames;

/// A text is none of the names that a value can have. The message lists those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of {}", names.join(", "))]
pub struct ParseNameError {
    /// The names that would have been accepted.
    pub names: &'static [&'static str],
}

impl ParseNameError {
    /// The error of an enum's `FromStr`, for strum's `parse_err_fn`.
    pub fn of<T: VariantNames>(_text: &str) -> Self {
        Self { names: T::VARIANTS }
    }
}
