//! What the prompt knows of the lesson that is open.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::Error;
use super::lines::{Asked, Lines};
use super::paragraphs::paragraphs;
use super::paths::{self, homely, shortened};
use super::setting::Setting;
use crate::learning::{
    Catalogue, Console, Kind, Lesson, LessonLock, Making, Progress, Records, SharedProgress, Stop, Streams, TypedAhead,
    User, Walk, Watch, Workspace, clear_the_way, is_question,
};
use crate::lesson::Mismatch;
use crate::progress::Interrupt;
use crate::prompt::{Next, Printer};
use crate::repl::{Unseen, ask_hidden};
use crate::shown;
use crate::view::palette::{Palette, Role};
use crate::view::screen::{self, Screen, Width};
use crate::view::table;

/// A lesson that is open.
pub(crate) struct Tutor<'t> {
    pub(super) catalogue: &'t Catalogue,
    pub(super) lesson: &'t Lesson,
    pub(super) records: Records,
    pub(super) walk: Arc<Walk>,
    pub(super) progress: Arc<SharedProgress>,
    pub(super) workspace: Arc<Mutex<Workspace>>,
    /// The shell, once something was typed.
    pub(super) console: Option<Console>,
    /// The prompt of a program that waits there.
    pub(super) session: Option<String>,
    /// The number of the stop.
    pub(super) at: usize,
    pub(super) out: Screen<'static>,
    pub(super) palette: Palette,
    pub(super) terminal: Option<File>,
    pub(super) lines: Box<dyn Lines>,
    pub(super) interrupt: Interrupt,
    pub(super) patience: Option<Duration>,
    /// What was done otherwise than the page shows, as far as the learner was told so.
    pub(super) mismatches: Vec<Mismatch>,
    /// Looks after the files while a task is open.
    pub(super) watch: Option<Watch>,
    /// Shows something above the line that is being typed.
    pub(super) printer: Option<Arc<Mutex<Printer>>>,
    /// Whether nothing is under way but waiting for a line.
    pub(super) is_idle: Arc<AtomicBool>,
    /// Where something was put that stood where the lesson's folder goes.
    pub(super) aside: Vec<PathBuf>,
    /// The usual folder, where it has files that are not this home's.
    pub(super) taken: Option<PathBuf>,
    /// Whether the folder was gone, and made again.
    pub(super) is_restored: bool,
    pub(super) shown: Shown,
    /// Whether the program that waits was started again.
    pub(super) is_begun_again: bool,
    /// Whether it was said how to come back from a container that has the terminal.
    pub(super) knows_way_back: bool,
    /// A line that was typed before it was asked for: it comes next.
    pub(super) typed_early: Option<String>,
    /// Whether somebody is asked for lines, and what Enter does is of interest.
    pub(super) has_prompt: bool,
}

/// The variable by which the commands of a lesson know that they are.
pub(crate) const LEARNING: &str = "LAYERLAB_LEARNING";

/// What is on the screen since a line was typed last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    /// Whether it began with the line above a page.
    pub(super) has_header: bool,
    /// The number of the page whose header was shown last.
    pub(super) page: usize,
    /// Whether it ends with an empty line.
    is_gap: bool,
    /// How many lines of a page were shown since somebody was asked to go on.
    lines: usize,
}

impl<'t> Tutor<'t> {
    /// Opens a lesson where the learner left it.
    ///
    /// # Errors
    /// A lesson with a mistake in it; what the file system says.
    pub(crate) fn open(setting: Setting<'t>) -> Result<Tutor<'t>, Error> {
        let Setting { catalogue, lesson, records, folder, is_renewed, out, palette, terminal, .. } = setting;
        let Setting { mut lines, interrupt, patience, .. } = setting;
        let walk = Walk::of(&lesson.page).map_err(crate::learning::Error::from)?;
        let lock = LessonLock::take(&records.place(&lesson.name), &lesson.name)?;
        let progress = match is_renewed {
            true => SharedProgress::open_any(records.clone(), &lesson.name),
            false => SharedProgress::open(records.clone(), &lesson.name)?,
        };
        let kept = progress.look(|progress| progress.folder.clone());
        let mut taken = None;
        let (work, is_new) = paths::chosen(folder, kept, || {
            let usual = records.usual_folder(&lesson.name)?;
            let work = lock.folder(usual.clone());
            taken = Some(usual).filter(|usual| *usual != work);
            Ok(work)
        })?;
        let (making, was_begun) = progress.look(|progress| (progress.in_making, progress.at.is_some()));
        let making = making.or((is_new || !work.is_dir()).then_some(Making::Files));
        let is_restored = !is_new && was_begun && making == Some(Making::Files);
        if let Some(making) = making {
            clear_the_way(lesson, &work, making, &progress)?;
        }
        let workspace = Workspace::open(lock, lesson, &work, making, records.limits())?;
        let aside = if making.is_some() { progress.change(Progress::note_made)? } else { Vec::new() };
        records.keep_last(&lesson.name)?;
        let at = progress.look(|progress| progress.place(&walk));
        Ok(Tutor {
            catalogue,
            lesson,
            records,
            walk: Arc::new(walk),
            progress: Arc::new(progress),
            workspace: Arc::new(Mutex::new(workspace)),
            console: None,
            session: None,
            at,
            out,
            palette,
            printer: lines.printer().map(|printer| Arc::new(Mutex::new(printer))),
            terminal,
            lines,
            interrupt,
            patience,
            mismatches: Vec::new(),
            watch: None,
            shown: Shown::default(),
            typed_early: None,
            knows_way_back: false,
            has_prompt: true,
            is_begun_again: false,
            is_idle: Arc::new(AtomicBool::new(false)),
            aside,
            taken,
            is_restored,
        })
    }

    /// Where the learner is.
    pub(super) fn stop(&self) -> &Stop {
        &self.walk.stops[self.at]
    }

    pub(super) fn workspace(&self) -> MutexGuard<'_, Workspace> {
        self.workspace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a person is there.
    pub(super) fn is_interactive(&self) -> bool {
        self.terminal.is_some()
    }

    /// How wide text is laid out.
    pub(super) fn columns(&self) -> usize {
        Width::of_stdout().of_pages()
    }

    /// Shows text.
    pub(super) fn show(&mut self, text: &str) -> Result<(), Error> {
        if !text.is_empty() {
            self.shown.is_gap = text.ends_with("\n\n") || text == "\n" && !self.shown.is_gap;
            self.shown.lines += text.matches('\n').count();
        }
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Shows an empty line, if the last one is not.
    pub(super) fn gap(&mut self) -> Result<(), Error> {
        if self.shown.is_gap { Ok(()) } else { self.show("\n") }
    }

    /// Shows text of several paragraphs. A person is not shown more at a time than the terminal has room for.
    pub(super) fn show_page(&mut self, text: &str) -> Result<(), Error> {
        let rows = screen::terminal().map_or(usize::MAX, |size| size.rows.max(8));
        for paragraph in &paragraphs(text, rows.saturating_sub(4)) {
            let lines = paragraph.trim_end().lines().count();
            let is_asked = self.is_interactive() && self.typed_early.is_none();
            if is_asked && self.shown.lines > 4 && self.shown.lines + lines + 3 > rows {
                let question = self.palette.paint(Role::Faint, "Enter: more ");
                let next = self.ask(&question, Asked::Answer).map_err(Error::Input)?;
                self.note_typed();
                self.shown.has_header = true;
                let Next::Line(line) = next else {
                    self.say(Role::Faint, "·", "`page` shows all of it again.")?;
                    return Err(Error::Input(io::Error::from(io::ErrorKind::Interrupted)));
                };
                self.typed_early = Some(line).filter(|line| !line.trim().is_empty());
            }
            self.show(paragraph)?;
        }
        Ok(())
    }

    /// A line was typed, or a command has printed something.
    pub(super) fn note_typed(&mut self) {
        self.shown = Shown { page: self.shown.page, ..Shown::default() };
    }

    /// Shows a sentence, with a mark before it.
    pub(super) fn say(&mut self, role: Role, mark: &str, text: &str) -> Result<(), Error> {
        let mark = self.palette.paint(role, mark);
        let text = table::hang(&format!("{mark} "), text, self.columns());
        self.show(&text)
    }

    /// Shows a sentence that need not be read.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Error> {
        let lines = table::hang("", text, self.columns());
        let painted: String = lines.lines().map(|line| self.palette.paint(Role::Faint, line) + "\n").collect();
        self.show(&painted)
    }

    /// Whether the task of this stop is done, or what else is asked here.
    pub(super) fn is_passed(&self) -> bool {
        let key = &self.stop().key;
        self.progress.look(|progress| progress.passed.contains(key))
    }

    /// Whether what this stop shows was done, and not left out.
    pub(super) fn is_done(&self) -> bool {
        self.has_done(self.at)
    }

    /// Whether what a stop shows was done, and not left out.
    pub(super) fn has_done(&self, number: usize) -> bool {
        let key = &self.walk.stops[number].key;
        self.progress.look(|progress| progress.passed.contains(key) && !progress.left_out.contains(key))
    }

    /// This stop is done.
    pub(super) fn note_passed(&self) -> Result<(), Error> {
        let key = self.stop().key.clone();
        Ok(self.progress.change(|progress| {
            progress.left_out.remove(&key);
            progress.passed.insert(key);
        })?)
    }

    /// This stop is left out.
    pub(super) fn note_left_out(&self) -> Result<(), Error> {
        let key = self.stop().key.clone();
        Ok(self.progress.change(|progress| {
            if progress.passed.insert(key.clone()) {
                progress.left_out.insert(key);
            }
        })?)
    }

    /// The shell, and who is at it.
    pub(super) fn console<R>(
        &mut self,
        is_shown: bool,
        work: impl FnOnce(&mut Console, &mut User<'_>) -> io::Result<R>,
    ) -> Result<R, Error> {
        let console = match &mut self.console {
            Some(console) => console,
            None => {
                let workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
                let mut variables = workspace.room.variables();
                if !self.palette.is_enabled() {
                    variables.push(("NO_COLOR", "1".into()));
                }
                variables.push((LEARNING, self.lesson.name.clone().into()));
                let control = workspace.room.path("control");
                let started = Console::start(
                    &control,
                    workspace.work(),
                    &variables,
                    (&workspace.left(), &self.walk.kept(self.at)),
                );
                self.console.insert(started.map_err(Error::Console)?)
            }
        };
        let (out, terminal) = (&mut self.out, self.terminal.as_ref());
        let mut show = |bytes: &[u8], streams: Streams| match (terminal, streams) {
            _ if !is_shown => Ok(()),
            // It is the learner's own terminal, and knows what to do with all of it.
            (Some(mut terminal), Streams::Terminal) => terminal.write_all(bytes),
            // What it becomes as text is shown in the end.
            (None, Streams::Terminal) => Ok(()),
            (_, Streams::Piped | Streams::Alone) => out.write_all(bytes).and_then(|()| out.flush()),
        };
        let mut user =
            User { keyboard: terminal, show: &mut show, interrupt: &self.interrupt, patience: self.patience };
        if is_shown {
            self.shown = Shown { is_gap: false, ..self.shown };
        }
        work(console, &mut user).map_err(Error::Console)
    }

    /// What the line is that is asked for next. `None`: one that is not to be seen.
    pub(super) fn asked(&self) -> Option<Asked> {
        match (&self.session, &self.console) {
            (Some(prompt), Some(console)) if console.hides(prompt) => None,
            (Some(prompt), _) if is_question(prompt) => Some(Asked::Answer),
            (Some(_), _) => Some(Asked::Input),
            (None, _) => Some(Asked::Command),
        }
    }

    /// Takes what was typed while a command ran that did not read it. Where a program waits at its prompt, that has it already.
    pub(super) fn take_typed_ahead(&mut self) {
        let is_wanted = self.is_interactive() && self.session.is_none() && self.typed_early.is_none();
        let Some(console) = self.console.as_mut().filter(|_| is_wanted) else { return };
        let typed = console.ahead.take();
        // Nobody answers what was not asked yet.
        let is_question = matches!(self.stop().kind, Kind::Question(_)) && !self.is_passed();
        match typed {
            TypedAhead::Line(line) if !is_question => self.typed_early = Some(line),
            TypedAhead::Line(begun) | TypedAhead::Beginning(begun) => self.lines.begin_with(begun),
        }
    }

    /// Forgets what was typed for later: Ctrl-C has ended what was to come first.
    pub(super) fn forget_typed_ahead(&mut self) {
        self.typed_early = None;
        self.console.iter_mut().for_each(|console| console.ahead.forget());
    }

    /// The next line behind a prompt, and whether it is to be seen.
    pub(super) fn next_line(&mut self, prompt: &str) -> io::Result<(Next, bool)> {
        let asked = self.asked();
        if let Some(line) = self.typed_early.take() {
            return Ok((Next::Line(line), asked.is_some()));
        }
        match asked {
            Some(asked) => Ok((self.ask(prompt, asked)?, true)),
            None if self.is_interactive() => {
                let _idle = self.interrupt.idle();
                let next = match ask_hidden(prompt, &mut self.out)? {
                    Unseen::Line(line) => Next::Line(String::from_utf8_lossy(&line).into_owned()),
                    Unseen::Interrupted => Next::Interrupted,
                    Unseen::End => Next::End,
                };
                Ok((next, false))
            }
            None => Ok((self.ask(prompt, Asked::Answer)?, false)),
        }
    }

    /// A line behind a prompt. Nothing is under way meanwhile that would see the wish to stop.
    pub(super) fn ask(&mut self, prompt: &str, asked: Asked) -> io::Result<Next> {
        let _idle = self.interrupt.idle();
        // It was made a moment ago, when something was still under way.
        if self.interrupt.is_for_good() {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        self.lines.next(prompt, asked)
    }

    /// Where the shell is, or begins.
    pub(super) fn folder(&self) -> PathBuf {
        let workspace = self.workspace();
        let folder = self.console.as_ref().map_or_else(|| workspace.left().folder, Console::folder);
        folder.unwrap_or_else(|| workspace.work().to_owned())
    }

    /// The prompt: that of the program that waits, else where the shell is.
    pub(super) fn prompt(&self) -> String {
        if let Kind::Question(question) = &self.stop().kind
            && !self.is_done()
        {
            return format!("Your answer (1-{}): ", question.answers.len());
        }
        if let Some(prompt) = &self.session {
            return prompt.clone();
        }
        let folder = self.folder();
        let work = self.workspace().work().to_owned();
        let name = match folder.strip_prefix(&work) {
            _ if !folder.is_dir() => self.lesson.name.clone(),
            Ok(below) if below.as_os_str().is_empty() => self.lesson.name.clone(),
            Ok(below) => format!("{}/{}", self.lesson.name, below.display()),
            Err(_) => shortened(&homely(&folder)),
        };
        format!("{} $ ", shown::line(&name))
    }

    /// Has somebody wait for a line, or not: only then what is saved is looked at.
    pub(super) fn set_idle(&self, is_idle: bool) {
        self.is_idle.store(is_idle, Ordering::SeqCst);
    }
}
