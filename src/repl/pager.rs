//! Text that is longer than the screen, one screen after another: by $PAGER, else `less`, else a simple pager of our own.
//!
//! The text has passed a screen before, so there is nothing in it but colours that a terminal would act on.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use super::modes::{self, Modes};
use crate::view::screen::{self, Screen, Size};
use crate::view::table::visible_width;

/// What `less` is told where the user tells it nothing: show colours, stay on the screen, end by itself at a short text.
const LESS: &str = "FRX";
/// The last line of a page of `less`, in its own language: a colon and a full stop are signs in it.
const PROMPT: &str = r"-Psq\: back to layerlab   space\: next page   /TEXT\: search";

/// What our own pager asks.
const QUESTION: &str = "-- any key: next page, q: back to layerlab --";
/// The same at a shell.
const MORE: &str = "-- any key: more, q: enough --";
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;

/// Whether a text has more lines than a terminal.
pub(super) fn is_longer(text: &str, size: Size) -> bool {
    let rows = |line: &str| visible_width(line).div_ceil(size.columns.max(1)).max(1);
    text.lines().map(rows).sum::<usize>() >= size.rows
}

/// Shows a harmless text on the terminal that standard output is. Where no pager can show it, we do.
pub(super) fn page(text: &str, out: &mut Screen<'_>, size: Size) -> io::Result<()> {
    out.flush()?;
    if is_poor() {
        return out.write_all(text.as_bytes());
    }
    let mut command = match std::env::var("PAGER") {
        Ok(pager) if !pager.trim().is_empty() => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &pager]);
            shell
        }
        Ok(_) | Err(_) => {
            let mut less = Command::new("less");
            // Whatever the user has told it, colours have to be shown as such.
            less.args(["-R", PROMPT]);
            // It shows one text: no shell, and no other file.
            less.env("LESSSECURE", "1");
            less
        }
    };
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    // One that is killed may leave the terminal as it needed it.
    let _modes = Modes::keep();
    let status = match command.stdin(Stdio::piped()).spawn() {
        Ok(mut pager) => {
            if let Some(mut input) = pager.stdin.take() {
                // Whoever has seen enough closes the pipe.
                let _ = input.write_all(text.as_bytes());
            }
            pager.wait()?
        }
        Err(_) => return page_simply(text, QUESTION, out, size),
    };
    match status.code() {
        Some(0) | None => Ok(()),
        Some(_) => page_simply(text, QUESTION, out, size),
    }
}

/// Shows a harmless text at a shell: where a person is there, a screen of lines at a time.
///
/// # Errors
/// It can't be written, or the keyboard not be read.
pub(crate) fn show(text: &str, out: &mut Screen<'_>) -> io::Result<()> {
    match screen::terminal().filter(|size| io::stdin().is_terminal() && !is_poor() && is_longer(text, *size)) {
        Some(size) => page_simply(text, MORE, out, size),
        None => out.write_all(text.as_bytes()),
    }
}

/// Whether the terminal can't take a line back.
fn is_poor() -> bool {
    std::env::var("TERM").map_or(true, |term| term.is_empty() || term == "dumb")
}

/// A screen of lines, then a question.
fn page_simply(text: &str, question: &str, out: &mut Screen<'_>, size: Size) -> io::Result<()> {
    let mut left = size.rows.saturating_sub(1).max(1);
    for line in text.split_inclusive('\n') {
        let rows = visible_width(line.trim_end_matches('\n')).div_ceil(size.columns.max(1)).max(1);
        if rows > left {
            let key = modes::ask(question, out)?;
            out.erase_line()?;
            if matches!(key, None | Some(b'q' | b'Q' | CTRL_C | CTRL_D)) {
                return Ok(());
            }
            left = size.rows.saturating_sub(1).max(1);
        }
        left = left.saturating_sub(rows);
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Size, is_longer};

    #[test]
    fn lines_that_the_terminal_breaks_count_twice() {
        let size = Size { columns: 10, rows: 4 };
        assert!(!is_longer("1\n2\n3\n", size) && is_longer("1\n2\n3\n4\n", size));
        assert!(is_longer("1\n12345678901\n3\n", size) && !is_longer("1\n\x1b[31m1234567890\x1b[0m\n3\n", size));
    }
}
