//! The event queue.

use std::collections::BTreeMap;
use std::time::Instant;

/// Events ordered by time. Events at the same time keep the order in which they were scheduled, so that a run depends
/// only on its seed.
#[derive(Debug)]
pub(super) struct EventQueue<E> {
    /// By time and place in the order of scheduling.
    events: BTreeMap<(Instant, u64), E>,
    scheduled: u64,
}

impl<E> EventQueue<E> {
    pub(super) fn new() -> Self {
        Self {
            events: BTreeMap::new(),
            scheduled: 0,
        }
    }

    pub(super) fn schedule(&mut self, at: Instant, event: E) {
        self.events.insert((at, self.scheduled), event);
        self.scheduled += 1;
    }

    pub(super) fn next(&mut self) -> Option<(Instant, E)> {
        let ((at, _), event) = self.events.pop_first()?;
        Some((at, event))
    }

    /// Number of events that have not happened yet.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }
}

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
