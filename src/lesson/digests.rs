//! Ids and digests in lines of text. They differ from machine to machine, but where a page has the same one twice, the same is printed twice.
//!
//! The first twelve digits decide: that is what lists show.

use std::collections::BTreeMap;
use std::ops::Bound;

/// The fewest digits of a digest, which are enough where `sha256:` is before them.
const LEAST: usize = 4;

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit() || ('a'..='f').contains(&letter)
}

/// Cuts a text into runs of hexadecimal digits and what is between them; `true` for a run that is a digest or an id: twelve
/// digits or more, or at least four after `sha256:`.
pub(super) fn parts(text: &str) -> Vec<(&str, bool)> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut after_name = false;
    while !rest.is_empty() {
        let starts_with_digit = rest.starts_with(is_digit);
        let end = rest.find(|letter| is_digit(letter) != starts_with_digit).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push((part, starts_with_digit && (end >= 12 || (after_name && end >= LEAST))));
        after_name = part == ":" && text[..text.len() - after.len()].ends_with("sha256:");
        rest = after;
    }
    parts
}

fn of(line: &str) -> Vec<&str> {
    parts(line).into_iter().filter(|(_, is_digest)| *is_digest).map(|(part, _)| part).collect()
}

/// The digests of two lines, place by place; none where the lines have different numbers of them.
pub(super) fn pairs<'l>(shown: &'l str, printed: &'l str) -> Vec<(&'l str, &'l str)> {
    let (shown, printed) = (of(shown), of(printed));
    if shown.len() == printed.len() { shown.into_iter().zip(printed).collect() } else { Vec::new() }
}

/// A line as it is shown, with the digests that were printed.
pub(super) fn replaced(shown: &str, printed: &str) -> String {
    let mut pairs = pairs(shown, printed).into_iter().peekable();
    let part = |(part, is_digest): (&str, bool)| match pairs.peek() {
        Some((shown, printed)) if is_digest && *shown == part => {
            let printed = printed.get(..shown.len()).unwrap_or(printed).to_owned();
            pairs.next();
            printed
        }
        Some(_) | None => part.to_owned(),
    };
    parts(shown).into_iter().map(part).collect()
}

/// The first digits by which a digest is known to readers.
fn known_by(digest: &str) -> Option<&str> {
    digest.get(..12)
}

/// What the digests that a page shows were when its commands ran.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub(crate) struct DigestMap(BTreeMap<String, String>);

impl From<BTreeMap<String, String>> for DigestMap {
    /// Takes what a record says, without what are no digests: they become part of commands.
    fn from(mut pairs: BTreeMap<String, String>) -> DigestMap {
        let is_digest = |text: &str| text.len() >= LEAST && text.chars().all(is_digit);
        pairs.retain(|shown, printed| is_digest(shown) && is_digest(printed));
        DigestMap(pairs)
    }
}

impl DigestMap {
    /// Notes the digests of a line that is shown, and of the one that was printed in its place.
    pub(crate) fn note(&mut self, shown: &str, printed: &str) {
        self.0.extend(pairs(shown, printed).into_iter().map(|(shown, printed)| (shown.to_owned(), printed.to_owned())));
    }

    /// A text as somebody writes it who has the printed digests before him. The beginning of a digest will do.
    pub(crate) fn as_printed(&self, text: &str) -> String {
        translated(text, |part| {
            // Those that begin with it stand behind it.
            let (shown, printed) = self.0.range::<str, _>((Bound::Included(part), Bound::Unbounded)).next()?;
            shown.starts_with(part).then(|| printed.get(..part.len()).unwrap_or(printed))
        })
    }

    /// The other way round: with it, what was printed becomes what the page has.
    pub(super) fn reversed(&self) -> DigestMap {
        DigestMap(self.0.iter().rev().map(|(shown, printed)| (printed.clone(), shown.clone())).collect())
    }
}

/// A text with other digests, where there are others.
fn translated<'k>(text: &str, other: impl Fn(&str) -> Option<&'k str>) -> String {
    let part = |(part, is_digest): (&str, bool)| match is_digest.then(|| other(part)).flatten() {
        Some(other) => other.to_owned(),
        None => part.to_owned(),
    };
    parts(text).into_iter().map(part).collect()
}

/// The digests of several pages: what is one when it is printed is one on all pages, and two are two.
#[derive(Debug, Default)]
pub(crate) struct OnPages {
    /// What was printed for what a page shows, and what is shown for what was printed; each with the place that was first.
    printed: BTreeMap<String, (String, Place)>,
    shown: BTreeMap<String, (String, Place)>,
}

/// A line of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'p> {
    pub(super) page: &'p str,
    pub(super) line: usize,
}

/// The same, kept.
type Place = (String, usize);

impl OnPages {
    /// Notes what a page shows for what was printed; says with which other page that does not agree.
    pub(super) fn note(&mut self, at: At<'_>, shown: &str, printed: &str) -> Option<String> {
        let (shown, printed) = (known_by(shown)?, known_by(printed)?);
        let place = || (at.page.to_owned(), at.line);
        let (before, (page, line)) = self.printed.entry(shown.into()).or_insert_with(|| (printed.into(), place()));
        if before != printed {
            return Some(format!(
                "`{shown}` stands here and at {page}:{line}, but the commands printed two digests: here {printed}, there {before}"
            ));
        }
        let (before, (page, line)) = self.shown.entry(printed.into()).or_insert_with(|| (shown.into(), place()));
        (before != shown).then(|| {
            format!("`{shown}` here and `{before}` at {page}:{line} differ, but the commands printed the same digest at both: {printed}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_a_page_become_those_that_were_printed() {
        let mut map = DigestMap::default();
        map.note("id 684c9edb1c1d0000, sha256:5f0e…", "id 111122223333444455, sha256:6666…");
        assert_eq!(map.as_printed("jq . blobs/684c9edb1c1d*"), "jq . blobs/111122223333*");
        assert_eq!(map.as_printed("cat decade sha256:5f0e"), "cat decade sha256:6666");
        assert_eq!(map.reversed().as_printed("id 111122223333"), "id 684c9edb1c1d");
        assert_eq!(replaced("→ state 684c9edb1c1d …", "→ state 111122223333 now"), "→ state 111122223333 …");
    }

    #[test]
    fn only_digests_of_a_record_become_part_of_commands() {
        let map: DigestMap =
            serde_json::from_str(r#"{"684c9edb1c1d": "$(rm -rf ~/*)", "684c9edb1c1e": "111122223333"}"#).unwrap();
        assert_eq!(map.as_printed("cat 684c9edb1c1d 684c9edb1c1e"), "cat 684c9edb1c1d 111122223333");
    }

    #[test]
    fn a_digest_is_the_same_on_all_pages() {
        let mut pages = OnPages::default();
        let mut is_right = |page, shown, printed| pages.note(At { page, line: 1 }, shown, printed).is_none();
        assert!(is_right("a", "684c9edb1c1d", "111122223333"));
        assert!(is_right("b", "684c9edb1c1d0000", "1111222233334444"));
        assert!(!is_right("b", "684c9edb1c1d", "111122223334"));
        assert!(!is_right("b", "684c9edb1c1e", "111122223333"));
    }
}
