//! A page, replayed: its acts are carried out in a fresh room, and what is printed is compared with what is shown.
//!
//! What is found is a text: the page as it would have to look. Where nothing drifted that is the page itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::change::changed;
use super::checking::first_mismatch;
use super::digests::{self, At, DigestMap, OnPages};
use super::fitting::{Comparison, align, arranged, fits, likened};
use super::leaving::Leftovers;
use super::page::{Block, Mistake, Page};
use super::rewriting::Rewriting;
use super::room::{self, Room};
use super::script::{Act, FileName, acts};
use super::session::{Piece, Run, typed_at_prompt};
use super::shell::{CommandResult, End, Typing};
use super::task::Task;
use super::trouble::{Kind, Trouble};
use crate::progress::Interrupt;
use crate::shown;

/// How a page is replayed.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is copied into the folder where commands are typed.
    pub(crate) with: Vec<PathBuf>,
    /// How long a command may take.
    pub(crate) patience: Duration,
    /// For what.
    pub(crate) purpose: Purpose,
    /// The wish to stop.
    pub(crate) interrupt: Interrupt,
}

/// Why a page is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To compare what it shows.
    Compare,
    /// To rewrite it: then it does not matter which digests it had.
    Rewrite,
    /// To prove all that a lesson claims: without registries, and with a look at what it leaves.
    Prove,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Replay {
    /// How many commands were carried out.
    pub(crate) commands: usize,
    /// The page with what was printed in the place of what does not fit.
    pub(crate) found: String,
    /// The same with all digests as they were printed; where that would be another page, why it is not rewritten.
    pub(crate) updated: Result<String, Mistake>,
    /// The blocks that show something else than was printed, by their numbers, as they would have to be.
    pub(crate) drifts: BTreeMap<usize, Vec<String>>,
    /// What is wrong beside the text.
    pub(crate) troubles: Vec<Trouble>,
    /// What is there at its end, where it was asked for.
    pub(crate) leftovers: Leftovers,
}

/// Why a page can't be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Page(#[from] Mistake),
    #[error(transparent)]
    Room(#[from] room::Error),
    #[error("can't replay {page}: {}", crate::errno::describe(source))]
    Io { page: String, source: io::Error },
}

impl crate::diagnostic::Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Page(mistake) => mistake.hint(),
            Error::Room(error) => error.hint(),
            Error::Io { source, .. } => crate::errno::hint(source),
        }
    }
}

/// Carries out what a page does. `pages` knows the digests of the pages that are replayed beside it.
///
/// # Errors
/// A page that can't be read as one, and what prevents its commands from being carried out. That they print something else is no error.
pub(crate) fn replay(page: &Page, options: &Options, pages: &Mutex<OnPages>) -> Result<Replay, Error> {
    let acts = acts(page)?;
    let failed = |source| Error::Io { page: page.name.clone(), source };
    // A page that is named as lessons are brings its folder.
    let path = Path::new(&page.name);
    let is_lesson = path.file_name().is_some_and(|name| name == super::LESSON);
    let mut left_out = Vec::new();
    let mut room = if is_lesson {
        let mut room = Room::new(&[])?;
        room.bound(options.patience, &options.interrupt);
        room.stop_clock();
        left_out = room.furnish(super::folder_of(path))?;
        room
    } else {
        Room::new(&options.with)?
    };
    if options.purpose == Purpose::Prove {
        room.set("LAYERLAB_PULL", "never");
    }
    let mut replayer = Replayer {
        page,
        room,
        options,
        digest_map: DigestMap::default(),
        digests: Vec::new(),
        found: BTreeMap::new(),
        updated: Rewriting::default(),
        troubles: Vec::new(),
        commands: 0,
    };
    for (link, target) in left_out {
        let [link, target] = [link, target].map(|path| shown::line(&path.to_string_lossy()).into_owned());
        let message = format!("`{link}` is left out: it leads out of the lesson, to `{target}`");
        replayer.trouble(1, Kind::Link, message, "");
    }
    replayer.carry_out(&acts).map_err(failed)?;
    replayer.finish(pages).map_err(failed)
}

/// A page while it is replayed.
struct Replayer<'p> {
    page: &'p Page,
    room: Room,
    options: &'p Options,
    digest_map: DigestMap,
    /// The digests that were shown and printed, each with its line.
    digests: Vec<(usize, String, String)>,
    /// The lines of blocks, as they would have to be.
    found: BTreeMap<usize, Vec<String>>,
    updated: Rewriting,
    troubles: Vec<Trouble>,
    commands: usize,
}

impl Replayer<'_> {
    fn carry_out(&mut self, acts: &[Act]) -> io::Result<()> {
        for act in acts {
            match act {
                Act::Write { file, block } => self.write(file, &self.page.blocks[*block])?,
                Act::Change { file, block } => {
                    let path = self.room.work().join(file.path());
                    if let Some(text) = self.changed(&path, *block) {
                        std::fs::write(path, text)?;
                    }
                }
                Act::Run(run) => {
                    self.commands += 1;
                    self.run(run)?;
                }
                Act::Prove { proof, .. } => {
                    for run in proof {
                        self.run(run)?;
                    }
                }
                Act::Do { block, task, solution } => {
                    if self.is_done(task)? {
                        let line = self.page.blocks[*block].line - 1;
                        let message = "this task is done before anybody has done it: its check proves nothing";
                        self.trouble(line, Kind::DoneBefore, message, "");
                    }
                    self.carry_out(solution)?;
                    for run in &task.checks {
                        self.run(run)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the checks of a task print what they print when it is done.
    fn is_done(&mut self, task: &Task) -> io::Result<bool> {
        let (room, typing) = (&mut self.room, typing(self.options, "", false));
        Ok(first_mismatch(&task.checks, &self.digest_map, |command| room.run(command, &typing))?.is_none())
    }

    fn trouble(&mut self, line: usize, kind: Kind, message: impl Into<String>, output: &str) {
        self.troubles.push(Trouble { line, kind, message: message.into(), output: output.to_owned() });
    }

    /// Writes a file. One that has the text already stays as it is, with its time.
    fn write(&self, file: &FileName, block: &Block) -> io::Result<()> {
        let path = self.room.work().join(file.path());
        let text = block.lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        if std::fs::read_to_string(&path).is_ok_and(|before| before == text) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)
    }

    /// Gives the editor what each `edit` of a session makes of its file. A later one begins with what an earlier one leaves.
    fn prepare_edits(&mut self, run: &Run) -> io::Result<()> {
        let mut texts: Vec<String> = Vec::new();
        let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
        for (block, file) in &run.edits {
            let path = self.room.work().join(run.folder()).join(file);
            let text = match files.get(&path) {
                Some(before) => self.after(before, *block),
                None => self.changed(&path, *block),
            };
            let text = text.unwrap_or_default();
            files.insert(path, text.clone());
            texts.push(text);
        }
        self.room.prepare_edits(&texts)
    }

    /// The text of a file after the change of a block; a change that does not fit is a trouble.
    fn changed(&mut self, path: &Path, block: usize) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(before) => self.after(&before, block),
            Err(error) => {
                let message = format!("can't change {}: {}", path.display(), crate::errno::describe(&error));
                self.trouble(self.page.blocks[block].line, Kind::Change, message, "");
                None
            }
        }
    }

    /// A text after the change of a block.
    fn after(&mut self, before: &str, block: usize) -> Option<String> {
        let after = changed(before, &self.page.blocks[block].lines);
        if after.is_none() {
            let message = "the lines that this changes do not stand in the file exactly once";
            self.trouble(self.page.blocks[block].line, Kind::Change, message, before);
        }
        after
    }

    fn run(&mut self, run: &Run) -> io::Result<()> {
        if !run.edits.is_empty() {
            self.prepare_edits(run)?;
        }
        let command = self.digest_map.as_printed(&run.command);
        let input: String = run.input.iter().map(|line| format!("{}\n", self.digest_map.as_printed(line))).collect();
        let awaited = run.awaited_before_ctrl_c();
        let is_time = |output: &str, pressed: usize| {
            let lines: Vec<&str> = output.lines().collect();
            awaited.get(pressed).is_some_and(|awaited| {
                lines.len() >= awaited.len()
                    && awaited.last().is_none_or(|last| lines.iter().any(|line| fits(last, line)))
            })
        };
        let typing = Typing {
            is_time_for_ctrl_c: run.has_ctrl_c().then_some(&is_time),
            ..typing(self.options, &input, run.is_at_a_terminal())
        };
        let result = self.room.run(&command, &typing)?;
        self.judge(run, &result);
        for (number, (piece, printed)) in run.pieces.iter().zip(run.cut(&result.output)).enumerate() {
            let line = if number == 0 { run.line } else { self.page.blocks[piece.block].line };
            self.compare(piece, line, &printed, run.comparison);
        }
        Ok(())
    }

    /// What is wrong with a command beside what it printed.
    fn judge(&mut self, run: &Run, result: &CommandResult) {
        let output = result.output.as_str();
        if result.is_cut {
            self.updated.note_cut(run.line, &run.command);
            self.trouble(run.line, Kind::Command, format!("`{}` printed too much", run.command), "");
        }
        match (result.end, run.status) {
            (End::TimedOut(patience), _) => {
                let message = format!("`{}` did not end within {} s", run.command, patience.as_secs());
                self.trouble(run.line, Kind::Command, message, output);
            }
            (End::Exit(code), Some(status)) if code != status => {
                let message = format!("`{}` ended with exit code {code}, and not with {status}", run.command);
                self.trouble(run.line, Kind::Command, message, output);
            }
            // A failure that says what it is stands on the page.
            (End::Exit(code), None) if code != 0 && !output.contains("rror") && !run.has_ctrl_c() => {
                let message = format!("`{}` ended with exit code {code}", run.command);
                self.trouble(run.line, Kind::Command, message, output);
            }
            (End::Exit(_), _) => {}
        }
        let prompts = output.lines().filter(|line| typed_at_prompt(line).is_some()).count();
        if prompts < run.input.len() {
            let message = format!("`{}` took {prompts} of {} lines that are typed", run.command, run.input.len());
            self.trouble(run.line, Kind::Command, message, output);
        }
    }

    /// Compares a piece, which begins at a line, with what was printed, and notes how it would have to look.
    fn compare(&mut self, piece: &Piece, line: usize, printed: &[String], comparison: Comparison) {
        let (typed, shown) = piece.shown.split_at(piece.typed);
        let printed = &arranged(shown, printed, |line| self.digest_map.as_printed(line));
        let expected: Vec<String> = match comparison {
            Comparison::ByKind => shown.to_vec(),
            Comparison::ByWord => shown.iter().map(|line| self.digest_map.as_printed(line)).collect(),
        };
        let (found, updated) = match align(&expected, printed, comparison) {
            Some(pairs) => {
                let mut updated = shown.to_vec();
                for (at, to) in pairs {
                    let (shown, printed) = (&shown[at], &printed[to]);
                    self.digest_map.note(shown, printed);
                    let line = line + piece.typed + at;
                    let pairs = digests::pairs(shown, printed).into_iter();
                    self.digests.extend(pairs.map(|(shown, printed)| (line, shown.to_owned(), printed.to_owned())));
                    updated[at] = digests::replaced(shown, printed);
                }
                (shown.to_vec(), updated)
            }
            None => {
                let digests = self.digest_map.reversed();
                let like = |shown: &str, _: &str| shown.to_owned();
                (
                    likened(shown, printed, comparison, like, |line| digests.as_printed(line)),
                    likened(shown, printed, comparison, digests::replaced, str::to_owned),
                )
            }
        };
        let (says, status) = (piece.says.iter(), piece.status.iter());
        let commands = typed.iter().map(|line| self.digest_map.as_printed(line));
        let lines = says.clone().cloned().chain(commands).chain(updated).chain(status.clone().cloned());
        self.updated.add(piece, line, lines);
        let block = self.found.entry(piece.block).or_default();
        block.extend(says.chain(typed).cloned().chain(found).chain(status.cloned()));
    }

    /// Compares the digests of this page with those of others.
    fn compare_digests(&mut self, pages: &Mutex<OnPages>) {
        // A page that is rewritten gets the digests of this machine.
        if self.options.purpose == Purpose::Rewrite {
            return;
        }
        let passing = self.room.passing_ids();
        let mut pages = pages.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut unlike = BTreeSet::new();
        for (line, shown, printed) in &self.digests {
            if !passing.iter().any(|id| id.starts_with(printed)) {
                unlike.extend(
                    pages
                        .note(At { page: &self.page.name, line: *line }, shown, printed)
                        .map(|message| (*line, message)),
                );
            }
        }
        drop(pages);
        unlike.into_iter().for_each(|(line, message)| self.trouble(line, Kind::Digest, message, ""));
    }

    fn finish(mut self, pages: &Mutex<OnPages>) -> io::Result<Replay> {
        self.compare_digests(pages);
        let (verdict, is_whole) = self.room.layerlab(&["store", "verify"])?;
        if !is_whole {
            self.trouble(1, Kind::Store, "the store is damaged after this page", &verdict);
        }
        let leftovers = match self.options.purpose {
            Purpose::Prove => self.room.leftovers(None)?,
            Purpose::Compare | Purpose::Rewrite => Leftovers::default(),
        };
        let updated = match self.options.purpose {
            Purpose::Rewrite => self.updated.of(self.page, &self.digest_map),
            Purpose::Compare | Purpose::Prove => Ok(self.page.text.clone()),
        };
        let found = self.page.with(&self.found);
        let Replayer { page, commands, troubles, found: mut drifts, .. } = self;
        drifts.retain(|block, lines| page.blocks[*block].lines != *lines);
        Ok(Replay { commands, found, updated, drifts, troubles, leftovers })
    }
}

pub(super) fn typing<'t>(options: &'t Options, input: &'t str, is_at_terminal: bool) -> Typing<'t> {
    Typing { input, is_at_terminal, ..Typing::nothing(options.patience, &options.interrupt) }
}
