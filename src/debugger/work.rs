//! What is worked on: the Dockerfile in memory, the machine that steps through it, and what the past builds have of it.
//!
//! A session is one build after another: whoever goes back, or goes on behind a finished image, begins the next. Each is remembered
//! as far as it came, for the explanations of later ones.

use std::path::PathBuf;
use std::sync::Arc;

use super::breakpoint::Breakpoints;
use super::error::{Error, Failure};
use crate::dockerfile::{self, Node};
use crate::limits::Limits;
use crate::machine::{Control, Event, Finished, Machine, Options, Source, State, Wrong};
use crate::source::SourceFile;
use crate::world::World;

/// Who is told of what happens.
pub(crate) type Sink<'s> = dyn FnMut(&Event) + 's;

/// What a debugger is begun with.
pub struct Setting {
    pub world: Arc<World>,
    pub options: Options,
    /// The build context, and where relative names of files are looked up.
    pub folder: PathBuf,
    /// The Dockerfile, and where it lies; `None` begins an empty one.
    pub dockerfile: Option<(SourceFile, Option<PathBuf>)>,
    pub mistakes: Mistakes,
}

/// When a Dockerfile is refused for a mistake in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mistakes {
    /// Before anything runs, all of them at once.
    #[default]
    Refused,
    /// At the first instruction that can't be read: for a text that is being edited.
    StoppedAt,
}

/// What the past builds have of the steps taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Memory {
    /// Nothing happened that would be worth a past build.
    #[default]
    Fresh,
    /// Steps were taken, or one failed, that no past build has yet.
    Unwritten,
    /// They are a past build: what comes is another.
    Written,
}

/// What is worked on.
pub(super) struct Work {
    pub(crate) world: Arc<World>,
    pub(crate) options: Options,
    pub(crate) folder: PathBuf,
    /// Where the Dockerfile lies; `None` for one that was typed in or piped in.
    pub(crate) path: Option<PathBuf>,
    /// The Dockerfile as it is in memory, with what was typed in.
    pub(crate) file: SourceFile,
    /// The Dockerfile as it was read last.
    pub(crate) loaded: String,
    /// The Dockerfile as it was written last; empty where it was not.
    pub(crate) written: String,
    pub(crate) mistakes: Mistakes,
    /// `None` as long as there is no FROM.
    pub(crate) machine: Option<Machine>,
    /// What stands behind the machine's last step and can't be read.
    pub(crate) mistake: Option<Failure>,
    pub(crate) control: Control,
    pub(crate) breakpoints: Breakpoints,
    pub(crate) memory: Memory,
    /// The step that failed when it was taken last, by its index, until something else happens.
    pub(crate) failed: Option<usize>,
    /// The image of the last state, once it is written.
    pub(crate) finished: Option<Finished>,
}

impl Work {
    pub(crate) fn new(setting: Setting) -> Result<Work, Error> {
        let Setting { world, mut options, folder, dockerfile, mistakes } = setting;
        let control = Control::of(&world);
        options.request.every_stage |= dockerfile.is_none();
        let is_empty = dockerfile.is_none();
        let (file, path) = dockerfile.unwrap_or_else(|| (SourceFile::new("(prompt)", ""), None));
        let mut work = Work {
            world,
            options,
            folder,
            path,
            loaded: file.text.clone(),
            written: String::new(),
            file,
            mistakes,
            machine: None,
            mistake: None,
            control,
            breakpoints: Breakpoints::default(),
            memory: Memory::default(),
            failed: None,
            finished: None,
        };
        if !is_empty {
            let (machine, mistake) = work.machine_of(&work.file, &work.options)?;
            (work.machine, work.mistake) = (Some(machine), mistake);
        }
        Ok(work)
    }

    /// A step that can't be foreseen, for whoever asks for it.
    pub(crate) fn wrong(&self, machine: &Machine, wrong: &Wrong) -> Error {
        let diagnostics = wrong.error.diagnostics_at(machine.span(wrong.index));
        Error::Dockerfile(Failure { diagnostics, source: self.file.clone() })
    }

    /// A machine for a text, with nothing taken; and the mistake that it ends before, where that is allowed.
    pub(crate) fn machine_of(&self, file: &SourceFile, options: &Options) -> Result<(Machine, Option<Failure>), Error> {
        let machine = |file: SourceFile| {
            let source = Source { file, context: Some(self.folder.clone()), dockerfile: self.path.clone() };
            Machine::new(&self.world, source, options.clone(), self.control.clone())
        };
        let error = match machine(file.clone()) {
            Ok(machine) => return Ok((machine, None)),
            Err(error) => error,
        };
        let failure = Failure { diagnostics: error.diagnostics_at(None), source: file.clone() };
        let readable = match self.mistakes {
            Mistakes::Refused => None,
            Mistakes::StoppedAt => readable(file, &options.request.limits),
        };
        match readable.map(machine) {
            Some(Ok(machine)) => Ok((machine, Some(failure))),
            Some(Err(_)) | None => Err(Error::Dockerfile(failure)),
        }
    }

    /// The machine; an error where nothing is begun.
    pub(crate) fn machine(&self) -> Result<&Machine, Error> {
        self.machine.as_ref().ok_or(Error::Empty)
    }

    pub(crate) fn machine_mut(&mut self) -> Result<&mut Machine, Error> {
        self.machine.as_mut().ok_or(Error::Empty)
    }

    /// Files may have been changed since the last question: what is decided now is decided on what they are now.
    pub(crate) fn look_again(&mut self) {
        if let Some(machine) = &mut self.machine {
            machine.forget_context();
        }
    }

    /// Whether all steps are taken, and nothing stands behind them that can't be read.
    pub(crate) fn is_done(&self) -> bool {
        self.machine.as_ref().is_some_and(Machine::is_done) && self.mistake.is_none()
    }

    /// Whether instructions were typed in that no file has.
    pub(crate) fn has_typed(&self) -> bool {
        self.file.text != self.loaded
    }

    /// The state after the last step taken.
    pub(crate) fn current(&self) -> Result<Arc<State>, Error> {
        self.machine()?.current().ok_or(Error::NoState)
    }

    /// The state after step `number`; `None` is the empty state 0.
    pub(crate) fn state_after(&self, number: usize) -> Result<Option<Arc<State>>, Error> {
        let taken = self.machine()?.taken();
        match number.checked_sub(1) {
            None => Ok(None),
            Some(index) => match taken.get(index) {
                Some(taken) => Ok(Some(taken.state.clone())),
                None => Err(Error::NotTaken { number, taken: taken.len() }),
            },
        }
    }

    pub(crate) fn tell_warnings(&self, sink: &mut Sink<'_>) {
        if let Some(machine) = &self.machine {
            machine.tell_warnings(sink);
        }
    }

    /// Remembers the build so far among the past builds. Idempotent.
    pub(crate) fn record(&mut self) -> Result<(), Error> {
        if let Some(machine) = &self.machine
            && self.memory == Memory::Unwritten
        {
            machine.remember(None)?;
            self.memory = Memory::Written;
        }
        Ok(())
    }

    /// A step is going to be taken: where the build was remembered already, it belongs to the next.
    pub(crate) fn begin_record(&mut self) -> Result<(), Error> {
        if self.memory == Memory::Written {
            self.machine_mut()?.begin_anew();
            self.memory = Memory::Fresh;
        }
        Ok(())
    }

    /// Writes the image of the last state, once.
    pub(crate) fn finish(&mut self, sink: &mut Sink<'_>) -> Result<Finished, Error> {
        if let Some(finished) = &self.finished {
            return Ok(finished.clone());
        }
        self.begin_record()?;
        let finished = self.machine()?.finish(&[], sink)?;
        self.memory = Memory::Written;
        self.finished = Some(finished.clone());
        Ok(finished)
    }
}

/// The text before the first instruction that can't be read: spans in it are those of the whole. `None` where all can be read.
fn readable(file: &SourceFile, limits: &Limits) -> Option<SourceFile> {
    let parsed = dockerfile::parse_within(file, limits);
    let unreadable = parsed.tree.nodes.iter().find_map(|node| match node {
        Node::Unreadable(located) => Some(located.span.start),
        Node::From(_) | Node::Instruction(_) => None,
    })?;
    Some(SourceFile::new(file.name.clone(), &file.text[..unreadable]))
}

/// It may be worked on in a thread of its own.
const _: fn() = || {
    fn is_sent<T: Send>() {}
    is_sent::<Work>();
};
