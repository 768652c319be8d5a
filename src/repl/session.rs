//! The session: one line after another, and what is kept between them.
//!
//! No line ends it but `quit` and the end of input: an error is told, and the next line is read. With a script the session
//! remembers that something failed, for the exit code.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::breakpoint::Breakpoint;
use super::command::{self, Command, Line};
use super::lines::{Lines, Next, Surroundings};
use super::output::Output;
use super::{Error, table};
use crate::machine::{Control, Finished, Machine, Options, Phase, Prediction, Source, State};
use crate::shown;
use crate::source::SourceFile;
use crate::tree::TreePath;
use crate::view::View as _;
use crate::view::debugger::Debugger;
use crate::view::palette::Palette;
use crate::view::table::fill;
use crate::world::{Interrupt, World};

/// The prompt.
const PROMPT: &str = "(layerlab) ";
/// The most paths that completion knows.
const MOST_PATHS: usize = 50_000;

/// What a session is begun with.
pub struct Setting {
    pub world: Arc<World>,
    pub options: Options,
    /// The build context, and where relative names of files are looked up.
    pub folder: PathBuf,
    /// The Dockerfile, and where it lies; `None` begins an empty one.
    pub dockerfile: Option<(SourceFile, Option<PathBuf>)>,
    pub palette: Palette,
    /// Set by Ctrl-C.
    pub interrupt: Interrupt,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Good,
    /// A command failed on the way.
    Failed,
    /// Ctrl-C ended a session without a person.
    Interrupted,
}

/// A session under way.
pub struct Session<'o> {
    pub(super) world: Arc<World>,
    pub(super) options: Options,
    pub(super) folder: PathBuf,
    /// Where the Dockerfile lies; `None` for one that was typed in or piped in.
    pub(super) path: Option<PathBuf>,
    /// The Dockerfile as it is in memory, with what was typed in.
    pub(super) file: SourceFile,
    /// The Dockerfile as it was read last.
    pub(super) loaded: String,
    /// `None` as long as there is no FROM.
    pub(super) machine: Option<Machine>,
    pub(super) interrupt: Interrupt,
    pub(super) palette: Palette,
    pub(super) view: Debugger,
    pub(super) out: Output<'o>,
    pub(super) breakpoints: Vec<Breakpoint>,
    pub(super) next_breakpoint: usize,
    /// Steps were taken that no past build has yet.
    pub(super) unrecorded: bool,
    /// The machine's number is taken by a past build.
    pub(super) recorded: bool,
    /// The image of the state, once it is written.
    pub(super) finished: Option<Finished>,
    pub(super) interactive: bool,
    pub(super) ending: Ending,
    last: Option<Command>,
    pub(super) shown: Option<(usize, Phase, String)>,
}

/// Whether the session goes on.
#[derive(PartialEq)]
enum Flow {
    On,
    Quit,
}

impl<'o> Session<'o> {
    /// Parses the Dockerfile; runs nothing.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for one that can't be built.
    pub fn new(setting: Setting, out: &'o mut dyn io::Write) -> Result<Session<'o>, Error> {
        let Setting { world, mut options, folder, dockerfile, palette, interrupt } = setting;
        options.request.every_stage |= dockerfile.is_none();
        let is_empty = dockerfile.is_none();
        let (file, path) = dockerfile.unwrap_or_else(|| (SourceFile::new("(prompt)", ""), None));
        let mut session = Session {
            view: Debugger::new(palette, &world.clock),
            world,
            options,
            folder,
            path,
            loaded: file.text.clone(),
            file,
            machine: None,
            interrupt,
            palette,
            out: Output::new(out, palette),
            breakpoints: Vec::new(),
            next_breakpoint: 1,
            unrecorded: false,
            recorded: false,
            finished: None,
            interactive: false,
            ending: Ending::Good,
            last: None,
            shown: None,
        };
        if !is_empty {
            session.machine = Some(session.machine_of(&session.file, &session.options)?);
        }
        Ok(session)
    }

    /// Lays out for a terminal of so many columns.
    pub fn fit(&mut self, columns: usize) {
        self.view.fit(columns);
    }

    /// Takes lines to their end.
    ///
    /// # Errors
    /// Only where lines can't be read or nothing can be written any more.
    pub fn run(mut self, lines: &mut dyn Lines) -> Result<Ending, Error> {
        self.interactive = lines.is_interactive();
        self.header()?;
        self.tell_warnings()?;
        writeln!(self.out)?;
        loop {
            self.position_line()?;
            self.out.flush()?;
            lines.surround(&mut || self.surroundings());
            let text = match lines.next(PROMPT).map_err(Error::Input)? {
                Next::Line(text) => text,
                Next::Interrupted if self.interactive => continue,
                Next::Interrupted => {
                    self.ending = Ending::Interrupted;
                    break;
                }
                Next::End => {
                    // The cursor is still behind the prompt.
                    if self.interactive {
                        writeln!(self.out)?;
                    }
                    break;
                }
            };
            self.echo(&text)?;
            match self.take_line(&text) {
                Ok(Flow::On) => {}
                Ok(Flow::Quit) => break,
                Err(Error::Output(error)) => return Err(Error::Output(error)),
                Err(error) => self.show_error(&error)?,
            }
            if self.interrupt.take() && !self.interactive {
                self.ending = Ending::Interrupted;
                break;
            }
        }
        self.record()?;
        self.out.flush()?;
        Ok(self.ending)
    }

    fn take_line(&mut self, text: &str) -> Result<Flow, Error> {
        let command = match command::parse(text).map_err(Error::Command)? {
            Line::Comment => return Ok(Flow::On),
            Line::Instruction(text) => return self.interpret(&text).map(|()| Flow::On),
            Line::Empty => match self.last.clone() {
                Some(command) => command,
                None => return Ok(Flow::On),
            },
            Line::Command(command) => command,
        };
        if matches!(command, Command::Step { .. } | Command::Next | Command::Continue | Command::Back { .. }) {
            self.last = Some(command.clone());
        }
        // Files may have been changed since the last command: what is decided now is decided on what they are now.
        if let Some(machine) = &mut self.machine {
            machine.forget_context();
        }
        self.dispatch(command)
    }

    fn dispatch(&mut self, command: Command) -> Result<Flow, Error> {
        match command {
            Command::Quit => return Ok(Flow::Quit),
            Command::Step { count } => self.step(count),
            Command::Next => self.next_stage(),
            Command::Continue => self.go_on(),
            Command::Back { count } => self.back(count),
            Command::Goto { step } => self.goto(step),
            Command::Restart => self.go_to_beginning(),
            Command::Break(action) => self.break_at(action),
            Command::List => self.list(),
            Command::Why { step, against } => self.why(step, against),
            Command::Plan => self.plan(),
            Command::Diff { states, path } => self.diff(states, path.as_deref()),
            Command::Ls { path } => self.ls(path.as_deref()),
            Command::Tree { path } => self.tree(path.as_deref()),
            Command::Cat { path } => self.cat(&path),
            Command::Layers => self.layers(),
            Command::Config => self.config(),
            Command::Env => self.env(),
            Command::History => self.history(),
            Command::Explain { instruction } => self.explain(instruction.as_deref()),
            Command::Run { command } => self.run_command(&command),
            Command::Shell { state } => self.shell(state),
            Command::Edit { file } => self.edit(file.as_deref()),
            Command::Reload => self.reload(),
            Command::Tag { name } => self.tag(&name),
            Command::Launch { arguments } => self.launch(arguments),
            Command::Save { file } => self.save(&file),
            Command::Write { file } => self.write_dockerfile(&file),
            Command::Help { command } => {
                write!(self.out, "{}", fill(&table::help(command), self.view.columns()))?;
                Ok(())
            }
        }?;
        Ok(Flow::On)
    }

    /// A machine for a text, with nothing taken.
    pub(super) fn machine_of(&self, file: &SourceFile, options: &Options) -> Result<Machine, Error> {
        let source = Source { file: file.clone(), context: Some(self.folder.clone()), dockerfile: self.path.clone() };
        Machine::new(&self.world, source, options.clone(), Control::new(self.interrupt.clone()))
            .map_err(|error| Error::Dockerfile(error.diagnostics(None), file.clone()))
    }

    /// The machine; an error where nothing is begun.
    pub(super) fn machine(&self) -> Result<&Machine, Error> {
        self.machine.as_ref().ok_or_else(|| {
            Error::usage(
                "there is no step: the Dockerfile is empty",
                "begin it with an instruction such as `FROM alpine`",
            )
        })
    }

    pub(super) fn machine_mut(&mut self) -> Result<&mut Machine, Error> {
        self.machine()?;
        Ok(self.machine.as_mut().expect("it was there a line above"))
    }

    /// The state after the last step taken.
    pub(super) fn current(&self) -> Result<Arc<State>, Error> {
        self.machine()?
            .current()
            .ok_or_else(|| Error::usage("there is no state yet", "`step` takes the first step: FROM opens an image"))
    }

    /// The state after step `number`; `None` is the empty state 0.
    pub(super) fn state_after(&self, number: usize) -> Result<Option<Arc<State>>, Error> {
        let taken = self.machine()?.taken();
        match number.checked_sub(1) {
            None => Ok(None),
            Some(index) => match taken.get(index) {
                Some(taken) => Ok(Some(taken.state.clone())),
                None => Err(Error::usage(
                    format!("there is no state {number} yet"),
                    match taken.len() {
                        0 => "no step is taken yet; `step` takes the first".to_owned(),
                        count => format!("the states are numbered from 1 to {count}, by the step before"),
                    },
                )),
            },
        }
    }

    /// Remembers the steps taken as a build, so that later ones can be compared with it.
    pub(super) fn record(&mut self) -> Result<(), Error> {
        if let Some(machine) = &self.machine
            && self.unrecorded
        {
            machine.remember(None)?;
            self.recorded = true;
            self.unrecorded = false;
        }
        Ok(())
    }

    /// Shows what is suspicious about the Dockerfile and was not shown yet.
    pub(super) fn tell_warnings(&mut self) -> Result<(), Error> {
        let Session { machine: Some(machine), view, out, .. } = self else { return Ok(()) };
        let mut shown = Ok(());
        machine.tell_warnings(&mut |event| {
            if shown.is_ok() {
                shown = view.event(event, out.screen());
            }
        });
        Ok(shown?)
    }

    /// Writes one row of a block.
    pub(super) fn row(&mut self, name: &str, text: &str) -> Result<(), Error> {
        Ok(writeln!(self.out, "{}", self.view.row(name, text))?)
    }

    /// What is foreseen from the next step on. An error lies on the step that it is about.
    pub(super) fn predictions(&self) -> Result<Vec<Prediction>, Error> {
        let machine = self.machine()?;
        let position = machine.position();
        machine.predict(position).map_err(|error| {
            let is_bad = |index: &usize| machine.predict_until(position, index + 1).is_err();
            let index = (position..machine.step_count()).find(is_bad).unwrap_or(position);
            Error::Dockerfile(error.diagnostics(machine.span(index)), self.file.clone())
        })
    }

    pub(super) fn show_error(&mut self, error: &Error) -> Result<(), Error> {
        self.ending = Ending::Failed;
        let rendered = self.palette.diagnostic(&error.render());
        Ok(write!(self.out, "{rendered}")?)
    }

    fn echo(&mut self, text: &str) -> io::Result<()> {
        let line = format!("{PROMPT}{}\n", shown::text(text));
        if self.interactive {
            self.out.note(&line);
            return Ok(());
        }
        self.out.write_all(line.as_bytes())
    }

    fn save(&mut self, file: &str) -> Result<(), Error> {
        let path = PathBuf::from(file);
        std::fs::write(&path, self.out.transcript()).map_err(|source| Error::Io {
            operation: "write",
            path,
            source,
        })?;
        self.row("saved", file)
    }

    fn surroundings(&self) -> Surroundings {
        let mut surroundings = Surroundings { context: Some(self.folder.clone()), ..Surroundings::default() };
        let Some(machine) = &self.machine else { return surroundings };
        surroundings.stages = machine.plan().stages.iter().map(|stage| stage.label()).collect();
        if let Some(state) = machine.current()
            && let Ok(tree) = machine.tree(&state)
        {
            let paths = tree.walk(&TreePath::root()).skip(1).take(MOST_PATHS);
            surroundings.image_paths =
                paths.map(|(path, node)| format!("{path}{}", if node.is_directory() { "/" } else { "" })).collect();
        }
        surroundings
    }
}
