//! The lines of a script, each bounded: what a script comes from need not have an end.

use std::io::{self, BufRead};
use std::path::Path;

use crate::document;
use crate::limits::{Bound, Limit, Limits};

/// How long one command or instruction of a script may be.
const INSTRUCTION: Limit = Limit::bytes("instruction of a script", "LAYERLAB_MAX_SCRIPT_LINE", 16 << 20);

/// A script or a pipe.
pub(crate) struct Script<R> {
    reader: R,
    bound: Bound,
}

impl<R: BufRead> Script<R> {
    pub(crate) fn new(reader: R, limits: &Limits) -> Script<R> {
        Script { reader, bound: limits.bound(&INSTRUCTION) }
    }

    /// What comes next and is here already; waits until there is something.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// One line with its end, behind `before` bytes of the same instruction; empty at the end of the script. Unlike `read_until` it does not
    /// go on after a signal: Ctrl-C has to end the waiting.
    ///
    /// # Errors
    /// What the kernel says, `ErrorKind::Interrupted` included; an instruction that is too long.
    pub(crate) fn line(&mut self, before: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n').map(|newline| newline + 1);
            let count = end.unwrap_or(buffer.len());
            line.extend_from_slice(&buffer[..count]);
            self.reader.consume(count);
            let length = (before + line.len()) as u64;
            document::check(Path::new("the script"), length, self.bound).map_err(io::Error::other)?;
            if end.is_some() || count == 0 {
                return Ok(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_together_with_what_they_go_on_from() {
        let limits = Limits::from_variables([("LAYERLAB_MAX_SCRIPT_LINE", "8")]).unwrap();
        let mut script = Script::new("123456\n1\n12\n".as_bytes(), &limits);
        assert_eq!(script.line(0).unwrap(), b"123456\n");
        assert_eq!(script.line(6).unwrap(), b"1\n");
        assert!(script.line(6).is_err());
        assert_eq!(script.line(0).unwrap(), b"");
    }
}
