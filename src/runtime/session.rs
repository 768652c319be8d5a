//! Our side of a connection to a container's monitor.
//!
//! Attached, the container's output comes to our own streams without passing through us: the monitor has them. What goes in does pass: a
//! terminal's input is looked at for the keys that detach, and signals that we get are passed on.

use std::cell::Cell;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::folder::Folder;
use super::monitor::talk::{Ask, Failed, SOCKET, Tell};
use super::record::{self, Status};
use super::stored::folder_of;
use super::{Error, lent};
use crate::container::{self, Awaited, Caught, DetachKeys, Feed, RawTerminal, standard_streams, window_size};
use crate::deeds::{self, Group};
use crate::link::{Heard, Link};
use crate::world::World;

/// How long a monitor may take to begin anew.
const ANEW: Duration = Duration::from_secs(5);

/// A connection to a monitor.
pub(crate) struct Session {
    link: Link,
    /// Whether the container waits for us to let it begin.
    waits: Cell<bool>,
}

/// How a session came to its end.
#[derive(Clone, Debug)]
pub(crate) enum Parted {
    /// The container has ended with this status.
    Ended(i32),
    /// A run has ended with this status, and the container starts again. The connection lasts until it does.
    Again(i32),
    /// It was not started.
    Failed(Failed),
    /// We have detached, and it goes on.
    Detached,
    /// A signal has ended us, and it goes on.
    Signalled(i32),
    /// Nobody reads our standard output any more, and it goes on.
    Broken,
    /// The monitor has gone without a word: it was killed, and the container with it.
    Lost,
}

/// What of our streams is connected.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) input: bool,
    pub(crate) terminal: bool,
    /// The keys that leave it, where our terminal is connected.
    pub(crate) keys: DetachKeys,
    /// Whether signals that we get are passed on.
    pub(crate) proxy: bool,
}

impl Session {
    pub(super) fn new(link: Link) -> Session {
        Session { link, waits: Cell::new(true) }
    }

    /// Connects to the monitor of a container; `None` where it has none: it does not run.
    ///
    /// # Errors
    /// The connection is refused for another reason.
    pub(crate) fn open(world: &Arc<World>, id: &str) -> Result<Option<Session>, Error> {
        let folder = folder_of(world, id);
        let directory = match File::open(&folder) {
            Ok(directory) => directory,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", &folder)(error)),
        };
        let begin = Instant::now();
        loop {
            match Link::connect(&directory, SOCKET) {
                Ok(link) => {
                    let what = || format!("connect to {}", folder.join(SOCKET).display());
                    deeds::note(Group::Messages, what, "there its monitor hears what is wanted of the container");
                    return Ok(Some(Session { link, waits: Cell::new(false) }));
                }
                Err(Errno::ENOENT | Errno::ECONNREFUSED) => {}
                Err(errno) => return Err(Error::io("connect to", folder.join(SOCKET))(errno.into())),
            }
            // The monitor of one that starts again begins anew, and nobody listens meanwhile.
            let is_restarting = matches!(record::status(world.home(), &folder), Ok(Status::Restarting(_)));
            if !is_restarting || Folder::is_free(&folder) || begin.elapsed() > ANEW {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Notes what is asked.
    fn note(ask: &Ask) {
        let (what, why) = ask.in_words();
        deeds::note(Group::Messages, || format!("ask its monitor: {what}"), why);
    }

    /// Lets it begin.
    fn begin(&self) {
        if self.waits.replace(false) {
            Session::note(&Ask::Begin);
            self.link.say(&Ask::Begin);
        }
    }

    /// Lets it begin, and waits until the command runs. `Some`: it does not.
    pub(crate) fn until_started(&self) -> Option<Parted> {
        self.begin();
        loop {
            match self.hear() {
                Ok(Tell::Started) => return None,
                Ok(tell) => {
                    if let Some(parted) = parted(&tell) {
                        return Some(parted);
                    }
                }
                Err(lost) => return Some(lost),
            }
        }
    }

    /// Waits for the end.
    pub(crate) fn until_the_end(&self) -> Parted {
        Session::note_end();
        loop {
            match self.hear() {
                Ok(Tell::Broken) => {}
                Ok(tell) => {
                    if let Some(parted) = parted(&tell) {
                        return parted;
                    }
                }
                Err(lost) => return lost,
            }
        }
    }

    fn note_end() {
        let why = "its monitor says so to everybody who is connected, when all is written down";
        deeds::note(Group::Messages, || "wait until it has ended".to_owned(), why);
    }

    /// Waits for the end, and no longer than this; `None`: it goes on.
    pub(crate) fn until_the_end_within(&self, time: Duration) -> Option<Parted> {
        Session::note_end();
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            let mut polled = [PollFd::new(self.link.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, timeout) {
                Ok(0) => return None,
                Ok(_) => match self.hear() {
                    Ok(tell) => {
                        if let Some(parted) = parted(&tell) {
                            return Some(parted);
                        }
                    }
                    Err(lost) => return Some(lost),
                },
                Err(_) if left.is_zero() => return None,
                Err(_) => {}
            }
        }
    }

    /// Asks for something, and waits for the answer.
    ///
    /// # Errors
    /// [`Error::Refused`]; the container has ended meanwhile.
    pub(crate) fn ask(&self, ask: &Ask) -> Result<(), Error> {
        self.ask_with(ask, &[])
    }

    /// As [`Session::ask`], with descriptors.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub(super) fn ask_with(&self, ask: &Ask, descriptors: &[BorrowedFd<'_>]) -> Result<(), Error> {
        self.ask_for(ask, descriptors).map(drop)
    }

    /// The container's first process, whose namespaces we are about to enter.
    ///
    /// # Errors
    /// As [`Session::ask`]; a student is graded, and it is another user who says which process that is.
    pub(super) fn first(&self) -> Result<OwnedFd, Error> {
        if lent::is_grading() && self.link.user() != Ok(rustix::process::geteuid().as_raw()) {
            return Err(Error::Refused("it is another user's container: no check enters it".to_owned()));
        }
        let first = self.ask_for(&Ask::First, &[])?.into_iter().next();
        first.ok_or_else(|| Error::Refused("it has ended meanwhile".to_owned()))
    }

    fn ask_for(&self, ask: &Ask, descriptors: &[BorrowedFd<'_>]) -> Result<Vec<OwnedFd>, Error> {
        Session::note(ask);
        self.link.say_with_all(ask, descriptors);
        loop {
            let (tell, descriptors) = match self.link.hear() {
                Heard::Message(tell, descriptors) => (Ok::<Tell, ()>(tell), descriptors),
                Heard::Nothing | Heard::End => (Err(()), Vec::new()),
            };
            match tell {
                Ok(Tell::Done) => return Ok(descriptors),
                Ok(Tell::Refused(reason)) => return Err(Error::Refused(reason)),
                Ok(Tell::Started | Tell::Notice(_)) => {}
                Ok(Tell::Failed(_) | Tell::Ended(_) | Tell::Again(_) | Tell::Broken) | Err(_) => {
                    return Err(Error::Refused("it has ended meanwhile".to_owned()));
                }
            }
        }
    }

    /// Connects our streams to the container until one of us goes. `notice` is told what there is to tell the user.
    ///
    /// # Errors
    /// A descriptor can't be had, or our terminal not be set.
    pub(crate) fn attach(&self, streams: Streams, notice: &mut dyn FnMut(&str)) -> Result<Parted, Error> {
        // Also where they are not passed on: our terminal is to get its modes back.
        let caught = (streams.proxy || streams.terminal).then(Caught::begin).transpose()?;
        let raw = if streams.terminal && streams.input { RawTerminal::begin()? } else { None };
        let [standard_input, output, errors] = standard_streams();
        // A terminal's keys pass through us; the monitor reads anything else by itself.
        let (mut typed, given) = match &raw {
            Some(_) => {
                let (theirs, ours) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| Error::Call { call: "pipe2", errno })?;
                (Some(Typed { feed: Feed::new(ours)?, keys: streams.keys.clone() }), Some(theirs))
            }
            None => (None, None),
        };
        let input = given.as_ref().map_or(standard_input, AsFd::as_fd);
        Session::note(&Ask::Attach { reads: streams.input });
        self.link.say_with_all(&Ask::Attach { reads: streams.input }, &[input, output, errors]);
        drop(given);
        self.resize(streams.terminal);
        self.begin();
        // Whether the keys of Ctrl-C are shown where a line would begin.
        let mut is_open = false;
        loop {
            match self.wait(caught.as_ref(), typed.as_ref().map(|typed| typed.feed.awaited(standard_input)))? {
                Source::Link => match self.hear() {
                    Ok(Tell::Notice(text)) => {
                        if std::mem::take(&mut is_open) {
                            notice("");
                        }
                        aside(raw.as_ref(), || notice(&text));
                    }
                    Ok(tell) => {
                        if let Some(parted) = parted(&tell) {
                            return Ok(parted);
                        }
                    }
                    Err(lost) => return Ok(lost),
                },
                Source::Signals => {
                    for signal in caught.as_ref().map(Caught::take).unwrap_or_default() {
                        match signal {
                            libc::SIGWINCH => self.resize(streams.terminal),
                            libc::SIGHUP | libc::SIGINT | libc::SIGQUIT | libc::SIGTERM if !streams.proxy => {
                                return Ok(Parted::Signalled(signal));
                            }
                            _ if !streams.proxy => {}
                            other => {
                                is_open |= other == libc::SIGINT && std::io::stderr().is_terminal();
                                if let Ok(number) = u8::try_from(other) {
                                    self.link.say(&Ask::Press(number));
                                }
                            }
                        }
                    }
                }
                Source::Input => match typed.as_mut().map(|typed| typed.copy(standard_input)) {
                    Some(Copied::Detach) => return Ok(Parted::Detached),
                    Some(Copied::End) => typed = None,
                    Some(Copied::Some) | None => {}
                },
            }
        }
    }

    fn resize(&self, terminal: bool) {
        if let (true, Some(size)) = (terminal, window_size()) {
            self.link.say(&Ask::Resize { rows: size.ws_row, columns: size.ws_col });
        }
    }

    fn wait(&self, caught: Option<&Caught>, input: Option<(BorrowedFd<'_>, PollFlags)>) -> Result<Source, Error> {
        let mut ends: Vec<Awaited<'_, Source>> = vec![(Source::Link, self.link.as_fd(), PollFlags::POLLIN)];
        ends.extend(caught.map(|caught| (Source::Signals, caught.as_fd(), PollFlags::POLLIN)));
        ends.extend(input.map(|(input, flags)| (Source::Input, input, flags)));
        loop {
            let ready =
                container::ready(&ends, PollTimeout::NONE).map_err(|errno| Error::Call { call: "poll", errno })?;
            if let Some(source) = ready.first() {
                return Ok(*source);
            }
        }
    }

    fn hear(&self) -> Result<Tell, Parted> {
        match self.link.hear() {
            Heard::Message(tell, _) => Ok(tell),
            Heard::Nothing | Heard::End => Err(Parted::Lost),
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Link,
    Signals,
    Input,
}

/// Whether a message is the last one.
fn parted(tell: &Tell) -> Option<Parted> {
    match tell {
        Tell::Ended(status) => Some(Parted::Ended(*status)),
        Tell::Again(status) => Some(Parted::Again(*status)),
        Tell::Failed(failed) => Some(Parted::Failed(failed.clone())),
        Tell::Broken => Some(Parted::Broken),
        Tell::Started | Tell::Done | Tell::Refused(_) | Tell::Notice(_) => None,
    }
}

/// Says something while our terminal is as it was before.
fn aside(raw: Option<&RawTerminal>, say: impl FnOnce()) {
    match raw {
        Some(raw) => raw.aside(say),
        None => say(),
    }
}

/// What is typed at our terminal, on its way to the container.
struct Typed {
    feed: Feed,
    keys: DetachKeys,
}

enum Copied {
    Some,
    End,
    Detach,
}

impl Typed {
    fn copy(&mut self, from: BorrowedFd<'_>) -> Copied {
        if self.feed.is_full() {
            return if self.feed.write() { Copied::Some } else { Copied::End };
        }
        let mut buffer = [0; 4 << 10];
        match rustix::io::read(from, &mut buffer) {
            Ok(0) | Err(rustix::io::Errno::IO) => Copied::End,
            Err(_) => Copied::Some,
            Ok(count) => match self.keys.pass(&buffer[..count]) {
                None => Copied::Detach,
                Some(passed) if self.feed.add(&passed) => Copied::Some,
                Some(_) => Copied::End,
            },
        }
    }
}
