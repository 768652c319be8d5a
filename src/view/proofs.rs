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

use super::palette::{Palette, Role};
use super::units;
use crate::lesson::{Evidence, Finding, Proof, Standing, Subject};
use crate::shown;

/// The version of the document.
const VERSION: u32 = 1;
/// The most lines of an output, and of a difference.
const MOST_LINES: usize = 40;
/// What stands before a line that belongs to the one above it.
const MARGIN: &str = "           ";

/// What was found of the lesson on a page.
pub(crate) fn report(palette: Palette, page: &str, proof: &Proof) -> String {
    let page = shown::line(page);
    let title = if proof.title.is_empty() { String::new() } else { format!(": {}", shown::line(&proof.title)) };
    let mut text = format!("{}{title}\n", palette.paint(Role::Label, &page));
    for finding in &proof.findings {
        let standing = palette.paint(role(finding.standing), &format!("{:8}", finding.standing.word()));
        let _ = writeln!(text, "  {standing} {}: {}", place(finding, &page), shown::line(&finding.message));
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
    match (finding.standing, finding.subject) {
        (Standing::Warning | Standing::Fault, _) => format!("{word}, {page}:{}", finding.line),
        (Standing::Proven | Standing::Note, Subject::Prediction | Subject::Exercise | Subject::Challenge) => {
            format!("{word}, line {}", finding.line)
        }
        (Standing::Proven | Standing::Note, Subject::Page | Subject::Files | Subject::Transcript | Subject::End) => {
            word.to_owned()
        }
    }
}

fn evidence(palette: Palette, evidence: &Evidence) -> String {
    let mut lines: Vec<String> = match evidence {
        Evidence::None => Vec::new(),
        Evidence::Output(output) => output.lines().map(|line| shown::line(line).into_owned()).collect(),
        Evidence::Drift { shown, printed } => {
            let (shown, printed) = (shown.join("\n") + "\n", printed.join("\n") + "\n");
            let diff = TextDiff::from_lines(&shown, &printed);
            let changed = diff.iter_all_changes().filter_map(|change| {
                let line = shown::line(change.value().trim_end_matches('\n')).into_owned();
                match change.tag() {
                    ChangeTag::Delete => Some(palette.paint(Role::Bad, &format!("-{line}"))),
                    ChangeTag::Insert => Some(palette.paint(Role::Good, &format!("+{line}"))),
                    ChangeTag::Equal => None,
                }
            });
            changed.collect()
        }
    };
    if lines.len() > MOST_LINES {
        let left = units::count((lines.len() - MOST_LINES) as u64, "line");
        lines.truncate(MOST_LINES);
        lines.push(format!("({left} more)"));
    }
    lines.iter().map(|line| format!("{MARGIN}  {line}\n")).collect()
}

fn verdict(palette: Palette, proof: &Proof) -> String {
    let count = |standing| proof.findings.iter().filter(|finding| finding.standing == standing).count() as u64;
    let (faults, warnings) = (count(Standing::Fault), count(Standing::Warning));
    let of_warnings = if warnings > 0 { format!(", {}", units::count(warnings, "warning")) } else { String::new() };
    match faults {
        0 => palette.paint(Role::Good, "all proven") + &of_warnings,
        faults => palette.paint(Role::Bad, &units::count(faults, "error")) + &of_warnings,
    }
}

fn role(standing: Standing) -> Role {
    match standing {
        Standing::Proven => Role::Good,
        Standing::Note => Role::Faint,
        Standing::Warning => Role::Notice,
        Standing::Fault => Role::Bad,
    }
}

/// The same of several lessons for programs.
pub(crate) fn document<'p>(proofs: impl Iterator<Item = (&'p str, &'p Proof)>) -> Value {
    let finding = |finding: &Finding| {
        let mut value = json!({
            "subject": finding.subject.word(),
            "standing": finding.standing.word(),
            "line": finding.line,
            "message": finding.message,
            "hint": finding.hint,
        });
        match &finding.evidence {
            Evidence::None => {}
            Evidence::Output(output) => value["output"] = json!(output),
            Evidence::Drift { shown, printed } => {
                value["shown"] = json!(shown);
                value["printed"] = json!(printed);
            }
        }
        value
    };
    let lesson = |(page, proof): (&str, &Proof)| {
        let findings: Vec<Value> = proof.findings.iter().map(finding).collect();
        json!({"page": page, "title": proof.title, "proven": proof.is_whole(), "findings": findings})
    };
    json!({"layerlab-check": VERSION, "lessons": proofs.map(lesson).collect::<Vec<_>>()})
}
