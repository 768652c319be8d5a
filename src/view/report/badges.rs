//! What happened to something, in a symbol, a word that says the same, and a colour.

use crate::view::html::Html;

/// How something that happened is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) symbol: &'static str,
    pub(super) word: &'static str,
    /// Its class in the style.
    pub(super) class: &'static str,
}

/// A badge.
pub(super) fn badge(html: &mut Html, look: Look) {
    written(html, look, &format!("{} {}", look.symbol, look.word));
}

/// A badge that says how often.
pub(super) fn counted(html: &mut Html, look: Look, number: usize) {
    written(html, look, &format!("{} {number} {}", look.symbol, look.word));
}

fn written(html: &mut Html, look: Look, text: &str) {
    html.leaf("b", &[("class", &format!("badge {}", look.class))], text);
}
