//! Hits and misses with their reasons; `why`, and `plan`.

use std::collections::BTreeSet;

use super::Layout;
use crate::cache::{Attribute, Change, Difference, FileChange, Ingredient, Ingredients, Kind, Setting, Subject};
use crate::debugger::{Against, Following, LineCount, Tense, Why};
use crate::machine::{Decision, MissReason, Prediction};
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::{table, units};

/// How many changed files of one ingredient are shown; `why` shows more.
const MOST_FILES: usize = 20;
/// The most lines of one list of `why`.
const MOST_LINES: usize = 12;
/// Between a step and what is foreseen for it.
const GAP: usize = 3;
/// The most characters of an instruction that a list of ingredients shows.
const INSTRUCTION_WIDTH: usize = 60;
/// In which column the lines of `why` begin.
const INDENT: &str = "      ";

/// The rows that explain a decision.
pub(crate) fn decision(layout: &Layout, decision: &Decision, tense: Tense) -> String {
    verdict_row(layout, decision, tense) + &differences(layout, decision)
}

fn differences(layout: &Layout, decision: &Decision) -> String {
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
    // Painted, and harmless already.
    let mut text = layout.hang(INDENT, &verdict(layout, &why.decision, why.tense));
    match &why.decision {
        Decision::Hit { .. } => text.push_str(&key(layout, why)),
        Decision::Miss { reason, .. } => {
            match reason {
                MissReason::Cause { differences, .. } => text.push_str(&itemised(layout, differences, &why.lines)),
                MissReason::FirstTime
                | MissReason::Follows { .. }
                | MissReason::NoCache
                | MissReason::LayerGone
                | MissReason::NeverFinished { .. } => text.push_str(&key(layout, why)),
            }
            text.push_str(&following(layout, &why.after));
        }
        Decision::NotCached | Decision::Unknown { .. } => {}
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
            line(format!("the inputs differ from build {number}: {}", names.join(", ")))
                + &itemised(layout, differences, lines)
        }
        Against::OnlyParent => line(format!("the same inputs as in build {number}, except for the files before it")),
        Against::RecordGone => line(format!("the record of build {number} is gone")),
    }
}

/// What is foreseen for each step, and how many would hit. A step has one line where that has room.
pub(crate) fn plan(layout: &Layout, predictions: &[Prediction]) -> String {
    let mut rows = Vec::new();
    let (mut hits, mut misses, mut unknown, mut looked_up) = (0, 0, 0, "");
    for Prediction { label, decision, .. } in predictions {
        let verdict = match decision {
            Decision::NotCached => String::new(),
            decision => foreseen(layout, decision),
        };
        match decision {
            Decision::Hit { .. } => hits += 1,
            Decision::Miss { .. } => misses += 1,
            Decision::Unknown { .. } => unknown += 1,
            Decision::NotCached => looked_up = "; FROM is always looked up",
        }
        let instruction = label.instruction.split_whitespace().collect::<Vec<_>>().join(" ");
        rows.push((format!("{:>2}/{} {}", label.number, label.total, line(&instruction)), verdict, decision));
    }
    let width = table::visible_width;
    let has_room = |column: usize, verdict: &str| column + GAP + width(verdict) <= layout.columns();
    let fitting = rows.iter().filter(|(step, verdict, _)| has_room(width(step), verdict));
    let widest = fitting.map(|(step, ..)| width(step)).max().unwrap_or(0);
    let mut text = String::new();
    for (step, verdict, decision) in rows {
        let own = width(&step);
        match [widest.max(own), own].into_iter().find(|&column| has_room(column, &verdict)) {
            Some(column) if !verdict.is_empty() => {
                text.push_str(&format!("{step}{:gap$}{verdict}\n", "", gap = column - own + GAP));
            }
            Some(_) | None => {
                text.push_str(&layout.hang("", &step));
                if !verdict.is_empty() {
                    text.push_str(&layout.painted_row("", &verdict));
                }
            }
        }
        if !is_one_file(decision) {
            text.push_str(&differences(layout, decision));
        }
    }
    text + &layout.hang("", &format!("{hits} would hit, {misses} would miss, {unknown} unknown{looked_up}"))
}

/// What is foreseen for a step among others, painted and harmless.
fn foreseen(layout: &Layout, decision: &Decision) -> String {
    let miss = layout.palette.paint(Role::Notice, "would miss");
    match decision {
        Decision::Hit { build, .. } => {
            format!("{}: same as build {build}", layout.palette.paint(Role::Good, "would hit"))
        }
        Decision::Miss { reason: MissReason::Follows { step: Some(step), .. }, .. } => {
            format!("{miss}: only because of step {step}")
        }
        Decision::Miss { reason: other, .. } => {
            let attributes: BTreeSet<String> = match is_one_file(decision) {
                true => {
                    other.own_differences().flat_map(|one| &one.files).map(|file| file.attribute.to_string()).collect()
                }
                false => BTreeSet::new(),
            };
            let attributes = attributes.into_iter().collect::<Vec<_>>().join(", ");
            let which = if attributes.is_empty() { attributes } else { format!(" ({attributes})") };
            format!("{miss}: {}{which}", reason(other))
        }
        Decision::NotCached | Decision::Unknown { .. } => verdict(layout, decision, Tense::WouldBe),
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
            lines.push(format!("{}  {before} → {after}", difference.subject));
        }
        let is_alone = difference.files.iter().all(|change| change.path == difference.files[0].path);
        lines.extend(difference.files.iter().map(|change| attribute(change, is_alone, counts)));
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.iter().map(|text| layout.hang(&format!("{INDENT}  "), &line(text))).collect()
}

fn following(layout: &Layout, after: &[Following]) -> String {
    let mut lines: Vec<String> = after.iter().filter_map(fate).collect();
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
        Decision::NotCached => "FROM is looked up each time and has no key of its own".into(),
        Decision::Unknown { because } => format!("unknown: {}", line(because)),
        Decision::Hit { build, created, .. } => {
            format!(
                "{}: same as build {build}, {}",
                layout.palette.paint(Role::Good, hit),
                lower(&units::ago(layout.clock.seconds(), Some(created)))
            )
        }
        Decision::Miss { reason: cause @ MissReason::Cause { .. }, .. } => format!("{miss}{and_it}: {}", reason(cause)),
        Decision::Miss { reason: other, .. } => format!("{miss}: {}", reason(other)),
    }
}

/// Why a step misses, in one line that is harmless.
pub(crate) fn reason(reason: &MissReason) -> String {
    match reason {
        MissReason::FirstTime => "no earlier step had these inputs".to_owned(),
        MissReason::NoCache => "the cache was not used (--no-cache)".to_owned(),
        MissReason::LayerGone => "the record exists, but its layer was removed".to_owned(),
        MissReason::NeverFinished { build } => {
            format!("build {build} had the same inputs, but this step did not finish there")
        }
        MissReason::Follows { step: Some(step), .. } => {
            format!("only because of step {step}; its own inputs are the same")
        }
        MissReason::Follows { step: None, build } => {
            format!("it starts from other files than in build {build}; its own inputs are the same")
        }
        MissReason::Cause { .. } => {
            let mut names: Vec<String> = reason.own_differences().map(short_name).collect();
            names.dedup();
            format!("{} changed", line(&names.join(", ")))
        }
    }
}

/// The rows that show what differs, ingredient by ingredient.
fn all_differences(layout: &Layout, differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        if difference.files.is_empty() {
            let value = |value: Option<&String>| value.map_or("(none)".to_owned(), String::clone);
            let (before, after) = (value(difference.values.before()), value(difference.values.after()));
            text.push_str(&layout.row("", &format!("{}  {before} → {after}", difference.subject)));
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
    let fate = match &following.decision {
        Decision::NotCached => return None,
        Decision::Hit { .. } if !following.has_files => "would hit (it neither changes nor reads files)".into(),
        Decision::Hit { .. } => "would hit".to_owned(),
        Decision::Unknown { because } => format!("is unknown ({because})"),
        Decision::Miss { reason, .. } => match reason {
            MissReason::Follows { step: Some(step), .. } => format!("would miss (only because of step {step})"),
            MissReason::Follows { step: None, .. } => "would miss (only because of an earlier step)".to_owned(),
            MissReason::Cause { .. } => "would miss (its own inputs changed too)".to_owned(),
            MissReason::FirstTime => "would miss (no earlier step had these inputs)".to_owned(),
            MissReason::NoCache => "would miss (--no-cache)".to_owned(),
            MissReason::LayerGone => "would miss (its layer was removed)".to_owned(),
            MissReason::NeverFinished { build } => format!("would miss (it did not finish in build {build})"),
        },
    };
    let step = &following.step;
    Some(format!("{}/{} {} {fate}", step.number, step.total, step.keyword))
}

/// What an ingredient is called in one line: the words of a RUN are its command; for files, the file where it is only one.
fn short_name(difference: &Difference) -> String {
    let paths: BTreeSet<&str> = difference.files.iter().map(|change| change.path.as_str()).collect();
    match paths.len() {
        0 => match &difference.subject {
            Subject::Ingredient(Kind::Argument(_)) => "the command".to_owned(),
            Subject::Ingredient(Kind::Instruction) => "the instruction".to_owned(),
            subject => subject.to_string(),
        },
        1 => paths.into_iter().next().unwrap_or_default().to_owned(),
        number => format!("{number} {}", difference.subject),
    }
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

/// A digest's first digits; everything else as it is.
pub(crate) fn shorten(value: &str) -> String {
    match value.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.is_ascii() => format!("sha256:{}…", &hex[..12]),
        _ => value.to_owned(),
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
    for ingredient in ingredients.iter() {
        match ingredient {
            Ingredient::Parent { .. } => parts.push("the files before".to_owned()),
            Ingredient::Instruction { text: value } => text = Some(value.clone()),
            Ingredient::Argument { .. } => command = true,
            Ingredient::Environment { .. } => variables += 1,
            Ingredient::Setting { setting: Setting::BaseImage, .. } => parts.push(ingredient.kind().to_string()),
            // The instruction itself says these.
            Ingredient::Setting { setting: Setting::Keyword | Setting::Destination, .. } => {}
            Ingredient::Setting { .. }
            | Ingredient::Document { .. }
            | Ingredient::Mount { .. }
            | Ingredient::SecretVariable { .. }
            | Ingredient::HardLinks { .. } => {
                settings.push(ingredient.kind().to_string());
            }
            Ingredient::Files { files: count, bytes, .. } => files = (files.0 + count, files.1 + bytes, true),
        }
    }
    let short = instruction.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = table::shortened(&short, INSTRUCTION_WIDTH);
    match text {
        Some(text) if !command && !files.2 => parts.push(text),
        _ => parts.push(short),
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
