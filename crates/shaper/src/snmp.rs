//! Counters of this network namespace's IP and UDP layers.

use procfs::net::Snmp;

use crate::error::ShaperError;

/// Reads the counters. They count from the start of the namespace.
pub(crate) fn read() -> Result<Snmp, ShaperError> {
    procfs::net::snmp().map_err(|error| ShaperError::Unreadable {
        command: "/proc/net/snmp",
        reason: error.to_string(),
    })
}
