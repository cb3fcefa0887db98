//! In which order cells are shown.

use std::cmp::Ordering;

use crate::scenario::{Cast, Delivery, LossSide};

/// Compares two cells by their values on all axes: numbers by size, words as the scenarios list them. A word that stands for
/// no number, like `adaptive` or `random`, comes before any; no limit comes after.
pub(crate) fn by_value(one: &[String], other: &[String]) -> Ordering {
    one.iter()
        .zip(other)
        .map(|(one, other)| {
            let (one, other) = (rank(one), rank(other));
            one.0.total_cmp(&other.0).then_with(|| one.1.cmp(other.1))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn rank(value: &str) -> (f64, &str) {
    let words = (Cast::ALL.iter().map(ToString::to_string))
        .chain(Delivery::ALL.iter().map(ToString::to_string))
        .chain(LossSide::ALL.iter().map(ToString::to_string));
    let number = match value {
        "unlimited" => f64::INFINITY,
        "adaptive" | "random" => f64::NEG_INFINITY,
        // By timeout alone first, since it is the older.
        "timeout" => 0.0,
        "fast" => 1.0,
        _ => value
            .parse()
            .ok()
            .or_else(|| Some(words.into_iter().position(|word| word == value)? as f64))
            .unwrap_or(f64::MAX),
    };
    (number, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_in_which_people_list_them() {
        let lists = [
            &["unicast", "multicast", "broadcast"][..],
            &["sequential", "parallel", "ip-multicast"],
            &["sender", "receivers"],
            &["timeout", "fast"],
            &["adaptive", "200", "1000"],
            &["random", "5"],
            &["2", "10", "100"],
            &["10", "unlimited"],
        ];
        for list in lists {
            for pair in list.windows(2) {
                let cell = |value: &str| vec!["1".to_owned(), value.to_owned()];
                assert!(by_value(&cell(pair[0]), &cell(pair[1])).is_lt(), "{pair:?}");
            }
        }
    }
}
