//! What was printed is compared with what the page shows.

use super::error::Error;
use super::open::Tutor;
use crate::learning::{Line, Seen};
use crate::lesson::{CTRL_C, Cause, Comparison, Mismatch, align, arranged, fits};
use crate::view::learning as text;
use crate::view::palette::Role;
use crate::view::{screen, table};

/// Where what was printed is compared with the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In a pipe: what is shown there, line by line.
    Piped,
    /// At the debugger's prompt: a terminal of another width has other lines, which begin alike.
    Debugger,
    /// At a terminal of a program that has other columns and lines there than on a page.
    Terminal,
}

/// Says it where something else was printed than the page has; gives whether it was as shown. Digests are noted as they are here.
pub(super) fn judge(tutor: &mut Tutor<'_>, line: &Line, seen: &Seen, place: Where) -> Result<bool, Error> {
    // Ctrl-C is seen on the terminal, wherever the command prints.
    let printed: Vec<String> = seen.output.replace(CTRL_C, "").trim_end().lines().map(str::to_owned).collect();
    let expected: Vec<String> = line.expected.iter().filter(|line| *line != CTRL_C).cloned().collect();
    let expected = trimmed(&expected);
    let known = tutor.progress.look(|progress| progress.digests.clone());
    let printed = arranged(expected, &printed, |line| known.as_printed(line));
    if let Some(pairs) = align(expected, &printed, Comparison::ByKind) {
        return Ok(tutor
            .progress
            .change(|progress| {
                pairs.into_iter().for_each(|(at, to)| progress.digests.note(&expected[at], &printed[to]));
            })
            .map(|()| true)?);
    }
    let room = room(tutor);
    let whole = agreeing(expected, &printed, room);
    if let Some(whole) = &whole {
        tutor.progress.change(|progress| progress.digests.note(&expected.join(" "), whole))?;
    }
    let is_as_shown = whole.is_some();
    // What has no room is laid out otherwise.
    let is_narrow = expected.iter().any(|line| line.chars().count() > room);
    let is_told = match place {
        Where::Piped if !is_narrow => !is_as_shown,
        Where::Piped => !is_as_shown && !begins_alike(expected, &printed),
        // The second time steps are hits that were misses.
        Where::Debugger => {
            let is_alike = tutor.is_begun_again || begins_alike(expected, &printed);
            // Where the page shows nothing, it says nothing of it.
            let is_elsewhere = !is_alike || position(expected) != position(&printed);
            !is_as_shown && !expected.is_empty() && is_elsewhere
        }
        Where::Terminal => false,
    };
    if is_told {
        let (palette, columns) = (tutor.palette, tutor.columns());
        tutor.say(Role::Notice, "·", "The page shows something else here:")?;
        let shown = tutor
            .progress
            .look(|progress| expected.iter().map(|line| progress.digests.as_printed(line)).collect::<Vec<_>>());
        let nothing = ["(nothing)".to_owned()];
        tutor.show(&text::expected(if shown.is_empty() { &nothing } else { &shown }, palette, columns))?;
        tutor.mismatches.push(otherwise(line, shown, printed));
        if place == Where::Debugger {
            let text = "Is the program at another place? `quit` leaves it; Enter starts it again then, and brings it to where this page is.";
            tutor.say(Role::Notice, "·", text)?;
        }
    }
    Ok(is_as_shown)
}

/// A line that has printed something else than is shown.
pub(super) fn otherwise(line: &Line, expected: Vec<String>, seen: Vec<String>) -> Mismatch {
    Mismatch { line: line.number, says: None, command: line.typed.clone(), expected, seen, cause: Cause::Output }
}

/// At which step the debugger is after what it has printed; the first two words of ` 3/4 ▶ COPY a /`.
fn position(lines: &[String]) -> Option<Vec<&str>> {
    let line = lines.iter().rev().find(|line| line.contains(['▶', '■']))?;
    Some(line.split_whitespace().take(2).collect())
}

/// Whether the first lines of both have the same first words, as far as both have them: the rest may be broken elsewhere. How long the lines
/// of a drawing are says nothing.
fn begins_alike(expected: &[String], printed: &[String]) -> bool {
    const WORDS: usize = 5;
    let is_drawn = |word: &str| word.chars().all(|one| ('\u{2500}'..='\u{257f}').contains(&one));
    let words = |line: &String| -> Vec<String> {
        line.split_whitespace().filter(|word| !is_drawn(word)).map(str::to_owned).collect()
    };
    let first = |lines: &[String]| lines.iter().map(words).find(|words| !words.is_empty()).unwrap_or_default();
    let (expected, printed) = (first(expected), first(printed));
    let count = expected.len().min(printed.len()).min(WORDS);
    expected.is_empty() == printed.is_empty() && fits(&expected[..count].join(" "), &printed[..count].join(" "))
}

/// Whether what is shown fits what was printed, however both are broken into lines.
pub(super) fn agrees(tutor: &Tutor<'_>, expected: &[String], output: &str) -> bool {
    let printed: Vec<String> = output.trim_end().lines().map(str::to_owned).collect();
    align(trimmed(expected), &printed, Comparison::ByKind).is_some()
        || agreeing(expected, &printed, room(tutor)).is_some()
}

/// How many columns there were for what was printed.
fn room(tutor: &Tutor<'_>) -> usize {
    let size = if tutor.is_interactive() { screen::terminal() } else { None };
    size.map_or(usize::MAX, |size| size.columns)
}

/// What was printed as one line, in the way in which it fits what is shown, if it does.
fn agreeing(expected: &[String], printed: &[String], columns: usize) -> Option<String> {
    let shown = expected.join(" ");
    // Where there is less room, what was printed has an ellipsis of its own.
    let fit = |whole: &String| fits(&shown, whole) || fits(whole, &shown);
    std::iter::once(printed.join(" ")).chain(unbroken(printed, columns)).find(fit)
}

/// Lines as one, in which words are whole that were broken because no line of so many columns has room for them: behind a `/`, or where the
/// line ends. See [`table::hang`]. Where a word may as well have ended there, both are given, as long as there are not too many.
fn unbroken(lines: &[String], columns: usize) -> Vec<String> {
    const MOST: usize = 256;
    let mut wholes = vec![String::new()];
    let mut before = "";
    for line in lines {
        let next = line.trim_start_matches(' ');
        let room = columns.saturating_sub(line.len() - next.len());
        let is_cut = before.ends_with('/') || table::visible_width(before) >= columns;
        let word = next.split(' ').next().map_or(0, table::visible_width);
        let both = |whole: &String| {
            let begun = whole.rsplit(' ').next().map_or(0, table::visible_width);
            let is_word = is_cut && begun + word > room;
            let glued = (is_word || whole.is_empty()).then(|| format!("{whole}{next}"));
            glued.into_iter().chain((!whole.is_empty()).then(|| format!("{whole} {next}")))
        };
        wholes = wholes.iter().flat_map(both).take(MOST).collect();
        before = line;
    }
    wholes
}

/// Lines without the empty ones at the end.
fn trimmed(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_begins_alike_at_every_width() {
        let drawn = |title: &str, width| {
            let lines = [format!("┌─ {title} {}┐", "─".repeat(width)), format!("│ 1 FROM {:width$}│", "x")];
            lines.map(|line| format!("      {line}"))
        };
        assert!(begins_alike(&drawn("build", 60), &drawn("build", 40)));
        assert!(!begins_alike(&drawn("build", 60), &drawn("test", 60)));
        assert!(!begins_alike(&drawn("build", 60), &["error: no file".to_owned()]));
    }

    #[test]
    fn a_word_that_is_broken_is_one_word() {
        let digest = "0d31ee37de540d14ff4a22b797264290e87b7a6fc08815849882279080641c1d";
        let text = format!("`forged`: `blobs/sha256/{digest}` is missing, but sha256:{digest} needs it");
        for columns in 40..200 {
            let printed = table::hang("error: ", &text, columns);
            let printed: Vec<String> = printed.lines().map(str::to_owned).collect();
            assert!(unbroken(&printed, columns).contains(&format!("error: {text}")), "{printed:#?}");
            assert!(agreeing(&[format!("error: {text}")], &printed, columns).is_some());
        }
        let other = [format!("error: {text} now")];
        assert_eq!(agreeing(&other, &[format!("error: {text}")], 80), None);
    }
}
