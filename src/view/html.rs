//! HTML, written by calls and not by pasting: no text can get into it unescaped.
//!
//! Names of elements and attributes are texts of this program (`&'static str`). What others chose can only be a text or the value of an
//! attribute, and both pass one function, which escapes what HTML acts on and shows what is harmful as symbols ([`crate::shown`]). So the
//! page is well formed whatever is in it, and there is nothing that a caller could forget. Texts are masked before they are cut, and cut
//! before they are written: none is longer than [`LONGEST`] cells, or [`LONGEST_LINES`] bytes where it has several lines. Left out: addresses
//! that lead out of the page; a link has the name of a place in it.
//!
//! Specification: <https://html.spec.whatwg.org/multipage/syntax.html>

use crate::hidden::Mask;
use crate::oci::Digest;
use crate::shown;

use super::base64::base64;
use super::table::{beginning, shortened};

/// What each page begins with.
pub(crate) const DOCTYPE: &str = "<!DOCTYPE html>";

/// The attributes of an element. A value that is a name or an address is to be one of ours.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Elements that stand in a line of text; behind all others the source has a new line.
const INLINE: &[&str] = &["a", "b", "bdi", "code", "ins", "del", "small", "span", "time", "kbd"];

/// The most cells of a text of one line, and the most bytes of one of several.
const LONGEST: usize = 2000;
const LONGEST_LINES: usize = 16 << 10;

/// A piece of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Html {
    source: String,
    mask: Mask,
}

impl Html {
    /// A whole document with its head and its body, without what is masked. It loads nothing and can't be made to: the only style and the
    /// only script that count are these two, by their digests.
    pub(crate) fn document(
        title: &str,
        (style, script): (&'static str, &'static str),
        mask: &Mask,
        body: impl FnOnce(&mut Html),
    ) -> Html {
        let mut html = Html { source: format!("{DOCTYPE}\n"), mask: mask.clone() };
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            digest(style),
            digest(script)
        );
        html.element("html", &[("lang", "en")], |html| {
            html.element("head", &[], |html| {
                html.void("meta", &[("charset", "utf-8")]);
                html.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
                html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
                html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
                html.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
                html.leaf("title", &[], title);
                html.ours("style", style);
            });
            html.element("body", &[], |html| {
                body(html);
                html.ours("script", script);
            });
        });
        html
    }

    /// An element with what is in it.
    pub(crate) fn element(&mut self, name: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Html)) {
        self.open(name, attributes);
        inside(self);
        self.close(name);
    }

    /// An element with nothing but a text of one line in it.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// An element that has no end: `meta`, `input`; or one of SVG with nothing in it.
    pub(crate) fn void(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.begin(name, attributes);
        self.source.push_str("/>\n");
    }

    /// The same, with the beginning of a text that takes no more cells.
    pub(crate) fn leaf_within(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str, most: usize) {
        self.element(name, attributes, |html| html.text_within(text, most));
    }

    /// A text of one line.
    pub(crate) fn text(&mut self, text: &str) {
        self.text_within(text, LONGEST);
    }

    /// The beginning of a text of one line that takes no more cells.
    pub(crate) fn text_within(&mut self, text: &str, most: usize) {
        let most = most.min(LONGEST);
        let masked = self.mask.text(text);
        // Letters without a width of their own count, too: a cell has four bytes at most.
        let text = shortened(beginning(&masked, 4 * most), most);
        escape(&shown::line(&text), &mut self.source);
    }

    /// A text of several lines, for `pre`.
    pub(crate) fn lines(&mut self, text: &str) {
        self.lines_within(text, LONGEST_LINES);
    }

    /// The beginning of a text of several lines that has no more bytes.
    pub(crate) fn lines_within(&mut self, text: &str, most: usize) {
        let masked = self.mask.text(text);
        let text = beginning(&masked, most.min(LONGEST_LINES));
        escape(&shown::text(text), &mut self.source);
        if text.len() < masked.len() {
            self.source.push('…');
        }
    }

    /// All of it.
    pub(crate) fn into_text(self) -> String {
        self.source
    }

    /// A style or a script that is part of this program.
    fn ours(&mut self, name: &'static str, text: &'static str) {
        self.source.push_str(&format!("<{name}>{text}</{name}>\n"));
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.begin(name, attributes);
        self.source.push('>');
    }

    fn begin(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.source.push('<');
        self.source.push_str(name);
        for (attribute, value) in attributes {
            self.source.push(' ');
            self.source.push_str(attribute);
            if !value.is_empty() {
                self.source.push_str("=\"");
                escape(&shown::line(value), &mut self.source);
                self.source.push('"');
            }
        }
    }

    fn close(&mut self, name: &'static str) {
        self.source.push_str("</");
        self.source.push_str(name);
        self.source.push('>');
        if !INLINE.contains(&name) {
            self.source.push('\n');
        }
    }
}

fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            harmless => html.push(harmless),
        }
    }
}

/// What a policy knows a text by.
fn digest(text: &str) -> String {
    base64(Digest::of(text.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Html, LONGEST, LONGEST_LINES};
    use crate::hidden::{Hidden, Mask};

    #[test]
    fn what_others_chose_stays_text() {
        let mut html = Html::default();
        html.element("p", &[("title", "\"><script>'&\u{202e}"), ("hidden", "")], |html| {
            html.leaf("code", &[], "</script><img src=x onerror='a()'>\x1b[2J\n");
            html.lines("a & b\n\"c\"\u{200f}");
        });
        assert_eq!(
            html.into_text(),
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\u{fffd}\" hidden>\
             <code>&lt;/script&gt;&lt;img src=x onerror=&#39;a()&#39;&gt;␛[2J␊</code>a &amp; b\n&quot;c&quot;\u{fffd}</p>\n"
        );
    }

    #[test]
    fn a_text_is_masked_before_it_is_cut() {
        let mask = Mask::of(&[Hidden::new(b"swordfish".to_vec())]);
        let page = Html::document("a swordfish", ("", ""), &mask, |html| {
            html.leaf_within("b", &[], "it is swordfish", 10);
            html.lines_within("swordfish\nswordfish", 12);
        });
        let page = page.into_text();
        assert!(page.contains("<title>a •••</title>") && page.contains("<b>it is •••</b>•••\n…"), "{page}");
        assert!(!page.contains("sword"), "{page}");
    }

    #[test]
    fn every_text_is_bounded() {
        for letter in ["x", "<", "\u{301}", "\x07", "漢", "\u{1f41f}"] {
            let mut html = Html::default();
            html.text(&letter.repeat(100_000));
            assert!(html.into_text().len() <= 4 * 6 * LONGEST, "{letter}");
            let mut html = Html::default();
            html.lines(&letter.repeat(100_000));
            assert!(html.into_text().len() <= 6 * LONGEST_LINES, "{letter}");
        }
    }

    #[test]
    fn a_document_allows_its_own_style_and_script_only() {
        let page = Html::document("<t>", ("b{}", "f()"), &Mask::default(), |html| html.leaf("b", &[], "x")).into_text();
        assert!(page.contains("<title>&lt;t&gt;</title>"), "{page}");
        // printf 'b{}' | openssl dgst -sha256 -binary | base64
        let policy = "default-src &#39;none&#39;; style-src &#39;sha256-7yqHVAesot11p6HczDsgKRipvI5UPgs97z80zNXlans=&#39;; \
                      script-src &#39;sha256-GcEEE0IkDzIP5EQ6DXZaDPORqT5RTBELX8Fyzyg9yvo=&#39;; base-uri &#39;none&#39;";
        assert!(page.contains(policy), "{page}");
    }
}
