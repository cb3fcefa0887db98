//! netem's packet counters, with losses and queue overflows separated.

use serde::Deserialize;

use crate::error::ShaperError;
use crate::protocol::DirectionStats;

/// Bytes of the Ethernet header. Queueing disciplines and interfaces count it, the link model does not.
pub(super) const ETHERNET_HEADER_BYTES: u64 = 14;

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

/// Counts of the netem on `device`, taken from the output of `tc -s -j qdisc show`. All zero if `device` has no netem.
/// `overflows` is how many of its drops were queue overflows.
pub(super) fn direction_stats(
    qdiscs: &str,
    device: &str,
    overflows: u64,
) -> Result<DirectionStats, ShaperError> {
    let qdiscs: Vec<Qdisc> =
        serde_json::from_str(qdiscs).map_err(|error| ShaperError::Unreadable {
            command: "tc -s -j qdisc show",
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
        delivered: netem.packets,
        delivered_bytes,
        ..DirectionStats::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflows_are_the_drops_that_were_reported_to_the_sender() {
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
}
