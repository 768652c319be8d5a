//! `layerlab step`: the debugger.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::options::{BuildOptions, check_context};
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::debugger::{self, Debugger, Mistakes, Setting};
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::machine::{Arrival, Unsupported};
use crate::repl::{self, Ending, Lines, Script, Session, Shown, Terminal};
use crate::source::SourceFile;
use crate::world::World;

/// Step through a Dockerfile, or start an empty one.
///
/// Without DIR, if the current folder has no Dockerfile, it starts an empty one: type `FROM alpine`. If an image of the table of stand-ins is not
/// in the store, a built-in one is used instead, and this is said.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Step {
    #[command(flatten)]
    options: BuildOptions,
    /// Read commands from a file, or those of a session that `save` wrote; `-` is standard input
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The build context
    #[arg(value_name = "DIR")]
    context: Option<PathBuf>,
}

impl Step {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let folder = match &self.context {
            Some(folder) => numbered(folder).unwrap_or_else(|| folder.clone()),
            None => PathBuf::from("."),
        };
        check_context(&folder, world.store.limits())?;
        let is_piped = self.options.file.as_deref() == Some(Path::new("-"));
        if is_piped && self.script.as_ref().is_none_or(|script| script.as_os_str() == "-") {
            return Err(Diagnostic::error("the Dockerfile and the commands can't both come from standard input")
                .hint("give the commands with `--script FILE`, or the Dockerfile with `-f FILE`")
                .into());
        }
        let is_empty = self.context.is_none()
            && self.options.file.is_none()
            && !["Dockerfile", "dockerfile"].iter().any(|name| folder.join(name).exists());
        let dockerfile = if is_empty {
            None
        } else {
            let source = self.options.source(&folder, world)?;
            Some((source.file, source.dockerfile))
        };
        let debugger = self.open(world, ui, &folder, dockerfile)?;
        let palette = ui.palette;
        let mut stdout = io::stdout();
        let shown = if stdout.is_terminal() { Shown::OnTerminal } else { Shown::Anywhere };
        let mut session = Session::new(debugger, palette, shown, &mut stdout);

        let mut lines = self.lines(world, ui)?;
        interrupts::catch(world.interrupt());
        interrupts::keep_terminal();
        let ending = repl::run(&mut session, lines.as_mut())?;
        if !lines.is_interactive() && session.is_unsaved() {
            ui.note("note: the instructions that were typed are in no file: `write FILE` would have saved them");
        }
        match ending {
            Ending::Good => Ok(()),
            // A person has seen what failed.
            Ending::Failed if lines.is_interactive() => Ok(()),
            Ending::Failed => Err(Failure::status(1)),
            Ending::Interrupted => Err(Failure::status(130)),
        }
    }

    /// Whether a person gives the commands at a terminal.
    fn is_interactive(&self) -> bool {
        self.script.is_none() && io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// The debugger of a Dockerfile. One with a mistake is edited first, where a person is there and a file has it.
    fn open(
        &self,
        world: &Arc<World>,
        ui: &Ui,
        folder: &Path,
        mut dockerfile: Option<(SourceFile, Option<PathBuf>)>,
    ) -> Result<Debugger, Failure> {
        let mut options = self.options.options(&world.store)?;
        options.arrival = Arrival::AtOnce;
        // A class need not be online: what has a stand-in is pulled where that is asked for.
        options.stand_ins = self.options.pull.is_none();
        options.unsupported = Unsupported::StoppedAt;
        loop {
            let path = dockerfile.as_ref().and_then(|(_, path)| path.clone());
            let setting = Setting {
                world: world.clone(),
                options: options.clone(),
                folder: folder.to_owned(),
                dockerfile,
                mistakes: Mistakes::Refused,
            };
            let failure = match Debugger::new(setting) {
                Err(debugger::Error::Dockerfile(failure)) => failure,
                other => return Ok(other?),
            };
            ui.report(&failure.diagnostics, Some(&failure.source));
            match path.filter(|_| self.is_interactive()) {
                Some(path) if repl::mend(&path, failure.line(), &mut ui.out())? => {}
                _ => {
                    ui.note("hint: fix the Dockerfile and start again");
                    return Err(Failure::status(1));
                }
            }
            let source = self.options.source(folder, world)?;
            dockerfile = Some((source.file, source.dockerfile));
        }
    }

    /// Where the commands come from.
    fn lines(&self, world: &World, ui: &Ui) -> Result<Box<dyn Lines>, Failure> {
        let limits = world.store.limits();
        Ok(match &self.script {
            Some(path) if path.as_os_str() != "-" => {
                let refused = |error: &io::Error| {
                    Diagnostic::error(format!("can't read `{}`: {}", path.display(), errno::describe(error)))
                };
                let file = File::open(path).map_err(|error| refused(&error))?;
                if path.is_dir() {
                    return Err(refused(&io::Error::from_raw_os_error(libc::EISDIR)).into());
                }
                let mut reader = BufReader::new(file);
                if self.context.is_none() {
                    note_folder(path, &mut reader, ui).map_err(|error| refused(&error))?;
                }
                Box::new(Script::new(reader, limits))
            }
            None if self.is_interactive() => {
                Box::new(Terminal::open(&world.home().cache_dir().join("prompt-history"), limits, ui.palette)?)
            }
            Some(_) | None => Box::new(Script::new(io::stdin().lock(), limits)),
        })
    }
}

/// Says that a saved session was about another folder than this one.
fn note_folder(script: &Path, reader: &mut BufReader<File>, ui: &Ui) -> io::Result<()> {
    let beginning = String::from_utf8_lossy(reader.fill_buf()?).into_owned();
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    if let Some(folder) = repl::saved_for(&beginning).filter(|folder| here.as_deref() != Some(Path::new(folder))) {
        let script = script.display();
        ui.note(&format!(
            "note: this session was saved for another folder: `layerlab step --script {script} {folder}`"
        ));
    }
    Ok(())
}

/// The folder that a lesson's name without its number means: `lessons/first-image` is `lessons/01-first-image`, where that is
/// the only one of the name.
fn numbered(folder: &Path) -> Option<PathBuf> {
    if folder.exists() {
        return None;
    }
    let name = folder.file_name()?.to_str()?;
    let is_numbered = |entry: &Path| -> Option<bool> {
        let (number, rest) = entry.file_name()?.to_str()?.split_once('-')?;
        Some(!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) && rest == name)
    };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(parent).ok()?.flatten().map(|entry| entry.path());
    let mut found = entries.filter(|path| path.is_dir() && is_numbered(path) == Some(true));
    let only = found.next()?;
    found.next().is_none().then_some(only)
}
