//! Shaping by the kernel's network emulator, told what to do by `tc`.
//!
//! netem has its traps, and this is how they are met:
//! - It shapes whatever crosses it, so a `prio` qdisc sends only UDP there.
//! - Its `rate` counts Ethernet frames; a packet overhead of -14 makes that IP packets, as in the link model.
//! - With a rate, its `limit` is delay line and queue in one. It is set to the link's queue plus the packets that fit
//!   into rate x delay; without a limited queue to [`UNLIMITED`], never to the 1,000 that it takes by itself.
//! - It loses and counts a GSO super-packet as one packet: shaped members send without GSO.
//! - It shapes only what leaves, so losses on the way in are made on an `ifb` device that incoming UDP passes first.
//! - Its `drops` are losses and overflows together, but only an overflow is reported to the sender, as a discarded
//!   datagram of its IP layer (`OutDiscards`). That tells the two apart.
//! - It takes no seed before kernel 6.6 and iproute2 6.6, so losses differ from run to run, and says nothing of how long
//!   packets really took.

use std::fmt::Write;
use std::fs;

use backroom_link::{LinkConfig, Loss};
use serde::Deserialize;

use super::protocol::{DirectionStats, ShaperConfig, ShaperStats};
use super::{Backend, ShaperError, tool};

/// Packets that a link holds for which no queue limit was asked.
const UNLIMITED: usize = 1_000_000;
/// The device that incoming UDP passes where some of it is to be lost.
const INGRESS_DEVICE: &str = "backroom-in";
/// Bytes of the Ethernet header, which qdiscs count and IP packets don't have.
const ETHERNET_HEADER_BYTES: u64 = 14;
const SHOW: &str = "tc -s -j qdisc show";

/// netem on one interface of this network namespace.
pub(super) struct Netem {
    interface: String,
    discards_before: u64,
}

impl Netem {
    /// Gets ready to shape `interface`; nothing is shaped before it is configured.
    ///
    /// # Errors
    /// When this kernel has no netem, or without NET_ADMIN.
    pub(super) fn start(interface: &str) -> Result<Self, ShaperError> {
        Self::probe()?;
        Ok(Self {
            interface: interface.to_owned(),
            discards_before: 0,
        })
    }

    /// Whether this kernel and these privileges allow it; leaves nothing behind.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn probe() -> Result<(), ShaperError> {
        tool::run(
            "tc",
            &[
                "qdisc", "add", "dev", "lo", "root", "netem", "limit", "1000",
            ],
        )
        .map_err(|error| match error {
            ShaperError::Tool { said, .. }
                if said.contains("unknown") || said.contains("not supported") =>
            {
                ShaperError::Unsupported(
                    "this kernel has no netem (module sch_netem); use the shaper nfqueue",
                )
            }
            other => other,
        })?;
        tool::run("tc", &["qdisc", "del", "dev", "lo", "root"]).map(drop)
    }

    fn clear(&self) {
        // Each fails where there is nothing to take away.
        let _ = tool::run("tc", &["qdisc", "del", "dev", &self.interface, "root"]);
        let _ = tool::run("tc", &["qdisc", "del", "dev", &self.interface, "ingress"]);
        let _ = tool::run("ip", &["link", "del", INGRESS_DEVICE]);
    }
}

impl Backend for Netem {
    fn configure(&mut self, config: &ShaperConfig) -> Result<(), ShaperError> {
        let egress = egress_script(&self.interface, &config.egress, config.packet_bytes)?;
        let ingress = ingress_script(&self.interface, &config.ingress_loss)?;
        self.clear();
        tool::run_with_input("tc", &["-batch", "-"], &egress)?;
        if let Some(ingress) = ingress {
            tool::run("ip", &["link", "add", INGRESS_DEVICE, "type", "ifb"])?;
            tool::run("ip", &["link", "set", INGRESS_DEVICE, "up"])?;
            tool::run_with_input("tc", &["-batch", "-"], &ingress)?;
        }
        self.discards_before = out_discards()?;
        Ok(())
    }

    fn stats(&mut self) -> Result<ShaperStats, ShaperError> {
        let qdiscs = tool::run("tc", &["-s", "-j", "qdisc", "show"])?;
        let overflows = out_discards()?.saturating_sub(self.discards_before);
        Ok(ShaperStats {
            egress: direction_stats(&qdiscs, &self.interface, overflows)?,
            ingress: direction_stats(&qdiscs, INGRESS_DEVICE, 0)?,
        })
    }
}

impl Drop for Netem {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Lines for `tc -batch` that shape what leaves `interface`.
fn egress_script(
    interface: &str,
    link: &LinkConfig,
    packet_bytes: usize,
) -> Result<String, ShaperError> {
    let netem = netem_options(link, packet_bytes)?;
    Ok(format!(
        "qdisc add dev {interface} root handle 1: prio bands 3 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
         qdisc add dev {interface} parent 1:3 handle 30: netem {netem}\n\
         filter add dev {interface} parent 1: protocol ip prio 1 u32 match ip protocol 17 0xff flowid 1:3\n"
    ))
}

/// Lines for `tc -batch` that lose some of what comes in on `interface`; `None` where nothing is to be lost.
fn ingress_script(interface: &str, loss: &Loss) -> Result<Option<String>, ShaperError> {
    let loss = loss_options(loss)?;
    Ok((!loss.is_empty()).then(|| {
        format!(
            "qdisc add dev {INGRESS_DEVICE} root handle 30: netem limit {UNLIMITED}{loss}\n\
             qdisc add dev {interface} handle ffff: ingress\n\
             filter add dev {interface} parent ffff: protocol ip prio 1 u32 match ip protocol 17 0xff \
             action mirred egress redirect dev {INGRESS_DEVICE}\n"
        )
    }))
}

/// What follows the word `netem`.
fn netem_options(link: &LinkConfig, packet_bytes: usize) -> Result<String, ShaperError> {
    let mut options = format!("limit {}", limit(link, packet_bytes));
    if !link.delay.is_zero() || !link.jitter.is_zero() {
        let _ = write!(options, " delay {:.3}us", link.delay.as_secs_f64() * 1e6);
        if !link.jitter.is_zero() {
            let _ = write!(options, " {:.3}us", link.jitter.as_secs_f64() * 1e6);
        }
    }
    options.push_str(&loss_options(&link.loss)?);
    if link.duplicate > 0.0 {
        let _ = write!(options, " duplicate {}", percent(link.duplicate));
    }
    if link.reorder > 0.0 {
        let _ = write!(options, " reorder {}", percent(link.reorder));
    }
    if let Some(rate) = link.rate {
        let _ = write!(
            options,
            " rate {}bit -{ETHERNET_HEADER_BYTES}",
            rate.bits_per_second()
        );
    }
    Ok(options)
}

fn loss_options(loss: &Loss) -> Result<String, ShaperError> {
    match *loss {
        Loss::None => Ok(String::new()),
        Loss::Random(fraction) => Ok(format!(" loss random {}", percent(fraction))),
        Loss::GilbertElliott {
            p,
            r,
            loss_good,
            loss_bad,
        } => Ok([
            " loss gemodel".to_owned(),
            percent(p),
            percent(r),
            percent(loss_bad),
            percent(loss_good),
        ]
        .join(" ")),
        Loss::Droplist(_) => Err(ShaperError::Unsupported(
            "netem can't drop packets by number; use the shaper nfqueue",
        )),
    }
}

/// Queue and delay line together, in packets.
fn limit(link: &LinkConfig, packet_bytes: usize) -> usize {
    let longest = LinkConfig {
        delay: link.delay + link.jitter,
        ..link.clone()
    };
    match (link.queue, longest.packets_in_flight(packet_bytes)) {
        (Some(queue), Some(in_flight)) => queue.saturating_add(in_flight as usize).min(UNLIMITED),
        _ => UNLIMITED,
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.7}%", fraction * 100.0)
}

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

/// Counts of the netem on `device`; all zero where there is none.
fn direction_stats(
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
fn out_discards() -> Result<u64, ShaperError> {
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
    use std::time::Duration;

    use super::*;

    fn link() -> LinkConfig {
        LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: Duration::from_millis(10),
            queue: Some(100),
            ..LinkConfig::default()
        }
    }

    #[test]
    fn sizes_are_those_of_ip_packets_and_the_limit_holds_the_delay_line_too() {
        // 10 Mbit/s x 10 ms = 12,500 bytes = 9.9 packets of 1,265.
        assert_eq!(
            netem_options(&link(), 1265).unwrap(),
            "limit 110 delay 10000.000us rate 10000000bit -14"
        );
    }

    #[test]
    fn an_unlimited_queue_is_not_left_to_the_default_of_1000() {
        let link = LinkConfig {
            queue: None,
            ..link()
        };
        assert!(
            netem_options(&link, 1265)
                .unwrap()
                .starts_with("limit 1000000 ")
        );
        let link = LinkConfig {
            rate: None,
            queue: Some(5),
            ..link
        };
        assert!(
            netem_options(&link, 1265)
                .unwrap()
                .starts_with("limit 1000000 ")
        );
    }

    #[test]
    fn losses_are_written_in_netems_terms() {
        assert_eq!(loss_options(&Loss::None).unwrap(), "");
        assert_eq!(
            loss_options(&Loss::Random(0.02)).unwrap(),
            " loss random 2.0000000%"
        );
        let bursts = Loss::GilbertElliott {
            p: 0.01,
            r: 0.25,
            loss_good: 0.0,
            loss_bad: 0.5,
        };
        assert_eq!(
            loss_options(&bursts).unwrap(),
            " loss gemodel 1.0000000% 25.0000000% 50.0000000% 0.0000000%"
        );
        assert!(loss_options(&Loss::Droplist(vec![3])).is_err());
    }

    #[test]
    fn only_udp_is_sent_through_netem() {
        let script = egress_script("eth0", &link(), 1265).unwrap();
        assert!(
            script.contains("match ip protocol 17 0xff flowid 1:3"),
            "{script}"
        );
        assert!(
            script.contains("parent 1:3 handle 30: netem limit"),
            "{script}"
        );
        assert_eq!(ingress_script("eth0", &Loss::None).unwrap(), None);
    }

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
            direction_stats(qdiscs, INGRESS_DEVICE, 0).unwrap(),
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
