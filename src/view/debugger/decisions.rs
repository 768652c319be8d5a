//! Hits and misses with their reasons, and `why`.

use super::reasons::{INSTRUCTION_WIDTH, because_of, called, reason, shorten, source};
use super::{Layout, reasons};
use crate::cache::{Attribute, Change, Difference, FileChange, Ingredient, Ingredients, Setting};
use crate::debugger::{Against, Following, LineCount, Tense, Why};
use crate::machine::{Decision, MissReason, StepLabel};
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::{table, units};

/// How many changed files of one ingredient are shown; `why` shows more.
const MOST_FILES: usize = 20;
/// The most lines of one list of `why`.
const MOST_LINES: usize = 12;
/// In which column the lines of `why` begin.
const INDENT: &str = "      ";

/// The rows that explain a decision.
pub(crate) fn decision(layout: &Layout, decision: &Decision, tense: Tense) -> String {
    verdict_row(layout, decision, tense) + &differences(layout, decision)
}

pub(super) fn differences(layout: &Layout, decision: &Decision) -> String {
    match decision {
        Decision::Miss { reason: MissReason::Cause { differences, .. }, .. } => all_differences(layout, differences),
        _ => String::new(),
    }
}

/// The row that tells a decision, without what differs.
pub(crate) fn verdict_row(layout: &Layout, decision: &Decision, tense: Tense) -> String {
    layout.painted_row("cache", &verdict(layout, decision, tense))
}

/// Why a step is, was or would be in the cache or not, and what follows for the steps after it.
pub(crate) fn why(layout: &Layout, why: &Why) -> String {
    let mut text = String::new();
    if why.has_failed {
        text.push_str(&layout.hang(INDENT, "it failed when it ran just now, and nothing of it was kept"));
    }
    // Painted, and harmless already.
    text.push_str(&layout.hang(INDENT, &verdict(layout, &why.decision, why.tense)));
    match &why.decision {
        Decision::Hit { .. } => text.push_str(&key(layout, why)),
        Decision::Miss { reason, .. } => {
            match reason {
                MissReason::Cause { differences, .. } => text.push_str(&itemised(layout, differences, &why.lines)),
                MissReason::FirstTime
                | MissReason::Follows { .. }
                | MissReason::NoCache
                | MissReason::LayerGone
                | MissReason::NotImported { .. }
                | MissReason::NeverFinished { .. } => text.push_str(&key(layout, why)),
            }
            text.push_str(&following(layout, &why.after));
        }
        Decision::NotCached { .. } | Decision::Unknown { .. } => {}
    }
    text
}

/// The comparison of a step with one past build.
pub(crate) fn against(layout: &Layout, number: u64, against: &Against) -> String {
    let line = |text: String| layout.hang(INDENT, &line(&text));
    match against {
        Against::NoCounterpart => line(format!("build {number} has no step like this one")),
        Against::Same => line(format!("the same inputs as in build {number}")),
        Against::Differs { differences, lines } => {
            let names: Vec<String> = differences.iter().map(|difference| difference.subject.to_string()).collect();
            line(format!("compared with build {number}, these inputs differ: {}", names.join(", ")))
                + &itemised(layout, differences, lines)
        }
        Against::OnlyParent => {
            line(format!("the same inputs as in build {number}, except for the file system before this step"))
        }
        Against::RecordGone => line(format!("the record of build {number} is gone")),
    }
}

/// `key       9c11… from the files before · COPY … · 1 file`.
fn key(layout: &Layout, why: &Why) -> String {
    if why.ingredients.is_empty() {
        return String::new();
    }
    let parts = summary(&why.ingredients, &why.step.instruction);
    layout.row("key", &format!("{}… from {}", why.ingredients.key().short(), parts.join(" · ")))
}

/// What differs from a step of an earlier build, a line for each attribute.
fn itemised(layout: &Layout, differences: &[Difference], counts: &[LineCount]) -> String {
    let mut lines = Vec::new();
    for difference in differences.iter().filter(|difference| !difference.is_parent()) {
        if difference.files.is_empty() {
            let value = |value: Option<&String>| value.map_or("(none)".to_owned(), |value| shorten(value));
            let (before, after) = (value(difference.values.before()), value(difference.values.after()));
            lines.push(format!("{}  {before} → {after}", called(&difference.subject)));
        }
        let is_alone = difference.files.iter().all(|change| change.path == difference.files[0].path);
        lines.extend(difference.files.iter().map(|change| attribute(change, is_alone, counts)));
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if differences.iter().any(Difference::is_parent) {
        lines.push("and a step before it left other files".to_owned());
    }
    lines.iter().map(|text| layout.hang(&format!("{INDENT}  "), &line(text))).collect()
}

fn following(layout: &Layout, after: &[Following]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let told: Vec<(&StepLabel, String)> = after.iter().filter_map(|one| Some((&one.step, fate(one)?))).collect();
    for group in told.chunk_by(|(_, one), (_, next)| one == next) {
        match group {
            [_, _, _, ..] => {
                let numbers: Vec<usize> = group.iter().map(|(step, _)| step.number).collect();
                let (step, fate) = &group[0];
                let fate = fate.replace("it does not depend", "they do not depend");
                lines.push(format!("{} of {} {fate}", units::listed(&units::ranges(&numbers)), step.total));
            }
            few => lines.extend(
                few.iter().map(|(step, fate)| format!("{}/{} {} {fate}", step.number, step.total, step.keyword)),
            ),
        }
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let names = std::iter::once("steps after it: ").chain(std::iter::repeat("                "));
    names.zip(lines).map(|(name, text)| layout.hang(&format!("{INDENT}{name}"), &line(&text))).collect()
}

/// A decision in one line, painted and harmless.
pub(crate) fn verdict(layout: &Layout, decision: &Decision, tense: Tense) -> String {
    let (hit, miss, and_it) = match tense {
        Tense::Was => ("hit", "miss", ""),
        Tense::WouldBe => ("would hit", "would miss", " because of its own inputs"),
    };
    let miss = layout.palette.paint(Role::Notice, miss);
    match decision {
        Decision::NotCached { moved, .. } => {
            let moved = moved.as_ref().map(|one| format!("{}; ", reasons::moved(one))).unwrap_or_default();
            format!("{moved}FROM is looked up each time and has no key of its own")
        }
        Decision::Unknown { because } => format!("unknown: {}", line(because)),
        Decision::Hit { build, created, .. } => {
            format!(
                "{}: {}, {}",
                layout.palette.paint(Role::Good, hit),
                source(build),
                lower(&units::ago(layout.clock.seconds(), Some(created)))
            )
        }
        Decision::Miss { reason: cause @ MissReason::Cause { .. }, .. } => format!("{miss}{and_it}: {}", reason(cause)),
        Decision::Miss { reason: other, .. } => format!("{miss}: {}", reason(other)),
    }
}

/// The rows that show what differs, ingredient by ingredient.
fn all_differences(layout: &Layout, differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        if difference.files.is_empty() {
            let value = |value: Option<&String>| value.map_or("(none)".to_owned(), String::clone);
            let (before, after) = (value(difference.values.before()), value(difference.values.after()));
            text.push_str(&layout.row("", &format!("{}  {before} → {after}", called(&difference.subject))));
        }
        for change in difference.files.iter().take(MOST_FILES) {
            text.push_str(&layout.row("", &format!("{} {}  {}", change.path, change.attribute, values(change))));
        }
        if difference.files.len() > MOST_FILES {
            text.push_str(&layout.row("", &format!("and {} more", difference.files.len() - MOST_FILES)));
        }
    }
    text
}

/// One changed attribute of a file. The file is named where it is not the only one.
fn attribute(change: &FileChange, is_alone: bool, counts: &[LineCount]) -> String {
    let name = match is_alone {
        true => format!("{:<8}", change.attribute),
        false => format!("{} {}", change.path, change.attribute),
    };
    let is_content = matches!(change.attribute, Attribute::Content { .. });
    let count = counts.iter().find(|count| is_content && count.path == change.path);
    let lines = count.map(|count| {
        let command = if count.is_comparable { format!(": `diff {}`", change.path) } else { String::new() };
        format!("   (+{} −{} lines{command})", count.added, count.removed)
    });
    format!("{name}  {}{}", values(change), lines.unwrap_or_default())
}

/// What an attribute was and is.
fn values(change: &FileChange) -> String {
    match change.attribute.values() {
        Change::Became { before, after } => format!("{} → {}", shorten(&before), shorten(&after)),
        Change::Added(value) | Change::Removed(value) => value,
    }
}

/// What becomes of a step after the one that was asked about; nothing is said of a FROM.
fn fate(following: &Following) -> Option<String> {
    Some(match &following.decision {
        Decision::NotCached { .. } => return None,
        Decision::Hit { .. } if !following.has_files => "would hit (it does not depend on files)".into(),
        Decision::Hit { .. } => "would hit".to_owned(),
        Decision::Unknown { because } => format!("is unknown ({because})"),
        Decision::Miss { reason, .. } => match reason {
            MissReason::Follows { build, causes } => format!("would miss ({})", because_of(build, causes)),
            MissReason::Cause { .. } => "would miss (its own inputs changed too)".to_owned(),
            MissReason::FirstTime => "would miss (no earlier step had these inputs)".to_owned(),
            MissReason::NoCache => "would miss (--no-cache)".to_owned(),
            MissReason::LayerGone => "would miss (its layer was removed)".to_owned(),
            MissReason::NotImported { because, .. } => format!("would miss ({because})"),
            MissReason::NeverFinished { build } => format!("would miss (it did not finish in {build})"),
        },
    })
}

/// Whether a miss comes from one file and from nothing else.
pub(super) fn is_one_file(decision: &Decision) -> bool {
    let Decision::Miss { reason: MissReason::Cause { differences, .. }, .. } = decision else { return false };
    let own: Vec<&Difference> = differences.iter().filter(|difference| !difference.is_parent()).collect();
    match own.as_slice() {
        [one] => !one.files.is_empty() && one.files.iter().all(|change| change.path == one.files[0].path),
        _ => false,
    }
}

/// With a small letter at its beginning, for the middle of a sentence.
fn lower(text: &str) -> String {
    match text {
        "N/A" => text.to_owned(),
        _ => text.chars().take(1).flat_map(char::to_lowercase).chain(text.chars().skip(1)).collect(),
    }
}

/// The ingredients in few words: what a person would say the step depends on.
fn summary(ingredients: &Ingredients, instruction: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut variables = 0;
    let mut settings = Vec::new();
    let mut command = false;
    let mut text = None;
    let mut files = (0, 0, false);
    let mut destination = None;
    for ingredient in ingredients.iter() {
        match ingredient {
            Ingredient::Parent { .. } => parts.push("the files before".to_owned()),
            Ingredient::Instruction { text: value } => text = Some(value.clone()),
            Ingredient::Argument { .. } => command = true,
            Ingredient::Environment { .. } => variables += 1,
            Ingredient::Setting { setting: Setting::BaseImage, .. } => parts.push(ingredient.kind().to_string()),
            Ingredient::Setting { setting: Setting::Destination, value } => destination = Some(value.as_str()),
            // The instruction itself says it.
            Ingredient::Setting { setting: Setting::Keyword, .. } => {}
            Ingredient::Setting { .. }
            | Ingredient::Document { .. }
            | Ingredient::Commit { .. }
            | Ingredient::Mount { .. }
            | Ingredient::SecretVariable { .. }
            | Ingredient::HardLinks { .. } => {
                settings.push(ingredient.kind().to_string());
            }
            Ingredient::Files { files: count, bytes, .. } => files = (files.0 + count, files.1 + bytes, true),
        }
    }
    let short = instruction.split_whitespace().collect::<Vec<_>>().join(" ");
    let keyword = short.split(' ').next().unwrap_or_default();
    match (text, destination) {
        (Some(text), _) if !command && !files.2 => parts.push(text),
        // The names of sources and of a stage are not in it: their files are.
        (_, Some(destination)) if files.2 => {
            parts.push(format!("{keyword} to {}", table::shortened(destination, INSTRUCTION_WIDTH)));
        }
        _ => parts.push(table::shortened(&short, INSTRUCTION_WIDTH)),
    }
    if files.2 {
        parts.push(format!("{}, {}", units::count(files.0, "file"), units::size(files.1)));
    }
    if variables > 0 {
        parts.push(units::count(variables, "variable"));
    }
    parts.extend(settings);
    parts
}
