//! A directed graph whose arrows carry labels, and its circles.

use std::collections::{BTreeMap, BTreeSet};

/// Nodes are numbered from 0. An arrow carries the names that the first node takes from the second.
#[derive(Default)]
pub(crate) struct Graph {
    arrows: BTreeMap<usize, BTreeMap<usize, BTreeSet<String>>>,
}

impl Graph {
    /// Adds a label to the arrow between two nodes. An arrow from a node to itself is ignored.
    pub(crate) fn add(&mut self, from: usize, to: usize, label: String) {
        if from != to {
            self.arrows
                .entry(from)
                .or_default()
                .entry(to)
                .or_default()
                .insert(label);
        }
    }

    /// The strongly connected components of two nodes or more, each in ascending order.
    pub(crate) fn circles(&self) -> Vec<Vec<usize>> {
        let reach: BTreeMap<usize, BTreeSet<usize>> = self
            .arrows
            .keys()
            .map(|&node| (node, self.reachable(node)))
            .collect();
        let both_ways = |a: usize, b: usize| {
            a == b
                || (reach[&a].contains(&b) && reach.get(&b).is_some_and(|back| back.contains(&a)))
        };
        let mut circles: Vec<Vec<usize>> = Vec::new();
        for &node in reach.keys().filter(|node| reach[node].contains(node)) {
            match circles.iter_mut().find(|circle| both_ways(node, circle[0])) {
                Some(circle) => circle.push(node),
                None => circles.push(vec![node]),
            }
        }
        circles
    }

    /// The arrows between these nodes: from, to and labels.
    pub(crate) fn arrows_within<'a>(
        &'a self,
        nodes: &'a [usize],
    ) -> impl Iterator<Item = (usize, usize, &'a BTreeSet<String>)> {
        self.arrows.iter().flat_map(move |(&from, targets)| {
            targets
                .iter()
                .filter(move |(to, _)| nodes.contains(&from) && nodes.contains(to))
                .map(move |(&to, labels)| (from, to, labels))
        })
    }

    /// All nodes to which a path of one arrow or more leads.
    fn reachable(&self, from: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            for &next in self.arrows.get(&node).into_iter().flat_map(BTreeMap::keys) {
                if found.insert(next) {
                    open.push(next);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(arrows: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::default();
        for &(from, to) in arrows {
            graph.add(from, to, format!("{from}{to}"));
        }
        graph
    }

    #[test]
    fn a_chain_has_no_circle() {
        assert!(
            graph(&[(0, 1), (1, 2), (0, 2), (3, 3)])
                .circles()
                .is_empty()
        );
    }

    #[test]
    fn circles_that_share_a_node_are_one() {
        let graph = graph(&[(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (4, 5), (5, 4)]);
        assert_eq!(graph.circles(), [vec![0, 1, 2], vec![4, 5]]);
    }

    #[test]
    fn a_circle_is_shown_with_its_own_arrows_only() {
        let graph = graph(&[(0, 1), (1, 0), (1, 2), (3, 0)]);
        let arrows: Vec<_> = graph
            .arrows_within(&[0, 1])
            .map(|(from, to, _)| (from, to))
            .collect();
        assert_eq!(arrows, [(0, 1), (1, 0)]);
    }
}
