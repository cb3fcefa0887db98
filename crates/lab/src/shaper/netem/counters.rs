//! What the kernel counts of netem's packets, and telling its drops apart.

use std::fs;

use serde::Deserialize;

use super::ETHERNET_HEADER_BYTES;
use crate::shaper::ShaperError;
use crate::shaper::protocol::DirectionStats;

const SHOW: &str = "tc -s -j qdisc show";

/// One object of `tc -s -j qdisc show`.
#[derive(Debug, Deserialize)]
struct Qdisc {
    kind: String,
    dev: String,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    packets: u64,
    #[serde(default)]
    drops: u64,
    #[serde(default)]
    qlen: u64,
    #[serde(default)]
    backlog: u64,
}

/// Counts of the netem on `device`, out of what `tc -s -j qdisc show` says; all zero where there is none. `overflows` of
/// its drops were no losses.
///
/// # Errors
/// When `qdiscs` is not what it should be.
pub(super) fn direction_stats(
    qdiscs: &str,
    device: &str,
    overflows: u64,
) -> Result<DirectionStats, ShaperError> {
    let qdiscs: Vec<Qdisc> =
        serde_json::from_str(qdiscs).map_err(|error| ShaperError::Unreadable {
            command: SHOW,
            reason: error.to_string(),
        })?;
    let Some(netem) = qdiscs
        .iter()
        .find(|qdisc| qdisc.kind == "netem" && qdisc.dev == device)
    else {
        return Ok(DirectionStats::default());
    };
    let queue_drops = overflows.min(netem.drops);
    let held_bytes = netem
        .backlog
        .saturating_sub(netem.qlen * ETHERNET_HEADER_BYTES);
    let delivered_bytes = netem
        .bytes
        .saturating_sub(netem.packets * ETHERNET_HEADER_BYTES);
    Ok(DirectionStats {
        offered: netem.packets + netem.qlen + netem.drops,
        // netem does not count the bytes of what it drops.
        offered_bytes: delivered_bytes + held_bytes,
        lost: netem.drops - queue_drops,
        queue_drops,
        overrun: 0,
        delivered: netem.packets,
        delivered_bytes,
        sojourn: None,
        lateness: None,
        busy_rate_mbps: None,
    })
}

/// Datagrams that this network namespace's IP layer could not hand to a device.
///
/// # Errors
/// When the kernel does not say.
pub(super) fn out_discards() -> Result<u64, ShaperError> {
    const FILE: &str = "/proc/self/net/snmp";
    let unreadable = |reason: String| ShaperError::Unreadable {
        command: FILE,
        reason,
    };
    let table = fs::read_to_string(FILE).map_err(|error| unreadable(error.to_string()))?;
    parse_out_discards(&table).ok_or_else(|| unreadable("it has no OutDiscards".to_owned()))
}

/// Two lines begin with `Ip:`, one of names, one of values.
fn parse_out_discards(table: &str) -> Option<u64> {
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Ip:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let (_, value) = names
        .split_whitespace()
        .zip(values.split_whitespace())
        .find(|&(name, _)| name == "OutDiscards")?;
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_overflows_are_told_apart_by_what_the_sender_was_told() {
        let qdiscs = r#"[{"kind":"prio","handle":"1:","dev":"eth0","root":true,"options":{},"bytes":9,"packets":9,"drops":9},
            {"kind":"netem","handle":"30:","dev":"eth0","parent":"1:3","options":{"limit":110},"bytes":127900,
             "packets":100,"drops":7,"overlimits":0,"requeues":0,"backlog":2558,"qlen":2}]"#;
        let stats = direction_stats(qdiscs, "eth0", 3).unwrap();
        assert_eq!(
            (
                stats.offered,
                stats.delivered,
                stats.lost,
                stats.queue_drops
            ),
            (109, 100, 4, 3)
        );
        assert_eq!(stats.delivered_bytes, 126_500);
        assert_eq!(
            direction_stats(qdiscs, "other", 0).unwrap(),
            DirectionStats::default()
        );
    }

    #[test]
    fn discarded_datagrams_are_found_by_their_column() {
        let table = "Ip: Forwarding OutRequests OutDiscards OutNoRoutes\nIp: 1 500 12 0\nUdp: InDatagrams\nUdp: 9\n";
        assert_eq!(parse_out_discards(table), Some(12));
        assert_eq!(parse_out_discards("Udp: x\nUdp: 1\n"), None);
    }
}
