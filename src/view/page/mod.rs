//! Markdown as text for a terminal: what [`crate::lesson`] has of a page, laid out for reading.
//!
//! ```text
//! ## Nothing has changed            a heading, strong
//! A step that was done …            a paragraph, filled to the width
//!   - a point                       a list
//!     $ docker build .              code, as it is
//! ```
//!
//! Sentences are broken between words, code and tables never. Code within a sentence keeps its backticks: colour is never the only
//! sign. Left out: pictures, HTML, and the addresses of links, which nobody could click.

mod writer;

use pulldown_cmark::{Event, Options, Parser};

use self::writer::Writer;
use super::palette::Palette;

/// The widest that text is pleasant to read.
const WIDEST: usize = 90;

/// A Markdown text within so many columns. Each block is followed by an empty line, the last one is not.
pub(crate) fn page(markdown: &str, palette: Palette, columns: usize) -> String {
    let mut writer = Writer::new(palette, columns.min(WIDEST));
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(tag) => writer.start(&tag),
            Event::End(tag) => writer.end(tag),
            Event::Text(text) => writer.text(&text),
            Event::Code(code) => writer.code(&code),
            Event::SoftBreak => writer.text(" "),
            Event::HardBreak => writer.break_line(),
            Event::Rule => writer.rule(),
            Event::InlineMath(text) | Event::DisplayMath(text) => writer.text(&text),
            // Comments are for those who write; all else is no text.
            Event::Html(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }
    writer.finish()
}

/// Code as pages show it.
pub(crate) fn code(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        shown.push_str(format!("{CODE}{}", crate::shown::line(line)).trim_end());
        shown.push('\n');
    }
    shown
}

/// What stands before each line of code.
const CODE: &str = "    ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_laid_out_for_reading() {
        let text = "## A *heading*\n\nOne `docker run` two three\nfour five.\n\n- a point that is long\n- b\n  1. c\n\n> said\n\n```sh\n$ code   that is wide enough\n\n```\n\n| a | bb |\n|---|---|\n| `c` | d |\n\n***\n[link](x) \x1b[31m\n";
        insta::assert_snapshot!(page(text, Palette::PLAIN, 24));
    }

    #[test]
    fn no_sentence_is_wider_than_the_page() {
        let text = "word ".repeat(100);
        for columns in [40, 80, 200] {
            let shown = page(&text, Palette::PLAIN, columns);
            let widest = shown.lines().map(str::len).max().unwrap();
            assert!(widest <= columns.min(WIDEST) && widest > columns.min(WIDEST) - 6, "{columns}: {widest}");
        }
    }
}
