//! The comparisons: contestants, networks and targets.

use std::time::Duration;

use backroom_link::{LinkConfig, Loss};

use crate::tool::{Ours, Tool};

/// File to several receivers.
const FIFTY_MB: u64 = 50_000_000;
/// File on lossy links without delay.
const LOSSY_BYTES: u64 = 64 << 20;
/// File of atftp at 1 % and at 5 % loss. It is small because atftp waits a second after most lost ACKs. At 1 %, a smaller
/// file would often lose no ACK, and the result would depend on chance.
const ATFTP_BYTES: [u64; 2] = [16 << 20, 512 << 10];
/// File on the long path.
const PATH_BYTES: u64 = 10_000_000;
/// File over an uplink of 100 Mbit/s.
const UPLINK_BYTES: u64 = 25_000_000;
/// Payload of our segments. Their datagrams have 1,452 bytes, the initial size of quinn's.
const SEGMENT_BYTES: u16 = 1_415;

/// Several contestants under the same conditions.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// In rows and for `--only`.
    pub(crate) name: &'static str,
    /// As a heading.
    pub(crate) title: &'static str,
    /// Largest number of receivers of a contestant.
    pub(crate) receivers: u16,
    /// `None` does not shape.
    pub(crate) network: Option<Network>,
    /// Number of testbeds that take turns at the same time. More than one only if contestants leave the machine idle.
    pub(crate) rooms: usize,
    /// Ours come first.
    pub(crate) contestants: Vec<Contestant>,
    /// Number of contestants that are ours. The best of them counts for each target.
    pub(crate) ours: usize,
    pub(crate) targets: Vec<Target>,
}

/// One program with its options.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    /// Unique in its comparison.
    pub(crate) name: &'static str,
    pub(crate) tool: Tool,
    /// Size of its file.
    pub(crate) bytes: u64,
    /// Number of its receivers.
    pub(crate) receivers: u16,
}

/// The network of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    /// The link for packets that a member sends.
    pub(crate) egress: LinkConfig,
    /// The link for packets that a member receives. Delayed TCP must be shaped here: on the way out, TCP would send less
    /// while its packets are still on the host.
    pub(crate) ingress: LinkConfig,
    /// The kernel drops packets on the way in. Without delay, verdicts from user space would dominate the round trip.
    pub(crate) loss_in_kernel: bool,
}

/// A target: a bound on the ratio between our best contestant and another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    /// The other contestant.
    pub(crate) against: &'static str,
    pub(crate) quantity: Quantity,
    pub(crate) bound: Bound,
}

/// The quantity of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Bits of the file per second.
    Goodput,
    /// Completion time.
    Seconds,
    /// Processor time of the sender per byte of the file.
    Processor,
}

/// A bound on a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// All comparisons in the order in which they are measured.
pub(crate) fn comparisons() -> Vec<Comparison> {
    let [few, many] = ATFTP_BYTES;
    vec![
        three_receivers(),
        lossy(
            "loss-1",
            "64 MiB at 1 % loss both ways",
            0.01,
            few,
            Some(100.0),
        ),
        lossy("loss-5", "64 MiB at 5 % loss both ways", 0.05, many, None),
        path(),
        uplink(),
    ]
}

fn three_receivers() -> Comparison {
    let contestant = |name, tool| Contestant {
        name,
        tool,
        bytes: FIFTY_MB,
        receivers: 3,
    };
    let ours = |delivery| {
        Tool::Backroom(Ours {
            delivery,
            window: "1024",
            segment_bytes: SEGMENT_BYTES,
            copies: 1,
        })
    };
    Comparison {
        name: "three",
        title: "50 MB to three receivers, no shaping",
        receivers: 3,
        network: None,
        rooms: 1,
        ours: 1,
        contestants: vec![
            contestant("backroom, ip-multicast", ours("ip-multicast")),
            contestant("backroom, parallel", ours("parallel")),
            contestant("uftp, AES-256-GCM", Tool::Uftp { encrypted: true }),
            contestant("uftp, plain", Tool::Uftp { encrypted: false }),
        ],
        targets: vec![
            faster_than("uftp, AES-256-GCM", 3.0),
            faster_than("uftp, plain", 1.5),
        ],
    }
}

fn lossy(
    name: &'static str,
    title: &'static str,
    loss: f64,
    atftp_bytes: u64,
    beside_atftp: Option<f64>,
) -> Comparison {
    let contestant = |name, tool, bytes| Contestant {
        name,
        tool,
        bytes,
        receivers: 1,
    };
    // A round trip takes about as long as sending ten segments. A smaller window waits, a larger one resends needlessly.
    let ours = |name, window| {
        let tool = Tool::Backroom(Ours {
            delivery: "parallel",
            window,
            segment_bytes: SEGMENT_BYTES,
            copies: 1,
        });
        contestant(name, tool, LOSSY_BYTES)
    };
    let atftp = beside_atftp.map(|bound| faster_than("atftp", bound));
    Comparison {
        name,
        title,
        receivers: 1,
        network: Some(Network {
            egress: LinkConfig::default(),
            ingress: LinkConfig {
                loss: Loss::Random(loss),
                ..LinkConfig::default()
            },
            loss_in_kernel: true,
        }),
        rooms: 1,
        ours: 3,
        contestants: vec![
            ours("backroom, window 8", "8"),
            ours("backroom, window 12", "12"),
            ours("backroom, window 16", "16"),
            contestant(
                "uftp, AES-256-GCM",
                Tool::Uftp { encrypted: true },
                LOSSY_BYTES,
            ),
            contestant("atftp", Tool::Atftp, atftp_bytes),
        ],
        targets: atftp
            .into_iter()
            .chain([faster_than("uftp, AES-256-GCM", 1.0)])
            .collect(),
    }
}

fn path() -> Comparison {
    let contestant = |name, tool| Contestant {
        name,
        tool,
        bytes: PATH_BYTES,
        receivers: 1,
    };
    let ours = |window, copies| {
        Tool::Backroom(Ours {
            delivery: "parallel",
            window,
            segment_bytes: SEGMENT_BYTES,
            copies,
        })
    };
    Comparison {
        name: "path",
        title: "10 MB at 1 % loss, 100 Mbit/s, 20 ms each way",
        receivers: 1,
        network: Some(Network {
            egress: LinkConfig::default(),
            ingress: LinkConfig {
                loss: Loss::Random(0.01),
                delay: Duration::from_millis(20),
                ..hundred_mbit()
            },
            loss_in_kernel: false,
        }),
        rooms: 3,
        ours: 2,
        contestants: vec![
            contestant("backroom", ours("300", 1)),
            contestant("backroom, 2 copies", ours("200", 2)),
            contestant("TCP cubic", Tool::Iperf3),
            contestant("quinn", Tool::Quinn),
        ],
        targets: vec![faster_than("TCP cubic", 8.0), faster_than("quinn", 5.0)],
    }
}

fn uplink() -> Comparison {
    let to = |name, receivers| Contestant {
        name,
        tool: Tool::Backroom(Ours {
            delivery: "ip-multicast",
            window: "512",
            segment_bytes: SEGMENT_BYTES,
            copies: 1,
        }),
        bytes: UPLINK_BYTES,
        receivers,
    };
    let at_most = |quantity, bound| Target {
        against: "to 1 receiver",
        quantity,
        bound: Bound::AtMost(bound),
    };
    Comparison {
        name: "uplink",
        title: "25 MB by IP multicast over an uplink of 100 Mbit/s",
        receivers: 8,
        network: Some(Network {
            egress: hundred_mbit(),
            ingress: LinkConfig::default(),
            loss_in_kernel: false,
        }),
        rooms: 1,
        ours: 1,
        contestants: vec![to("to 8 receivers", 8), to("to 1 receiver", 1)],
        targets: vec![
            at_most(Quantity::Seconds, 1.1),
            at_most(Quantity::Processor, 1.3),
        ],
    }
}

fn hundred_mbit() -> LinkConfig {
    LinkConfig {
        rate: "100mbit".parse().ok(),
        ..LinkConfig::default()
    }
}

fn faster_than(against: &'static str, bound: f64) -> Target {
    Target {
        against,
        quantity: Quantity::Goodput,
        bound: Bound::AtLeast(bound),
    }
}

impl Bound {
    pub(crate) fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(out, ">= {bound}"),
            Self::AtMost(bound) => write!(out, "<= {bound}"),
        }
    }
}

impl Quantity {
    /// In the column `quantity`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Goodput => "goodput",
            Self::Seconds => "seconds",
            Self::Processor => "processor",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_targets_name_contestants() {
        let comparisons = comparisons();
        let names: HashSet<_> = comparisons.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), comparisons.len());
        for comparison in comparisons {
            let names: HashSet<_> = comparison.contestants.iter().map(|one| one.name).collect();
            assert_eq!(names.len(), comparison.contestants.len());
            let ours = comparison.contestants.iter().take(comparison.ours);
            assert!(comparison.ours > 0 && ours.clone().count() == comparison.ours);
            for one in ours {
                assert!(matches!(one.tool, Tool::Backroom(_)), "{one:?}");
            }
            for target in &comparison.targets {
                assert!(names.contains(target.against), "{target:?}");
            }
            let most = comparison.contestants.iter().map(|one| one.receivers).max();
            assert_eq!(most, Some(comparison.receivers));
        }
    }

    #[test]
    fn a_shaped_rate_is_one() {
        assert!(hundred_mbit().rate.is_some());
    }

    #[test]
    fn a_bound_holds_on_its_own_side() {
        assert!(Bound::AtLeast(2.0).holds(2.0) && !Bound::AtLeast(2.0).holds(1.99));
        assert!(Bound::AtMost(1.1).holds(1.1) && !Bound::AtMost(1.1).holds(1.11));
    }
}
