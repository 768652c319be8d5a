//! Whether a line that was printed is the line that a page shows.
//!
//! What differs from run to run and from machine to machine is compared by its kind: ids and digests, dates and times, ages
//! (`2 minutes ago`), durations (`14 ms`), names of containers that nobody has given, large sizes (`5.52MB`; smaller ones are what a lesson is
//! about), the width of columns. `…` stands for anything in its line, and alone in a line for any number of lines.
//!
//! Where a task is checked every word counts: a student's digest, date or size that is not the right one is wrong.

use std::collections::VecDeque;

use super::digests;
use crate::runtime::names::is_made_up;

/// Stands for anything.
const ANYTHING: char = '…';

const UNITS: [&str; 7] = ["second", "minute", "hour", "day", "week", "month", "year"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LARGE: [&str; 6] = ["MB", "GB", "TB", "MiB", "GiB", "TiB"];

/// What of two lines has to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The kind of what differs each time, and all other words.
    ByKind,
    /// Every word.
    ByWord,
}

/// Whether a line that is shown fits a line that was printed.
pub(crate) fn fits(shown: &str, printed: &str) -> bool {
    Comparison::ByKind.fits(shown, printed)
}

impl Comparison {
    /// Whether a line that is shown fits a line that was printed.
    pub(crate) fn fits(self, shown: &str, printed: &str) -> bool {
        is_like(&self.essence(shown), &self.essence(printed))
    }

    /// What of a line is compared.
    fn essence(self, line: &str) -> String {
        match self {
            Comparison::ByKind => kinds(line),
            Comparison::ByWord => words(line),
        }
    }

    fn essences(self, lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| self.essence(line)).collect()
    }
}

/// So often lines are compared for one command: programs print what they like, and pages are written by others.
const MOST_COMPARED: usize = 5_000_000;
/// So many lines of layers in a row are put into an order. An image has 127 layers at most.
const MOST_LAYERS: usize = 500;

/// Whether a text is the other one, in which `…` stands for anything.
fn is_like(shown: &str, printed: &str) -> bool {
    if !shown.contains(ANYTHING) {
        return shown == printed;
    }
    let parts: Vec<&str> = shown.split(ANYTHING).collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == printed };
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

// ANCHOR: align
/// The lines of both that belong together, by their numbers, where all that is shown fits all that was printed. Where that takes too long to be
/// found out, it does not.
pub(crate) fn align(shown: &[String], printed: &[String], comparison: Comparison) -> Option<Vec<(usize, usize)>> {
    let (shown, printed) = (comparison.essences(shown), comparison.essences(printed));
    let any = ANYTHING.to_string();
    let mut compared = 0;
    let mut pairs = Vec::new();
    let (mut at, mut to) = (0, 0);
    // The last `…`: its number, how far it reaches, and the pairs before it. It takes one more line each time that what follows does not fit.
    let mut last: Option<(usize, usize, usize)> = None;
    while to < printed.len() && compared < MOST_COMPARED {
        compared += 1;
        if at < shown.len() && shown[at] == any {
            last = Some((at, to, pairs.len()));
            at += 1;
        } else if at < shown.len() && is_like(&shown[at], &printed[to]) {
            pairs.push((at, to));
            (at, to) = (at + 1, to + 1);
        } else {
            let (star, reached, count) = last?;
            pairs.truncate(count);
            last = Some((star, reached + 1, count));
            (at, to) = (star + 1, reached + 1);
        }
    }
    (to == printed.len() && shown[at..].iter().all(|line| *line == any)).then_some(pairs)
}
// ANCHOR_END: align

/// What was printed, with the lines of layers (`6c40cc604d8e: Pull complete`) in the order in which they are shown: layers come and go in any order.
/// `named` is a line of the page with the ids that were printed.
pub(crate) fn arranged(shown: &[String], printed: &[String], named: impl Fn(&str) -> String) -> Vec<String> {
    let is_of_a_layer = |line: &&String| {
        line.split_once(": ").is_some_and(|(id, _)| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut wanted: VecDeque<&String> = shown.iter().filter(is_of_a_layer).collect();
    let mut arranged = Vec::with_capacity(printed.len());
    for lines in printed.chunk_by(|one, next| is_of_a_layer(&one) && is_of_a_layer(&next)) {
        if lines.len() > MOST_LAYERS || !lines.iter().all(|line| is_of_a_layer(&line)) {
            arranged.extend_from_slice(lines);
            continue;
        }
        let here: Vec<&String> = wanted.drain(..wanted.len().min(lines.len())).collect();
        let mut left: Vec<&String> = lines.iter().collect();
        // A line of a layer that is known is that one; any other line that fits may be in its place, and what does not fit is left.
        let mut take = |is: &dyn Fn(&str) -> bool| left.iter().position(|line| is(line)).map(|at| left.remove(at));
        let names = here.iter().map(|shown| named(shown));
        let mut places: Vec<Option<&String>> = names.map(|name| take(&|line| line == name)).collect();
        for (place, shown) in places.iter_mut().zip(here) {
            *place = place.or_else(|| take(&|line| fits(shown, line)));
        }
        for place in places {
            arranged.extend(place.or_else(|| take(&|_| true)).cloned());
        }
        arranged.extend(left.into_iter().cloned());
    }
    arranged
}

/// The lines that were printed, as they would be shown: each that fits a line of the page in that line's form.
pub(super) fn likened(
    shown: &[String],
    printed: &[String],
    comparison: Comparison,
    fitting: impl Fn(&str, &str) -> String,
    other: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut left: Vec<(String, &String)> = shown.iter().map(|line| (comparison.essence(line), line)).collect();
    left.retain(|(essence, _)| *essence != ANYTHING.to_string());
    let mut compared = 0;
    let mut line = |printed: &String| {
        // Then it is told as it was printed.
        if compared > MOST_COMPARED {
            return other(printed);
        }
        let essence = comparison.essence(printed);
        let place = left.iter().position(|(shown, _)| is_like(shown, &essence));
        compared += place.unwrap_or(left.len());
        match place {
            Some(place) => fitting(left.remove(place).1, printed),
            None => other(printed),
        }
    };
    printed.iter().map(&mut line).collect()
}

/// A line without the width of its columns.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line with the kinds of those words of it that differ each time.
fn kinds(line: &str) -> String {
    let text: String =
        digests::parts(line).iter().map(|(part, is_digest)| if *is_digest { "HEX" } else { part }).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut kinds: Vec<&str> = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let Some((word, after)) = rest.split_first() {
        let (kind, length) = kind(rest, kinds.last().copied()).unwrap_or((word, 1));
        kinds.push(kind);
        rest = rest.get(length..).unwrap_or(after);
    }
    kinds.join(" ")
}

/// The kind of what the words begin with, and how many of them it takes.
fn kind<'w>(words: &[&'w str], before: Option<&str>) -> Option<(&'w str, usize)> {
    if let Some(length) = date(words) {
        return Some(("DATE", length));
    }
    if let Some(length) = span(words) {
        let ends = words.get(length).is_some_and(|next| next.trim_end_matches([',', '.', ';']) == "ago");
        if ends || before == Some("Up") {
            return Some(("AGE", length));
        }
    }
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let word = *words.first()?;
    if is_made_up(word) {
        return Some(("NAME", 1));
    }
    let unit = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    if unit.len() < word.len() && LARGE.contains(&unit.trim_end_matches([',', ')', ':'])) {
        return Some(("SIZE", 1));
    }
    let is_size = |next: &&str| LARGE.iter().any(|unit| next.trim_end_matches([',', '.', ')', ':']) == *unit);
    if is_number(word) && words.get(1).is_some_and(is_size) {
        return Some(("N", 1));
    }
    // How long something took.
    if is_number(word) && words.get(1).is_some_and(|unit| ["ms", "s"].contains(&unit.trim_end_matches([',', '.', ')'])))
    {
        return Some(("N", 1));
    }
    None
}

/// How many words a stretch of time takes: `2 minutes`, `About an hour`, `Less than a second`.
fn span(words: &[&str]) -> Option<usize> {
    let count = match words {
        ["Less" | "less", "than", "a", ..] => 3,
        ["About" | "about", "a" | "an", ..] => 2,
        [number, ..] if number.trim_start_matches('(').parse::<u64>().is_ok() => 1,
        _ => return None,
    };
    let unit = words.get(count)?.trim_end_matches(')').trim_end_matches('s');
    UNITS.contains(&unit).then_some(count + 1)
}

/// How many words a date takes: `2026-11-29T10:00:00Z`, `2026-11-29 10:00:00`, `Sun Feb 24 04:45:08 UTC 2019`, `10:00:00`; of `ls -l` `Feb 24 04:45`
/// and `Feb 24  2019`.
fn date(words: &[&str]) -> Option<usize> {
    let first = words.first()?.trim_matches(['"', ',']);
    let shape = |word: &str| -> String {
        word.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
    };
    let is_time = |word: &str| shape(word.trim_matches(['"', ','])).starts_with("00:00:00");
    if shape(first).starts_with("0000-00-00") {
        return Some(if words.get(1).is_some_and(|next| is_time(next)) { 2 } else { 1 });
    }
    if is_time(first) {
        return Some(1);
    }
    let is_year = |word: &&str| word.len() == 4 && word.parse::<u16>().is_ok();
    if let [month, day, time, ..] = words
        && MONTHS.contains(month)
        && ["0", "00"].contains(&shape(day).as_str())
        && (shape(time) == "00:00" || is_year(time))
    {
        return Some(3);
    }
    let is_day = DAYS.contains(&first) && words.get(1).is_some_and(|month| MONTHS.contains(month));
    let is_whole = words.get(3).is_some_and(|time| is_time(time));
    if !is_day || !is_whole {
        return None;
    }
    // With a zone between time and year, or without.
    (4..=5).find(|place| words.get(*place).is_some_and(is_year)).map(|place| place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipsis_stands_for_anything() {
        assert!(fits("state …", "state   684c9edb1c1d"));
        assert!(fits("same as build 1, …", "same as build 1, 2 minutes ago"));
        assert!(fits("sha256:5f0e… 2.0 kB", "sha256:62632402ca7f…  2.0 kB"));
        assert!(fits("1 layer, 2.1 MB  → state x", "1 layer, 2.3 MB → state x"));
        assert!(!fits("A /a 40 B", "A /a 41 B"));
        assert!(!fits("build 1, … x", "build 1, 2 minutes ago"));
    }

    #[test]
    fn long_outputs_are_compared_in_bounded_time() {
        let lines = |count: usize, line: &str| vec![line.to_owned(); count];
        // The more often what follows `…` nearly fits, the longer that takes.
        let shown = [lines(1, "…"), lines(20_000, "a"), lines(1, "b")].concat();
        assert_eq!(align(&shown, &lines(100_000, "a"), Comparison::ByKind), None);
        let printed: Vec<String> = (0..100_000).map(|number| format!("y{number}")).collect();
        let (shown, like) = (lines(3000, "x…"), |text: &str| text.to_owned());
        assert_eq!(likened(&shown, &printed, Comparison::ByKind, |shown, _| like(shown), like), printed);
        let layers: Vec<String> = (0..20_000).map(|number| format!("{number:012x}: Pull complete")).collect();
        let backwards: Vec<String> = layers.iter().rev().cloned().collect();
        assert_eq!(arranged(&backwards, &layers, like), layers);
    }

    #[test]
    fn what_differs_each_time_is_compared_by_its_kind() {
        assert!(fits(
            "alpine latest caf27325b298 3 weeks ago 5.52MB",
            "alpine  latest  684c9edb1c1d  2 hours ago  2.1MB"
        ));
        assert!(fits("Up 4 seconds 0.0.0.0:8081->80/tcp", "Up About a minute 0.0.0.0:8081->80/tcp"));
        assert!(fits("Exited (0) 2 days ago", "Exited (0) Less than a second ago"));
        assert!(fits("hit: same as build 1, less than a second ago", "hit: same as build 1, 1 second ago"));
        assert!(!fits("Exited (0) 2 days ago", "Exited (1) 2 days ago"));
        assert!(fits("Todays date is Sun Feb 24 04:45:08 UTC 2019", "Todays date is Sun Nov 29 07:00:00 CET 2026"));
        assert!(fits("\"Created\": \"2019-02-24T04:45:08.1Z\",", "\"Created\": \"2026-11-29T07:00:00Z\","));
        assert!(fits("root 7 Nov 29 10:40 token", "root 7 Feb  1  2019 token"));
        assert!(!fits("root 7 Nov 29 10:40 token", "root 8 Nov 29 10:40 token"));
        assert!(fits("miss 0 ms COPY", "miss 14 ms COPY"));
        assert!(fits("Exited (0)  thoughtful_nygaard", "Exited (0)  playful_ritchie"));
        assert!(!fits("Exited (0)  web_shop", "Exited (0)  playful_ritchie"));
        assert!(!fits("sleep 10 seconds", "sleep 20 seconds"));
        assert!(!fits("2.048kB", "3.048kB"));
    }

    #[test]
    fn every_word_counts_where_a_task_is_checked() {
        let is_same = |shown, printed| Comparison::ByWord.fits(shown, printed);
        assert!(is_same("CapEff: 0000000000000000", "CapEff:\t0000000000000000"));
        assert!(is_same("Up …", "Up 4 seconds"));
        for (shown, printed) in [
            ("CapEff: 0000000000000000", "CapEff: 00000000a80425fb"),
            ("684c9edb1c1d", "111122223333"),
            ("1970-01-01", "2026-11-29"),
            ("Up 4 seconds", "Up 5 seconds"),
            ("took 14 ms", "took 15 ms"),
            ("5.52MB", "2.1MB"),
            ("thoughtful_nygaard", "playful_ritchie"),
        ] {
            assert!(fits(shown, printed) && !is_same(shown, printed), "{shown}");
        }
    }

    #[test]
    fn lines_that_fit_keep_their_form() {
        let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        let found =
            likened(&lines("a …|b"), &lines("x|a 1"), Comparison::ByKind, |shown, _| shown.to_owned(), str::to_owned);
        assert_eq!(found, lines("x|a …"));
    }

    #[test]
    fn layers_come_in_any_order() {
        let (a, b, c) = ("aaaaaaaaaaaa: Pushed", "bbbbbbbbbbbb: Pushed", "cccccccccccc: Mounted from x");
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let arranged = |shown: &[&str], printed: &[&str]| arranged(&lines(shown), &lines(printed), str::to_owned);
        assert_eq!(arranged(&["x", a, b, c], &["x", c, b, a, "y"]), lines(&["x", a, b, c, "y"]));
        // On another machine all ids are others.
        let (d, e, f) = ("dddddddddddd: Pushed", "eeeeeeeeeeee: Pushed", "ffffffffffff: Mounted from x");
        assert_eq!(arranged(&[c, a, b], &[d, f, e]), lines(&[f, d, e]));
        assert_eq!(arranged(&[a], &[b, c]), lines(&[b, c]));
    }

    #[test]
    fn an_ellipsis_alone_stands_for_lines() {
        let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        let align = |shown: &str, printed: &str| align(&lines(shown), &lines(printed), Comparison::ByKind);
        assert_eq!(align("a|…|c", "a|b|b|c"), Some(vec![(0, 0), (2, 3)]));
        assert_eq!(align("a|…|c", "a|c|c"), Some(vec![(0, 0), (2, 2)]));
        assert_eq!(align("a|…", "a"), Some(vec![(0, 0)]));
        assert_eq!(align("a|…|c", "a|b"), None);
        assert_eq!(align("a|b", "a"), None);
    }
}
