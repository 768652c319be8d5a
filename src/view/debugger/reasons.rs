//! Why a step misses, or where its result is from, in one line that is harmless.

use std::collections::BTreeSet;

use crate::cache::{Attribute, BuildName, Causes, Change, Difference, FileChange, Kind, MOST_CAUSES, Moved, Subject};
use crate::machine::MissReason;
use crate::shown::line;
use crate::view::{table, units};

/// The most characters of an instruction in a line.
pub(super) const INSTRUCTION_WIDTH: usize = 60;

/// Where the result of a hit is from, harmless.
pub(crate) fn source(build: &BuildName) -> String {
    match &build.imported_from {
        None => format!("same as {build}"),
        Some(place) => format!("imported from {} (build {} there)", line(place), build.number),
    }
}

/// Why a step misses, in one line that is harmless.
pub(crate) fn reason(reason: &MissReason) -> String {
    match reason {
        MissReason::FirstTime => "no earlier step had these inputs".to_owned(),
        MissReason::NoCache => "the cache is not used (--no-cache)".to_owned(),
        MissReason::LayerGone => "the record exists, but its layer was removed".to_owned(),
        MissReason::NotImported { from, because } => {
            format!("the record imported from {} can't be used: {}", line(from), line(because))
        }
        MissReason::NeverFinished { build } => {
            format!("{build} had the same inputs, but this step did not finish there")
        }
        MissReason::Follows { build, causes } => {
            format!("{}; its own inputs are the same", because_of(build, causes))
        }
        MissReason::Cause { .. } => {
            let mut names: Vec<String> = reason.own_differences().map(short_name).collect();
            names.dedup();
            let all = line(&units::listed(&names)).into_owned();
            match presence(reason) {
                Some(Presence::Added) => format!("{all} was added"),
                Some(Presence::Removed) => format!("{all} was removed"),
                None => format!("{all} changed"),
            }
        }
    }
}

/// What a miss follows, in one line that is harmless.
pub(super) fn because_of(build: &BuildName, causes: &Causes) -> String {
    let is_other = |step: &&usize| causes.moved.iter().all(|moved| moved.step != **step);
    let others: Vec<usize> = causes.steps.iter().filter(is_other).copied().collect();
    let steps = match others.as_slice() {
        [] => None,
        [one] => Some(format!("of step {one}")),
        few if few.len() < MOST_CAUSES => Some(format!("of steps {}", units::listed(&units::ranges(few)))),
        [..] => Some("of many steps before it".to_owned()),
    };
    let quoted = |text: &String| format!("`{}`", table::shortened(&line(text), INSTRUCTION_WIDTH));
    let gone = match causes.gone.as_slice() {
        [] => None,
        [one] => Some(quoted(one)),
        [first, more @ ..] => Some(format!("{} and {}", quoted(first), units::count(more.len() as u64, "other step"))),
    };
    let gone = gone.map(|what| format!("{build} had {what} before it"));
    let moved = causes.moved.iter().map(moved).collect::<Vec<_>>();
    let moved = (!moved.is_empty()).then(|| moved.join(", and "));
    let reasons: Vec<String> = [moved, steps, gone].into_iter().flatten().collect();
    match reasons.as_slice() {
        [one] => format!("only because {one}"),
        [_, ..] => format!("because {}", reasons.join(", and ")),
        [] => format!("only because of a step before it that gave another result in {build}"),
    }
}

/// That a base image is another, in one line that is harmless.
pub(crate) fn moved(moved: &Moved) -> String {
    let Moved { name, before, after, step: _ } = moved;
    // People do not write it.
    let name = line(name.strip_suffix(":latest").unwrap_or(name));
    format!("{name} moved: {} → {}", shorten(&before.to_string()), shorten(&after.to_string()))
}

/// What became of a file that is the whole cause.
pub(super) enum Presence {
    Added,
    Removed,
}

/// Whether a miss comes from one file that is there now, or is not any more.
pub(super) fn presence(reason: &MissReason) -> Option<Presence> {
    let own: Vec<&Difference> = reason.own_differences().collect();
    let [Difference { files, .. }] = own.as_slice() else { return None };
    match files.as_slice() {
        [FileChange { attribute: Attribute::Kind(Change::Added(_)), .. }] => Some(Presence::Added),
        [FileChange { attribute: Attribute::Kind(Change::Removed(_)), .. }] => Some(Presence::Removed),
        _ => None,
    }
}

/// What an ingredient is called in one line: the words of a RUN are its command; for files, the file where it is only one.
fn short_name(difference: &Difference) -> String {
    let paths: BTreeSet<&str> = difference.files.iter().map(|change| change.path.as_str()).collect();
    match paths.len() {
        0 => match &difference.subject {
            subject @ Subject::Ingredient(Kind::Argument(_) | Kind::Instruction) => format!("the {}", called(subject)),
            subject => subject.to_string(),
        },
        1 => paths.into_iter().next().unwrap_or_default().to_owned(),
        number => format!("{number} {}", difference.subject),
    }
}

/// What an ingredient is called where its value stands beside it: the words of a RUN are its command.
pub(super) fn called(subject: &Subject) -> String {
    match subject {
        Subject::Ingredient(Kind::Argument(_)) => "command".to_owned(),
        subject => subject.to_string(),
    }
}

/// A digest's first digits; everything else as it is.
pub(crate) fn shorten(value: &str) -> String {
    match value.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.is_ascii() => format!("sha256:{}…", &hex[..12]),
        _ => value.to_owned(),
    }
}
