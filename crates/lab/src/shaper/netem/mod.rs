//! Shaping by the kernel's network emulator, told what to do by `tc`.
//!
//! netem has its traps, and this is how they are met:
//! - It shapes whatever crosses it, so a `prio` qdisc sends only what is to be shaped there.
//! - Its `rate` counts Ethernet frames; a packet overhead of -14 makes that IP packets, as in the link model.
//! - With a rate, its `limit` is delay line and queue in one. It is set to the link's queue plus the packets that fit
//!   into rate x delay; without a limited queue to a million, never to the 1,000 that it takes by itself.
//! - It loses and counts a GSO super-packet as one packet: shaped members send without GSO.
//! - It shapes only what leaves, so what is to happen on the way in happens on an `ifb` device that comes first.
//! - Its `drops` are losses and overflows together, but only an overflow is reported to the sender, as a discarded
//!   datagram of its IP layer (`OutDiscards`). That tells the two apart.
//! - It says nothing of its rate; the interface is watched instead ([`peak`]).
//! - It takes no seed before kernel 6.6 and iproute2 6.6, so losses differ from run to run, and says nothing of how long
//!   packets really took.

mod counters;
mod peak;
mod script;

use peak::PeakMeter;

use super::protocol::{ShaperConfig, ShaperStats};
use super::{Backend, ShaperError, snmp, tool};

/// The device that incoming UDP passes where some of it is to be lost.
const INGRESS_DEVICE: &str = "backroom-in";
/// Bytes of the Ethernet header, which qdiscs count and IP packets don't have.
const ETHERNET_HEADER_BYTES: u64 = 14;

/// netem on one interface of this network namespace.
pub(super) struct Netem {
    interface: String,
    discards_before: u64,
    receive_drops_before: u64,
    /// Once it shapes.
    peak: Option<PeakMeter>,
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
            receive_drops_before: 0,
            peak: None,
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
                ShaperError::Unsupported("this kernel has no netem (module sch_netem)")
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
        let (bytes, tcp_port) = (config.packet_bytes, config.tcp_port);
        let egress = script::egress(&self.interface, &config.egress, bytes, tcp_port)?;
        let ingress = script::ingress(&self.interface, &config.ingress, bytes, tcp_port)?;
        self.clear();
        tool::run_with_input("tc", &["-batch", "-"], &egress)?;
        if let Some(ingress) = ingress {
            tool::run("ip", &["link", "add", INGRESS_DEVICE, "type", "ifb"])?;
            tool::run("ip", &["link", "set", INGRESS_DEVICE, "up"])?;
            tool::run_with_input("tc", &["-batch", "-"], &ingress)?;
        }
        self.discards_before = snmp::out_discards()?;
        self.receive_drops_before = snmp::receive_drops()?;
        self.peak = Some(PeakMeter::start(&self.interface)?);
        Ok(())
    }

    fn stats(&mut self) -> Result<ShaperStats, ShaperError> {
        let qdiscs = tool::run("tc", &["-s", "-j", "qdisc", "show"])?;
        let overflows = snmp::out_discards()?.saturating_sub(self.discards_before);
        let mut egress = counters::direction_stats(&qdiscs, &self.interface, overflows)?;
        egress.busy_rate_mbps = self.peak.as_ref().and_then(PeakMeter::mbps);
        let ingress = counters::direction_stats(&qdiscs, INGRESS_DEVICE, 0)?;
        Ok(ShaperStats {
            egress,
            ingress,
            receive_drops: snmp::receive_drops()?.saturating_sub(self.receive_drops_before),
        })
    }
}

impl Drop for Netem {
    fn drop(&mut self) {
        self.clear();
    }
}
