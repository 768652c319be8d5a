//! What was proven of a lesson: a line for each claim, and below a fault what helps to understand it.
//!
//! ```text
//! 04-cache/lesson.md: The cache
//!   proven   prediction, line 33: one right answer, which a run gives
//!   error    exercise, 04-cache/lesson.md:91: this task is done before anybody has done it: its check proves nothing
//!            hint: let it look at what only the solution makes
//! 04-cache/lesson.md: 1 error
//! ```

use std::fmt::Write as _;

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::mismatch::bounded;
use super::palette::{Palette, Role};
use super::units;
use crate::lesson::{Evidence, Finding, Level, Proof, Subject};
use crate::shown;

/// The version of the document.
const VERSION: u32 = 1;
/// What stands before a line that belongs to the one above it.
const MARGIN: &str = "           ";

/// What was found of the lesson on a page.
pub(crate) fn report(palette: Palette, page: &str, proof: &Proof) -> String {
    let page = shown::line(page);
    let title = if proof.title.is_empty() { String::new() } else { format!(": {}", shown::line(&proof.title)) };
    let mut text = format!("{}{title}\n", palette.paint(Role::Label, &page));
    for finding in &proof.findings {
        let level = palette.paint(role(finding.level), &format!("{:8}", finding.level.word()));
        let _ = writeln!(text, "  {level} {}: {}", place(finding, &page), shown::line(&finding.message));
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "{MARGIN}hint: {}", shown::line(hint));
        }
        text += &evidence(palette, &finding.evidence);
    }
    let _ = writeln!(text, "{page}: {}", verdict(palette, proof));
    text
}

/// A fault says where it is so that an editor can go there.
fn place(finding: &Finding, page: &str) -> String {
    let word = finding.subject.word();
    match (finding.level, finding.subject) {
        (Level::Warning | Level::Fault, _) => format!("{word}, {page}:{}", finding.line),
        (Level::Proven | Level::Note, Subject::Prediction | Subject::Exercise | Subject::Challenge) => {
            format!("{word}, line {}", finding.line)
        }
        (Level::Proven | Level::Note, Subject::Page | Subject::Files | Subject::Transcript | Subject::End) => {
            word.to_owned()
        }
    }
}

fn evidence(palette: Palette, evidence: &Evidence) -> String {
    let lines: Vec<String> = match evidence {
        Evidence::None => Vec::new(),
        Evidence::Output(output) => output.lines().map(|line| format!(" {line}")).collect(),
        Evidence::Drift { shown, printed } => {
            let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let (shown, printed) = (text(shown), text(printed));
            let diff = TextDiff::from_lines(&shown, &printed);
            let changes = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
            changes.map(|change| format!("{}{}", change.tag(), change.value().trim_end_matches('\n'))).collect()
        }
    };
    let painted = |line: &String| {
        let line = shown::line(line);
        match line.chars().next() {
            Some('-') => palette.paint(Role::Bad, &line),
            Some('+') => palette.paint(Role::Good, &line),
            Some(_) | None => line.strip_prefix(' ').unwrap_or(&line).to_owned(),
        }
    };
    bounded(lines.iter().map(String::as_str)).iter().map(|line| format!("{MARGIN}  {}\n", painted(line))).collect()
}

fn verdict(palette: Palette, proof: &Proof) -> String {
    let count = |level| proof.findings.iter().filter(|finding| finding.level == level).count() as u64;
    let (faults, warnings) = (count(Level::Fault), count(Level::Warning));
    let of_warnings = if warnings > 0 { format!(", {}", units::count(warnings, "warning")) } else { String::new() };
    match faults {
        0 => palette.paint(Role::Good, "all proven") + &of_warnings,
        faults => palette.paint(Role::Bad, &units::count(faults, "error")) + &of_warnings,
    }
}

fn role(level: Level) -> Role {
    match level {
        Level::Proven => Role::Good,
        Level::Note => Role::Faint,
        Level::Warning => Role::Notice,
        Level::Fault => Role::Bad,
    }
}

/// The same of several lessons for programs, as a document of this kind.
pub(crate) fn document(kind: &str, found: &[(String, Proof)]) -> Value {
    let lines = |lines: &[String]| Some(bounded(lines.iter().map(String::as_str)));
    let finding = |finding: &Finding| {
        let (output, shown, printed) = match &finding.evidence {
            Evidence::None => (None, None, None),
            Evidence::Output(output) => (Some(bounded(output.lines()).join("\n")), None, None),
            Evidence::Drift { shown, printed } => (None, lines(shown), lines(printed)),
        };
        json!({
            "subject": finding.subject.word(),
            "level": finding.level.word(),
            "line": finding.line,
            "message": finding.message,
            "hint": finding.hint,
            "output": output,
            "shown": shown,
            "printed": printed,
        })
    };
    let lesson = |(page, proof): &(String, Proof)| {
        let findings: Vec<Value> = proof.findings.iter().map(finding).collect();
        json!({"page": page, "title": proof.title, "proven": proof.is_whole(), "findings": findings})
    };
    json!({kind: VERSION, "lessons": found.iter().map(lesson).collect::<Vec<_>>()})
}
