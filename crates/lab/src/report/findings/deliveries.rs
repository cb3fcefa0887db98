//! The number of receivers from which one multicast stream is faster than one stream per receiver.

use backroom_sim::{Axis, Delivery};

use super::{ALIKE, named, seconds, without};
use crate::scenario::Quantity;
use crate::statistics::{CellSummary, grouped};

/// The fastest delivery by number of receivers, and where IP multicast is faster and slower than the others.
pub(super) fn fastest(cells: &[CellSummary], varying: &[Axis]) -> Vec<String> {
    if !varying.contains(&Axis::DELIVERY) {
        return Vec::new();
    }
    let rest = without(varying, &[Axis::DELIVERY, Axis::RECEIVERS]);
    let several = cells.iter().filter(|cell| cell.first.cell.receivers > 1);
    grouped(several, &rest)
        .iter()
        .filter_map(|setting| {
            let stretches = stretches(setting);
            let sentences: Vec<_> = stretches.iter().map(Stretch::describe).collect();
            let name = named(&rest, &setting.first()?.first);
            let multicast = multicast_range(&stretches);
            (!sentences.is_empty()).then(|| format!("{name}: {}.{multicast}", sentences.join("; ")))
        })
        .collect()
}

/// A range of receiver counts with the same fastest delivery. `None` is no clear difference.
struct Stretch {
    winner: Option<Delivery>,
    first: u16,
    last: u16,
    /// For the last count, the time of the second fastest delivery divided by that of the fastest.
    ratio: f64,
}

impl Stretch {
    fn receivers(&self) -> String {
        match self.first == self.last {
            true => format!("{} receivers", self.first),
            false => format!("{} to {} receivers", self.first, self.last),
        }
    }

    fn describe(&self) -> String {
        let receivers = self.receivers();
        match self.winner {
            None => format!("no difference for {receivers}"),
            Some(winner) => format!(
                "{} for {receivers} ({:.1} times as fast as the second with {})",
                name(winner),
                self.ratio,
                self.last
            ),
        }
    }
}

fn name(delivery: Delivery) -> String {
    match delivery {
        Delivery::IpMulticast => "IP multicast".to_owned(),
        other => other.to_string(),
    }
}

/// The ranges of one setting's cells, in ascending order of receivers.
fn stretches(cells: &[&CellSummary]) -> Vec<Stretch> {
    let mut counts = grouped(cells.iter().copied(), &[Axis::RECEIVERS]);
    counts.sort_by_key(|cells| cells.first().map(|cell| cell.first.cell.receivers));
    let mut stretches: Vec<Stretch> = Vec::new();
    for cells in counts {
        let (Some((winner, ratio)), Some(cell)) = (fastest_of(&cells), cells.first()) else {
            continue;
        };
        let receivers = cell.first.cell.receivers;
        match stretches.last_mut() {
            Some(stretch) if stretch.winner == winner => {
                stretch.last = receivers;
                stretch.ratio = ratio;
            }
            _ => stretches.push(Stretch {
                winner,
                first: receivers,
                last: receivers,
                ratio,
            }),
        }
    }
    stretches
}

/// The fastest delivery, if the difference is significant, and the ratio of the second fastest time to its time.
fn fastest_of(cells: &[&CellSummary]) -> Option<(Option<Delivery>, f64)> {
    let mut timed: Vec<_> = cells
        .iter()
        .filter_map(|cell| Some((seconds(cell)?, *cell)))
        .collect();
    timed.sort_by(|one, other| one.0.total_cmp(&other.0));
    let [(best, winner), (second, next), ..] = timed.as_slice() else {
        return None;
    };
    let ratio = second / best;
    let differ = ratio > 1.0 + ALIKE && !may_be_equal(winner, next);
    let winner = differ.then_some(winner.first.cell.delivery);
    Some((winner, ratio))
}

fn may_be_equal(one: &CellSummary, other: &CellSummary) -> bool {
    let interval = |cell: &CellSummary| cell.interval_of(Quantity::Seconds);
    match (interval(one), interval(other)) {
        (Some(one), Some(other)) => one.low <= other.high && other.low <= one.high,
        _ => false,
    }
}

/// Where IP multicast is faster and slower than the other deliveries: a sentence after a space, or nothing.
fn multicast_range(stretches: &[Stretch]) -> String {
    let is_multicast = |stretch: &&Stretch| stretch.winner == Some(Delivery::IpMulticast);
    let loses: Vec<_> = stretches
        .iter()
        .filter(|stretch| stretch.winner.is_some() && !is_multicast(stretch))
        .map(Stretch::receivers)
        .collect();
    match (stretches.last().filter(is_multicast), loses.as_slice()) {
        (None, _) => String::new(),
        (Some(wins), []) => format!(
            " IP multicast is the fastest from {} receivers on, and never slower.",
            wins.first
        ),
        (Some(wins), loses) => format!(
            " IP multicast is the fastest from {} receivers on, and slower for {}.",
            wins.first,
            loses.join(" and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(winner: Option<Delivery>, first: u16, last: u16) -> Stretch {
        Stretch {
            winner,
            first,
            last,
            ratio: 1.5,
        }
    }

    #[test]
    fn the_sentence_names_where_multicast_is_faster_and_slower() {
        let [parallel, once] = [Delivery::Parallel, Delivery::IpMulticast].map(Some);
        let sentence = |stretches: &[Stretch]| multicast_range(stretches);
        assert_eq!(sentence(&[stretch(parallel, 2, 32)]), "");
        assert_eq!(
            sentence(&[stretch(None, 2, 2), stretch(once, 4, 32)]),
            " IP multicast is the fastest from 4 receivers on, and never slower."
        );
        assert_eq!(
            sentence(&[
                stretch(parallel, 2, 8),
                stretch(None, 12, 12),
                stretch(once, 16, 32)
            ]),
            " IP multicast is the fastest from 16 receivers on, and slower for 2 to 8 receivers."
        );
    }
}
