//! One run: configures the members, sends the file, and combines the reports of the client and the shapers.

use std::net::Ipv4Addr;
use std::time::Duration;

use backroom_gbn::Timeout;
use backroom_link::{LinkConfig, Loss};
use backroom_shaper::SMALL_PACKET_BYTES;
use backroom_shaper::protocol::{Probe, Probed, ShaperConfig, ShaperStats};
use backroom_sim::{
    Cell, DelayQuantiles, LossSide, Measurement, NetworkMeasurement, egress_seed, ingress_seed,
    wire,
};
use backroom_vocabulary::account::{SegmentDelay, TransferAccount};
use backroom_vocabulary::event::Event;
use backroom_vocabulary::{Cast, Delivery};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::RoomError;
use super::member::Member;
use super::room::Room;
use crate::plan::Run;

/// Time limit for accepting an offer. No person has to accept it here, so it is accepted at once.
const OFFER_TIMEOUT: Duration = Duration::from_secs(30);
/// Give up a transfer after this long without traffic, plus twice the retransmission timeout if that is fixed.
const STALL: Duration = Duration::from_secs(30);
/// How often to check for traffic while no event arrives.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Extra time for replies to probes beyond the configured round trip, for a busy machine.
const PROBE_MARGIN_MS: u64 = 250;
/// Length of the packet train that measures the rate.
const TRAIN_SECONDS: f64 = 0.2;
/// Shortest busy time that gives a rate. A packet released 1 ms late is an error of 1 % of it.
const MIN_BUSY_SECONDS: f64 = 0.1;
/// Give up a transfer after this long in any case.
const MAX_DURATION: Duration = Duration::from_secs(3600);

/// Carries out `run` in `room`. If the transfer fails, the measurement has the reason.
///
/// # Errors
/// If the room is no longer usable.
pub(super) async fn carry_out(room: &mut Room, run: &Run) -> Result<Measurement, RoomError> {
    let cell = &*run.cell;
    let participants = cell.receivers + 1;
    let depends_on_others = matches!(cell.cast, Cast::Broadcast | Cast::Blockcast);
    if room.present() < cell.members() || depends_on_others && room.present() != cell.members() {
        room.set_present(cell.members()).await?;
    }
    let path = room.file(cell.file_bytes).await?;
    room.members.iter_mut().for_each(Member::discard_events);
    let configs = (0..participants).map(|member| shaper_config(run, member));
    room.configure(configs).await?;

    let command = file_command(cell, &room.members, &path);
    let sender = &mut room.members[0];
    for (name, value) in settings(cell) {
        sender.send_line(&format!("{name}|{value}")).await?;
    }
    sender.send_line(&command).await?;
    let outcome = wait_until_sent(sender, stall_time(cell)).await?;

    let stats = room.shaper_stats(participants).await?;
    let participants = &mut room.members[..usize::from(participants)];
    let probed = probe(cell, participants, &stats).await?;
    let mut measured = match outcome {
        Ok(sent) => measurement(cell, &sent, &stats),
        Err(reason) => Measurement {
            network: Some(network(cell, &stats)),
            failure: Some(reason),
            ..Measurement::default()
        },
    };
    if let (Some(network), Some(probed)) = (&mut measured.network, probed) {
        (network.rtt_ms, network.rate_mbps) = (probed.rtt_ms, probed.rate_mbps);
    }
    measured.unseeded = unseeded(cell, &stats);
    // After a failure the room is replaced, and its received files go with it.
    if measured.failure.is_none() {
        let receivers = participants[1..].iter_mut();
        try_join_all(receivers.map(|member| member.record_received(cell.file_bytes))).await?;
    }
    Ok(measured)
}

/// The sender's options for a cell, by the client commands that set them.
fn settings(cell: &Cell) -> [(&'static str, String); 6] {
    [
        ("window", cell.window.to_string()),
        ("recovery", cell.recovery.to_string()),
        ("timeout", cell.timeout.to_string()),
        ("copies", cell.copies.to_string()),
        ("delivery", cell.delivery.to_string()),
        ("segment", cell.segment_bytes.to_string()),
    ]
}

/// The client command that sends the file at `path` to the cell's receivers only, whoever else is in the room.
fn file_command(cell: &Cell, members: &[Member], path: &str) -> String {
    let (receivers, others) = members[1..].split_at(usize::from(cell.receivers));
    let names = |members: &[Member]| {
        let present = members.iter().filter(|member| member.is_present());
        let names: Vec<_> = present.map(|member| member.name.as_str()).collect();
        names.join("|")
    };
    match cell.cast {
        Cast::Unicast => format!("funicast|{}|{path}", names(receivers)),
        Cast::Multicast => format!("fmulticast|{}|{path}", names(receivers)),
        Cast::Broadcast => format!("fbroadcast|{path}"),
        Cast::Blockcast => format!("fblockcast|{}|{path}", names(others)),
    }
}

fn shaper_config(run: &Run, member: u16) -> ShaperConfig {
    let cell = &*run.cell;
    ShaperConfig {
        egress: cell.egress(),
        egress_seed: egress_seed(run.seed, member),
        ingress: LinkConfig {
            loss: cell.ingress_loss(),
            ..LinkConfig::default()
        },
        ingress_seed: ingress_seed(run.seed, member),
        packet_bytes: packet_bytes(cell),
        tcp_port: None,
        loss_in_kernel: false,
    }
}

/// Size of the IP packet of a full segment.
fn packet_bytes(cell: &Cell) -> usize {
    usize::from(cell.segment_bytes + wire::DATA_OVERHEAD_BYTES)
}

/// Waits for the result of the transfer that was just started. The inner error is the reason if it did not start.
pub(super) async fn wait_until_sent(
    sender: &mut Member,
    stall: Duration,
) -> Result<Result<Box<TransferAccount>, String>, RoomError> {
    let id = loop {
        match sender.next_event(Instant::now() + OFFER_TIMEOUT).await? {
            Event::Sending { id, .. } => break id,
            Event::Error { message } => return Ok(Err(message)),
            _ => {}
        }
    };
    let begun = Instant::now();
    let mut progress = (0, begun);
    loop {
        match sender.next_event(Instant::now() + CHECK_INTERVAL).await {
            Ok(Event::Sent(sent)) if sent.id == id => return Ok(Ok(sent)),
            Ok(_) => {}
            Err(RoomError::Timeout(_)) => {
                let offered = sender.side.stats().await?.egress.offered;
                if offered > progress.0 {
                    progress = (offered, Instant::now());
                }
            }
            Err(error) => return Err(error),
        }
        if progress.1.elapsed() > stall || begun.elapsed() > MAX_DURATION {
            return Err(RoomError::Failed(format!(
                "the transfer stalled or took too long and was stopped after {:.0?}",
                begun.elapsed()
            )));
        }
    }
}

/// A sender with a fixed timeout may send nothing for that long, so wait longer before giving up.
fn stall_time(cell: &Cell) -> Duration {
    match cell.timeout {
        Timeout::Fixed(timeout) => STALL + 2 * timeout,
        Timeout::Adaptive { .. } => STALL,
    }
}

fn measurement(cell: &Cell, sent: &TransferAccount, stats: &[ShaperStats]) -> Measurement {
    let failure = failed_receivers(sent, cell.receivers)
        .or_else(|| different_setting(cell, sent))
        .or_else(|| overrun(stats));
    Measurement {
        seconds: failure.is_none().then_some(sent.seconds),
        segments: sent.segments * streams(cell),
        segments_sent: sent.segments_sent,
        segments_retransmitted: sent.segments_retransmitted,
        segments_copied: sent.segments_copied,
        timeouts: sent.timeouts,
        go_backs: sent.go_backs,
        rtt_measured_ms: sent.min_rtt_ms,
        network: Some(network(cell, stats)),
        segment_delay: sent.segment_delay_ms.map(quantiles),
        failure,
        ..Measurement::default()
    }
}

fn quantiles(delay: SegmentDelay) -> DelayQuantiles {
    DelayQuantiles {
        min_ms: delay.min,
        p50_ms: delay.p50,
        p90_ms: delay.p90,
        p99_ms: delay.p99,
        max_ms: delay.max,
    }
}

/// Number of streams that carry the file.
fn streams(cell: &Cell) -> u64 {
    match cell.delivery {
        Delivery::Sequential | Delivery::Parallel => cell.receivers.into(),
        Delivery::IpMulticast => 1,
    }
}

/// Why not all `receivers` have the file.
pub(super) fn failed_receivers(sent: &TransferAccount, receivers: u16) -> Option<String> {
    let failed = sent.receivers.iter().filter(|receiver| !receiver.ok);
    let reasons: Vec<_> = failed
        .map(|receiver| {
            let error = receiver.error.as_deref().unwrap_or("no reason given");
            format!("{}: {error}", receiver.name)
        })
        .collect();
    if !reasons.is_empty() {
        return Some(reasons.join("; "));
    }
    let reached = sent.receivers.len();
    (reached != usize::from(receivers))
        .then(|| format!("{reached} receivers instead of {receivers}"))
}

/// A setting that the client reports differently from the cell, if any.
fn different_setting(cell: &Cell, sent: &TransferAccount) -> Option<String> {
    let reported = [
        ("window", sent.window.to_string()),
        ("recovery", sent.recovery.to_string()),
        ("copies", sent.copies.to_string()),
        ("delivery", sent.delivery.to_string()),
        ("segment", sent.segment_bytes.to_string()),
    ];
    let settings = settings(cell);
    reported.into_iter().find_map(|(name, actual)| {
        let (_, expected) = settings.iter().find(|(setting, _)| *setting == name)?;
        (actual != *expected).then(|| format!("{name} was {actual} instead of {expected}"))
    })
}

/// Packets that a shaper lost by itself. They distort the network, so the run does not count.
fn overrun(stats: &[ShaperStats]) -> Option<String> {
    let lost: u64 = stats
        .iter()
        .map(|stats| stats.egress.overrun + stats.ingress.overrun)
        .sum();
    (lost > 0).then(|| format!("the shaper did not keep up and lost {lost} packets"))
}

/// A note if the network draws random numbers that the run's seed does not decide.
fn unseeded(cell: &Cell, stats: &[ShaperStats]) -> Option<String> {
    let link = &cell.link;
    let random = !matches!(link.loss, Loss::None | Loss::Droplist(_))
        || !link.jitter.is_zero()
        || link.duplicate > 0.0
        || link.reorder > 0.0;
    (random && !stats.iter().all(|member| member.seeded)).then(|| {
        "the losses are not seeded: netem takes a seed from Linux 6.7 and iproute2 6.6 on"
            .to_owned()
    })
}

/// Combines the counters of all shapers. Packets are counted at the side that applies random loss, as in the
/// simulator.
fn network(cell: &Cell, stats: &[ShaperStats]) -> NetworkMeasurement {
    let mut measured = NetworkMeasurement::default();
    for member in stats {
        let deciding = match cell.loss_side {
            LossSide::Sender => &member.egress,
            LossSide::Receivers => &member.ingress,
        };
        measured.packets += deciding.offered;
        measured.packets_lost += deciding.lost;
        measured.queue_drops += member.egress.queue_drops;
        measured.receive_drops += member.receive_drops;
    }
    measured.rtt_ms = rtt_ms(cell, stats);
    measured.rate_mbps = rate_mbps(stats);
    measured
}

/// The round-trip time without queueing and transmission: the mean delay of the sender's link plus that of the
/// receiver's link whose delay deviates most from the cell's.
fn rtt_ms(cell: &Cell, stats: &[ShaperStats]) -> Option<f64> {
    let delay = |member: &ShaperStats| Some(member.egress.propagation?.mean_ms);
    let deviation = |delay_ms: f64| (delay_ms - cell.link.delay.as_secs_f64() * 1e3).abs();
    let (sender, receivers) = stats.split_first()?;
    let delays = receivers.iter().filter_map(delay);
    let back = delays.max_by(|a, b| deviation(*a).total_cmp(&deviation(*b)));
    Some(delay(sender)? + back?)
}

/// Measures the paths with probe packets after the transfer, if a shaper cannot report how long it held the
/// transfer's packets. Returns the round-trip time that deviates most from the configured one, and the rate.
async fn probe(
    cell: &Cell,
    members: &mut [Member],
    stats: &[ShaperStats],
) -> Result<Option<Probed>, RoomError> {
    let reports = |member: &ShaperStats| member.egress.propagation.is_some();
    if stats.iter().all(reports) {
        return Ok(None);
    }
    let peers: Vec<_> = members[1..].iter().map(|peer| peer.side.address).collect();
    let mut found = Probed::default();
    for peer in peers {
        // The rate is that of the sender's link, so it is measured only once.
        let train = match found.rate_mbps {
            Some(_) => 0,
            None => train(cell),
        };
        let probed = members[0].side.probe(path(cell, peer, train)).await?;
        let deviation = |rtt_ms: f64| (rtt_ms - configured_rtt_ms(cell)).abs();
        let rtt_ms = probed.rtt_ms.map(|ms| ms - small_packets_ms(cell));
        let rtts = [found.rtt_ms, rtt_ms].into_iter().flatten();
        found.rtt_ms = rtts.max_by(|a, b| deviation(*a).total_cmp(&deviation(*b)));
        found.rate_mbps = found.rate_mbps.or(probed.rate_mbps);
    }
    Ok(Some(found))
}

fn path(cell: &Cell, peer: Ipv4Addr, train: u32) -> Probe {
    let jitter_ms = 2.0 * cell.link.jitter.as_secs_f64() * 1e3;
    Probe {
        peer,
        packet_bytes: packet_bytes(cell),
        train,
        timeout_ms: (2.0 * configured_rtt_ms(cell) + jitter_ms) as u64 + PROBE_MARGIN_MS,
        lost_after_transmission: cell.loss_side == LossSide::Receivers,
    }
}

fn configured_rtt_ms(cell: &Cell) -> f64 {
    2.0 * cell.link.delay.as_secs_f64() * 1e3
}

/// Transmission time of a small probe and its reply.
fn small_packets_ms(cell: &Cell) -> f64 {
    cell.link.rate.map_or(0.0, |rate| {
        2.0 * rate.transmission_time(SMALL_PACKET_BYTES).as_secs_f64() * 1e3
    })
}

/// Number of packets that the link transmits in [`TRAIN_SECONDS`], between 20 and 500. 0 without a rate.
fn train(cell: &Cell) -> u32 {
    cell.link.rate.map_or(0, |rate| {
        let packets = TRAIN_SECONDS / rate.transmission_time(packet_bytes(cell)).as_secs_f64();
        packets.clamp(20.0, 500.0) as u32
    })
}

/// The rate of the link that was busy longest, if it was busy for at least [`MIN_BUSY_SECONDS`].
fn rate_mbps(stats: &[ShaperStats]) -> Option<f64> {
    stats
        .iter()
        .map(|member| &member.egress)
        .max_by(|a, b| a.busy_seconds.total_cmp(&b.busy_seconds))
        .filter(|busiest| busiest.busy_seconds >= MIN_BUSY_SECONDS)
        .and_then(|busiest| busiest.busy_rate_mbps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::scenario::Scenario;
    use backroom_shaper::protocol::{DirectionStats, TimeSummary};

    fn cell(receivers: u16) -> Cell {
        let text = format!("title = 'x'\n[axes]\ncast = 'broadcast'\nreceivers = {receivers}");
        let plan = Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap();
        Cell::clone(&plan.cells[0])
    }

    fn stats(offered: u64, lost: u64, queue_drops: u64, overrun: u64) -> ShaperStats {
        let egress = DirectionStats {
            offered,
            lost,
            queue_drops,
            overrun,
            ..DirectionStats::default()
        };
        ShaperStats {
            egress,
            ..ShaperStats::default()
        }
    }

    fn sent(ok: [bool; 2]) -> TransferAccount {
        let receivers = ok.map(|ok| serde_json::json!({"name": "bob", "ok": ok}));
        serde_json::from_value(serde_json::json!({
            "id": 1, "cast": "broadcast", "file": "a", "bytes": 1, "seconds": 0.5, "goodput_mbps": 0.1,
            "window": 64, "segments": 1, "segments_sent": 1, "segments_retransmitted": 0, "segments_copied": 0,
            "timeouts": 0, "go_backs": 0, "delivery": "parallel", "recovery": "fast", "copies": 1,
            "segment_bytes": 1200, "receivers": receivers,
        }))
        .unwrap()
    }

    #[test]
    fn packets_lost_by_the_shaper_invalidate_a_run() {
        assert_eq!(overrun(&[stats(10, 1, 1, 0), stats(5, 0, 0, 0)]), None);
        assert!(
            overrun(&[stats(10, 1, 1, 0), stats(5, 0, 0, 2)])
                .unwrap()
                .contains("2 packets")
        );
    }

    #[test]
    fn losses_without_a_seed_are_noted() {
        let with_loss = |loss| {
            let mut cell = cell(1);
            cell.link.loss = loss;
            let seeded = ShaperStats {
                seeded: true,
                ..stats(10, 1, 0, 0)
            };
            let not_seeded = stats(10, 1, 0, 0);
            (
                unseeded(&cell, &[seeded.clone(), seeded.clone()]),
                unseeded(&cell, &[seeded, not_seeded]),
            )
        };
        assert_eq!(with_loss(Loss::None), (None, None));
        let (seeded, not_seeded) = with_loss(Loss::Random(0.01));
        assert_eq!(seeded, None);
        assert!(not_seeded.unwrap().contains("not seeded"));
    }

    #[test]
    fn one_receiver_without_the_file_invalidates_a_run() {
        assert_eq!(failed_receivers(&sent([true, true]), 2), None);
        let failed = failed_receivers(&sent([true, false]), 2).unwrap();
        assert!(failed.starts_with("bob: "), "{failed}");
        let failed = failed_receivers(&sent([true, true]), 3).unwrap();
        assert_eq!(failed, "2 receivers instead of 3");
    }

    fn delayed(mean_ms: f64, busy_seconds: f64) -> ShaperStats {
        let egress = DirectionStats {
            propagation: Some(TimeSummary {
                mean_ms,
                ..TimeSummary::default()
            }),
            busy_rate_mbps: Some(9.5),
            busy_seconds,
            ..DirectionStats::default()
        };
        ShaperStats {
            egress,
            ..ShaperStats::default()
        }
    }

    #[test]
    fn the_round_trip_is_that_to_the_receiver_whose_delay_deviates_most() {
        let stats = [10.1, 10.2, 4.0, 12.0].map(|mean_ms| delayed(mean_ms, 0.0));
        let rtt_ms = rtt_ms(&cell(3), &stats).unwrap();
        assert!((rtt_ms - 14.1).abs() < 1e-9, "{rtt_ms}");
    }

    #[test]
    fn a_link_that_was_hardly_busy_gives_no_rate() {
        assert_eq!(rate_mbps(&[delayed(10.0, 0.05)]), None);
        assert_eq!(
            rate_mbps(&[delayed(10.0, 0.0), delayed(10.0, 0.2)]),
            Some(9.5)
        );
    }

    #[test]
    fn losses_of_all_links_add_up() {
        let cell = cell(1);
        let sum = network(&cell, &[stats(100, 3, 2, 0), stats(50, 1, 0, 0)]);
        assert_eq!(
            (sum.packets, sum.packets_lost, sum.queue_drops),
            (150, 4, 2)
        );
    }
}
