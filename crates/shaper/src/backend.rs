//! What a way of shaping must provide.

use crate::error::ShaperError;
use crate::protocol::{ShaperConfig, ShaperStats};

/// A way of shaping. Dropping it removes the shaping.
pub(crate) trait Backend {
    /// Applies `config` and resets the counters.
    fn configure(&mut self, config: &ShaperConfig) -> Result<(), ShaperError>;

    /// Counters since the last [`configure`](Self::configure).
    fn stats(&mut self) -> Result<ShaperStats, ShaperError>;
}
