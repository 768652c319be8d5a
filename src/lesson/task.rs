//! A task: what is to be done, how it is seen to be done, hints, and what does it.

use std::ops::Range;

use super::kind::BlockKind;
use super::page::{Block, Mistake, Page};
use super::session::{self, Run};

/// The line that the solution of a task follows.
const SOLUTION: &str = "Solution:";

/// A task as a page has it. The texts are Markdown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// What is to be done: all before the solution, without checks and hints.
    pub(crate) description: String,
    /// Print what is shown only when the task is done, each with what it proves.
    pub(crate) checks: Vec<Run>,
    pub(crate) hints: Vec<String>,
    pub(crate) solution: String,
    /// The line of the page that the solution follows, from 1.
    pub(super) solution_line: usize,
}

impl Task {
    /// Reads the task that a block is.
    ///
    /// # Errors
    /// It says nothing of what is to be done; it has no check, no hint or no solution.
    pub(crate) fn read(page: &Page, number: usize) -> Result<Task, Mistake> {
        let block = &page.blocks[number];
        let place = block.line - 1;
        let mut is_free = vec![true; block.lines.len()];
        for (_, inner) in page.within(number) {
            is_free[with_fences(block, inner)].fill(false);
        }
        let is_mark = |(line, is_free): (&String, &bool)| *is_free && line.trim() == SOLUTION;
        let Some(offset) = block.lines.iter().zip(&is_free).position(is_mark) else {
            return Err(page.mistake(place, "this task has no solution", "it follows a line `Solution:`"));
        };
        let solution_line = block.line + offset;
        let (before, after) = block.lines.split_at(offset);
        let mut is_described = vec![true; before.len()];
        let (mut checks, mut hints) = (Vec::new(), Vec::new());
        for (inner, part) in page.within(number).filter(|(_, part)| part.line < solution_line) {
            match part.kind {
                BlockKind::Check => checks.extend(session::runs(page, inner, None, &mut None)?),
                BlockKind::Hint => hints.push(part.lines.join("\n")),
                // Anything may illustrate what is to be done.
                BlockKind::About
                | BlockKind::Prediction
                | BlockKind::Exercise
                | BlockKind::Challenge
                | BlockKind::Change
                | BlockKind::Session
                | BlockKind::File
                | BlockKind::Text => continue,
            }
            is_described[with_fences(block, part)].fill(false);
        }
        if checks.is_empty() {
            let hint = "a block `check` has commands that print what is shown only when the task is done";
            return Err(page.mistake(place, "this task has no check", hint));
        }
        if hints.is_empty() {
            return Err(page.mistake(place, "this task has no hint", "write one in a block `hint`"));
        }
        let description = before.iter().zip(is_described).filter(|(_, is_described)| *is_described);
        let description = text_of(description.map(|(line, _)| line));
        if description.is_empty() {
            return Err(page.mistake(place, "this task does not say what is to be done", "write it before the check"));
        }
        Ok(Task { description, checks, hints, solution: text_of(after[1..].iter()), solution_line })
    }

    /// The hint after so many that were seen, with its number from 1; the last one again, where all were.
    pub(crate) fn hint_after(&self, seen: usize) -> Option<(usize, &str)> {
        let number = seen.saturating_add(1).min(self.hints.len());
        Some((number, self.hints.get(number.checked_sub(1)?)?))
    }
}

/// Which lines of a task a block in it has, with both fences.
fn with_fences(task: &Block, inner: &Block) -> Range<usize> {
    let first = inner.line - task.line - 1;
    first..first + inner.lines.len() + 2
}

/// The text of some lines, where blank ones between them are one.
fn text_of<'l>(lines: impl Iterator<Item = &'l String>) -> String {
    let mut text = String::new();
    for line in lines {
        if !line.trim().is_empty() || !text.is_empty() && !text.ends_with("\n\n") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Task, Mistake> {
        Task::read(&Page::parse("page.md", &format!("# A\n\n````exercise\n{text}````\n")).unwrap(), 0)
    }

    #[test]
    fn what_is_no_check_and_no_hint_says_what_is_to_be_done() {
        let task = read(
            "Do *it*:\n```text\nlike this\n```\n\n```check\n$ a\n1\n```\n\n```hint\nh\n```\n\n```hint\ni\n```\nThen rest.\nSolution:\n\n```sh\n$ b\n```\n",
        )
        .unwrap();
        assert_eq!(task.description, "Do *it*:\n```text\nlike this\n```\n\nThen rest.");
        assert_eq!(task.checks.iter().map(|run| run.command.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(task.hints, ["h", "i"]);
        let after = |seen| task.hint_after(seen).unwrap();
        assert_eq!([after(0), after(1), after(2), after(usize::MAX)], [(1, "h"), (2, "i"), (2, "i"), (2, "i")]);
        assert_eq!(task.solution, "```sh\n$ b\n```");
    }

    #[test]
    fn a_check_says_what_it_proves() {
        let task = read(
            "Do it:\n```check\n# One\n$ a\n# no title\n1\n# Two, `b`\n$ b\n? 3\n#\n$ c\n# below\n```\n```hint\nh\n```\nSolution:\n",
        );
        let checks = task.unwrap().checks;
        let said = |run: &Run| (run.line, run.says.clone(), run.command.clone(), run.output(), run.status);
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let [one, two, three] = checks.iter().map(said).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(one, (7, Some("One".into()), "a".into(), lines(&["# no title", "1"]), None));
        // What is no sentence is printed.
        assert_eq!(two, (11, Some("Two, `b`".into()), "b".into(), lines(&["? 3", "#"]), None));
        assert_eq!(three, (14, None, "c".into(), lines(&["# below"]), None));
    }

    #[test]
    fn a_task_is_whole() {
        let message = |text: &str| read(text).unwrap_err().to_string();
        let check = "```check\n$ a\n```\n";
        let hint = "```hint\nh\n```\n";
        assert_eq!(message("Do it.\n"), "page.md:3: this task has no solution");
        assert_eq!(message(&format!("Do it.\n{hint}Solution:\n")), "page.md:3: this task has no check");
        // A block may have such a line in it.
        for inner in ["```check\n$ a\nSolution:\n```\n", "- ```text\n  Solution:\n  ```\n"] {
            assert_eq!(message(&format!("Do it.\n{inner}")), "page.md:3: this task has no solution");
        }
        assert_eq!(message(&format!("Do it.\n{check}Solution:\n")), "page.md:3: this task has no hint");
        assert_eq!(
            message(&format!("{check}{hint}Solution:\n")),
            "page.md:3: this task does not say what is to be done"
        );
    }
}
