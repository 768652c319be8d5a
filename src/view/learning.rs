//! What a learner is shown beside the pages of a lesson: questions, what a task lacks, the list of lessons.

use super::page::page;
use super::palette::{Palette, Role};
use super::table;
use crate::diagnostic::Explained as _;
use crate::learning::{Error, Lesson, Progress, Unread, Walk};
use crate::lesson::{Cause, Comparison, Mismatch, Question, Run, align};
use crate::shown;

/// How many lines of an output are shown.
const MOST_LINES: usize = 12;
/// How much of a line is shown where it matters to its end, in columns.
const LONGEST: usize = 500;

/// The line above a page: which lesson it is, and how far in it.
pub(crate) fn header(title: &str, (place, total): (usize, usize), palette: Palette, columns: usize) -> String {
    let place = format!(" {place} of {total} ──");
    let title = table::shortened(&shown::line(title), columns.saturating_sub(place.chars().count() + 8));
    let title = format!("── {title} ");
    let rule = columns.saturating_sub(table::visible_width(&title) + place.chars().count());
    format!("{}\n\n", palette.paint(Role::Faint, &format!("{title}{}{place}", "─".repeat(rule))))
}

/// A question with its numbered answers.
pub(crate) fn question(question: &Question, palette: Palette, columns: usize) -> String {
    let mut text = page(&question.text, palette, columns) + "\n";
    for (number, answer) in question.answers.iter().enumerate() {
        let number = palette.paint(Role::Strong, &format!("{:>4})", number + 1));
        text.push_str(&table::hang(&format!("{number} "), &inline(&answer.text, palette), columns));
    }
    text
}

/// One paragraph of Markdown, as one line.
pub(crate) fn inline(markdown: &str, palette: Palette) -> String {
    page(markdown, palette, usize::MAX).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Code with a mark in its margin.
pub(crate) fn marked(mark: &str, code: &str) -> String {
    match code.strip_prefix("    ") {
        Some(code) => format!("  {mark} {code}"),
        None => code.to_owned(),
    }
}

/// Markdown below a mark.
pub(crate) fn noted(role: Role, mark: &str, markdown: &str, palette: Palette, columns: usize) -> String {
    let label = format!("{} ", palette.paint(role, mark));
    let margin = " ".repeat(table::visible_width(&label));
    let text = page(markdown, palette, columns.min(90).saturating_sub(margin.len()));
    let mut lines = text.lines();
    let mut shown = format!("{label}{}\n", lines.next().unwrap_or_default());
    for line in lines {
        shown.push_str(format!("{margin}{line}").trim_end());
        shown.push('\n');
    }
    shown
}

/// What the checks of a task prove that pass; nothing where none of them says it.
pub(crate) fn passed(checks: &[Run], palette: Palette, columns: usize) -> String {
    if checks.iter().all(|check| check.says.is_none()) {
        return String::new();
    }
    checks.iter().map(|check| proven(check, (Role::Good, "✓"), palette, columns)).collect()
}

/// What of a task is done, what it still lacks, and how many checks come after that.
pub(crate) fn lacking(checks: &[Run], mismatch: &Mismatch, palette: Palette, columns: usize) -> String {
    let (before, after) = checks.split_at(checks.partition_point(|check| check.line < mismatch.line));
    let found = found(mismatch, palette, columns);
    let Some((failed, after)) = after.split_first().filter(|_| checks.iter().any(|check| check.says.is_some())) else {
        return format!("{} Not yet. This is looked at:\n{found}", palette.paint(Role::Bad, "✗"));
    };
    let mut text: String = before.iter().map(|check| proven(check, (Role::Good, "✓"), palette, columns)).collect();
    text += &proven(failed, (Role::Bad, "✗"), palette, columns);
    text += &found;
    if !after.is_empty() {
        let more = format!("Not looked at yet: {}.", super::units::count(after.len() as u64, "check"));
        text += &table::hang(&format!("{} ", palette.paint(Role::Faint, "·")), &more, columns);
    }
    text
}

/// A line for a check: what it proves, or else its command.
fn proven(check: &Run, (role, mark): (Role, &str), palette: Palette, columns: usize) -> String {
    let label = format!("{} ", palette.paint(role, mark));
    match &check.says {
        Some(says) => table::hang(&label, &inline(says, palette), columns),
        None => {
            let command = check.command.lines().next().unwrap_or_default();
            let room = columns.saturating_sub(table::visible_width(&label));
            format!("{label}{}\n", table::shortened(&format!("$ {}", shown::line(command)), room))
        }
    }
}

/// The command of a check beside what it printed.
fn found(mismatch: &Mismatch, palette: Palette, columns: usize) -> String {
    let mut text = super::page::code(&format!("$ {}", mismatch.command));
    let side = |name: &str, role: Role, lines: &[String]| {
        let name = palette.paint(role, &format!("{name:<9}"));
        match lines.is_empty() {
            true => format!("      {name}nothing\n"),
            false => wrapped(&format!("      {name}"), lines, columns),
        }
    };
    text.push_str(&side("expected", Role::Good, &mismatch.expected));
    text.push_str(&side("seen", Role::Bad, &mismatch.seen));
    // Where something else was printed, the exit code follows from that.
    let follows = matches!(mismatch.cause, Cause::ExitCode { .. })
        && align(&mismatch.expected, &mismatch.seen, Comparison::ByKind).is_none();
    let cause = super::mismatch::cause(mismatch.cause).filter(|_| !follows);
    text.extend(cause.map(|cause| format!("      {cause}\n")));
    text
}

/// What a page shows where something else was printed.
pub(crate) fn expected(lines: &[String], palette: Palette, columns: usize) -> String {
    let bar = palette.paint(Role::Faint, "  │ ");
    listed(&bar, &bar, lines, columns)
}

/// Lines below a label, cut to the width; at most a few.
fn listed(first: &str, margin: &str, lines: &[String], columns: usize) -> String {
    let mut text = String::new();
    for (number, line) in lines.iter().take(MOST_LINES).enumerate() {
        let label = if number == 0 { first } else { margin };
        let room = columns.saturating_sub(table::visible_width(label));
        text.push_str(format!("{label}{}", table::shortened(&shown::cell(line), room)).trim_end());
        text.push('\n');
    }
    if lines.len() > MOST_LINES {
        text.push_str(&format!("{margin}… {} more\n", super::units::count((lines.len() - MOST_LINES) as u64, "line")));
    }
    text
}

/// Lines behind a label, on as many lines as they take; at most a few of them.
fn wrapped(label: &str, lines: &[String], columns: usize) -> String {
    let margin = " ".repeat(table::visible_width(label));
    let mut text = String::new();
    for (number, line) in lines.iter().take(MOST_LINES).enumerate() {
        let label = if number == 0 { label } else { &margin };
        let line = table::shortened(&shown::cell(line), LONGEST);
        text.push_str(&table::hang(label, &line, columns));
    }
    if lines.len() > MOST_LINES {
        text.push_str(&format!("{margin}… {} more\n", super::units::count((lines.len() - MOST_LINES) as u64, "line")));
    }
    text
}

/// One lesson in the list of them.
pub(crate) fn row(
    lesson: &Lesson,
    walk: &Walk,
    progress: Result<Progress, Error>,
    palette: Palette,
    columns: usize,
) -> String {
    let number = lesson.number().map_or_else(String::new, |number| number.to_string());
    let (mark, state) = match &progress {
        Err(_) => (palette.paint(Role::Bad, "✗"), "unknown".to_owned()),
        Ok(progress) => match (progress.is_finished, progress.left_out(walk), progress.done(walk)) {
            (true, 0, _) => (palette.paint(Role::Good, "✓"), "done".to_owned()),
            (true, left_out, _) => (palette.paint(Role::Good, "✓"), format!("done, {left_out} left out")),
            (false, _, (done, total)) if progress.at.is_some() => {
                (palette.paint(Role::Notice, "…"), format!("{done} of {total} pages"))
            }
            (false, ..) => (" ".to_owned(), "not begun".to_owned()),
        },
    };
    let title = palette.paint(Role::Strong, &shown::line(&lesson.title));
    let minutes = lesson.about.as_ref().map(|about| format!("{} min · ", about.minutes)).unwrap_or_default();
    let mut text = table::hang(&format!("{mark} {number:>3}  "), &format!("{title}  {minutes}{state}"), columns);
    let mut below = |what: &str, role: Role| {
        let label = " ".repeat(7);
        for line in table::hang("", what, columns.saturating_sub(label.len())).lines() {
            text.push_str(&format!("{label}{}\n", palette.paint(role, line)));
        }
    };
    if let Err(error) = &progress {
        below(&shown::line(&error.to_string()), Role::Bad);
        error.hint().iter().for_each(|hint| below(hint, Role::Faint));
    }
    text
}

/// The line of a lesson that can't be read, with the reason.
pub(crate) fn unread(unread: &Unread, palette: Palette, columns: usize) -> String {
    let number = unread.number().map_or_else(String::new, |number| number.to_string());
    let mark = palette.paint(Role::Bad, "✗");
    let text = format!("`{}`: {}", shown::line(&unread.name), shown::line(&unread.why));
    table::hang(&format!("{mark} {number:>3}  "), &text, columns)
}
