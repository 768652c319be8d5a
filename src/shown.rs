//! Text that others chose, made harmless for a terminal. Every message, every view and every list shows it by this module.
//!
//! A Dockerfile, an image or an archive may hold any character, and a terminal acts on some of them: an escape sequence
//! sets the window's title, asks the terminal to type an answer, or hides a line (CVE-2003-0063 and its many heirs); a
//! bidirectional override makes a line read as another one (CVE-2021-42574). Such a character is replaced by a symbol of
//! the same width, never dropped, so that what is there can be seen:
//!
//! ```text
//! ESC  ␛      BEL  ␇      DEL  ␡      C1 controls, overrides, what is invisible  �
//! ```
//!
//! This module decides about characters alone. [`crate::view::screen`] applies it to everything that is written, and knows
//! which escape sequences are our own; JSON has escapes for all of it and loses nothing (`view/json.rs`).

use std::borrow::Cow;

/// Whether a terminal would do something else with a character than show it. A tab and a newline do what they should.
pub(crate) fn is_harmful(character: char) -> bool {
    match character {
        '\t' | '\n' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Most text is in the blocks that have none of these.
        '\u{a0}'..='\u{61b}' => false,
        // Marks, embeddings, overrides and isolates: they change the order in which a line reads.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        // Ends of lines that only some programs see.
        '\u{2028}' | '\u{2029}' => true,
        // Without a width, so that two different names look the same. The joiners U+200C and U+200D are parts of words
        // and of emoji.
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// What is shown in place of a harmful character; every other one as it is.
pub(crate) fn symbol(character: char) -> char {
    match character {
        '\n' => '\u{240a}',
        '\0'..='\u{1f}' if is_harmful(character) => char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        harmful if is_harmful(harmful) => '\u{fffd}',
        harmless => harmless,
    }
}

/// Text of several lines: newlines and tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    replaced(text, is_harmful, symbol)
}

/// Text that has one line: a newline is shown too, so that nobody adds a line of his own. Tabs stay.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    replaced(text, |character| character == '\n' || is_harmful(character), symbol)
}

/// Text with something to its right or below it, where a tab would break the columns: it becomes a space.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    let is_tab = |character| matches!(character, '\n' | '\t') || is_harmful(character);
    replaced(text, is_tab, |character| if character == '\t' { ' ' } else { symbol(character) })
}

fn replaced(text: &str, is_meant: impl Fn(char) -> bool, replace: impl Fn(char) -> char) -> Cow<'_, str> {
    if text.chars().any(&is_meant) {
        Cow::Owned(text.chars().map(|one| if is_meant(one) { replace(one) } else { one }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{cell, is_harmful, line, symbol, text};

    #[test]
    fn what_a_terminal_acts_on_becomes_a_symbol() {
        assert_eq!(line("a\x1b]0;title\x07b"), "a␛]0;title␇b");
        assert_eq!(line("a\r\nb\u{9b}31m\u{202e}c\u{7f}"), "a␍␊b\u{fffd}31m\u{fffd}c␡");
        assert_eq!((text("a\n\tb\x08"), line("a\tb"), cell("a\tb")), ("a\n\tb␈".into(), "a\tb".into(), "a b".into()));
    }

    #[test]
    fn what_it_shows_stays() {
        for plain in ["", "plain", "Größe 日本語 שלום", "👩\u{200d}🔬 a\u{301}"] {
            assert!(matches!(line(plain), std::borrow::Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn no_symbol_is_harmful_itself() {
        for character in '\0'..=char::MAX {
            assert!(!is_harmful(symbol(character)), "{character:?}");
        }
    }
}
