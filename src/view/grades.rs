//! What a student has reached in a lesson: for people, and for the program that collects grades.
//!
//! ```text
//! lessons/04-cache/lesson.md: The cache
//!   done     exercise, line 91, below "Order": 1 of 1 point
//!   not yet  challenge, line 150, below "What is in a key": 0 of 2 points
//!            line 153: layerlab builds last …
//!            -miss COPY words.txt /app/
//!            +hit COPY words.txt /app/
//! 1 of 3 points
//! ```

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::palette::{Palette, Role};
use super::units;
use crate::lesson::{Grade, Graded, Lack, Why};
use crate::shown;

/// The version of the document: it rises when a field changes its meaning or goes. New ones may come.
const VERSION: u32 = 1;
/// The most that is shown of what a check printed: a student chooses it.
const MOST_LINES: usize = 40;
const MOST_LETTERS: usize = 200;

/// The grade as text.
pub(crate) fn report(palette: Palette, page: &str, grade: &Grade) -> String {
    let title = shown::line(&grade.title);
    let mut text = format!("{}: {title}\n", palette.paint(Role::Label, &shown::line(page)));
    for task in &grade.tasks {
        let (role, word) = if task.lack.is_none() { (Role::Good, "done   ") } else { (Role::Notice, "not yet") };
        let points = units::count(task.points.into(), "point");
        let below = shown::line(&task.heading).into_owned();
        let kind = task.subject.word();
        let mark = palette.paint(role, word);
        let _ =
            writeln!(text, "  {mark}  {kind}, line {}, below \"{below}\": {} of {points}", task.line, task.earned());
        if let Some(lack) = &task.lack {
            text += &lacking(lack);
        }
    }
    for left_out in &grade.left_out {
        let _ = writeln!(text, "  left out: {}", shown::line(left_out));
    }
    let _ = writeln!(text, "{} of {}", grade.earned(), units::count(grade.possible().into(), "point"));
    text
}

fn lacking(lack: &Lack) -> String {
    let mut text = format!("           line {}: {}\n", lack.line, shown::line(&lack.command));
    match lack.why {
        Why::Output => {}
        Why::ExitCode { expected, seen } => {
            let _ = writeln!(text, "           exit code {seen}, and not {expected}");
            return text;
        }
        Why::TimedOut => text += "           it did not end in time\n",
        Why::TooMuch => {
            text += "           it printed too much\n";
            return text;
        }
    }
    for (sign, lines) in [('-', bounded(&lack.expected)), ('+', bounded(&lack.seen))] {
        for line in lines {
            let _ = writeln!(text, "           {sign}{}", shown::line(&line));
        }
    }
    text
}

/// The grade for a program. `lesson` is the digest of the page, which says which checks were run.
pub(crate) fn document(page: &str, lesson: &str, grade: &Grade) -> Value {
    let tasks: Vec<Value> = grade.tasks.iter().enumerate().map(|(number, graded)| task(number + 1, graded)).collect();
    json!({
        "layerlab-grade": VERSION,
        "page": page,
        "digest": lesson,
        "title": grade.title,
        "tasks": tasks,
        "points": {"earned": grade.earned(), "possible": grade.possible()},
        "left_out": grade.left_out,
    })
}

fn task(number: usize, graded: &Graded) -> Value {
    let failed = graded.lack.as_ref().map(|lack| {
        let (why, codes) = match lack.why {
            Why::Output => ("output", None),
            Why::ExitCode { expected, seen } => ("exit code", Some((expected, seen))),
            Why::TimedOut => ("time", None),
            Why::TooMuch => ("too much output", None),
        };
        json!({
            "line": lack.line,
            "command": lack.command,
            "why": why,
            "expected": bounded(&lack.expected),
            "seen": bounded(&lack.seen),
            "exit_code": codes.map(|(expected, seen)| json!({"expected": expected, "seen": seen})),
        })
    });
    json!({
        "number": number,
        "kind": graded.subject.word(),
        "line": graded.line,
        "heading": graded.heading,
        "done": graded.lack.is_none(),
        "points": {"earned": graded.earned(), "possible": graded.points},
        "failed": failed,
    })
}

/// The first lines, and of each the beginning.
fn bounded(lines: &[String]) -> Vec<String> {
    let cut = |line: &String| match line.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.clone(),
    };
    let mut bounded: Vec<String> = lines.iter().take(MOST_LINES).map(cut).collect();
    if lines.len() > MOST_LINES {
        bounded.push(format!("({} more)", units::count((lines.len() - MOST_LINES) as u64, "line")));
    }
    bounded
}
