//! Scripts for `tc -batch` that configure netem for a link.

use std::fmt::Write;

use backroom_link::{LinkConfig, Loss};

use super::counters::ETHERNET_HEADER_BYTES;
use crate::error::ShaperError;
use crate::protocol::ShaperConfig;

/// The `ifb` device that incoming traffic passes if any of it is to be shaped.
pub(super) const INGRESS_DEVICE: &str = "backroom-in";
/// netem's limit in packets for a link without a queue limit.
const UNLIMITED: usize = 1_000_000;

/// The script that shapes the UDP and, if asked, the TCP that leave `interface`. Fails if netem does not support the link.
/// `seed`: whether netem takes a seed.
pub(super) fn egress(
    interface: &str,
    config: &ShaperConfig,
    seed: bool,
) -> Result<String, ShaperError> {
    let netem = netem_options(
        &config.egress,
        config.packet_bytes,
        seed.then_some(config.egress_seed),
    )?;
    let mut script = format!(
        "qdisc add dev {interface} root handle 1: prio bands 3 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
         qdisc add dev {interface} parent 1:3 handle 30: netem {netem}\n"
    );
    for traffic in shaped(config.tcp_port) {
        let _ = writeln!(
            script,
            "filter add dev {interface} parent 1: protocol ip prio 1 u32 {traffic} flowid 1:3"
        );
    }
    Ok(script)
}

/// The script that shapes the same traffic as it arrives on `interface`. `None` if the link changes nothing.
pub(super) fn ingress(
    interface: &str,
    config: &ShaperConfig,
    seed: bool,
) -> Result<Option<String>, ShaperError> {
    let netem = netem_options(
        &config.ingress,
        config.packet_bytes,
        seed.then_some(config.ingress_seed),
    )?;
    if config.ingress == LinkConfig::default() {
        return Ok(None);
    }
    let mut script = format!(
        "qdisc add dev {INGRESS_DEVICE} root handle 30: netem {netem}\n\
         qdisc add dev {interface} handle ffff: ingress\n"
    );
    for traffic in shaped(config.tcp_port) {
        let _ = writeln!(
            script,
            "filter add dev {interface} parent ffff: protocol ip prio 1 u32 {traffic} \
             action mirred egress redirect dev {INGRESS_DEVICE}"
        );
    }
    Ok(Some(script))
}

/// Matches of the u32 classifier for the shaped traffic.
fn shaped(tcp_port: Option<u16>) -> Vec<String> {
    let mut shaped = vec!["match ip protocol 17 0xff".to_owned()];
    if let Some(port) = tcp_port {
        shaped.extend(
            ["sport", "dport"]
                .map(|side| format!("match ip protocol 6 0xff match ip {side} {port} 0xffff")),
        );
    }
    shaped
}

/// The options of `tc qdisc add ... netem`.
fn netem_options(
    link: &LinkConfig,
    packet_bytes: usize,
    seed: Option<u64>,
) -> Result<String, ShaperError> {
    // Names every field, so that the compiler asks here about a new one.
    let LinkConfig {
        rate,
        delay,
        jitter,
        queue: _,
        ref loss,
        duplicate,
        reorder,
    } = *link;
    let mut options = format!("limit {}", limit(link, packet_bytes));
    // netem refuses `reorder` without a delay, and then there is nothing to skip.
    if !delay.is_zero() {
        let _ = write!(options, " delay {:.3}us", delay.as_secs_f64() * 1e6);
        if !jitter.is_zero() {
            let _ = write!(options, " {:.3}us", jitter.as_secs_f64() * 1e6);
        }
        if reorder > 0.0 {
            let _ = write!(options, " reorder {}", percent(reorder));
        }
    }
    options.push_str(&loss_options(loss)?);
    if duplicate > 0.0 {
        let _ = write!(options, " duplicate {}", percent(duplicate));
    }
    if let Some(rate) = rate {
        let bits = rate.bits_per_second();
        let _ = write!(options, " rate {bits}bit -{ETHERNET_HEADER_BYTES}");
    }
    if let Some(seed) = seed {
        let _ = write!(options, " seed {seed}");
    }
    Ok(options)
}

fn loss_options(loss: &Loss) -> Result<String, ShaperError> {
    match *loss {
        Loss::None => Ok(String::new()),
        Loss::Random(fraction) => Ok(format!(" loss random {}", percent(fraction))),
        Loss::GilbertElliott(model) => {
            let percents = [model.p, model.r, model.loss_bad, model.loss_good].map(percent);
            Ok(format!(" loss gemodel {}", percents.join(" ")))
        }
        Loss::Droplist(_) => Err(ShaperError::Unsupported(
            "netem cannot drop packets by number; use the shaper nfqueue",
        )),
    }
}

/// Size of queue and delay line together, in packets.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backroom_link::GilbertElliott;

    use super::*;

    fn link() -> LinkConfig {
        LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: Duration::from_millis(10),
            queue: Some(100),
            ..LinkConfig::default()
        }
    }

    fn config(link: LinkConfig, tcp_port: Option<u16>) -> ShaperConfig {
        ShaperConfig {
            egress: link.clone(),
            egress_seed: 1,
            ingress: link,
            ingress_seed: 1,
            packet_bytes: 1265,
            tcp_port,
            loss_in_kernel: false,
        }
    }

    #[test]
    fn sizes_are_those_of_ip_packets_and_the_limit_holds_the_delay_line_too() {
        // 10 Mbit/s x 10 ms = 12,500 bytes = 9.9 packets of 1,265.
        assert_eq!(
            netem_options(&link(), 1265, None).unwrap(),
            "limit 110 delay 10000.000us rate 10000000bit -14"
        );
    }

    #[test]
    fn every_impairment_has_its_option() {
        let link = LinkConfig {
            jitter: Duration::from_millis(2),
            loss: Loss::Random(0.02),
            duplicate: 0.03,
            reorder: 0.1,
            ..link()
        };
        // The longest delay is 12 ms: 15,000 bytes = 11.9 packets of 1,265.
        assert_eq!(
            netem_options(&link, 1265, Some(7)).unwrap(),
            "limit 112 delay 10000.000us 2000.000us reorder 10.0000000% loss random 2.0000000% \
             duplicate 3.0000000% rate 10000000bit -14 seed 7"
        );
        let without_delay = LinkConfig {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            ..link
        };
        let options = netem_options(&without_delay, 1265, None).unwrap();
        assert!(!options.contains("reorder"), "{options}");
    }

    #[test]
    fn an_unlimited_queue_is_not_left_to_the_default_of_1000() {
        let link = LinkConfig {
            queue: None,
            ..link()
        };
        assert!(
            netem_options(&link, 1265, None)
                .unwrap()
                .starts_with("limit 1000000 ")
        );
        let link = LinkConfig {
            rate: None,
            queue: Some(5),
            ..link
        };
        assert!(
            netem_options(&link, 1265, None)
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
        let bursts = Loss::GilbertElliott(GilbertElliott {
            p: 0.01,
            r: 0.25,
            loss_good: 0.0,
            loss_bad: 0.5,
        });
        assert_eq!(
            loss_options(&bursts).unwrap(),
            " loss gemodel 1.0000000% 25.0000000% 50.0000000% 0.0000000%"
        );
        assert!(loss_options(&Loss::Droplist(vec![3])).is_err());
    }

    #[test]
    fn only_udp_is_sent_through_netem() {
        let script = egress("eth0", &config(link(), None), true).unwrap();
        assert!(
            script.contains("match ip protocol 17 0xff flowid 1:3"),
            "{script}"
        );
        assert!(
            script.contains("parent 1:3 handle 30: netem limit") && script.contains(" seed 1\n"),
            "{script}"
        );
        assert!(!script.contains("protocol 6"), "{script}");
        let nothing = ingress("eth0", &config(LinkConfig::default(), None), true);
        assert_eq!(nothing.unwrap(), None);
    }

    #[test]
    fn the_tcp_of_a_port_is_sent_through_netem_both_ways_where_asked_for() {
        let config = config(link(), Some(5201));
        let egress = egress("eth0", &config, true).unwrap();
        let ingress = ingress("eth0", &config, true).unwrap().unwrap();
        for side in ["sport", "dport"] {
            let filter = format!("match ip protocol 6 0xff match ip {side} 5201 0xffff ");
            assert!(
                egress.contains(&format!("{filter}flowid 1:3\n")),
                "{egress}"
            );
            assert!(
                ingress.contains(&format!("{filter}action mirred")),
                "{ingress}"
            );
        }
        assert!(ingress.contains("netem limit 110 delay"), "{ingress}");
    }
}
