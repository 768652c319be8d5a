//! Where the debugger is, the Dockerfile with its marks, and the breakpoints.

use std::collections::BTreeMap;

use super::Layout;
use crate::debugger::{Breakpoint, Condition, LeftOut, Outlook, Place, StepRow, StepStatus};
use crate::machine::{Decision, StepLabel};
use crate::shown::line;
use crate::view::palette::Role;
use crate::view::table;

/// How much of a stage's name is shown where it is said by the way.
pub(crate) const STAGE: usize = 20;
/// The most characters of an instruction that the line with the ▶ shows.
const INSTRUCTION_WIDTH: usize = 100;
/// What is said of a step that the Dockerfile does not have.
const TRIGGER: &str = "   (ONBUILD of the base image)";

/// Whether it is worth saying which stage a step is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stages {
    One,
    Several,
}

/// ` 2/4 ▶ LABEL …`, with what is to be said of the step behind it.
pub(crate) fn step(layout: &Layout, step: &StepLabel, stages: Stages, is_missed: bool) -> String {
    let mut notes = Vec::new();
    if stages == Stages::Several {
        notes.push((Role::Faint, format!("   (stage {})", table::shortened(&line(&step.stage), STAGE))));
    }
    if step.trigger {
        notes.push((Role::Faint, TRIGGER.to_owned()));
    }
    if is_missed {
        notes.push((Role::Notice, "   (a miss, not run yet)".to_owned()));
    }
    let number = format!("{:>2}/{} ", step.number, step.total);
    let beside: usize = notes.iter().map(|(_, note)| table::visible_width(note)).sum();
    let room = layout.columns().saturating_sub(number.len() + 2 + beside).clamp(10, INSTRUCTION_WIDTH);
    let instruction = step.instruction.split_whitespace().collect::<Vec<_>>().join(" ");
    let instruction = table::shortened(&line(&instruction), room);
    let notes: String = notes.iter().map(|(role, note)| layout.palette.paint(*role, note)).collect();
    format!("{number}{} {instruction}{notes}\n", layout.palette.paint(Role::Strong, "▶"))
}

/// ` 4/4 ■ …`: what comes when no steps are left.
pub(crate) fn end(layout: &Layout, total: usize, what: &str) -> String {
    layout.hang(&format!("{total:>2}/{total} ■ "), what)
}

/// How many lines `list` shows before and behind the line that it is about.
const AROUND: usize = 8;

/// The lines of a Dockerfile that are shown, from 1.
pub(crate) struct Window {
    first: usize,
    last: usize,
    total: usize,
}

impl Window {
    /// All lines, or those around one.
    pub(crate) fn of(text: &str, around: Option<usize>) -> Window {
        let total = text.lines().count();
        match around {
            None => Window { first: 1, last: total, total },
            Some(line) => {
                let line = line.clamp(1, total.max(1));
                Window { first: line.saturating_sub(AROUND).max(1), last: (line + AROUND).min(total), total }
            }
        }
    }
}

/// The Dockerfile by lines, with the number and the marks of each step at its first line.
pub(crate) fn dockerfile(
    layout: &Layout,
    text: &str,
    steps: &[StepRow],
    stages: &[LeftOut],
    window: &Window,
) -> String {
    let mut by_line = BTreeMap::<usize, Vec<&StepRow>>::new();
    for row in steps {
        by_line.entry(row.step.lines.0).or_default().push(row);
    }
    let has_stages = steps.windows(2).any(|pair| pair[0].step.stage != pair[1].step.stage);
    let mut list = layout.palette.paint(Role::Faint, "line step") + "\n";
    // A window that begins inside a stage says so.
    let before = steps.iter().rfind(|row| row.step.lines.0 < window.first).map(|row| &row.step);
    if let Some(step) = before.filter(|_| has_stages) {
        list.push_str(&heading(layout, step));
    }
    for (number, source) in text.lines().enumerate().map(|(index, source)| (index + 1, source)) {
        if number < window.first || number > window.last {
            continue;
        }
        let Some(rows) = by_line.get(&number) else {
            list.push_str(&layout.line(&format!("{number:>4}           "), &line(source)));
            continue;
        };
        for row in rows {
            if has_stages && is_from(&row.step) {
                list.push_str(&heading(layout, &row.step));
            }
            // A trigger stands where its FROM does, and has no line of its own.
            let (place, shown) = match row.step.trigger {
                true => (String::new(), format!("{}{TRIGGER}", row.step.instruction)),
                false => (number.to_string(), source.to_owned()),
            };
            let marks = format!("{place:>4} {:>4} {} ", row.step.number, marks(layout, row));
            list.push_str(&layout.line(&marks, &line(&shown)));
        }
    }
    let mut more = String::new();
    if steps.iter().any(|row| row.outlook == Outlook::Kept) {
        more.push_str("  = kept from before");
    }
    if steps.iter().any(|row| row.has_failed) {
        more.push_str("  ! failed");
    }
    list.push_str(&legend(layout, window, &more));
    if let Some(text) = left_out(stages) {
        list.push_str(&layout.hang(
            "",
            &format!(
                "{text}: {} no step number",
                if stages.len() == 1 { "its lines have" } else { "their lines have" }
            ),
        ));
    }
    list
}

fn heading(layout: &Layout, step: &StepLabel) -> String {
    layout.palette.paint(Role::Label, &format!("stage {}", line(&step.stage))) + "\n"
}

fn is_from(step: &StepLabel) -> bool {
    step.instruction.split_whitespace().next().is_some_and(|keyword| keyword.eq_ignore_ascii_case("FROM"))
}

/// Says which stages are not built: `Stage `build` is not needed`. `None` where all are.
pub(crate) fn left_out(stages: &[LeftOut]) -> Option<String> {
    let names: Vec<String> =
        stages.iter().map(|stage| format!("`{}`", table::shortened(&line(&stage.name), STAGE))).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("Stage {one} is not needed")),
        [several @ .., last] => Some(format!("Stages {} and {last} are not needed", several.join(", "))),
    }
}

/// `▶`, `●`, and what the cache has: three cells and a space between them.
fn marks(layout: &Layout, row: &StepRow) -> String {
    let next = match row.status {
        StepStatus::Next => layout.palette.paint(Role::Strong, "▶"),
        StepStatus::Taken | StepStatus::ToCome => " ".to_owned(),
    };
    let stop = if row.breakpoints.is_empty() { " " } else { "●" };
    let cache = match &row.outlook {
        _ if row.has_failed => layout.palette.paint(Role::Bad, "!"),
        Outlook::Decided(Decision::Hit { .. }) => layout.palette.paint(Role::Good, "✓"),
        Outlook::Decided(Decision::Miss { .. }) => layout.palette.paint(Role::Notice, "✗"),
        Outlook::Kept => layout.palette.paint(Role::Faint, "="),
        Outlook::Decided(Decision::NotCached { .. }) | Outlook::NotAsked => " ".to_owned(),
        Outlook::Decided(Decision::Unknown { .. }) | Outlook::Unforeseen => "?".to_owned(),
    };
    format!("{next}{stop}{cache}")
}

/// What the marks mean, and what is left out.
fn legend(layout: &Layout, window: &Window, more: &str) -> String {
    let mut text = "▶ next  ● breakpoint  ✓ hit  ✗ miss  ? unknown".to_owned();
    text.push_str(more);
    if window.first > 1 || window.last < window.total {
        text.push_str(&format!("  · {} lines, `list all` shows them", window.total));
    }
    layout.hang("", &text).lines().map(|part| layout.palette.paint(Role::Faint, part) + "\n").collect()
}

/// A breakpoint, with the steps that it is before.
pub(crate) fn breakpoint(layout: &Layout, set: &Breakpoint, steps: &[StepLabel]) -> String {
    let at = match steps {
        [] => String::new(),
        [step] if matches!(set.place, Place::Step(_)) => format!("  (line {}: {})", step.lines.0, step.instruction),
        [step] if matches!(set.place, Place::Line(line) if line == step.lines.0) => {
            format!("  (step {}: {})", step.number, step.instruction)
        }
        [step] => format!("  (step {}, line {}: {})", step.number, step.lines.0, step.instruction),
        steps => {
            format!("  (steps {})", steps.iter().map(|step| step.number.to_string()).collect::<Vec<_>>().join(", "))
        }
    };
    layout.hang(
        &format!("{:>4}  ", set.id),
        &table::shortened(&line(&(described(set) + &at)), layout.columns().saturating_sub(6)),
    )
}

/// The row that says that a breakpoint stopped.
pub(crate) fn stopped_at(layout: &Layout, breakpoint: &Breakpoint) -> String {
    layout.row("stop", &format!("breakpoint {}: {}", breakpoint.id, described(breakpoint)))
}

/// Where and when a breakpoint stops.
fn described(breakpoint: &Breakpoint) -> String {
    let condition = match breakpoint.condition {
        None => "",
        Some(Condition::Miss) => " if it misses",
        Some(Condition::Failure) => " if it failed in an earlier build",
    };
    let disabled = if breakpoint.is_enabled { "" } else { "  (disabled)" };
    format!("{}{condition}{disabled}", place(&breakpoint.place))
}

/// Where a breakpoint stops.
fn place(place: &Place) -> String {
    match place {
        Place::Step(number) => format!("before step {number}"),
        Place::Line(line) => format!("before line {line}"),
        Place::Stage(name) => format!("before stage `{name}`"),
        Place::Text(text) => format!("before an instruction with `{text}`"),
        Place::Miss => "any step that misses the cache".to_owned(),
        Place::Failure => "any step that failed in an earlier build".to_owned(),
    }
}
