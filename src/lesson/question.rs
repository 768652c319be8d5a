//! A prediction: what the learner is asked before something happens.
//!
//! A line `( ) TEXT` is an answer to choose and `(x) TEXT` the right one; lines below it are what is said to who chooses it.

use super::page::{Mistake, Page};

/// What a line begins with that is an answer, and whether that is the right one.
const MARKS: [(&str, bool); 2] = [("( ) ", false), ("(x) ", true)];

/// A question with its answers, of which one is right. The texts are Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) answers: Vec<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) is_right: bool,
    /// What is said to who chooses it; empty where nothing is.
    pub(crate) explanation: String,
}

impl Question {
    /// Reads the question that a block is.
    ///
    /// # Errors
    /// Nothing is asked; fewer than two answers; not exactly one that is right.
    pub(crate) fn read(page: &Page, number: usize) -> Result<Question, Mistake> {
        let block = &page.blocks[number];
        let mut text = String::new();
        let mut answers: Vec<Answer> = Vec::new();
        for line in block.lines.iter().take_while(|line| !line.starts_with("$ ")) {
            match (answer(line), answers.last_mut()) {
                (Some((text, is_right)), _) => {
                    answers.push(Answer { text: text.trim().to_owned(), is_right, explanation: String::new() });
                }
                (None, Some(answer)) => add_line(&mut answer.explanation, line.trim()),
                (None, None) => add_line(&mut text, line),
            }
        }
        let question = text.trim_end().to_owned();
        if question.is_empty() {
            let hint = "write the question before its answers";
            return Err(page.mistake(block.line - 1, "this prediction asks nothing", hint));
        }
        if answers.len() < 2 || answers.iter().filter(|answer| answer.is_right).count() != 1 {
            let hint = "two answers or more, each after `( ) `, and the right one after `(x) `";
            return Err(page.mistake(block.line - 1, "this prediction needs exactly one right answer", hint));
        }
        for answer in &mut answers {
            answer.explanation.truncate(answer.explanation.trim_end().len());
        }
        Ok(Question { text: question, answers })
    }

    /// The answer with a number, from 1.
    pub(crate) fn answer(&self, number: usize) -> Option<&Answer> {
        self.answers.get(number.checked_sub(1)?)
    }

    /// The number of the right answer, from 1.
    pub(crate) fn right(&self) -> usize {
        self.answers.iter().position(|answer| answer.is_right).map_or(0, |place| place + 1)
    }
}

/// The text of the answer that a line begins, and whether it is the right one.
pub(super) fn answer(line: &str) -> Option<(&str, bool)> {
    MARKS.iter().find_map(|(mark, is_right)| Some((line.strip_prefix(mark)?, *is_right)))
}

/// Adds a line to a text, which does not begin with an empty one.
fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() || !line.trim().is_empty() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Question, Mistake> {
        Question::read(&Page::parse("page.md", &format!("```predict\n{text}```\n")).unwrap(), 0)
    }

    #[test]
    fn answers_have_explanations() {
        let question = read("What?\n\n( ) 1\n    Too\n    few.\n\n(x) 2\n    Both.\n\n$ a\n2\n").unwrap();
        let answer = |text: &str, is_right, explanation: &str| Answer {
            text: text.to_owned(),
            is_right,
            explanation: explanation.to_owned(),
        };
        let answers = vec![answer("1", false, "Too\nfew."), answer("2", true, "Both.")];
        assert_eq!([0, 2, 3, usize::MAX].map(|number| question.answer(number)), [None, answers.get(1), None, None]);
        assert_eq!(question, Question { text: "What?".to_owned(), answers });
    }

    #[test]
    fn exactly_one_answer_is_right() {
        let message = |text: &str| read(text).unwrap_err().message;
        assert_eq!(message("What?\n( ) 1\n( ) 2\n"), "this prediction needs exactly one right answer");
        assert_eq!(message("What?\n(x) 1\n"), "this prediction needs exactly one right answer");
        assert_eq!(message("What?\n(x) 1\n(x) 2\n"), "this prediction needs exactly one right answer");
        assert_eq!(message("(x) 1\n( ) 2\n"), "this prediction asks nothing");
    }
}
