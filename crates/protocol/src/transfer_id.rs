//! The identity of a file transfer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::{RandomError, random_bytes};

/// Identifies a file transfer. The sender chooses it at random; all receivers of the file share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransferId(pub u64);

impl TransferId {
    /// Returns a random id. 64 bits make a collision unlikely.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(u64::from_be_bytes(random_bytes()?)))
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
