//! What the debugger shows of a step: one block with a name in the margin, as in
//!
//! ```text
//!       cache     miss: date-script.sh changed
//!       diff      A /date-script.sh        -rwxr-xr-x 0:0      61 B
//!       layer     sha256:5f0e…  2.0 kB                                 → state 688dc55c502a
//! ```

use std::io::{self, Write};

use super::palette::{Palette, Role};
use super::program::Program;
use super::screen::Screen;
use super::{View, units, warning};
use crate::cache::Difference;
use crate::machine::{ChangeKind, ConfigChange, Decision, Event, EventKind, MissReason, PathChange};
use crate::shown::line;
use crate::world::Clock;

/// Where the text of a block begins.
const MARGIN: usize = 6;
const NAME: usize = 10;
/// How wide `→ state` is with twelve digits.
const STATE: usize = 20;
/// How many changed paths are shown; `diff` shows all.
const MOST_CHANGES: usize = 20;

/// Writes the debugger's blocks.
#[derive(Clone, Debug)]
pub struct Debugger {
    palette: Palette,
    clock: Clock,
    /// What FROM found, until its state can be shown beside it.
    image: String,
    program: Program,
    columns: usize,
}

impl Debugger {
    pub fn new(palette: Palette, clock: &Clock) -> Debugger {
        Debugger {
            palette,
            clock: clock.clone(),
            image: String::new(),
            program: Program::default(),
            columns: usize::MAX,
        }
    }

    /// Lays out for a terminal of so many columns.
    pub fn fit(&mut self, columns: usize) {
        self.columns = columns;
    }

    /// For how many columns it lays out.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One line of a block. An empty name continues the line above. The text may be anything.
    pub fn row(&self, name: &str, text: &str) -> String {
        self.painted_row(name, &line(text))
    }

    /// One line of a block, of a text that was painted: what others chose in it is harmless already.
    fn painted_row(&self, name: &str, text: &str) -> String {
        let name = format!("{name:<NAME$}");
        format!("{:MARGIN$}{}{text}", "", self.palette.paint(Role::Label, &name)).trim_end().to_owned()
    }

    /// A line with the state at its right, or below it where the terminal has no room.
    pub fn row_with_state(&self, name: &str, text: &str, state: &str) -> String {
        let end = format!("{:MARGIN$}{name:<NAME$}{}", "", line(text)).chars().count();
        let column = self.columns.saturating_sub(STATE).min(70);
        let start = column.max(end + 2);
        let gap = if start + STATE <= self.columns { " ".repeat(start - end) } else { format!("\n{:column$}", "") };
        format!("{}{gap}→ state {}", self.row(name, text), self.palette.paint(Role::Strong, state))
    }

    /// The rows that explain a decision.
    pub fn decision(&self, decision: &Decision, now: i64, future: bool) -> Vec<String> {
        let mut rows = vec![self.painted_row("cache", &self.verdict(decision, now, future))];
        if let Decision::Miss { reason: MissReason::Cause { differences, .. }, .. } = decision {
            rows.extend(self.differences(differences));
        }
        rows
    }

    /// A decision in one line, painted and harmless.
    pub fn verdict(&self, decision: &Decision, now: i64, future: bool) -> String {
        let (hit, miss) = if future { ("would hit", "would miss") } else { ("hit", "miss") };
        let miss = self.palette.paint(Role::Notice, miss);
        match decision {
            Decision::NotCached => "FROM is looked up each time and has no key of its own".into(),
            Decision::Unknown { because } => format!("not known yet: {}", line(because)),
            Decision::Hit { build, created, .. } => {
                format!(
                    "{}: same as build {build}, {}",
                    self.palette.paint(Role::Good, hit),
                    lower(&units::ago(now, created))
                )
            }
            Decision::Miss { reason, .. } => match reason {
                MissReason::FirstTime => format!("{miss}: no earlier step had these inputs"),
                MissReason::NoCache => format!("{miss}: the cache was not asked (--no-cache)"),
                MissReason::LayerGone => format!("{miss}: the record is there, but its layer was removed"),
                MissReason::NeverFinished { build } => {
                    format!("{miss}: the same inputs were in build {build}, where this step did not finish")
                }
                MissReason::Follows { step: Some(step), .. } => {
                    format!("{miss}: it follows step {step}, which is the cause; its own inputs are the same")
                }
                MissReason::Follows { step: None, build } => {
                    format!("{miss}: its parent is another than in build {build}; its own inputs are the same")
                }
                MissReason::Cause { differences, .. } => {
                    let own = differences.iter().filter(|difference| !difference.parent);
                    let names: Vec<String> = own.map(short_name).collect();
                    let and_it = if future { ", and it is the cause" } else { "" };
                    format!("{miss}{and_it}: {} changed", line(&names.join(", ")))
                }
            },
        }
    }

    /// The rows that show what differs, ingredient by ingredient.
    pub fn differences(&self, differences: &[Difference]) -> Vec<String> {
        let mut rows = Vec::new();
        let none = "(none)".to_owned();
        for difference in differences {
            if difference.files.is_empty() {
                let before = difference.before.as_ref().unwrap_or(&none);
                let after = difference.after.as_ref().unwrap_or(&none);
                rows.push(self.row("", &format!("{}  {before} → {after}", difference.ingredient)));
            }
            for change in difference.files.iter().take(MOST_CHANGES) {
                let text = match (&change.before, &change.after) {
                    (Some(before), Some(after)) => {
                        format!("{} {}  {} → {}", change.path, change.attribute, shorten(before), shorten(after))
                    }
                    (None, Some(after)) => format!("{} {}  {after}", change.path, change.attribute),
                    (Some(before), None) => format!("{} {}  {before}", change.path, change.attribute),
                    (None, None) => format!("{} {}", change.path, change.attribute),
                };
                rows.push(self.row("", &text));
            }
            if difference.files.len() > MOST_CHANGES {
                rows.push(self.row("", &format!("and {} more", difference.files.len() - MOST_CHANGES)));
            }
        }
        rows
    }

    /// The rows of changed settings.
    pub fn config(&self, changes: &[ConfigChange]) -> Vec<String> {
        let mut rows = Vec::new();
        for change in changes {
            let text = match (&change.before, &change.after) {
                (None, Some(after)) => format!("+ {} = {}", change.field, quote(&change.field, after)),
                (Some(before), Some(after)) => format!(
                    "~ {} = {}   (was {})",
                    change.field,
                    quote(&change.field, after),
                    quote(&change.field, before)
                ),
                (Some(before), None) => format!("- {}   (was {})", change.field, quote(&change.field, before)),
                (None, None) => continue,
            };
            rows.push(self.row(if rows.is_empty() { "config" } else { "" }, &text));
        }
        rows
    }

    /// The rows of changed paths, at most `most`.
    pub fn changes(&self, changes: &[PathChange], most: usize) -> Vec<String> {
        let width = changes.iter().take(most).map(|change| change.path.chars().count()).max().unwrap_or(0).min(40);
        let mut rows = Vec::new();
        for change in changes.iter().take(most) {
            let name = if rows.is_empty() { "diff" } else { "" };
            rows.push(self.painted_row(name, &self.change(change, width)));
        }
        if changes.len() > most {
            rows.push(self.row("", &format!("and {} more: `diff` shows them all", changes.len() - most)));
        }
        rows
    }

    /// One changed path: `A /path  -rwxr-xr-x 0:0  61 B`.
    pub fn change(&self, change: &PathChange, width: usize) -> String {
        let (letter, role) = match change.kind {
            ChangeKind::Added => ("A", Role::Good),
            ChangeKind::Modified => ("C", Role::Notice),
            ChangeKind::Deleted => ("D", Role::Bad),
        };
        let letter = self.palette.paint(role, letter);
        let path = match &change.target {
            Some(target) => line(&format!("{} -> {target}", change.path)).into_owned(),
            None => line(&change.path).into_owned(),
        };
        if change.kind == ChangeKind::Deleted {
            return format!("{letter} {path}");
        }
        let size = if change.mode.starts_with('-') { units::spaced_size(change.size) } else { String::new() };
        format!("{letter} {path:<width$}   {} {}:{}  {size:>9}", change.mode, change.uid, change.gid)
            .trim_end()
            .to_owned()
    }
}

/// What an ingredient is called in one line: for files, the file where it is only one.
fn short_name(difference: &Difference) -> String {
    let paths: std::collections::BTreeSet<&str> = difference.files.iter().map(|change| change.path.as_str()).collect();
    match paths.len() {
        0 => difference.ingredient.clone(),
        1 => paths.into_iter().next().unwrap_or_default().to_owned(),
        number => format!("{number} {}", difference.ingredient),
    }
}

/// Whether a miss comes from one file and from nothing else.
fn is_one_file(decision: &Decision) -> bool {
    let Decision::Miss { reason: MissReason::Cause { differences, .. }, .. } = decision else { return false };
    let own: Vec<&Difference> = differences.iter().filter(|difference| !difference.parent).collect();
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

/// A text in quotes; lists and numbers of the configuration, which are JSON already, as they are.
fn quote(field: &str, value: &str) -> String {
    let is_text = field.starts_with("Env.") || field.starts_with("Labels.");
    match serde_json::from_str::<serde_json::Value>(value) {
        Ok(json) if !json.is_string() && !is_text => value.to_owned(),
        _ => format!("{value:?}"),
    }
}

/// A digest's first digits; everything else as it is.
pub fn shorten(value: &str) -> String {
    match value.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.is_ascii() => format!("sha256:{}…", &hex[..12]),
        _ => value.to_owned(),
    }
}

/// Whether the instruction of an event's step has variables.
fn has_variables(event: &Event) -> bool {
    event.step.as_ref().is_some_and(|step| step.instruction.contains('$'))
}

impl View for Debugger {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::BuildStarted { .. } | EventKind::ContextLoaded { .. } | EventKind::BuildFinished { .. } => {
                Ok(())
            }
            EventKind::StepStarted => Ok(()),
            // Where there is no variable it is not worth a line.
            EventKind::Expanded { .. } if !has_variables(event) => Ok(()),
            EventKind::Expanded { instruction } => writeln!(out, "{}", self.row("expanded", instruction)),
            EventKind::Resolved { image, digest, layers, bytes, stands_in_for } => {
                if let Some(name) = stands_in_for {
                    writeln!(out, "{}", self.row("stand-in", &format!("{name} can't be reached: {image} stands in")))?;
                }
                let digest = digest.map(|digest| format!("  {}", shorten(&digest.to_string()))).unwrap_or_default();
                writeln!(out, "{}", self.row("resolve", &format!("{image}{digest}")))?;
                self.image = format!("{}, {}", units::count(*layers as u64, "layer"), units::spaced_size(*bytes));
                Ok(())
            }
            EventKind::Decided { decision: Decision::NotCached } => Ok(()),
            EventKind::Decided { decision } => {
                let mut rows = self.decision(decision, self.clock.seconds(), false);
                // Where one file is the whole cause, its name says it; `why` has the rest.
                if is_one_file(decision) {
                    rows.truncate(1);
                }
                rows.iter().try_for_each(|row| writeln!(out, "{row}"))
            }
            EventKind::ContainerStarted { .. } => Ok(()),
            EventKind::Output { stream, bytes } => {
                out.write_all(self.program.text(*stream, bytes, out.colours()).as_bytes())
            }
            EventKind::ContainerEnded { status, .. } => {
                out.write_all(self.program.end().as_bytes())?;
                match status {
                    0 => Ok(()),
                    status => writeln!(out, "{}", self.row("exit", &status.to_string())),
                }
            }
            EventKind::Changed { changes, config } => {
                let rows = self.config(config).into_iter().chain(self.changes(changes, MOST_CHANGES));
                rows.into_iter().try_for_each(|row| writeln!(out, "{row}"))
            }
            EventKind::Committed { layer, state, .. } => {
                let state = state.short();
                let keyword = event.step.as_ref().map(|step| step.keyword()).unwrap_or_default();
                let row = match layer {
                    Some(layer) => {
                        let text = format!(
                            "{}  {}",
                            shorten(&layer.diff_id.to_string()),
                            units::spaced_size(layer.descriptor.size)
                        );
                        self.row_with_state("layer", &text, &state)
                    }
                    None if keyword == "FROM" => self.row_with_state("image", &self.image, &state),
                    None if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR") => {
                        self.row_with_state("layer", "none: no file changed", &state)
                    }
                    None => {
                        let text = format!("none: {keyword} changes the configuration only");
                        self.row_with_state("layer", &text, &state)
                    }
                };
                writeln!(out, "{row}")
            }
            EventKind::StepFailed { .. } => out.write_all(self.program.end().as_bytes()),
            EventKind::Warning(told) => {
                writeln!(out, "{}", self.row("warning", &warning(told)))
            }
            EventKind::Tagged { reference } => writeln!(out, "{}", self.row("tagged", reference)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Debugger;
    use crate::view::palette::Palette;
    use crate::world::Clock;

    #[test]
    fn a_state_stands_where_the_terminal_has_room() {
        let clock = Clock::stopped(0);
        let mut view = Debugger::new(Palette::PLAIN, &clock);
        let (text, state) = ("none: HEALTHCHECK changes the configuration only", "0123456789ab");
        let column = |view: &Debugger| {
            let row = view.row_with_state("layer", text, state);
            row.lines().map(|line| line.chars().position(|letter| letter == '→')).collect::<Vec<_>>()
        };
        assert_eq!(column(&view), [Some(70)]);
        view.fit(86);
        assert_eq!(column(&view), [Some(66)]);
        view.fit(80);
        assert_eq!(column(&view), [None, Some(60)]);
    }
}
