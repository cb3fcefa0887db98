//! Shaping by the kernel's network emulator, configured through `tc`.
//!
//! How this module handles netem's peculiarities:
//! - netem shapes everything that crosses it, so a `prio` qdisc sends only the shaped traffic there.
//! - Its `rate` counts Ethernet frames. A packet overhead of -14 bytes makes that IP packets, as in the link model.
//! - With a rate, its `limit` covers both the delay line and the queue. It is set to the link's queue plus the packets
//!   that fit into rate x delay. Without a queue limit it is a million, never netem's default of 1,000.
//! - It drops and counts a GSO super-packet as one packet, so shaped members send without GSO.
//! - It shapes only outgoing traffic. Incoming traffic is redirected to an `ifb` device first.
//! - Its `drops` add losses and queue overflows. Only an overflow is reported to the sender, as a discarded datagram of
//!   its IP layer (`OutDiscards`), which separates the two.
//! - It takes a seed only from Linux 6.7 and iproute2 6.6 on. An older kernel ignores the seed silently, so the trial at
//!   the start looks whether the kernel reports it back. Without a seed, losses differ from run to run.
//! - It reports neither its rate nor how long packets were held.

mod counters;
mod script;

use crate::backend::Backend;
use crate::error::ShaperError;
use crate::protocol::{ShaperConfig, ShaperStats};
use crate::{snmp, tool};

use script::INGRESS_DEVICE;

/// netem on one interface of this network namespace.
pub(super) struct Netem {
    interface: String,
    takes_seed: bool,
    discards_before: u64,
    receive_drops_before: u64,
}

impl Netem {
    /// Prepares to shape `interface`. Nothing is shaped until [`configure`](Backend::configure).
    pub(super) fn start(interface: &str) -> Result<Self, ShaperError> {
        Self::probe()?;
        Ok(Self {
            interface: interface.to_owned(),
            takes_seed: takes_seed(),
            discards_before: 0,
            receive_drops_before: 0,
        })
    }

    /// Tests whether the kernel and the privileges allow it. Leaves nothing behind. The error names the missing part.
    pub(super) fn probe() -> Result<(), ShaperError> {
        let tried = tool::run("tc", "qdisc add dev lo root netem limit 1000");
        tried.map_err(|error| match error {
            ShaperError::Tool { stderr, .. }
                if stderr.contains("unknown") || stderr.contains("not supported") =>
            {
                ShaperError::Unsupported("this kernel has no netem (module sch_netem)")
            }
            other => other,
        })?;
        tool::run("tc", "qdisc del dev lo root").map(drop)
    }

    fn clear(&self) {
        // Each command fails if there is nothing to remove.
        let interface = &self.interface;
        let _ = tool::run("tc", &format!("qdisc del dev {interface} root"));
        let _ = tool::run("tc", &format!("qdisc del dev {interface} ingress"));
        let _ = tool::run("ip", &format!("link del {INGRESS_DEVICE}"));
    }
}

/// Whether kernel and iproute2 let a seed decide what is lost. Leaves nothing behind.
fn takes_seed() -> bool {
    let reported = tool::run("tc", "qdisc add dev lo root netem loss random 1% seed 1")
        .and_then(|_| tool::run("tc", "-j qdisc show dev lo"));
    // Fails if the first command did.
    let _ = tool::run("tc", "qdisc del dev lo root");
    reported.is_ok_and(|qdiscs| qdiscs.contains("\"seed\":1"))
}

impl Backend for Netem {
    fn configure(&mut self, config: &ShaperConfig) -> Result<(), ShaperError> {
        let egress = script::egress(&self.interface, config, self.takes_seed)?;
        let ingress = script::ingress(&self.interface, config, self.takes_seed)?;
        self.clear();
        tool::run_with_input("tc", "-batch -", &egress)?;
        if let Some(ingress) = ingress {
            tool::run("ip", &format!("link add {INGRESS_DEVICE} type ifb"))?;
            tool::run("ip", &format!("link set {INGRESS_DEVICE} up"))?;
            tool::run_with_input("tc", "-batch -", &ingress)?;
        }
        let snmp = snmp::read()?;
        self.discards_before = snmp.ip_out_discards;
        self.receive_drops_before = snmp.udp_rcvbuf_errors;
        Ok(())
    }

    fn stats(&mut self) -> Result<ShaperStats, ShaperError> {
        let qdiscs = tool::run("tc", "-s -j qdisc show")?;
        let snmp = snmp::read()?;
        let overflows = snmp.ip_out_discards.saturating_sub(self.discards_before);
        let egress = counters::direction_stats(&qdiscs, &self.interface, overflows)?;
        let ingress = counters::direction_stats(&qdiscs, INGRESS_DEVICE, 0)?;
        Ok(ShaperStats {
            egress,
            ingress,
            seeded: self.takes_seed,
            receive_drops: (snmp.udp_rcvbuf_errors).saturating_sub(self.receive_drops_before),
        })
    }
}

impl Drop for Netem {
    fn drop(&mut self) {
        self.clear();
    }
}
