//! `layerlab learn`: the lessons, one page at a time at a terminal.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::clean::Clean;
use super::files::Files;
use super::packs::{PackOptions, catalogue};
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::learning::{Packs, Records};
use crate::repl;
use crate::shown;
use crate::tutor::{self, Lines, Person, Script, Setting, Tutor, Word};
use crate::view::screen::Width;
use crate::view::table;
use crate::world::World;

/// Learn to build and run images, in lessons at this terminal.
///
/// Without a lesson, lists them with what you have done. A lesson is a number or a name, such as `4` or `cache`. It asks you what you expect,
/// runs commands at Enter, and sees when a task is done. Everything happens in a folder and a store of its own.
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    override_usage = "layerlab learn [OPTIONS] [LESSON]\n       layerlab learn [OPTIONS] <COMMAND>"
)]
pub(crate) struct Learn {
    #[command(subcommand)]
    word: Option<Verb>,
    /// The lesson to begin, or to go on with
    #[arg(value_name = "LESSON")]
    lesson: Option<String>,
    /// Work in this folder (default: a folder below ~/layerlab-lessons)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    pack: PackOptions,
}

/// What is done without the prompt.
#[derive(Debug, Subcommand)]
enum Verb {
    /// List the lessons, with what you have done
    List,
    /// Go on with the last lesson
    #[command(alias = "continue")]
    Resume,
    /// Show the current page
    Page(Of),
    /// Go to the next page, and show it
    Next(Of),
    /// Go to the previous page, and show it
    Back(Of),
    /// Show another hint for the task of the page
    Hint(Of),
    /// Say what the task of the page still lacks; the exit code is 1 then
    Check(Of),
    /// Show how the task of the page can be done
    Solution(Of),
    /// Start a lesson over, with fresh files and an empty store
    Reset(Reset),
    /// Write the files of a lesson into a folder, to go through it by hand
    Files(Files),
    /// List what is kept of lessons that were begun, or remove it
    Clean(Clean),
}

#[derive(Debug, Args)]
struct Of {
    /// The lesson (default: the last one)
    #[arg(value_name = "LESSON")]
    lesson: Option<String>,
}

#[derive(Debug, Args)]
struct Reset {
    #[command(flatten)]
    of: Of,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Learn {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        // What would be kept of a lesson within another would be gone with that.
        if let Some(lesson) = std::env::var_os(tutor::LEARNING) {
            let lesson = shown::line(&lesson.to_string_lossy()).into_owned();
            let error = Diagnostic::error(format!("this is a command of lesson {lesson}, and not your own shell"));
            return Err(error.hint("`quit` leaves the lesson: type this again then; `list` lists the lessons").into());
        }
        if self.word.is_some() {
            let misplaced = |message: &str, hint: &str| Err(Diagnostic::error(message).hint(hint).into());
            if self.lesson.is_some() {
                return misplaced("the lesson comes after the word", "such as `layerlab learn reset 4`");
            }
            if self.folder.is_some() {
                return misplaced("`--folder` goes with a lesson alone", "`layerlab learn LESSON --folder DIR`");
            }
        }
        match &self.word {
            None => match &self.lesson {
                Some(lesson) => self.walk(world, ui, Some(lesson)),
                None => self.list(world, ui),
            },
            Some(Verb::List) => self.list(world, ui),
            Some(Verb::Resume) => self.walk(world, ui, None),
            Some(Verb::Page(of)) => self.once(world, ui, of, Word::Page),
            Some(Verb::Next(of)) => self.once(world, ui, of, Word::Next),
            Some(Verb::Back(of)) => self.once(world, ui, of, Word::Back),
            Some(Verb::Hint(of)) => self.once(world, ui, of, Word::Hint),
            Some(Verb::Check(of)) => self.once(world, ui, of, Word::Check),
            Some(Verb::Solution(of)) => self.once(world, ui, of, Word::Solution),
            Some(Verb::Reset(Reset { of, force: false })) => self.once(world, ui, of, Word::Reset),
            Some(Verb::Reset(Reset { of, force: true })) => {
                self.opened(world, ui, of.lesson.as_deref(), None, |tutor| Ok(tutor::reset(tutor)?))
            }
            Some(Verb::Files(files)) => files.run(&self.pack, world, ui),
            Some(Verb::Clean(clean)) => clean.run(&self.pack, world, ui),
        }
    }

    /// The list of lessons, and how to begin.
    fn list(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let limits = world.store.limits();
        let pack = self.pack.find(world, ui)?;
        let catalogue = catalogue(world, pack.as_ref())?;
        let records = Records::open(world.home().root(), pack.as_ref(), limits)?;
        let columns = Width::of_stdout().of_pages();
        let list = tutor::list(&catalogue, &records, ui.palette, columns)?;
        let begin = records.command("NUMBER");
        // What can't be read says nothing here; `resume` tells why.
        let how = match records.last().unwrap_or_default().filter(|last| records.has(last)) {
            Some(last) => {
                let last = shown::line(&last.lesson).into_owned();
                format!("`layerlab learn resume` goes on with {last}; `{begin}` begins a lesson.")
            }
            None => {
                let first = catalogue.lessons.first();
                let number = first.and_then(|first| first.number()).map(|number| number.to_string());
                let first = number.unwrap_or_else(|| first.map(tutor::name_of).unwrap_or_default().to_owned());
                format!("`{begin}` begins one. The first is `{}`.", records.command(&first))
            }
        };
        let how = table::fill(&format!("{how}\n"), columns);
        Ok(repl::show(&format!("{list}\n{how}"), &mut ui.out())?)
    }

    /// A lesson with its prompt; the last one where none is named.
    fn walk(&self, world: &Arc<World>, ui: &Ui, lesson: Option<&str>) -> Result<(), Failure> {
        let is_interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
        let terminal = if is_interactive { File::options().read(true).write(true).open("/dev/tty").ok() } else { None };
        self.opened(world, ui, lesson, terminal, |tutor| Ok(tutor::run(tutor)?))
    }

    /// One word, without the prompt.
    fn once(&self, world: &Arc<World>, ui: &Ui, of: &Of, word: Word) -> Result<(), Failure> {
        self.opened(world, ui, of.lesson.as_deref(), None, |tutor| match tutor::once(tutor, word)? {
            true => Ok(()),
            false => Err(Failure::status(1)),
        })
    }

    fn opened(
        &self,
        world: &Arc<World>,
        ui: &Ui,
        lesson: Option<&str>,
        terminal: Option<File>,
        work: impl FnOnce(&mut Tutor<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let limits = world.store.limits();
        let home = world.home().root();
        let (name, pack) = match (lesson, self.pack.find(world, ui)?) {
            (Some(lesson), pack) => (lesson.to_owned(), pack),
            (None, None) => {
                let last = Records::open(home, None, limits)?.last()?;
                let last = last.ok_or_else(|| {
                    Diagnostic::error("no lesson has been begun yet").hint("`layerlab learn` lists the lessons")
                })?;
                (last.lesson.clone(), last.pack())
            }
            (None, Some(pack)) => {
                let records = Records::open(home, Some(&pack), limits)?;
                let last = records.last()?.filter(|last| records.has(last)).ok_or_else(|| {
                    let message = "the lesson that was begun last is not in this pack";
                    Diagnostic::error(message).hint(format!("`{}` lists its lessons", records.command("list")))
                })?;
                (last.lesson, Some(pack))
            }
        };
        let catalogue = catalogue(world, pack.as_ref())?;
        let lesson = catalogue.find(&name)?;
        let _in_use = self.pack.agree(home, pack.as_ref(), ui)?;
        let records = Records::open(home, pack.as_ref(), limits)?;
        let courses = records.courses().clone();
        interrupts::catch(world.interrupt());
        interrupts::keep_terminal();
        let history = records.place(&lesson.name).join("typed");
        let lines: Box<dyn Lines> = match terminal {
            Some(_) => Box::new(Person::open(&history, limits, ui.palette)?),
            None => Box::new(Script::new(io::stdin().lock(), limits)),
        };
        let setting = Setting {
            catalogue: &catalogue,
            lesson,
            records,
            folder: self.folder.clone(),
            is_renewed: matches!(self.word, Some(Verb::Reset(Reset { force: true, .. }))),
            out: ui.out(),
            palette: ui.palette,
            terminal,
            lines,
            interrupt: world.interrupt().clone(),
            patience: None,
        };
        let mut tutor = Tutor::open(setting)?;
        // Nothing is of an earlier commit any more.
        if let Some(pack) = &pack {
            courses.move_to(pack, &Packs::open(home)?, &world.home().temporary())?;
        }
        work(&mut tutor)
    }
}
