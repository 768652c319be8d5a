//! A page with what a lesson asks as a chapter of a book: Markdown, with the few elements of HTML that Markdown has no words for.
//!
//! ```text
//! lesson      a line: what it clears up, and how long it takes
//! predict     the question; each answer opens what is said of it, and closes the others: <details name="…">
//! exercise    a box: what is to be done, when it is done (what each check proves, above its command), each hint within the one before it,
//!             the solution
//! sh date.sh  a file's name above its text
//! rust        code that is included from within something, without its indentation
//! ```
//!
//! No script is needed: the elements open by mouse and keyboard, and a reader on paper has the questions open. `book/lessons.css`
//! is how they look. What stands between empty lines within an element is Markdown again
//! ([CommonMark](https://spec.commonmark.org/0.31.2/#html-blocks)), so that a book's own rules hold for it.

use std::collections::BTreeMap;

use crate::lesson::{About, Answer, Block, BlockKind, Mistake, Page, Question, Run, Task};

/// The language of code that a chapter includes from within something, with the indentation that it has there.
const RUST: &str = "rust";

/// What leads to the proof of an answer.
const PROOF: &str = "When you have run the next commands, this shows it:";

/// The page as a chapter. `name` is no other chapter's.
///
/// # Errors
/// A question, a task or a lesson that is not whole.
pub(crate) fn chapter(page: &Page, name: &str) -> Result<String, Mistake> {
    let mut parts = BTreeMap::new();
    let about = About::find(page)?;
    for (number, block) in page.blocks.iter().enumerate().filter(|(_, block)| block.within.is_none()) {
        let text = match block.kind {
            BlockKind::About => about.as_ref().map(line_about),
            BlockKind::Prediction => {
                Some(prediction(&Question::read(page, number)?, &proof(page, number), &format!("{name}-{number}")))
            }
            BlockKind::Exercise => Some(task(&Task::read(page, number)?, "Exercise", "exercise")?),
            BlockKind::Challenge => Some(task(&Task::read(page, number)?, "Challenge", "challenge")?),
            BlockKind::File | BlockKind::Text if block.language == RUST => outdented(block),
            BlockKind::Check
            | BlockKind::Hint
            | BlockKind::Change
            | BlockKind::Session
            | BlockKind::File
            | BlockKind::Text => with_name(block),
        };
        if let Some(text) = text {
            parts.insert(number, text.lines().map(str::to_owned).collect());
        }
    }
    Ok(page.with_others(&parts))
}

fn line_about(about: &About) -> String {
    let clears_up: Vec<String> = about.clears_up.iter().map(|idea| format!("“{idea}”")).collect();
    let line = format!("Clears up: {} · about {} minutes", clears_up.join(", "), about.minutes);
    element("div", "lesson", &line)
}

/// A block with the name of its file above it.
fn with_name(block: &Block) -> Option<String> {
    let file = block.file.as_ref()?;
    Some(format!("{}\n\n{}", element("div", "file-name", &format!("`{file}`")), fenced(&block.language, &block.lines)))
}

/// Code without the indentation that all of its lines have.
fn outdented(block: &Block) -> Option<String> {
    let lines = block.lines.iter().filter(|line| !line.trim().is_empty());
    let common =
        lines.map(|line| line.len() - line.trim_start_matches(' ').len()).min().filter(|common| *common > 0)?;
    let lines: Vec<String> = block.lines.iter().map(|line| line.get(common..).unwrap_or_default().to_owned()).collect();
    Some(fenced(RUST, &lines))
}

/// A question, with the proof of its right answer.
fn prediction(question: &Question, proof: &[String], name: &str) -> String {
    let answer = |answer: &Answer| {
        let Answer { text, is_right, explanation } = answer;
        let (class, verdict) =
            if *is_right { ("answer is-right", "Right.") } else { ("answer is-wrong", "Not quite.") };
        // It stands before the commands that it proves something about.
        let (when, proof) = if *is_right { (PROOF, fenced("console", proof)) } else { ("", String::new()) };
        let verdict = format!("<b>{verdict}</b> {explanation}");
        let said = paragraphs(&[verdict.trim_end(), when, &proof]);
        format!(
            "<details class=\"{class}\" name=\"{name}\">\n<summary>\n\n{text}\n\n</summary>\n\n{said}\n\n</details>"
        )
    };
    let answers: Vec<String> = question.answers.iter().map(answer).collect();
    let parts = paragraphs(&["<b class=\"kind\">What do you think?</b>", &question.text, &answers.join("\n\n")]);
    element("section", "prediction", &parts)
}

/// The commands that prove a prediction, with what they print.
fn proof(page: &Page, number: usize) -> Vec<String> {
    page.within(number).flat_map(|(_, block)| block.lines.clone()).collect()
}

fn task(task: &Task, title: &str, class: &str) -> Result<String, Mistake> {
    // Each hint offers the next one.
    let hints = task.hints.iter().enumerate().rev().try_fold(String::new(), |next, (number, hint)| {
        let title = if number == 0 { "Hint" } else { "Another hint" };
        Ok(details("hint", title, &paragraphs(&[&text(hint)?, &next])))
    })?;
    let parts = [
        &format!("<b class=\"kind\">{title}</b>"),
        &text(&task.description)?,
        "You are done when:",
        &checks(task),
        &hints,
        &details("solution", "Solution", &text(&task.solution)?),
    ];
    Ok(element("section", &format!("task {class}"), &paragraphs(&parts)))
}

/// The checks of a task: a list of what they prove, each with its command; those without a sentence in one block.
fn checks(task: &Task) -> String {
    let commands = |check: &Run| {
        let lines = check.pieces.iter().flat_map(|piece| piece.shown.iter().chain(&piece.status));
        lines.cloned().collect::<Vec<String>>()
    };
    let is_silent = |check: &Run| check.says.is_none();
    let parts = task.checks.chunk_by(|one, next| is_silent(one) && is_silent(next)).map(|checks| {
        let block = fenced("console", &checks.iter().flat_map(commands).collect::<Vec<_>>());
        match checks.first().and_then(|check| check.says.as_ref()) {
            Some(says) => format!("- {says}\n\n  {}", block.replace('\n', "\n  ")),
            None => block,
        }
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

/// A text of a task, with the names of its files.
fn text(markdown: &str) -> Result<String, Mistake> {
    let page = Page::parse("", markdown)?;
    let outer = page.blocks.iter().enumerate().filter(|(_, block)| block.within.is_none());
    let named = outer.filter_map(|(number, block)| Some((number, with_name(block)?)));
    let named = named.map(|(number, text)| (number, text.lines().map(str::to_owned).collect())).collect();
    Ok(page.with_others(&named).trim_end().to_owned())
}

/// An element around Markdown.
fn element(name: &str, class: &str, markdown: &str) -> String {
    format!("<{name} class=\"{class}\">\n\n{markdown}\n\n</{name}>")
}

/// What opens below its title.
fn details(class: &str, title: &str, markdown: &str) -> String {
    format!("<details class=\"{class}\">\n<summary>{title}</summary>\n\n{markdown}\n\n</details>")
}

/// The parts that are there, with an empty line between them.
fn paragraphs(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// A block, in a fence that nothing in it closes.
fn fenced(language: &str, lines: &[String]) -> String {
    let backticks = |line: &String| line.trim_start().chars().take_while(|letter| *letter == '`').count();
    let fence = "`".repeat(lines.iter().map(backticks).max().unwrap_or(0).max(2) + 1);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{fence}{language}\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LESSON: &str = "\
# A lesson

```lesson
clears up: `COPY` moves; a tag is a version
minutes: 5
```

```predict
What will `date` print?

( ) a **name**
    It knows no names.
(x) the time
( ) nothing

$ date
…
```

```sh date.sh
date
```

- In a list:
  ````exercise
  Write a file:
  ```sh
  like this
  ```
  ```check
  # `a` has a one in it
  $ cat a
  1
  $ false
  ? 1
  ```
  ```hint
  Use `echo`.
  ```
  ```hint
  See below.
  ```
  Solution:
  ```text a
  1
  ```
  ````
";

    #[test]
    fn a_lesson_becomes_a_chapter() {
        insta::assert_snapshot!(chapter(&Page::parse("lesson.md", LESSON).unwrap(), "lesson").unwrap());
    }

    #[test]
    fn other_pages_stay_as_they_are() {
        let text = "# A page\n\n```console\n$ ls\n```\n\n````markdown\n```predict\n```\n````\n";
        assert_eq!(chapter(&Page::parse("page.md", text).unwrap(), "page").unwrap(), text);
    }

    #[test]
    fn included_code_begins_at_the_margin() {
        let page = Page::parse("page.md", "```rust\n    fn a() {\n        b();\n\n    }\n```\n").unwrap();
        assert_eq!(chapter(&page, "page").unwrap(), "```rust\nfn a() {\n    b();\n\n}\n```\n");
    }

    #[test]
    fn what_is_not_whole_is_a_mistake() {
        let page = Page::parse("page.md", "\n```predict\nWhat?\n```\n").unwrap();
        let mistake = chapter(&page, "page").unwrap_err();
        assert_eq!(mistake.to_string(), "page.md:2: this prediction needs exactly one right answer");
    }
}
