//! What theory expects of a cell: the closed forms of the textbooks.
//!
//! In units of one data segment's transmission time `t`, with `a` the one-way delay over `t`, a window of `W` segments
//! on a link that loses a fraction `p` of them has the utilisation
//!
//! - `min(1, W / (1 + 2a))` without loss,
//! - `(1 - p) / (1 + 2ap)` with loss, where the window fills the round trip, `W >= 1 + 2a`,
//! - `W (1 - p) / ((1 + 2a) (1 - p + W p))` where it does not
//!
//! (Stallings, Data and Computer Communications, appendix on ARQ performance; Schwartz, Telecommunication Networks,
//! 4.2). They take it that a loss is noticed after one round trip and that nothing waits in a queue. Here:
//!
//! - An ACK's transmission time belongs to the round trip, so `2a` is everything in it but `t`.
//! - Several parallel streams share the sender's link: to each of them it is slower by their number.
//! - One stream to `R` receivers that lose independently loses a segment with `1 - (1 - p)^R`.
//! - Without fast recovery a loss costs the fixed timer instead of a round trip. An adaptive timer, which follows the
//!   measured round trip, counts as one.

use crate::record::RunRecord;
use crate::scenario::Delivery;
use crate::wire;

/// The goodput that the closed forms expect of a cell, in 10^6 bit/s. `None` for what they know nothing of: a link
/// without a rate, or one that loses in bursts.
pub fn goodput_mbps(cell: &RunRecord) -> Option<f64> {
    let rate = cell.rate_mbps? * 1e6;
    if cell.burst != "random" && cell.loss > 0.0 {
        return None;
    }
    let bits = |bytes: u16| f64::from(bytes) * 8.0;
    let receivers = f64::from(cell.receivers);
    let delivery: Delivery = cell.delivery.parse().ok()?;
    let packet = cell.segment_bytes + wire::DATA_OVERHEAD_BYTES;
    let (streams_at_once, transfers, loss) = match delivery {
        Delivery::Sequential => (1.0, receivers, cell.loss),
        Delivery::Parallel => (receivers, 1.0, cell.loss),
        Delivery::IpMulticast if cell.loss_side == "sender" => (1.0, 1.0, cell.loss),
        Delivery::IpMulticast => (1.0, 1.0, 1.0 - (1.0 - cell.loss).powf(receivers)),
    };
    let transmission = streams_at_once * bits(packet) / rate;
    let rest_of_round_trip = 2.0 * cell.delay_ms / 1e3 + bits(wire::ACK_PACKET_BYTES) / rate;
    let timer = cell
        .timeout_ms
        .parse::<f64>()
        .ok()
        .map(|milliseconds| milliseconds / 1e3);
    let noticed_after = match (cell.recovery.as_str(), timer) {
        ("timeout", Some(timer)) => timer,
        _ => rest_of_round_trip,
    };
    let utilisation = utilisation(
        f64::from(cell.window),
        loss,
        rest_of_round_trip / transmission,
        noticed_after / transmission,
    );
    Some(utilisation * bits(cell.segment_bytes) / transmission / transfers / 1e6)
}

/// The fraction of the link's segments that are new ones. `rest` is the round trip but for the transmission, `noticed`
/// what passes until a loss is noticed, both in transmission times.
fn utilisation(window: f64, loss: f64, rest: f64, noticed: f64) -> f64 {
    let kept = 1.0 - loss;
    if window >= 1.0 + rest {
        kept / (1.0 + noticed * loss)
    } else {
        let round_trips = (1.0 + rest) * kept + window * loss * (1.0 + noticed);
        window * kept / round_trips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_loss_the_window_fills_the_round_trip_or_the_link() {
        assert_eq!(utilisation(5.0, 0.0, 19.0, 19.0), 0.25);
        assert_eq!(utilisation(20.0, 0.0, 19.0, 19.0), 1.0);
        assert_eq!(utilisation(200.0, 0.0, 19.0, 19.0), 1.0);
    }

    #[test]
    fn with_loss_they_are_the_textbooks_forms() {
        let (window, loss, rest) = (5.0, 0.1, 19.0);
        let small = window * (1.0 - loss) / ((1.0 + rest) * (1.0 - loss + window * loss));
        assert!((utilisation(window, loss, rest, rest) - small).abs() < 1e-12);
        let large = (1.0 - loss) / (1.0 + rest * loss);
        assert!((utilisation(50.0, loss, rest, rest) - large).abs() < 1e-12);
    }

    #[test]
    fn a_timer_longer_than_the_round_trip_costs_more() {
        assert!(utilisation(5.0, 0.1, 19.0, 100.0) < utilisation(5.0, 0.1, 19.0, 19.0));
    }
}
