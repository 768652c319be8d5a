//! Which steps say most about a build, where not all of them can be shown: the one that it is about, as it failed or comes next; the last and
//! the first; those with the largest layers; then what was carried out, what came from the cache, and what was not reached.

use std::cmp::Reverse;

use crate::machine::{Decision, Machine, Taken};

/// How many layers are the largest.
const LARGEST: usize = 8;

/// The rank of each step: the most important has 0.
pub(super) fn ranks(machine: &Machine) -> Vec<usize> {
    let (taken, count) = (machine.taken(), machine.step_count());
    let mut by_size: Vec<usize> = (0..taken.len()).filter(|index| bytes(&taken[*index]) > 0).collect();
    by_size.sort_by_key(|index| (Reverse(bytes(&taken[*index])), *index));
    let largest = &by_size[..by_size.len().min(LARGEST)];
    let group = |index: usize| {
        if index == machine.position() {
            return 0;
        }
        if index == 0 || index + 1 == count || index + 1 == taken.len() {
            return 1;
        }
        match taken.get(index).map(|taken| &taken.decision) {
            Some(_) if largest.contains(&index) => 2,
            Some(Decision::Miss { .. } | Decision::NotCached { .. }) => 3,
            Some(Decision::Hit { .. }) => 4,
            Some(Decision::Unknown { .. }) | None => 5,
        }
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|index| (group(*index), Reverse(taken.get(*index).map_or(0, bytes)), *index));
    let mut ranks = vec![0; count];
    order.into_iter().enumerate().for_each(|(rank, index)| ranks[index] = rank);
    ranks
}

/// The bytes of the layer that a step has added.
fn bytes(taken: &Taken) -> u64 {
    taken.layer.as_ref().map_or(0, |layer| layer.descriptor.size)
}
