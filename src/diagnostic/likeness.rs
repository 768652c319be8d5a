//! "Did you mean …?": the candidate that a misspelt word is nearest to.

/// The candidate that `written` was probably meant to be, letters compared without case. One edit may lie between them, and two
/// in a word of six letters or more: between short words two edits are not a likeness.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    all_closest(written, candidates).first().copied()
}

/// All candidates that are as near as the nearest.
pub(crate) fn all_closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Words much longer than any keyword are not typos, and comparing them would be slow.
    if written.len() > 64 {
        return Vec::new();
    }
    let written = written.to_lowercase();
    let edits = if written.chars().count() < 6 { 1 } else { 2 };
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance > 0 && *distance <= edits && *distance < candidate.len())
        .collect();
    let nearest = near.iter().map(|(distance, _)| *distance).min();
    near.retain(|(distance, _)| Some(*distance) == nearest);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}
