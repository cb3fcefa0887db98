//! The event queue.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Events ordered by time. Events at the same time keep the order in which they were scheduled, so that a run depends
/// only on its seed.
///
/// A heap, because most queues are short: with a `BTreeMap`, a run with a small window takes up to half as long again.
#[derive(Debug)]
pub(super) struct EventQueue<E> {
    heap: BinaryHeap<Scheduled<E>>,
    scheduled: u64,
}

#[derive(Debug)]
struct Scheduled<E> {
    at: Instant,
    place: u64,
    event: E,
}

impl<E> EventQueue<E> {
    pub(super) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    pub(super) fn schedule(&mut self, at: Instant, event: E) {
        self.heap.push(Scheduled {
            at,
            place: self.scheduled,
            event,
        });
        self.scheduled += 1;
    }

    pub(super) fn next(&mut self) -> Option<(Instant, E)> {
        self.heap.pop().map(|next| (next.at, next.event))
    }

    /// Number of events that have not happened yet.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<E> Ord for Scheduled<E> {
    /// Reversed, because the heap yields its greatest element first and that has to be the earliest event.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.place).cmp(&(self.at, self.place))
    }
}

impl<E> PartialOrd for Scheduled<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Scheduled<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Scheduled<E> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_scheduling() {
        let start = crate::simulation::tests::epoch();
        let later = start + Duration::from_millis(1);
        let mut events = EventQueue::new();
        for (at, event) in [(later, 'c'), (start, 'a'), (later, 'd'), (start, 'b')] {
            events.schedule(at, event);
        }
        let order: String = std::iter::from_fn(|| events.next())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(order, "abcd");
    }
}
