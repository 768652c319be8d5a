//! What a learner's own record says of a lesson, for whoever grades it: hints, solutions, first answers.
//!
//! It is a file of the learner's, who can write into it whatever they like: it proves nothing. Only numbers are taken from it, each within what the page
//! allows; no text of it is part of a record.

use std::path::Path;

use super::error::Error;
use super::progress::{Progress, read};
use super::stop::Kind;
use super::walk::Walk;
use crate::lesson::Page;
use crate::limits::Limits;

/// What a record says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LearningRecord {
    pub(crate) tasks: Vec<TaskRecord>,
    pub(crate) predictions: Vec<PredictionRecord>,
}

/// What it says of a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TaskRecord {
    /// Of the page, from 1.
    pub(crate) line: usize,
    pub(crate) hints_seen: usize,
    pub(crate) hints: usize,
    /// Whether the solution was shown before the task was done.
    pub(crate) is_solution_seen: bool,
}

/// What it says of a prediction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PredictionRecord {
    /// Of the page, from 1.
    pub(crate) line: usize,
    /// The number of the answer that was given first, from 1.
    pub(crate) first_answer: Option<usize>,
    pub(crate) right_answer: usize,
}

impl LearningRecord {
    /// The record that `learn` keeps beside the home of a lesson; `None` where there is none.
    ///
    /// # Errors
    /// It can't be read, or was damaged; a page with a mistake in it.
    pub(crate) fn beside(home: &Path, page: &Page, limits: &Limits) -> Result<Option<LearningRecord>, Error> {
        let home = home.canonicalize().map_err(Error::io("find", home))?;
        let Some(folder) = home.parent().filter(|_| home.ends_with("home")) else { return Ok(None) };
        let progress: Option<Progress> = read(&folder.join("progress.json"), limits)?;
        progress.map(|progress| Ok(LearningRecord::of(&progress, &Walk::of(page)?))).transpose()
    }

    fn of(progress: &Progress, walk: &Walk) -> LearningRecord {
        let (mut tasks, mut predictions) = (Vec::new(), Vec::new());
        for stop in &walk.stops {
            let (key, line) = (&stop.key, stop.line);
            match &stop.kind {
                Kind::Task { task, .. } => {
                    let hints = task.hints.len();
                    let hints_seen = progress.hints.get(key).copied().unwrap_or(0).min(hints);
                    let is_solution_seen = progress.solutions.contains(key);
                    tasks.push(TaskRecord { line, hints_seen, hints, is_solution_seen });
                }
                Kind::Question(question) => {
                    let answers = 1..=question.answers.len();
                    let first_answer = progress.answers.get(key).copied().filter(|answer| answers.contains(answer));
                    predictions.push(PredictionRecord { line, first_answer, right_answer: question.right() });
                }
                Kind::Command(_) | Kind::Input(_) | Kind::File(_) | Kind::Proof { .. } | Kind::End => {}
            }
        }
        LearningRecord { tasks, predictions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_page_allows_are_none() {
        let text = "```predict\nWhat?\n( ) 1\n(x) 2\n\n$ p\n```\n\n````exercise\nDo it.\n```check\n$ a\n```\n```hint\nh\n```\nSolution:\n```console\n$ b\n```\n````\n";
        let walk = Walk::of(&Page::parse("page.md", text).unwrap()).unwrap();
        let read = |text: &str| LearningRecord::of(&serde_json::from_str(text).unwrap(), &walk);
        let record = read(
            r#"{"answers": {"predict What?": 99, "x": 1}, "hints": {"task Do it.": 99}, "solutions": ["task Do it."]}"#,
        );
        let task = TaskRecord { line: 9, hints_seen: 1, hints: 1, is_solution_seen: true };
        assert_eq!(record.tasks, [task]);
        assert_eq!(record.predictions, [PredictionRecord { line: 1, first_answer: None, right_answer: 2 }]);
        assert_eq!(read(r#"{"answers": {"predict What?": 1}}"#).predictions[0].first_answer, Some(1));
    }
}
