//! "Did you mean …?": the candidate that a misspelt word is nearest to.

/// The candidate that `written` was probably meant to be, letters compared without case. One edit may lie between them, and two
/// in a word of six letters or more: between short words two edits are not a likeness.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Words much longer than any keyword are not typos, and comparing them would be slow.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_lowercase();
    let edits = if written.chars().count() < 6 { 1 } else { 2 };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance > 0 && *distance <= edits && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
