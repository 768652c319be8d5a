//! What a lesson says of itself, in its block `lesson`.
//!
//! ````text
//! ```lesson
//! clears up: an image is one big file; a container's changes go into its image
//! minutes: 20
//! leaves: web; data                    containers and volumes that are there when the page ends, if any
//! ```
//! ````

use super::kind::BlockKind;
use super::page::{Mistake, Page};

const HINT: &str = "a lesson has the lines `clears up: ONE; ANOTHER` and `minutes: 20`";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The misconceptions that the lesson clears up.
    pub(crate) clears_up: Vec<String>,
    /// How long it takes.
    pub(crate) minutes: u32,
    /// What it leaves on purpose: names of containers and volumes.
    pub(crate) leaves: Vec<String>,
}

impl About {
    /// Reads what the lesson of a page says of itself; `None` of a page that is no lesson.
    ///
    /// # Errors
    /// A second block; a line that is none of the two; one that is missing.
    pub(crate) fn find(page: &Page) -> Result<Option<About>, Mistake> {
        let mut blocks = page.blocks.iter().enumerate().filter(|(_, block)| block.kind == BlockKind::About);
        let Some((number, _)) = blocks.next() else { return Ok(None) };
        match blocks.next() {
            Some((_, second)) => Err(page.mistake(second.line - 1, "a page is one lesson", "merge the two blocks")),
            None => About::read(page, number).map(Some),
        }
    }

    fn read(page: &Page, number: usize) -> Result<About, Mistake> {
        let block = &page.blocks[number];
        let (mut clears_up, mut minutes, mut leaves) = (Vec::new(), None, Vec::new());
        let list = |value: &str| value.split(';').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
        for (place, line) in block.lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match line.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("clears up", value)) => clears_up.extend(list(value)),
                Some(("leaves", value)) => leaves.extend(list(value)),
                Some(("minutes", value)) if value.parse::<u32>().is_ok_and(|minutes| minutes > 0) => {
                    minutes = value.parse().ok();
                }
                Some(_) | None => {
                    return Err(page.mistake(block.line + place, format!("`{line}` is not understood"), HINT));
                }
            }
        }
        let missing = |what: &str| page.mistake(block.line - 1, format!("this lesson does not say {what}"), HINT);
        if clears_up.is_empty() {
            return Err(missing("what it clears up"));
        }
        let minutes = minutes.ok_or_else(|| missing("how many minutes it takes"))?;
        Ok(About { clears_up, minutes, leaves })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Result<Option<About>, String> {
        About::find(&Page::parse("page.md", text).unwrap()).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_lesson_says_what_it_clears_up_and_how_long_it_takes() {
        let about =
            About { clears_up: vec!["a: b".to_owned(), "c".to_owned()], minutes: 20, leaves: vec!["web".to_owned()] };
        assert_eq!(find("```lesson\nclears up: a: b; c\nminutes: 20\nleaves: web\n```\n"), Ok(Some(about)));
        assert_eq!(find("# No lesson\n"), Ok(None));
    }

    #[test]
    fn what_a_lesson_says_of_itself_is_whole() {
        let message = |text: &str| find(text).unwrap_err();
        assert_eq!(message("```lesson\nminutes: x\n```\n"), "page.md:2: `minutes: x` is not understood");
        assert_eq!(message("```lesson\nminutes: 1\n```\n"), "page.md:1: this lesson does not say what it clears up");
        let two = "```lesson\nclears up: a\nminutes: 1\n```\n";
        assert_eq!(message(&format!("{two}{two}")), "page.md:5: a page is one lesson");
    }
}
