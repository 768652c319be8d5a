//! What a program in a container prints, piece by piece, as text that a transcript can hold.
//!
//! Bytes stay bytes up to here. A character that is split between two pieces is put together again, for each stream by
//! itself. Of the program's control characters only colours are kept, where there are any, and they end with their line, so that
//! nothing of ours is painted by it; a carriage return begins a new line, since a terminal would write over what was
//! said before. The screen makes harmless what is left.

use super::sgr::{Colours, begins_colour, colour_length};
use crate::machine::Stream;

const NO_COLOUR: &str = "\x1b[0m";

/// The two streams of one container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    stdout: Decoder,
    stderr: Decoder,
    /// Whether the text so far ends in the middle of a line.
    open_line: bool,
}

impl Program {
    /// The text of a piece.
    pub(crate) fn text(&mut self, stream: Stream, bytes: &[u8], colours: Colours) -> String {
        let text = match stream {
            Stream::Stdout => self.stdout.text(bytes, colours),
            Stream::Stderr => self.stderr.text(bytes, colours),
        };
        self.note(text)
    }

    /// What is held back of a stream, when no more comes.
    pub(crate) fn rest(&mut self, stream: Stream) -> String {
        let text = match stream {
            Stream::Stdout => self.stdout.rest(),
            Stream::Stderr => self.stderr.rest(),
        };
        self.note(text)
    }

    /// What is held back of both streams, and the end of a line that the program did not end.
    pub(crate) fn end(&mut self) -> String {
        let mut text = self.rest(Stream::Stdout) + &self.rest(Stream::Stderr);
        if std::mem::take(&mut self.open_line) {
            text.push('\n');
        }
        text
    }

    fn note(&mut self, text: String) -> String {
        if let Some(last) = text.chars().next_back() {
            self.open_line = last != '\n';
        }
        text
    }
}

/// One stream.
#[derive(Clone, Debug, Default)]
struct Decoder {
    characters: Characters,
    /// The beginning of a colour, or a carriage return that a newline may follow.
    held: String,
    painted: bool,
}

impl Decoder {
    fn text(&mut self, bytes: &[u8], colours: Colours) -> String {
        let whole = self.characters.whole(bytes);
        let input = std::mem::take(&mut self.held) + &String::from_utf8_lossy(&whole);
        let mut text = String::with_capacity(input.len());
        let mut rest = input.as_str();
        while let Some(at) = rest.find(['\x1b', '\r', '\n']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest == "\r" || begins_colour(rest) {
                self.held = rest.to_owned();
                return text;
            }
            let length = match colour_length(rest) {
                Some(length) => {
                    if colours == Colours::Kept {
                        text.push_str(&rest[..length]);
                        self.painted = true;
                    }
                    length
                }
                None if rest.starts_with('\x1b') => {
                    text.push('\x1b');
                    1
                }
                None => {
                    self.end_line(&mut text);
                    if rest.starts_with("\r\n") { 2 } else { 1 }
                }
            };
            rest = &rest[length..];
        }
        text + rest
    }

    fn rest(&mut self) -> String {
        let mut text = std::mem::take(&mut self.held).replace('\r', "\n");
        if !std::mem::take(&mut self.characters.unfinished).is_empty() {
            text.push('\u{fffd}');
        }
        if std::mem::take(&mut self.painted) {
            text.push_str(NO_COLOUR);
        }
        text
    }

    fn end_line(&mut self, text: &mut String) {
        if std::mem::take(&mut self.painted) {
            text.push_str(NO_COLOUR);
        }
        text.push('\n');
    }
}

/// Puts characters together whose bytes come in two pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Characters {
    /// At most three bytes: the beginning of a character.
    unfinished: Vec<u8>,
}

impl Characters {
    /// A piece with what was held back before it, and without the unfinished character at its end. What is not UTF-8 at all
    /// is in it unchanged.
    pub(crate) fn whole(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut whole = std::mem::take(&mut self.unfinished);
        whole.extend_from_slice(bytes);
        let last = whole.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
        let tail = &whole[whole.len() - last..];
        if !tail.is_empty() && std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none()) {
            self.unfinished = whole.split_off(whole.len() - last);
        }
        whole
    }

    /// The bytes that no later piece made a character of.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unfinished)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sgr::Colours;
    use super::{Characters, Program};
    use crate::machine::Stream;

    fn all(pieces: &[&[u8]], colours: Colours) -> String {
        let mut program = Program::default();
        let text: String = pieces.iter().map(|piece| program.text(Stream::Stdout, piece, colours)).collect();
        text + &program.end()
    }

    #[test]
    fn a_character_may_come_in_two_pieces() {
        for cut in 0..="é日👩".len() {
            let (one, two) = "é日👩".as_bytes().split_at(cut);
            assert_eq!(all(&[one, two], Colours::Kept), "é日👩\n");
        }
        assert_eq!(all(&[b"a\xe6\x97", b"z\xff"], Colours::Kept), "a\u{fffd}z\u{fffd}\n");
        assert_eq!(all(&[b"a\xe6\x97"], Colours::Kept), "a\u{fffd}\n");
    }

    #[test]
    fn the_streams_do_not_mix_their_characters() {
        let mut program = Program::default();
        let mut text = program.text(Stream::Stdout, b"\xc3", Colours::Kept);
        text += &program.text(Stream::Stderr, b"x", Colours::Kept);
        text += &program.text(Stream::Stdout, b"\xa9", Colours::Kept);
        assert_eq!(text + &program.end(), "xé\n");
    }

    #[test]
    fn colours_end_with_their_line() {
        let pieces: &[&[u8]] = &[b"\x1b[3", b"1mred\r", b"\nnext\n\x1b[4mopen"];
        assert_eq!(all(pieces, Colours::Kept), "\x1b[31mred\x1b[0m\nnext\n\x1b[4mopen\x1b[0m\n");
        assert_eq!(all(pieces, Colours::Dropped), "red\nnext\nopen\n");
    }

    #[test]
    fn a_line_is_not_written_over() {
        assert_eq!(
            all(&[b"really\rnot really\n", b"10%\r", b"20%\r\n"], Colours::Kept),
            "really\nnot really\n10%\n20%\n"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_not_held_back() {
        let mut characters = Characters::default();
        assert_eq!(characters.whole(b"\xff\xfe\x80"), b"\xff\xfe\x80");
        assert_eq!(characters.whole(b"a\xf0\x9f"), b"a");
        assert_eq!(characters.rest(), b"\xf0\x9f");
    }
}
