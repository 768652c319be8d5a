//! The debugger without a face: it steps through a Dockerfile, goes back, stops at breakpoints, compares states and says why, and
//! gives all of it as plain data.
//!
//! ```text
//! prompt · full-screen view · debug adapter · notebook · lesson checker      they render, and decide nothing
//!                          │ methods            ▲ data, events, typed errors
//!                          ▼                    │
//!                       Debugger ── owns ──▶ Machine, the Dockerfile in memory, breakpoints
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `moving` | step, next, go on, back, go to; where it stopped, and for what reason |
//! | `breakpoint` | where to stop |
//! | `memory` | what the past builds have of this one; the image at the end |
//! | `change` | the Dockerfile or the context changes, and the steps that are still right are kept |
//! | `typed` | an instruction that is typed in: taken there and then, and written into the Dockerfile |
//! | `why`, `compare`, `versions` | decisions and what differs: from earlier builds, between states, in one file |
//! | `look`, `inspect` | a state's files; steps, stages, layers, variables, history |
//! | `enter` | a command, a shell or the image's own program in a state |
//! | `going` | a motion in a thread of its own, which can be paused and stopped |
//! | `lesson` | what each instruction does, in a learner's words |
//!
//! It prints nothing and knows no terminal, no width and no colour. What happens in a step under way is told to a sink as the machine's
//! [`Event`](crate::machine::Event)s. It decides nothing about the cache: it asks the machine.

mod breakpoint;
mod change;
mod compare;
mod enter;
mod error;
mod going;
mod inspect;
mod lesson;
mod look;
mod memory;
mod moving;
mod typed;
mod versions;
mod why;

pub use breakpoint::{Breakpoint, Place};
pub use change::{Changed, Editable, Refreshed};
pub use compare::{Compare, Compared, Version};
pub use enter::{Enter, Exit, Streams};
pub use error::{Error, Failure};
pub use going::Going;
pub use inspect::{LayerRow, Outlook, Past, StageRow, Standing, StepRow, Tagged, Variable};
pub use lesson::{Explained, explain};
pub use look::{Branch, Entry, Files, Listing, is_binary};
pub use moving::{Position, Reason, Stopped};
pub use typed::Typed;
pub use why::{Against, Following, LineCount, Tense, Why};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::breakpoint::Breakpoints;
use self::memory::Memory;
use crate::machine::{Event, Finished, Machine, Options, Source, State};
use crate::source::SourceFile;
use crate::world::{Interrupt, World};

/// Who is told of what happens.
pub type Sink<'s> = dyn FnMut(&Event) + 's;

/// What a debugger is begun with.
pub struct Setting {
    pub world: Arc<World>,
    pub options: Options,
    /// The build context, and where relative names of files are looked up.
    pub folder: PathBuf,
    /// The Dockerfile, and where it lies; `None` begins an empty one.
    pub dockerfile: Option<(SourceFile, Option<PathBuf>)>,
    /// The wish to stop, by Ctrl-C or by whoever else has a clone of it.
    pub interrupt: Interrupt,
}

/// A Dockerfile under the debugger.
pub struct Debugger {
    world: Arc<World>,
    options: Options,
    folder: PathBuf,
    /// Where the Dockerfile lies; `None` for one that was typed in or piped in.
    path: Option<PathBuf>,
    /// The Dockerfile as it is in memory, with what was typed in.
    file: SourceFile,
    /// The Dockerfile as it was read last.
    loaded: String,
    /// `None` as long as there is no FROM.
    machine: Option<Machine>,
    interrupt: Interrupt,
    breakpoints: Breakpoints,
    memory: Memory,
    /// The image of the last state, once it is written.
    finished: Option<Finished>,
}

impl Debugger {
    /// Parses the Dockerfile; runs nothing.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for one that can't be built.
    pub fn new(setting: Setting) -> Result<Debugger, Error> {
        let Setting { world, mut options, folder, dockerfile, interrupt } = setting;
        options.request.every_stage |= dockerfile.is_none();
        let is_empty = dockerfile.is_none();
        let (file, path) = dockerfile.unwrap_or_else(|| (SourceFile::new("(prompt)", ""), None));
        let mut debugger = Debugger {
            world,
            options,
            folder,
            path,
            loaded: file.text.clone(),
            file,
            machine: None,
            interrupt,
            breakpoints: Breakpoints::default(),
            memory: Memory::default(),
            finished: None,
        };
        if !is_empty {
            debugger.machine = Some(debugger.machine_of(&debugger.file, &debugger.options)?);
        }
        Ok(debugger)
    }

    /// The wish to stop: who makes it in another thread stops what is under way.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// What the debugger works in.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The build context's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the Dockerfile lies; `None` for one that was typed in or piped in.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The Dockerfile as it is in memory, with what was typed in.
    pub fn source(&self) -> &SourceFile {
        &self.file
    }

    /// Whether instructions were typed in that no file has.
    pub fn has_typed(&self) -> bool {
        self.file.text != self.loaded
    }

    /// Whether there is a FROM: something to step through.
    pub fn is_begun(&self) -> bool {
        self.machine.is_some()
    }

    /// Tells of what is suspicious about the Dockerfile and was not told yet.
    pub fn tell_warnings(&self, sink: &mut Sink<'_>) {
        if let Some(machine) = &self.machine {
            machine.tell_warnings(sink);
        }
    }

    /// A machine for a text, with nothing taken.
    fn machine_of(&self, file: &SourceFile, options: &Options) -> Result<Machine, Error> {
        let source = Source { file: file.clone(), context: Some(self.folder.clone()), dockerfile: self.path.clone() };
        Machine::new(&self.world, source, options.clone(), self.interrupt.clone())
            .map_err(|error| Error::Dockerfile(Failure { diagnostics: error.diagnostics(None), source: file.clone() }))
    }

    /// The machine; an error where nothing is begun.
    fn machine(&self) -> Result<&Machine, Error> {
        self.machine.as_ref().ok_or(Error::Empty)
    }

    fn machine_mut(&mut self) -> Result<&mut Machine, Error> {
        self.machine.as_mut().ok_or(Error::Empty)
    }

    /// Files may have been changed since the last question: what is decided now is decided on what they are now.
    fn look_again(&mut self) {
        if let Some(machine) = &mut self.machine {
            machine.forget_context();
        }
    }

    /// The state after the last step taken.
    fn current(&self) -> Result<Arc<State>, Error> {
        self.machine()?.current().ok_or(Error::NoState)
    }

    /// The state after step `number`; `None` is the empty state 0.
    fn state_after(&self, number: usize) -> Result<Option<Arc<State>>, Error> {
        let taken = self.machine()?.taken();
        match number.checked_sub(1) {
            None => Ok(None),
            Some(index) => match taken.get(index) {
                Some(taken) => Ok(Some(taken.state.clone())),
                None => Err(Error::NotTaken { number, taken: taken.len() }),
            },
        }
    }
}

/// A debugger may work in a thread of its own.
const _: fn() = || {
    fn is_sent<T: Send>() {}
    is_sent::<Debugger>();
};
