//! What this network namespace's own layers count.

use std::fs;

use super::ShaperError;

const FILE: &str = "/proc/thread-self/net/snmp";

/// Datagrams that the IP layer could not hand to a device.
///
/// # Errors
/// When the kernel does not say.
pub(super) fn out_discards() -> Result<u64, ShaperError> {
    counter("Ip:", "OutDiscards")
}

/// Datagrams that arrived and found their socket's buffer full.
///
/// # Errors
/// When the kernel does not say.
pub(super) fn receive_drops() -> Result<u64, ShaperError> {
    counter("Udp:", "RcvbufErrors")
}

fn counter(layer: &str, name: &str) -> Result<u64, ShaperError> {
    let unreadable = |reason: String| ShaperError::Unreadable {
        command: FILE,
        reason,
    };
    let table = fs::read_to_string(FILE).map_err(|error| unreadable(error.to_string()))?;
    parse(&table, layer, name).ok_or_else(|| unreadable(format!("it has no {layer} {name}")))
}

/// Two lines begin with the name of each layer, one of names, one of values.
fn parse(table: &str, layer: &str, name: &str) -> Option<u64> {
    let mut lines = table.lines().filter_map(|line| line.strip_prefix(layer));
    let (names, values) = (lines.next()?, lines.next()?);
    let (_, value) = names
        .split_whitespace()
        .zip(values.split_whitespace())
        .find(|&(column, _)| column == name)?;
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_layer_and_name() {
        let table = "Ip: Forwarding OutRequests OutDiscards OutNoRoutes\nIp: 1 500 12 0\n\
                     Udp: InDatagrams RcvbufErrors\nUdp: 9 3\n";
        assert_eq!(parse(table, "Ip:", "OutDiscards"), Some(12));
        assert_eq!(parse(table, "Udp:", "RcvbufErrors"), Some(3));
        assert_eq!(parse("Udp: x\nUdp: 1\n", "Ip:", "OutDiscards"), None);
    }
}
