//! The screen: the writer that everything for people goes through, whether it is a terminal, a pipe or a file, which may be
//! shown on a terminal later.
//!
//! Of what a terminal acts on it lets through tabs, the ends of lines, and, where there are colours, colours (SGR,
//! `ESC [ … m`). All else becomes a symbol ([`crate::shown`]), so no view and no command can forget it. What the screen can't know is
//! which newline or colour was meant: a text of others that has one line passes [`shown::line`] before it is put between
//! our own.
//!
//! Left out is what is not a message: the terminal of `run -t`, which belongs to the program in the container, and what another
//! program reads: a document ([`Screen::document`]), and bytes in a pipe or a file ([`Screen::bytes`]).

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::frame::Scene;
use super::live::Live;
use super::palette::Palette;
use super::sgr::{Colours, colour_length};
use super::watched::is_watched;
use crate::progress::Meter;
use crate::shown;

/// Erases what is behind the cursor and below it.
const ERASE_BELOW: &[u8] = b"\x1b[J";

/// Whether there are live lines on the terminal.
static IS_DRAWN: AtomicBool = AtomicBool::new(false);

/// Writes text that is safe to show.
pub(crate) struct Screen<'o> {
    out: Box<dyn Write + 'o>,
    palette: Palette,
    live: Option<Live>,
}

impl<'o> Screen<'o> {
    /// A screen on any writer.
    pub(crate) fn new(out: impl Write + 'o, palette: Palette) -> Screen<'o> {
        Screen { out: Box::new(out), palette, live: None }
    }

    /// Standard output.
    pub(crate) fn stdout(palette: Palette) -> Screen<'o> {
        Screen::new(io::stdout(), palette)
    }

    /// Standard error.
    pub(crate) fn stderr(palette: Palette) -> Screen<'o> {
        Screen::new(io::stderr(), palette)
    }

    /// Writes a whole document to standard output: byte for byte into a pipe or a file, harmless on a terminal.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn document(text: &str) -> io::Result<()> {
        if io::stdout().is_terminal() {
            return Screen::stdout(Palette::PLAIN).write_all(text.as_bytes());
        }
        io::stdout().write_all(text.as_bytes())
    }

    /// Standard output for bytes that another program reads: an archive. `None` where it is a terminal, on which they would be
    /// anything.
    pub(crate) fn bytes() -> Option<Box<dyn Write>> {
        (!io::stdout().is_terminal()).then(|| Box::new(io::stdout()) as Box<dyn Write>)
    }

    /// As [`Screen::bytes`], on standard error.
    pub(crate) fn error_bytes() -> Option<Box<dyn Write>> {
        (!io::stderr().is_terminal()).then(|| Box::new(io::stderr()) as Box<dyn Write>)
    }

    /// What becomes of the colours of a program whose output is shown here.
    pub(crate) fn colours(&self) -> Colours {
        if self.palette.is_enabled() { Colours::Kept } else { Colours::Dropped }
    }

    /// The same screen, which is standard output, with live lines of what is counted on a meter: where it is a terminal.
    pub(crate) fn with_live(mut self, meter: &Meter) -> Screen<'o> {
        let is_smart = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        if is_smart && terminal().is_some() {
            self.live = Some(Live::new(meter, self.palette, draw_below));
        }
        self
    }

    /// Whether there are live lines.
    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Something begins that may take long.
    pub(crate) fn begin(&mut self, scene: Scene) {
        if let Some(live) = &mut self.live {
            live.begin(scene);
        }
    }

    /// The last lines that a command has printed; asked for where they are shown.
    pub(crate) fn set_tail(&self, lines: impl FnOnce() -> Vec<String>) {
        if let Some(live) = &self.live {
            live.set_tail(lines());
        }
    }

    /// It is over: there are no live lines any more.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let Some(live) = &self.live else { return Ok(()) };
        let mut state = live.end();
        if std::mem::take(&mut state.is_drawn) {
            erase_below(&mut self.out)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Erases the line that the cursor is in: a question that was answered.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn erase_line(&mut self) -> io::Result<()> {
        self.out.write_all(b"\r\x1b[2K")
    }

    /// Empties the terminal, for what is drawn again and again.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.out.write_all(b"\x1b[2J\x1b[H")
    }

    /// A text as it would be written: what a terminal would act on is gone from it, except for colours.
    pub(crate) fn harmless(&self, text: &str) -> String {
        let mut bytes = Vec::with_capacity(text.len());
        let mut screen = Screen::new(&mut bytes, self.palette);
        // A vector takes everything.
        let _ = screen.put(text);
        drop(screen);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn put_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.utf8_chunks() {
            self.put(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                self.put("\u{fffd}")?;
            }
        }
        Ok(())
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(shown::is_harmful) {
            let (harmless, found) = rest.split_at(at);
            self.out.write_all(harmless.as_bytes())?;
            let colour = if self.palette.is_enabled() { colour_length(found) } else { None };
            match (colour, found.chars().next()) {
                (Some(length), _) => {
                    self.out.write_all(&found.as_bytes()[..length])?;
                    rest = &found[length..];
                }
                (None, Some(character)) => {
                    write!(self.out, "{}", shown::symbol(character))?;
                    rest = &found[character.len_utf8()..];
                }
                (None, None) => break,
            }
        }
        self.out.write_all(rest.as_bytes())
    }
}

/// Draws lines on standard output, below the cursor's line, or from it on where that is empty, and goes back to where it was.
fn draw_below(palette: Palette, lines: &dyn Fn(usize, usize) -> Vec<String>, column: usize) -> io::Result<()> {
    let Some(size) = terminal().filter(|size| column < size.columns) else { return Ok(()) };
    let lines = lines(size.columns, size.rows);
    let bytes = frame(palette, &lines, column)?;
    IS_DRAWN.store(!lines.is_empty(), Ordering::Relaxed);
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()
}

/// What draws these lines, and leads the cursor back to its column in its line.
fn frame(palette: Palette, lines: &[String], column: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if number > 0 || column > 0 {
            bytes.push(b'\n');
        }
        Screen::new(&mut bytes, palette).put(line)?;
        // What the last frame had behind it.
        bytes.extend_from_slice(b"\x1b[K");
    }
    bytes.extend_from_slice(ERASE_BELOW);
    let up = bytes.iter().filter(|byte| **byte == b'\n').count();
    if !lines.is_empty() {
        bytes.push(b'\r');
    }
    if up > 0 {
        bytes.extend_from_slice(format!("\x1b[{up}A").as_bytes());
    }
    if column > 0 && !lines.is_empty() {
        bytes.extend_from_slice(format!("\x1b[{column}C").as_bytes());
    }
    Ok(bytes)
}

fn erase_below(out: &mut impl Write) -> io::Result<()> {
    IS_DRAWN.store(false, Ordering::Relaxed);
    out.write_all(ERASE_BELOW)
}

/// Erases live lines where the program ends at once. May be called in a signal handler: it reads an atomic and calls write(2).
pub(crate) fn erase_at_the_end() {
    if IS_DRAWN.load(Ordering::Relaxed) {
        // SAFETY: write(2) of bytes that are there, to standard output, on which the lines were drawn.
        let _ = unsafe { libc::write(libc::STDOUT_FILENO, ERASE_BELOW.as_ptr().cast(), ERASE_BELOW.len()) };
    }
}

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// How large standard output is, where it is a terminal that says so.
pub(crate) fn terminal() -> Option<Size> {
    size_of(&io::stdout())
}

fn size_of(stream: &impl AsFd) -> Option<Size> {
    let (width, height) = terminal_size::terminal_size_of(stream)?;
    Some(Size { columns: width.0.into(), rows: height.0.into() })
}

fn is_pipe(stream: &impl AsFd) -> bool {
    let copy = stream.as_fd().try_clone_to_owned();
    copy.and_then(|copy| File::from(copy).metadata()).is_ok_and(|about| about.file_type().is_fifo())
}

/// How wide a block is laid out. It is asked for each block, since a terminal may be made larger or smaller at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// A pipe or a file: nobody knows how wide it will be shown.
    Anywhere,
    /// A pipe or a file, of which `COLUMNS` says how wide it will be shown.
    Piped(usize),
    /// A terminal of so many columns.
    Terminal(usize),
}

impl Width {
    /// Nothing is laid out for less room, even where a terminal has less.
    const NARROWEST: usize = 60;
    /// Longer rows are hard to read.
    const WIDEST: usize = 200;
    /// The same of the pages of a lesson, which have no columns, and are for reading.
    const PAGE: std::ops::RangeInclusive<usize> = 40..=90;
    /// The width of what may be shown anywhere.
    const FIXED: usize = 100;

    /// The width of standard output as it is now. What goes into a pipe is likely to be shown on the terminal that standard error
    /// is; a file is the same wherever it was written.
    pub(crate) fn of_stdout() -> Width {
        match Width::of(size_of(&io::stdout())) {
            Width::Piped(columns) if is_watched(&io::stdout()) => Width::Terminal(columns),
            Width::Anywhere if is_pipe(&io::stdout()) => Width::of(size_of(&io::stderr())).piped(),
            width => width,
        }
    }

    /// The width of standard error as it is now.
    pub(crate) fn of_stderr() -> Width {
        let width = Width::of(size_of(&io::stderr()));
        if is_watched(&io::stderr()) { Width::Terminal(width.columns()) } else { width }
    }

    fn of(size: Option<Size>) -> Width {
        size.map_or_else(Width::of_pipe, |size| Width::Terminal(size.columns))
    }

    /// The width of what is written where there is no terminal: `COLUMNS`, where it says one.
    pub(crate) fn of_pipe() -> Width {
        Width::said(std::env::var("COLUMNS").ok().as_deref())
    }

    fn said(columns: Option<&str>) -> Width {
        let columns = columns.and_then(|text| text.parse().ok()).filter(|columns| *columns > 0);
        columns.map_or(Width::Anywhere, Width::Piped)
    }

    /// The same for a pipe that leads to a program on the terminal.
    pub(crate) fn piped(self) -> Width {
        match self {
            Width::Terminal(columns) => Width::Piped(columns),
            Width::Anywhere | Width::Piped(_) => self,
        }
    }

    /// How wide sentences are.
    pub(crate) fn columns(self) -> usize {
        match self {
            Width::Anywhere => Width::FIXED,
            Width::Piped(columns) | Width::Terminal(columns) => columns.clamp(Width::NARROWEST, Width::WIDEST),
        }
    }

    /// How wide the pages of a lesson are.
    pub(crate) fn of_pages(self) -> usize {
        let (Width::Piped(columns) | Width::Terminal(columns)) = self else { return *Width::PAGE.end() };
        columns.clamp(*Width::PAGE.start(), *Width::PAGE.end())
    }

    /// How wide lines are that another program may read: in a pipe or a file they stay whole.
    pub(crate) fn of_lines(self) -> usize {
        match self {
            Width::Anywhere | Width::Piped(_) => usize::MAX,
            Width::Terminal(_) => self.columns(),
        }
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // Nobody is left to be told where writing fails.
        let _ = self.end();
    }
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Live lines make room for what stays. As long as the state is held, nobody else draws.
        let Some(live) = self.live.take() else { return self.put_all(bytes).map(|()| bytes.len()) };
        let mut state = live.lock();
        let erased = if std::mem::take(&mut state.is_drawn) { erase_below(&mut self.out) } else { Ok(()) };
        let written = erased.and_then(|()| self.put_all(bytes));
        state.follow(&String::from_utf8_lossy(bytes));
        drop(state);
        self.live = Some(live);
        written.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::palette::{ColorChoice, Palette};
    use super::{Screen, frame};

    fn shown(palette: Palette, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        Screen::new(&mut out, palette).write_all(bytes).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_cursor_comes_back_from_live_lines() {
        let frame = |lines: &[&str], column| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            String::from_utf8(frame(Palette::PLAIN, &lines, column).unwrap()).unwrap()
        };
        assert_eq!(frame(&["a", "b"], 0), "a\x1b[K\nb\x1b[K\x1b[J\r\x1b[1A");
        assert_eq!(frame(&["a", "b"], 3), "\na\x1b[K\nb\x1b[K\x1b[J\r\x1b[2A\x1b[3C");
        assert_eq!(frame(&[], 0), "\x1b[J");
        assert_eq!(frame(&[], 3), "\x1b[J");
    }

    #[test]
    fn only_colours_and_ends_of_lines_come_through() {
        let hostile = b"\x1b[1;31mred\x1b[0m\x1b[2J\x1b]0;t\x07\r\n\xc2\x9b31m\x9b\tend";
        assert_eq!(
            shown(Palette::for_stdout(ColorChoice::Always), hostile),
            "\x1b[1;31mred\x1b[0m␛[2J␛]0;t␇␍\n\u{fffd}31m\u{fffd}\tend"
        );
        assert_eq!(shown(Palette::PLAIN, b"\x1b[1;31mred\x1b[0m"), "␛[1;31mred␛[0m");
    }

    #[test]
    fn a_sequence_of_any_length_ends() {
        let long = format!("\x1b[{}m", "1;".repeat(100_000));
        assert!(shown(Palette::for_stdout(ColorChoice::Always), long.as_bytes()).starts_with("␛[1;1"));
    }
}
