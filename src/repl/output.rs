//! Where a session writes: the screen, and a copy in memory for `save`.
//!
//! The screen is laid out for its terminal, the copy as a pipe would have it. So all that is shown is made twice, of the same data.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use super::{modes, pager};
use crate::machine::{Event, EventKind, Stream};
use crate::view::debugger::{Blocks, Layout};
use crate::view::palette::{Palette, Role};
use crate::view::screen::{self, Screen, Width};
use crate::view::{Scene, View as _};
use crate::world::World;

/// How much of a session is kept for `save`, in bytes: the end of it.
const MOST_KEPT: usize = 64 << 20;

/// Whom the session is shown to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A pipe or a file.
    Anywhere,
    /// Standard output is a terminal: nothing is laid out wider than it.
    OnTerminal,
}

/// Whether what is longer than the terminal is shown one screen after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paging {
    Off,
    On,
}

/// Writes, and remembers what was written.
pub(super) struct Output<'o> {
    shown: Shown,
    /// Whether somebody is there to turn pages.
    pub(crate) paging: Paging,
    /// What is shown while a command's output goes to a program.
    diverted: Option<Vec<u8>>,
    /// The last line with the ▶, as the copy has it.
    head: Option<String>,
    screen: Pane<'o>,
    copy: Pane<'static>,
    transcript: Rc<RefCell<Transcript>>,
}

/// A place to write to, with its layout.
struct Pane<'o> {
    blocks: Blocks,
    screen: Screen<'o>,
}

impl Pane<'_> {
    fn show(&mut self, render: &dyn Fn(&Layout) -> String) -> io::Result<()> {
        self.screen.write_all(render(self.blocks.layout()).as_bytes())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.blocks.event(event, &mut self.screen)
    }

    fn end_of_output(&mut self) -> io::Result<()> {
        self.screen.write_all(self.blocks.end_of_output().as_bytes())
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let text = self.blocks.output(stream, bytes, self.screen.colours());
        self.screen.write_all(text.as_bytes())
    }
}

impl<'o> Output<'o> {
    pub(crate) fn new(out: &'o mut dyn Write, palette: Palette, world: &World, shown: Shown) -> Output<'o> {
        let transcript = Rc::<RefCell<Transcript>>::default();
        let layout = |palette| Layout::new(palette, &world.clock, Width::Anywhere);
        let screen = Screen::new(out, palette);
        let screen = match shown {
            Shown::Anywhere => screen,
            Shown::OnTerminal => screen.with_live(world.meter()),
        };
        let screen = Pane { blocks: Blocks::new(layout(palette)), screen };
        let plain = Palette::PLAIN;
        let copy = Screen::new(Copy(Rc::clone(&transcript)), plain);
        let copy = Pane { blocks: Blocks::new(layout(plain)), screen: copy };
        let mut output = Output { shown, paging: Paging::Off, diverted: None, head: None, screen, copy, transcript };
        output.measure();
        output
    }

    /// Lays out for the terminal as it is now: somebody may have made it larger or smaller.
    pub(crate) fn measure(&mut self) {
        match self.shown {
            Shown::Anywhere => self.screen.blocks.fit(Width::of_pipe()),
            Shown::OnTerminal => self.screen.blocks.fit(Width::of_stdout()),
        }
    }

    /// Shows what a layout makes of some data.
    pub(crate) fn show(&mut self, render: impl Fn(&Layout) -> String) -> io::Result<()> {
        if self.keeps(&render) {
            return Ok(());
        }
        self.copy.show(&render)?;
        self.screen.show(&render)
    }

    /// From now on nothing is shown: it is kept for a program, laid out as for a pipe.
    pub(crate) fn divert(&mut self) {
        self.diverted = Some(Vec::new());
    }

    /// What was kept. From now on everything is shown again.
    pub(crate) fn diverted(&mut self) -> Vec<u8> {
        self.diverted.take().unwrap_or_default()
    }

    /// Keeps a file's content for a program, byte for byte; `false` where it is to be shown.
    pub(crate) fn keeps_bytes(&mut self, bytes: &[u8]) -> bool {
        match &mut self.diverted {
            Some(kept) => {
                kept.extend_from_slice(bytes);
                true
            }
            None => false,
        }
    }

    fn keeps(&mut self, render: &dyn Fn(&Layout) -> String) -> bool {
        if self.diverted.is_none() {
            return false;
        }
        let mut layout = self.copy.blocks.layout().clone();
        // The program may well show it on the terminal.
        layout.fit(Width::of_stdout().piped());
        self.keeps_bytes(render(&layout).as_bytes())
    }

    /// Shows it, one screen after another where it is longer than the terminal.
    pub(crate) fn page(&mut self, render: impl Fn(&Layout) -> String) -> io::Result<()> {
        self.end()?;
        if self.keeps(&render) {
            return Ok(());
        }
        self.copy.show(&render)?;
        let text = self.screen.screen.harmless(&render(self.screen.blocks.layout()));
        match screen::terminal() {
            Some(size) if self.paging == Paging::On && pager::is_longer(&text, size) => {
                pager::page(&text, &mut self.screen.screen, size)
            }
            Some(_) | None => self.screen.screen.write_all(text.as_bytes()),
        }
    }

    /// Something begins that may take long: on a terminal it is seen that it goes on.
    pub(crate) fn begin(&mut self) {
        self.screen.screen.begin(Scene::Below);
    }

    /// It is over.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.screen.screen.end()
    }

    /// Shows an event.
    pub(crate) fn event(&mut self, event: &Event) -> io::Result<()> {
        if matches!(event.kind, EventKind::Committed { .. } | EventKind::StepFailed { .. } | EventKind::StepStopped) {
            self.end()?;
        }
        self.copy.event(event)?;
        self.screen.event(event)?;
        if event.kind == EventKind::StepStarted {
            self.begin();
        }
        self.flush()
    }

    /// Shows a piece of what a program prints.
    pub(crate) fn output(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.copy.output(stream, bytes)?;
        self.screen.output(stream, bytes)?;
        self.flush()
    }

    /// Notes a piece of what a program showed on the terminal by itself.
    pub(crate) fn shown(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.copy.output(Stream::Stdout, bytes)
    }

    /// Notes what is held back of that.
    pub(crate) fn end_of_shown(&mut self) -> io::Result<()> {
        self.copy.end_of_output()
    }

    /// Shows what is held back of it.
    pub(crate) fn end_of_output(&mut self) -> io::Result<()> {
        self.copy.end_of_output()?;
        self.screen.end_of_output()
    }

    /// Notes what somebody else put on the screen: the prompt and what was typed there.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        self.copy.screen.write_all(text.as_bytes())
    }

    /// Shows a person something that is no part of the session.
    pub(crate) fn aside(&mut self, text: &str) -> io::Result<()> {
        let text = self.screen.blocks.layout().palette.paint(Role::Faint, text);
        writeln!(self.screen.screen, "{text}")
    }

    /// Asks a person for one key. `None`: there is nobody.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<Option<u8>> {
        let key = modes::ask(question, &mut self.screen.screen)?;
        self.screen.screen.erase_line()?;
        Ok(key)
    }

    /// The next line with the ▶ is shown even if it is the same again.
    pub(crate) fn forget_head(&mut self) {
        self.head = None;
    }

    /// Shows the line with the ▶, where it is not the one that was shown last.
    pub(crate) fn head(&mut self, render: impl Fn(&Layout) -> String) -> io::Result<()> {
        let line = render(self.copy.blocks.layout());
        if self.head.as_ref() == Some(&line) {
            return Ok(());
        }
        self.head = Some(line);
        self.show(render)
    }

    /// Sees to it that everything is on the screen.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.screen.screen.flush()
    }

    /// The session so far, as a pipe would have had it.
    pub(crate) fn transcript(&self) -> Vec<u8> {
        let transcript = self.transcript.borrow();
        let start = if transcript.is_cut { "(the beginning is left out)\n" } else { "" };
        [start.as_bytes(), &transcript.text].concat()
    }
}

/// What was shown so far.
#[derive(Default)]
struct Transcript {
    text: Vec<u8>,
    is_cut: bool,
}

impl Transcript {
    fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        // Seldom, as moving the rest to the front costs something.
        if self.text.len() > 2 * MOST_KEPT {
            let from = self.text.len() - MOST_KEPT;
            let line = self.text[from..].iter().position(|byte| *byte == b'\n').map_or(from, |at| from + at + 1);
            self.text.drain(..line);
            self.is_cut = true;
        }
    }
}

/// Writes to the transcript.
struct Copy(Rc<RefCell<Transcript>>);

impl Write for Copy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
