//! What is heard of a container: its output, what there is to tell, and its end.

use super::error::Failure;
use super::patience::Notice;

/// Which of the two output streams a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// What is heard of a container while it is waited for.
#[derive(Debug)]
pub enum Heard<'a> {
    /// A piece of its output, where that is captured. Pieces are in order within one stream and end anywhere, also within a
    /// character.
    Output(Stream, &'a [u8]),
    /// A piece of what its terminal showed on ours.
    Shown(&'a [u8]),
    /// The command was executed.
    Started,
    /// It has ended, and while it ran the kernel killed a process of it because it had used up its memory.
    OutOfMemory,
    /// Something to tell the user at once. Our terminal is not in raw mode meanwhile.
    Notice(Notice),
    /// Something could not be taken away again. The container has ended, and its status counts.
    Untidy(&'a Failure),
}

/// How the container's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned this status.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// The status as a shell gives it: 128 + n for signal n.
    pub fn status(self) -> i32 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }
}
