//! Which of two lists' members belong together: the matching that every comparison begins with.

use std::collections::HashMap;
use std::hash::Hash;

/// For each member of `after`, the place of its partner in `before`. No member has two partners.
///
/// Those with the same exact name come first; of the others the first with the first, the second with the second of an equal loose
/// name.
pub(crate) fn pairs<E: Hash + Eq, L: Hash + Eq>(before: &[(E, L)], after: &[(E, L)]) -> Vec<Option<usize>> {
    let mut partners = vec![None; after.len()];
    let mut is_taken = vec![false; before.len()];
    match_by(before, after, |member| &member.0, &mut partners, &mut is_taken);
    match_by(before, after, |member| &member.1, &mut partners, &mut is_taken);
    partners
}

fn match_by<T, N: Hash + Eq>(
    before: &[T],
    after: &[T],
    name: impl Fn(&T) -> &N,
    partners: &mut [Option<usize>],
    is_taken: &mut [bool],
) {
    let mut open: HashMap<&N, Vec<usize>> = HashMap::new();
    // From the end, so that the first of them is the last of the stack.
    for (place, member) in before.iter().enumerate().rev().filter(|(place, _)| !is_taken[*place]) {
        open.entry(name(member)).or_default().push(place);
    }
    for (partner, member) in partners.iter_mut().zip(after).filter(|(partner, _)| partner.is_none()) {
        *partner = open.get_mut(name(member)).and_then(Vec::pop);
        if let Some(place) = *partner {
            is_taken[place] = true;
        }
    }
}
