//! What an `edit` changed, as the hunks of a unified diff: a saved session has them behind the `edit`, and a script may.
//!
//! ```text
//! (layerlab) edit date-script.sh
//! @@ -1,2 +1,2 @@
//!  #!/bin/sh
//! -echo "Todays date is $(date)"
//! +echo "The date is $(date)"
//! ```
//!
//! A hunk says how many lines it has, so nothing marks the end. It is made only where the file has the lines that it names. See
//! diff(1), "Detailed Description of Unified Format".

use std::fmt::Write as _;

use similar::TextDiff;

use crate::diagnostic::Diagnostic;

/// How the first line of a hunk begins.
pub(super) const BEGIN: &str = "@@ ";
/// What stands behind a last line that does not end.
const NO_NEWLINE: &str = "\\ No newline at end of file";
/// A change from nothing to nothing.
const NOTHING: &str = "@@ -0,0 +0,0 @@\n";

/// The hunks that make one text of another. There is always one.
pub(super) fn between(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut text = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        let _ = writeln!(text, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let value = change.value();
            let _ = match value.strip_suffix('\n') {
                Some(line) => writeln!(text, "{}{line}", change.tag()),
                None => writeln!(text, "{}{value}\n{NO_NEWLINE}", change.tag()),
            };
        }
    }
    if text.is_empty() { NOTHING.to_owned() } else { text }
}

/// Where a hunk is: from which line it replaces how many, and how many it puts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    start: usize,
    removed: usize,
    added: usize,
}

impl Header {
    /// Reads `@@ -1,2 +1,2 @@`; a number of lines that is not given is 1.
    fn parse(line: &str) -> Option<Header> {
        let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
        let (new, _) = rest.split_once(" @@")?;
        let range = |text: &str| match text.split_once(',') {
            Some((start, count)) => Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        };
        let ((start, removed), (_, added)) = (range(old)?, range(new)?);
        Some(Header { start, removed, added })
    }
}

/// Hunks that come line by line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    removed: usize,
    added: usize,
}

impl Reading {
    /// Whether a line belongs to the hunks.
    pub(super) fn takes(&mut self, line: &str) -> bool {
        if self.removed == 0 && self.added == 0 {
            let header = Header::parse(line);
            if let Some(Header { removed, added, .. }) = header {
                *self = Reading { removed, added };
            }
            return header.is_some() || line.trim_end() == NO_NEWLINE;
        }
        let (removed, added) = match line.as_bytes().first() {
            Some(b'-') => (1, 0),
            Some(b'+') => (0, 1),
            Some(b'\\') => (0, 0),
            // An editor may have taken the space of an empty line.
            Some(b' ' | b'\n' | b'\r') | None => (1, 1),
            Some(_) => return false,
        };
        self.removed = self.removed.saturating_sub(removed);
        self.added = self.added.saturating_sub(added);
        true
    }
}

/// Makes a change in a text.
///
/// # Errors
/// The text does not have the lines that a hunk replaces.
pub(super) fn apply(hunks: &str, text: &str) -> Result<String, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::error(message)
            .hint("the file is not what it was when the change was made: change it, then `reload`")
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut after = String::new();
    let mut done = 0;
    let mut rest = hunks.split_inclusive('\n').peekable();
    while let Some(line) = rest.next() {
        let Header { start, removed, .. } =
            Header::parse(line).ok_or_else(|| wrong(format!("`{}` does not begin a change", line.trim_end())))?;
        let mut reading = Reading::default();
        reading.takes(line);
        // A hunk that removes nothing names the line before it.
        let first = if removed == 0 { start } else { start.saturating_sub(1) };
        for kept in lines.get(done..first).ok_or_else(|| wrong(format!("there is no line {start}")))? {
            after.push_str(kept);
        }
        done = first;
        while let Some(line) = rest.peek().copied().filter(|line| !line.starts_with(BEGIN) && reading.takes(line)) {
            rest.next();
            let content = match rest.peek() {
                Some(next) if next.trim_end() == NO_NEWLINE => line.get(1..).unwrap_or("").trim_end_matches('\n'),
                Some(_) | None => line.get(1..).unwrap_or("\n"),
            };
            match line.as_bytes().first() {
                Some(b'+') => after.push_str(content),
                Some(b'\\') => {}
                tag => {
                    if lines.get(done).copied() != Some(content) {
                        return Err(wrong(format!("line {} is not `{}`", done + 1, content.trim_end())));
                    }
                    if tag != Some(&b'-') {
                        after.push_str(content);
                    }
                    done += 1;
                }
            }
        }
    }
    lines.iter().skip(done).for_each(|kept| after.push_str(kept));
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::{Reading, apply, between};

    #[test]
    fn a_change_can_be_made_again() {
        let long: String = (0..40).map(|number| format!("{number}\n")).collect();
        let other = long.replace("3\n", "x\ny\n").replace("37\n", "");
        let cases = [
            ("", "a\n"),
            ("a\n", ""),
            ("a", "a\n"),
            ("a\nb", "a\nc"),
            ("same\n", "same\n"),
            ("a\n\n-b\n", "\n-b\n@@ c\n"),
            (&long, &other),
            (&other, &long),
        ];
        for (before, after) in cases {
            let hunks = between(before, after);
            assert_eq!(apply(&hunks, before).unwrap(), after, "{hunks}");
            let mut reading = Reading::default();
            assert!(hunks.lines().all(|line| reading.takes(line)), "{hunks}");
            assert!(!reading.takes("      edit      f: 3/4 COPY would miss"), "{hunks}");
        }
        assert!(apply(&between("a\n", "b\n"), "c\n").is_err());
        assert!(apply("@@ -9 +9 @@\n-a\n+b\n", "a\n").is_err());
    }
}
