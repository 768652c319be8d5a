//! The last lines of what a command prints: what a view that shows no output says of it when the command fails.

use std::collections::VecDeque;

use super::program::Program;
use super::sgr::Colours;
use super::table::beginning;
use crate::machine::Stream;

/// How many lines are kept, and how many bytes of each.
const MOST_LINES: usize = 20;
const MOST_OF_A_LINE: usize = 4 << 10;

/// The last lines of a command's output, without colours.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    program: Program,
    lines: VecDeque<String>,
    /// What each stream has of a line that is not ended.
    stdout: String,
    stderr: String,
}

impl Tail {
    /// Takes a piece of the output.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let text = self.program.text(stream, bytes, Colours::Dropped);
        self.push(stream, &text);
    }

    /// Nothing more is printed: ends the lines that are open.
    pub(super) fn end(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = self.program.rest(stream);
            self.push(stream, &rest);
        }
        for open in [&mut self.stdout, &mut self.stderr] {
            if !open.is_empty() {
                self.lines.push_back(std::mem::take(open));
            }
        }
    }

    /// The last lines that are ended.
    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    /// At most so many of the last lines, also those that are being written.
    pub(super) fn last(&self, most: usize) -> Vec<String> {
        let open = [&self.stdout, &self.stderr].into_iter().filter(|line| !line.is_empty());
        let lines: Vec<&String> = self.lines.iter().chain(open).collect();
        lines[lines.len().saturating_sub(most)..].iter().map(|line| (*line).clone()).collect()
    }

    fn push(&mut self, stream: Stream, text: &str) {
        for part in text.split_inclusive('\n') {
            let open = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            // The beginning of a line says more than its end.
            let room = MOST_OF_A_LINE.saturating_sub(open.len()).min(part.len());
            let end = beginning(part, room).len();
            open.push_str(&part[..end]);
            if part.ends_with('\n') {
                let whole = std::mem::take(open);
                self.lines.push_back(whole.trim_end_matches('\n').to_owned());
            }
            while self.lines.len() > MOST_LINES {
                self.lines.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use crate::machine::Stream;

    #[test]
    fn a_tail_is_bounded() {
        let mut tail = Tail::default();
        for _ in 0..1000 {
            tail.push(Stream::Stdout, &"é".repeat(999));
        }
        tail.push(Stream::Stderr, &"line\n".repeat(100));
        tail.end();
        let lengths: Vec<usize> = tail.lines().map(String::len).collect();
        assert_eq!((lengths[0], lengths[20], lengths.len()), (4, super::MOST_OF_A_LINE, 21));
    }
}
