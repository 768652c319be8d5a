//! What a step printed: the beginning and the end of it, within a number of bytes. It is masked as it comes, and once more when it is handed
//! over, as some of what is masked is only known in the end.

use crate::hidden::{Mask, Masking};
use crate::machine::Stream;
use crate::view::program::Program;
use crate::view::sgr::Colours;
use crate::view::table::beginning;

/// The output of a step.
#[derive(Debug, Default)]
pub(super) struct Printed {
    program: Program,
    stdout: Masking,
    stderr: Masking,
    /// How many bytes are kept.
    most: usize,
    head: String,
    tail: String,
    /// How many bytes between the two are left out.
    cut: usize,
}

impl Printed {
    pub(super) fn new(most: usize) -> Printed {
        Printed { most, ..Printed::default() }
    }

    /// From now on this is masked.
    pub(super) fn mask(&mut self, mask: &Mask) {
        (self.stdout, self.stderr) = (Masking::new(mask), Masking::new(mask));
    }

    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let masking = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let passed = masking.pass(bytes);
        let text = self.program.text(stream, &passed, Colours::Dropped);
        self.keep(&text);
    }

    /// No more comes.
    pub(super) fn end(&mut self) {
        for (stream, rest) in [(Stream::Stdout, self.stdout.end()), (Stream::Stderr, self.stderr.end())] {
            let text = self.program.text(stream, &rest, Colours::Dropped);
            self.keep(&text);
        }
        let text = self.program.end();
        self.keep(&text);
        self.shorten(self.most * 3 / 4);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// Its last lines, without what is masked.
    pub(super) fn last_lines(&self, most: usize, mask: &Mask) -> String {
        let (head, tail) = self.masked(mask);
        let last = if tail.is_empty() { head } else { tail };
        let start = last.trim_end().rmatch_indices('\n').nth(most - 1).map_or(0, |(at, _)| at + 1);
        last[start..].trim_end().to_owned()
    }

    /// What is kept, without what is masked: all of it, or its beginning, how many bytes follow that are left out, and its end; within a number
    /// of bytes.
    pub(super) fn parts(&self, most: usize, mask: &Mask) -> (String, Option<(usize, String)>) {
        let (mut head, kept) = self.masked(mask);
        if kept.is_empty() && head.len() <= most {
            return (head, None);
        }
        let whole = head.len() + self.cut + kept.len();
        let rest = head.split_off(floor(&head, most / 4));
        if self.cut > 0 {
            // Its last line would go on in what is left out.
            head.truncate(head.rfind('\n').map_or(head.len(), |at| at + 1));
        }
        let last = if kept.is_empty() { &rest } else { &kept };
        let tail = last[floor(last, last.len().saturating_sub(most * 3 / 4))..].to_owned();
        let left_out = whole - head.len() - tail.len();
        (head, Some((left_out, tail)))
    }

    /// The head and the tail without what is masked, also where one goes on in the other or in what is left out.
    fn masked(&self, mask: &Mask) -> (String, String) {
        if self.cut > 0 {
            return (mask.cut_text(&self.head), mask.text(&self.tail).into_owned());
        }
        let mut head = mask.text(&(self.head.clone() + &self.tail)).into_owned();
        let tail = if self.tail.is_empty() { String::new() } else { head.split_off(floor(&head, self.head.len())) };
        (head, tail)
    }

    fn keep(&mut self, text: &str) {
        let room = (self.most / 4).saturating_sub(self.head.len());
        let (head, tail) = match self.tail.is_empty() {
            true => text.split_at(floor(text, room)),
            false => ("", text),
        };
        self.head.push_str(head);
        self.tail.push_str(tail);
        // Seldom, as moving the rest to the front costs something.
        if self.tail.len() > 2 * self.most {
            self.shorten(self.most * 3 / 4);
        }
    }

    /// Keeps the end of the tail, from the beginning of a line where one is near.
    fn shorten(&mut self, most: usize) {
        let Some(over) = self.tail.len().checked_sub(most).filter(|over| *over > 0) else { return };
        let from = floor(&self.tail, over);
        let line = self.tail[from..].find('\n').filter(|at| *at < most / 2).map_or(from, |at| from + at + 1);
        self.cut += line;
        self.tail.drain(..line);
    }
}

/// The last place up to `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    beginning(text, at).len()
}

#[cfg(test)]
mod tests {
    use super::{Mask, Printed, Stream};
    use crate::hidden::Hidden;

    fn shown(printed: &Printed) -> String {
        match printed.parts(usize::MAX / 4, &Mask::default()) {
            (head, None) => head,
            (head, Some((0, tail))) => head + &tail,
            (head, Some((cut, tail))) => format!("{head}[{cut}]{tail}"),
        }
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let mut printed = Printed::new(64);
        (0..1000).for_each(|number| printed.push(Stream::Stdout, format!("line {number}\n").as_bytes()));
        printed.push(Stream::Stderr, "Größe".as_bytes());
        printed.end();
        assert_eq!(shown(&printed), "line 0\nline 1\n[8840]line 996\nline 997\nline 998\nline 999\nGröße\n");
        let mut short = Printed::new(64);
        short.push(Stream::Stdout, b"a\n");
        short.end();
        assert_eq!(shown(&short), "a\n");
    }

    #[test]
    fn a_secret_is_not_kept() {
        let mut printed = Printed::new(64);
        printed.mask(&Mask::of(&[Hidden::new(b"swordfish".to_vec())]));
        printed.push(Stream::Stdout, b"it is sword");
        printed.push(Stream::Stderr, b"no\n");
        printed.push(Stream::Stdout, b"fish\n");
        printed.end();
        assert_eq!(shown(&printed), "it is no\n•••\n");
    }
    #[test]
    fn no_part_is_left_of_a_secret_that_is_known_late() {
        let mask = Mask::of(&[Hidden::new(b"swordfish".to_vec())]);
        for before in 0..200 {
            for lines in [1, 40] {
                let mut printed = Printed::new(64);
                printed.push(Stream::Stdout, ".".repeat(before).as_bytes());
                printed.push(Stream::Stdout, &b"swordfish\nno\n".repeat(lines));
                printed.end();
                for most in [8, 16, 32, 64, 1000] {
                    let (head, tail) = printed.parts(most, &mask);
                    let shown = head + &tail.map_or(String::new(), |(_, tail)| tail) + &printed.last_lines(3, &mask);
                    assert!(!shown.contains("sw") && !shown.contains("sh"), "{before} {lines} {most}: {shown}");
                }
            }
        }
    }
}
