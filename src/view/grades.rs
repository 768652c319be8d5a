//! What a student has reached in a lesson: for people, and for the program that collects grades.
//!
//! ```text
//! lessons/04-cache/lesson.md: The cache
//!   done     exercise, line 91, below "Order": 1 of 1 point
//!   not yet  challenge, line 150, below "What is in a key": 0 of 2 points
//!            COPY hits, too
//!            line 153: layerlab builds last …
//!            -miss COPY words.txt /app/
//!            +hit COPY words.txt /app/
//! 1 of 3 points
//! the student's own record, which proves nothing:
//!   prediction, line 51: first answer 1, which is wrong
//!   task, line 150: 1 of 2 hints seen
//! ```

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::mismatch::{bounded, cause};
use super::palette::{Palette, Role};
use super::units;
use crate::learning::{self, LearningRecord, PredictionRecord, TaskRecord};
use crate::lesson::{Cause, Grade, Graded, Mismatch};
use crate::shown;

/// The version of the document: it rises when a field changes its meaning or goes. New ones may come.
const VERSION: u32 = 1;
/// What stands before a line that belongs to the task above it.
const MARGIN: &str = "           ";

/// What the student's own record says, where there is one and it can be read.
type Kept = Result<Option<LearningRecord>, learning::Error>;

/// The grade as text.
pub(crate) fn report(palette: Palette, page: &str, grade: &Grade, record: &Kept) -> String {
    let title = shown::line(&grade.title);
    let mut text = format!("{}: {title}\n", palette.paint(Role::Label, &shown::line(page)));
    for task in &grade.tasks {
        let (role, word) = if task.mismatch.is_none() { (Role::Good, "done   ") } else { (Role::Notice, "not yet") };
        let points = units::count(task.points.into(), "point");
        let below = shown::line(&task.heading).into_owned();
        let kind = task.subject.word();
        let mark = palette.paint(role, word);
        let _ =
            writeln!(text, "  {mark}  {kind}, line {}, below \"{below}\": {} of {points}", task.line, task.earned());
        if let Some(mismatch) = &task.mismatch {
            text += &lacking(mismatch);
        }
    }
    for left_out in &grade.left_out {
        let _ = writeln!(text, "  left out: {}", shown::line(left_out));
    }
    let _ = writeln!(text, "{} of {}", grade.earned(), units::count(grade.possible().into(), "point"));
    text + &recorded(record)
}

/// What the student's own record says.
fn recorded(record: &Kept) -> String {
    let record = match record {
        Ok(None) => return String::new(),
        Ok(Some(record)) => record,
        Err(error) => {
            return format!("the student's own record can't be read: {}\n", shown::line(&why_unread(error)));
        }
    };
    let mut text = "the student's own record, which proves nothing:\n".to_owned();
    for PredictionRecord { line, first_answer, right_answer } in &record.predictions {
        let said = match first_answer {
            None => "not answered".to_owned(),
            Some(answer) if answer == right_answer => format!("first answer {answer}, which is right"),
            Some(answer) => format!("first answer {answer}, which is wrong"),
        };
        let _ = writeln!(text, "  prediction, line {line}: {said}");
    }
    for TaskRecord { line, hints_seen, hints, is_solution_seen } in &record.tasks {
        let solution = if *is_solution_seen { ", solution seen before it was done" } else { "" };
        let _ = writeln!(
            text,
            "  task, line {line}: {hints_seen} of {} seen{solution}",
            units::count(*hints as u64, "hint")
        );
    }
    text
}

/// The check that did not pass.
fn lacking(mismatch: &Mismatch) -> String {
    let says = mismatch.says.iter().map(|says| format!("{MARGIN}{}\n", shown::line(says)));
    let mut text = says.collect::<String>();
    text += &format!("{MARGIN}line {}: {}\n", mismatch.line, shown::line(&mismatch.command));
    if let Some(cause) = cause(mismatch.cause) {
        let _ = writeln!(text, "{MARGIN}{cause}");
    }
    let is_output = match mismatch.cause {
        Cause::Output | Cause::TimedOut(_) => true,
        Cause::ExitCode { .. } | Cause::TooMuch => false,
    };
    for (sign, lines) in [('-', &mismatch.expected), ('+', &mismatch.seen)].into_iter().filter(|_| is_output) {
        for line in bounded(lines.iter().map(String::as_str)) {
            let _ = writeln!(text, "{MARGIN}{sign}{}", shown::line(&line));
        }
    }
    text
}

/// The grade for a program. `lesson` is the digest of the page, which says which checks were run.
pub(crate) fn document(page: &str, lesson: &str, grade: &Grade, record: &Kept) -> Value {
    let tasks: Vec<Value> = grade.tasks.iter().enumerate().map(|(number, graded)| task(number + 1, graded)).collect();
    json!({
        "layerlab-grade": VERSION,
        "page": page,
        "digest": lesson,
        "title": grade.title,
        "tasks": tasks,
        "points": {"earned": grade.earned(), "possible": grade.possible()},
        "left_out": grade.left_out,
        "record": record_document(record),
    })
}

/// Why a record can't be read. What was found instead of what is expected is the student's word, and may be long.
fn why_unread(error: &learning::Error) -> String {
    bounded([error.to_string().as_str()]).join("\n")
}

/// What the student's own record says: `null` where there is none.
fn record_document(record: &Kept) -> Value {
    let (error, record) = match record {
        Ok(None) => return Value::Null,
        Ok(Some(record)) => (None, Some(record)),
        Err(error) => (Some(why_unread(error)), None),
    };
    let predictions = record.into_iter().flat_map(|record| &record.predictions).map(|prediction| {
        let PredictionRecord { line, first_answer, right_answer } = prediction;
        json!({"line": line, "first_answer": first_answer, "right_answer": right_answer})
    });
    let tasks = record.into_iter().flat_map(|record| &record.tasks).map(|task| {
        let TaskRecord { line, hints_seen, hints, is_solution_seen } = task;
        json!({"line": line, "hints_seen": hints_seen, "hints": hints, "solution_seen": is_solution_seen})
    });
    json!({
        "error": error,
        "predictions": predictions.collect::<Vec<_>>(),
        "tasks": tasks.collect::<Vec<_>>(),
    })
}

fn task(number: usize, graded: &Graded) -> Value {
    let failed = graded.mismatch.as_ref().map(|mismatch| {
        let (why, codes) = match mismatch.cause {
            Cause::Output => ("output", None),
            Cause::ExitCode { expected, seen } => ("exit code", Some((expected, seen))),
            Cause::TimedOut(_) => ("time", None),
            Cause::TooMuch => ("too much output", None),
        };
        json!({
            "line": mismatch.line,
            "says": mismatch.says,
            "command": mismatch.command,
            "why": why,
            "expected": bounded(mismatch.expected.iter().map(String::as_str)),
            "seen": bounded(mismatch.seen.iter().map(String::as_str)),
            "exit_code": codes.map(|(expected, seen)| json!({"expected": expected, "seen": seen})),
        })
    });
    json!({
        "number": number,
        "kind": graded.subject.word(),
        "line": graded.line,
        "heading": graded.heading,
        "done": graded.mismatch.is_none(),
        "points": {"earned": graded.earned(), "possible": graded.points},
        "failed": failed,
    })
}
