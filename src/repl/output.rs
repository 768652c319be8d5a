//! Where a session writes: standard output, and a copy in memory for `save`.

use std::io::{self, Write};

/// Writes, and remembers what was written.
pub(super) struct Output<'o> {
    out: &'o mut dyn Write,
    transcript: Vec<u8>,
}

impl<'o> Output<'o> {
    pub fn new(out: &'o mut dyn Write) -> Output<'o> {
        Output { out, transcript: Vec::new() }
    }

    /// Notes what somebody else put on the screen: the prompt and what was typed there.
    pub fn note(&mut self, text: &str) {
        self.transcript.extend_from_slice(text.as_bytes());
    }

    /// The session so far, without colours.
    pub fn transcript(&self) -> Vec<u8> {
        without_colours(&self.transcript)
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.transcript.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Takes the sequences `ESC [ … m` out.
fn without_colours(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        if first == 0x1b
            && let Some(sequence) = after.strip_prefix(b"[")
            && let Some(end) = sequence.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';')
            && sequence[end] == b'm'
        {
            rest = &sequence[end + 1..];
        } else {
            plain.push(first);
            rest = after;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_transcript_has_no_colours() {
        assert_eq!(super::without_colours(b"\x1b[1;31mred\x1b[0m \x1b[2K\x1b"), b"red \x1b[2K\x1b");
    }
}
