//! Text that is longer than the screen, one screen after another: by $PAGER, else `less`, else a simple pager of our own.
//!
//! The text has passed a screen before, so there is nothing in it but colours that a terminal would act on.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::view::screen::{Screen, Size};
use crate::view::table::visible_width;

/// What `less` is told where the user tells it nothing: show colours, stay on the screen, end by itself at a short text.
const LESS: &str = "FRX";

/// Whether a text has more lines than a terminal.
pub(super) fn is_longer(text: &str, size: Size) -> bool {
    let rows = |line: &str| visible_width(line).div_ceil(size.columns.max(1)).max(1);
    text.lines().map(rows).sum::<usize>() >= size.rows
}

/// Shows a harmless text on the terminal that standard output is.
pub(super) fn page(text: &str, out: &mut Screen<'_>, size: Size) -> io::Result<()> {
    out.flush()?;
    let mut command = match std::env::var("PAGER") {
        Ok(pager) if !pager.trim().is_empty() => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &pager]);
            shell
        }
        Ok(_) | Err(_) => Command::new("less"),
    };
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    match command.stdin(Stdio::piped()).spawn() {
        Ok(mut pager) => {
            if let Some(mut input) = pager.stdin.take() {
                // Whoever has seen enough closes the pipe.
                let _ = input.write_all(text.as_bytes());
            }
            pager.wait().map(drop)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => page_simply(text, out, size),
        Err(error) => Err(error),
    }
}

/// A screen of lines, then a question.
fn page_simply(text: &str, out: &mut Screen<'_>, size: Size) -> io::Result<()> {
    let mut left = size.rows.saturating_sub(1).max(1);
    for line in text.split_inclusive('\n') {
        let rows = visible_width(line.trim_end_matches('\n')).div_ceil(size.columns.max(1)).max(1);
        if rows > left {
            write!(out, "-- Enter shows more, q is enough --")?;
            out.flush()?;
            match answer()? {
                // The terminal has shown the answer and gone to the next line.
                Answer::More => {}
                Answer::Enough => return Ok(()),
                Answer::Interrupted => return writeln!(out),
            }
            left = size.rows.saturating_sub(1).max(1);
        }
        left = left.saturating_sub(rows);
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// What a person says to the question.
enum Answer {
    More,
    /// A line that begins with `q`, or Ctrl-D.
    Enough,
    /// Ctrl-C: nothing ends the line.
    Interrupted,
}

fn answer() -> io::Result<Answer> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match io::stdin().lock().read(&mut byte) {
            Ok(0) => return Ok(Answer::Enough),
            Ok(_) if byte == *b"\n" => {
                return Ok(if line.starts_with(b"q") { Answer::Enough } else { Answer::More });
            }
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Answer::Interrupted),
            Err(error) => return Err(error),
        }
    }
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
