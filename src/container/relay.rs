//! Our side of a container: one loop over everything that can say something.
//!
//! The container's processes tell what happens over the link; the errno pipe tells why the command was not executed; the output
//! pipes or the terminal carry what the command writes; signals and the wish to stop come from outside. Nothing is looked at by
//! the clock: poll(2) wakes for each of them, and for the moment in which a wish was not followed, see [`super::patience`].

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFlags, PollTimeout};
use nix::unistd::read;
use rustix::buffer::spare_capacity;

use super::awaited::{Awaited, ready};
use super::channel::{Order, Word};
use super::console::{Came, Console, Far, Typed, standard_streams};
use super::control::Control;
use super::error::Error;
use super::feed::Feed;
use super::found::Found;
use super::heard::{Exit, Heard, Stream};
use super::keys::DetachKeys;
use super::patience::{Act, Wish};
use super::signals::{self, Caught};
use super::trampoline;
use super::wishes::{Wishes, wish_of};
use crate::link::{Heard as Message, Link};

/// What leads to us from a container that was just made.
pub(super) struct Inlets {
    pub(crate) link: Link,
    pub(crate) errno: OwnedFd,
    pub(crate) outputs: Vec<(Stream, OwnedFd)>,
    /// Where its terminal leads, if it makes one.
    pub(crate) far: Far,
    /// Where our standard input goes, where it has no terminal.
    pub(crate) feed: Option<Feed>,
    /// The keys that leave its terminal, where one can.
    pub(crate) keys: Option<DetachKeys>,
    pub(crate) caught: Option<Caught>,
    pub(crate) wishes: Wishes,
}

/// The open ends of a container, and what is known of it.
pub(super) struct Relay {
    /// `None` when all of the container's processes are gone.
    link: Option<Link>,
    errno: Option<OwnedFd>,
    pub(crate) outputs: Vec<(Stream, OwnedFd)>,
    far: Option<Far>,
    keys: Option<DetachKeys>,
    console: Option<Console>,
    feed: Option<Feed>,
    caught: Option<Caught>,
    kill_when: Option<OwnedFd>,
    /// Signals that somebody else wants passed on, a byte each.
    asked: Option<OwnedFd>,
    wishes: Wishes,
    found: Found,
    /// Whether the keys that leave it were pressed.
    pub(crate) is_left: bool,
    /// Whether nobody reads our standard output any more.
    pub(crate) is_broken: bool,
    /// What is read lies here. On the stack it would cost a page fault for each of its pages.
    buffer: Vec<u8>,
}

/// How much of an output is read at a time.
const PIECE: usize = 32 << 10;

/// Which end has something for us.
#[derive(Debug, Clone, Copy)]
enum Source {
    Link,
    Errno,
    Output(Stream),
    Console,
    Input,
    /// Our standard input, where it has no terminal.
    Feed,
    Signals,
    Asked,
    Kill,
}

impl Relay {
    pub(crate) fn new(inlets: Inlets) -> Relay {
        let Inlets { link, errno, outputs, far, feed, keys, caught, wishes } = inlets;
        Relay {
            link: Some(link),
            errno: Some(errno),
            outputs,
            far: Some(far),
            keys,
            console: None,
            feed,
            caught,
            kill_when: None,
            asked: None,
            wishes,
            found: Found::default(),
            is_left: false,
            is_broken: false,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn kill_when(&mut self, readable: OwnedFd) {
        self.kill_when = Some(readable);
    }

    pub(crate) fn pass_on_from(&mut self, readable: OwnedFd) {
        self.asked = Some(readable);
    }

    /// Gives an order; nobody is there to take it when the container has ended.
    pub(crate) fn order(&self, order: &Order) {
        if let Some(link) = &self.link {
            link.say(order);
        }
    }

    /// Whether all of the container's processes are gone.
    pub(crate) fn is_over(&self) -> bool {
        self.link.is_none()
    }

    /// Serves every end until the container waits for the order to start.
    pub(crate) fn until_ready(&mut self, control: &Control) -> Result<(), Error> {
        while control.inside().is_none() && self.link.is_some() {
            self.serve_all(control, &mut |_| {})?;
        }
        match control.inside() {
            Some(_) => Ok(()),
            None => std::mem::take(&mut self.found).conclude(control.was_killed()).map(drop),
        }
    }

    /// Serves every end until the command is executed, or it is known why not: that may be said after the pipe for the errno has ended.
    pub(crate) fn until_started(&mut self, control: &Control) -> Result<(), Error> {
        while self.link.is_some() && (self.errno.is_some() || !self.found.is_decided(control.first())) {
            self.serve_all(control, &mut |_| {})?;
        }
        let is_started = self.found.not_executed.is_none() && self.found.failure.is_none() && control.first().is_some();
        if is_started { Ok(()) } else { std::mem::take(&mut self.found).conclude(control.was_killed()).map(drop) }
    }

    /// Serves every end until the keeper is gone and nothing is left to be read.
    pub(crate) fn until_the_end(
        &mut self,
        control: &Control,
        listen: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Exit, Error> {
        loop {
            if let Some(exit) = self.turn(control, listen)? {
                return Ok(exit);
            }
        }
    }

    /// Serves what has something for us, once; gives the end, where it came to that.
    pub(crate) fn turn(&mut self, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) -> Result<Option<Exit>, Error> {
        let is_over = self.link.is_none();
        let served = self.serve_all(control, listen)?;
        // When the keeper has gone, so have all who could still write: what is left can be
        // read at once. Not waiting for the ends of the pipes matters, as a fork of another
        // thread may hold copies of them for a while.
        if is_over && served == 0 {
            // Our terminal and our signals are ours again before anything more is said.
            (self.console, self.caught) = (None, None);
            return std::mem::take(&mut self.found).conclude(control.was_killed()).map(Some);
        }
        Ok(None)
    }

    /// Waits until something happens, and serves what did. Says how much that was.
    fn serve_all(&mut self, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) -> Result<usize, Error> {
        let ready = self.wait()?;
        for source in &ready {
            self.serve(*source, control, listen)?;
        }
        if self.link.is_some() {
            let act = self.wishes.look(control, self.console.as_ref());
            self.act(act, control, listen);
        }
        Ok(ready.len())
    }

    fn wait(&self) -> Result<Vec<Source>, Error> {
        let timeout = match (&self.link, self.wishes.deadline()) {
            (None, _) => PollTimeout::ZERO,
            (Some(_), None) => PollTimeout::NONE,
            (Some(_), Some(deadline)) => {
                // A millisecond more, as it is cut off: else the last one is waited for in a circle.
                let left = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        };
        ready(&self.ends(), timeout).map_err(Error::call("poll"))
    }

    fn ends(&self) -> Vec<Awaited<'_, Source>> {
        let input = PollFlags::POLLIN;
        let mut ends = Vec::new();
        ends.extend(self.errno.iter().map(|end| (Source::Errno, end.as_fd(), input)));
        let outputs = self.outputs.iter();
        ends.extend(outputs.map(|(stream, end)| (Source::Output(*stream), end.as_fd(), input)));
        ends.extend(self.console.iter().map(|console| (Source::Console, console.master(), console.wanted())));
        // After the end there is nobody to pass anything on to.
        if let Some(link) = &self.link {
            ends.push((Source::Link, link.as_fd(), input));
            ends.extend(self.kill_when.iter().map(|end| (Source::Kill, end.as_fd(), input)));
            ends.extend(self.caught.iter().map(|end| (Source::Signals, end.as_fd(), input)));
            ends.extend(self.asked.iter().map(|end| (Source::Asked, end.as_fd(), input)));
            ends.extend(self.console.iter().filter_map(Console::input).map(|end| (Source::Input, end, input)));
            ends.extend(
                self.feed
                    .iter()
                    .map(|feed| feed.awaited(standard_streams()[0]))
                    .map(|(end, for_what)| (Source::Feed, end, for_what)),
            );
        }
        ends
    }

    fn serve(&mut self, source: Source, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) -> Result<(), Error> {
        match source {
            Source::Link => self.hear(control, listen)?,
            Source::Errno => {
                self.hear_of_first(control, listen)?;
                if self.read_errno() && self.found.not_executed.is_none() && control.first().is_some() {
                    listen(Heard::Started);
                }
            }
            Source::Output(stream) => {
                self.hear_of_first(control, listen)?;
                self.read_output(stream, listen);
            }
            Source::Console => {
                self.hear_of_first(control, listen)?;
                self.read_console(listen);
            }
            Source::Input => match self.console.as_mut().map(Console::copy_input) {
                Some(Typed::Interrupt) => self.wish(Wish::Key, control, listen),
                Some(Typed::Leave) => self.leave(control),
                Some(Typed::Text) | None => {}
            },
            Source::Feed => drop(self.feed.take_if(|feed| !feed.copy(standard_streams()[0]))),
            Source::Signals => {
                for signal in self.caught.as_ref().map(Caught::take).unwrap_or_default() {
                    self.pass_on(signal, control, listen);
                }
            }
            Source::Asked => match self.asked.as_ref().and_then(signals::numbers) {
                Some(numbers) => numbers.into_iter().for_each(|number| self.pass_on(number, control, listen)),
                None => self.asked = None,
            },
            Source::Kill => {
                self.kill_when = None;
                control.kill();
            }
        }
        Ok(())
    }

    fn hear(&mut self, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) -> Result<(), Error> {
        // It may have been heard already, for the sake of an output.
        match self.link.as_ref().map_or(Message::Nothing, Link::hear_now) {
            Message::Message(word, descriptors) => self.note(word, descriptors.into_iter().next(), control, listen),
            Message::Nothing => Ok(()),
            Message::End => {
                self.link = None;
                control.is_supervised(None);
                Ok(())
            }
        }
    }

    /// Hears what was said up to the first process: whoever hears of its output may act on it at once.
    fn hear_of_first(&mut self, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) -> Result<(), Error> {
        while control.first().is_none()
            && let Some(link) = &self.link
        {
            match link.hear_now() {
                Message::Message(word, descriptors) => {
                    self.note(word, descriptors.into_iter().next(), control, listen)?
                }
                Message::Nothing | Message::End => break,
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        word: Word,
        descriptor: Option<OwnedFd>,
        control: &Control,
        listen: &mut dyn FnMut(Heard<'_>),
    ) -> Result<(), Error> {
        match word {
            // It is answered before there is a relay.
            Word::IdsWanted => {}
            Word::Supervised => control.is_supervised(descriptor.map(Link::from)),
            Word::Terminal => {
                if let (Some(master), Some(far)) = (descriptor, self.far.take()) {
                    control.has_terminal(master.try_clone().map_err(Error::descriptor)?);
                    self.console = Some(Console::new(master, far, self.keys.take())?);
                }
            }
            Word::Ready => descriptor.into_iter().for_each(|process| control.waits(process)),
            Word::First { program, missing } => {
                self.found.executing = Some((program, missing));
                descriptor.into_iter().for_each(|first| control.started(first));
            }
            Word::Failed(failure) => self.found.failure = Some(failure),
            Word::Untidy(failure) => listen(Heard::Untidy(&failure)),
            Word::Ended(status) => self.found.status = Some(status),
        }
        Ok(())
    }

    /// Says whether the pipe is closed: then the command is being executed, or the container has ended.
    fn read_errno(&mut self) -> bool {
        let mut buffer = [0; 4];
        match self.errno.as_ref().map(|pipe| read(pipe, &mut buffer)) {
            Some(Ok(count)) if count > 0 => self.found.not_executed = trampoline::failed_with(&buffer[..count]),
            Some(Err(Errno::EINTR)) => {}
            Some(Ok(_) | Err(_)) | None => self.errno = None,
        }
        self.errno.is_none()
    }

    fn read_output(&mut self, stream: Stream, listen: &mut dyn FnMut(Heard<'_>)) {
        let Some((_, pipe)) = self.outputs.iter().find(|(of, _)| *of == stream) else { return };
        self.buffer.clear();
        self.buffer.reserve(PIECE);
        match rustix::io::read(pipe, spare_capacity(&mut self.buffer)) {
            Ok(count) if count > 0 => listen(Heard::Output(stream, &self.buffer)),
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => self.outputs.retain(|(of, _)| *of != stream),
        }
    }

    fn read_console(&mut self, listen: &mut dyn FnMut(Heard<'_>)) {
        self.buffer.resize(PIECE, 0);
        match self.console.as_mut().map(|console| console.read(&mut self.buffer)) {
            Some(Came::Bytes(bytes)) => listen(Heard::Output(Stream::Stdout, bytes)),
            Some(Came::Shown(bytes)) => listen(Heard::Shown(bytes)),
            Some(Came::Nothing) => {}
            Some(Came::Unread) => (self.console, self.is_broken) = (None, true),
            Some(Came::End) | None => self.console = None,
        }
    }

    /// Gives the container a signal that we got.
    fn pass_on(&mut self, signal: i32, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) {
        let wish = wish_of(signal);
        match (&self.console, signal) {
            (Some(console), libc::SIGWINCH) => return console.copy_window_size(),
            // There is nobody yet who could do something of his own about it.
            _ if control.first().is_none() && wish.is_some() => return control.kill(),
            _ => {}
        }
        let act = wish.map_or(Act::Pass, |wish| self.wishes.come(wish, control, self.console.as_ref()));
        // One that has ended gets nothing.
        drop(control.signal(signal));
        self.act(act, control, listen);
    }

    fn wish(&mut self, wish: Wish, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) {
        let act = self.wishes.come(wish, control, self.console.as_ref());
        self.act(act, control, listen);
    }

    /// Gives the terminal to the process that watches over the command: it stays open.
    pub(crate) fn leave(&mut self, control: &Control) {
        if let (Some(link), Some(terminal)) = (&self.link, control.terminal()) {
            link.say_with(&Order::Detach, terminal);
        }
        self.is_left = true;
    }

    fn act(&mut self, act: Act, control: &Control, listen: &mut dyn FnMut(Heard<'_>)) {
        let notice = match act {
            Act::Pass => return,
            Act::Tell(notice) => Some(notice),
            Act::Kill(notice) => {
                control.kill();
                notice
            }
        };
        let mut tell = || notice.into_iter().for_each(|notice| listen(Heard::Notice(notice)));
        match &self.console {
            Some(console) => console.aside(tell),
            None => tell(),
        }
    }
}
