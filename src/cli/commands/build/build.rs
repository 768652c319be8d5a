//! `layerlab build`: an image from a Dockerfile.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum as _};

use super::options::{BuildOptions, located};
use super::report::{ReportOptions, Told};
use super::sharing::{AtFailure, ExportOptions, Sharing};
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::parse_names;
use crate::cli::pushing::{self, Pushing};
use crate::cli::ui::Ui;
use crate::debugger::credentials;
use crate::diagnostic::{Diagnostic, Explained as _};
use crate::errno;
use crate::machine::{AtMiss, Control, Error, Event, Machine, MissReason, Options};
use crate::oci::{Descriptor, Reference};
use crate::shown;
use crate::source::SourceFile;
use crate::view::report::Notes;
use crate::view::{Progress, debugger, pictures};
use crate::world::World;

/// Says how progress is shown where the command line does not.
const PROGRESS: &str = "BUILDKIT_PROGRESS";

/// Build an image from a Dockerfile.
#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    options: BuildOptions,
    /// The image's names.
    #[arg(short, long, value_name = "NAME", help = "Name the image (NAME[:TAG]); can be given more than once")]
    tag: Vec<String>,
    /// How progress is shown (default: $BUILDKIT_PROGRESS, else tty on a terminal, else classic)
    #[arg(long, value_enum, value_name = "KIND")]
    progress: Option<Progress>,
    /// Push the image under each of its names when it is built
    #[arg(long)]
    push: bool,
    /// Print the image id only
    #[arg(short, long)]
    quiet: bool,
    /// Accepted and without effect: intermediate containers are always removed
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide = true)]
    rm: bool,
    #[command(flatten)]
    accepted: Accepted,
    #[command(flatten)]
    sharing: ExportOptions,
    /// For CI: stop at the first step that is not in the cache, say why, and exit with status 1
    #[arg(long, conflicts_with_all = ["no_cache", "no_cache_filter"])]
    fail_on_miss: bool,
    /// At the end, draw a timeline of the steps next to the previous build's
    #[arg(long, conflicts_with = "quiet")]
    times: bool,
    #[command(flatten)]
    report: ReportOptions,
    /// Write the image id to a file
    #[arg(long, value_name = "FILE")]
    iidfile: Option<PathBuf>,
    /// The build context: a folder, a git repository, the URL of an archive or a Dockerfile, or `-`: an archive or a Dockerfile from standard input
    #[arg(value_name = "DIR|URL|-")]
    context: PathBuf,
}

/// What is asked for by Docker's options and happens anyway: containers of steps are removed, and the image goes into the store.
#[derive(Debug, Args)]
struct Accepted {
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    force_rm: Option<bool>,
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    load: Option<bool>,
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    compress: Option<bool>,
}

impl Build {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let interrupt = world.interrupt();
        interrupts::catch(interrupt);
        self.report.check()?;
        let tags = names(&self.tag, self.push)?;
        let at_miss = if self.fail_on_miss { AtMiss::Fail } else { AtMiss::Execute };
        let sharings = self.sharing.all()?;
        let options = Options { at_miss, ..self.options.options(&world.store)? };
        let progress = self.progress()?;
        let mut view = progress.view(ui.palette);
        let mut screen = ui.out().with_live(world.meter());
        let (source, remote) = self.options.open(&self.context, world, &options)?;
        let has_context = source.context.is_some();
        let file = source.file.clone();
        let mut machine =
            Machine::new(world, source, options, Control::of(world)).map_err(|error| located(&error, &file, None))?;
        remote.into_iter().for_each(|context| machine.give_context(context));
        let mut broken: Option<io::Error> = None;
        let mut notes = Notes::default();
        if self.report.is_wanted() {
            notes.hide(credentials(&machine));
        }
        let mut sink = |event: &Event| {
            if self.report.is_wanted() {
                notes.event(event);
            }
            let written = view.event(event, &mut screen).and_then(|()| screen.flush());
            if let Err(error) = written {
                broken.get_or_insert(error);
                interrupt.request();
            }
        };
        if progress == Progress::Classic && has_context {
            machine.load_context(&mut sink).map_err(|error| located(&error, &file, None))?;
        }
        let finished = machine.build(&tags, &mut sink);
        let shared = finished.as_ref().map_or(Ok(()), |_| share(&machine, &sharings, &mut sink));
        if self.times && broken.is_none() && (finished.is_ok() || machine.has_failed()) {
            let text = pictures::times(&ui.layout(&world.clock), &machine.times()?);
            match told(progress) {
                Told::Programs => ui.errors().write_all(text.as_bytes())?,
                Told::People => ui.out().write_all(text.as_bytes())?,
            }
        }
        let reported = self.report.write(&machine, world, &notes, finished.as_ref().ok(), (ui, told(progress)));
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                if let Err(failure) = reported {
                    ui.report(&failure.diagnostics, None);
                }
                return Err(broken.map_or_else(|| failed(&error, &machine, &file), Failure::from));
            }
        };
        if let Some(path) = &self.iidfile {
            std::fs::write(path, finished.image.to_string()).map_err(|error| {
                Diagnostic::error(format!("can't write `{}`: {}", path.display(), errno::describe(&error)))
            })?;
        }
        if self.push && broken.is_none() {
            push(world, ui, &tags, &finished.manifest, told(progress) == Told::Programs)?;
        }
        shared?;
        reported?;
        // The program ends now, and the kernel takes all memory back at once. Freeing the trees file by file is 4 % of the time of a build
        // from the cache with 20,000 files in its context.
        world.store.end_lease();
        std::mem::forget(machine);
        broken.map_or(Ok(()), |error| Err(error.into()))
    }

    /// How progress is shown.
    fn progress(&self) -> Result<Progress, Failure> {
        if self.quiet {
            return Ok(Progress::Quiet);
        }
        let wanted = match self.progress {
            Some(progress) => Some(progress),
            None => wished()?,
        };
        Ok(match wanted {
            Some(progress) if progress != Progress::Auto => progress,
            Some(_) | None if io::stdout().is_terminal() => Progress::Tty,
            Some(_) | None => Progress::Classic,
        })
    }
}

/// How the user wants progress to be shown in all builds, by the variable that Docker has for it.
fn wished() -> Result<Option<Progress>, Failure> {
    let Some(value) = std::env::var_os(PROGRESS).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.to_string_lossy();
    let kinds = "use `classic`, `plain`, `tty`, `json`, `quiet` or `auto`";
    let unknown = || {
        Diagnostic::error(format!("{PROGRESS} is `{}`, which is no kind of progress", shown::line(&value))).hint(kinds)
    };
    Ok(Some(Progress::from_str(&value, false).map_err(|_| unknown())?))
}

/// Whom standard output is for. What another program reads stays as it is.
fn told(progress: Progress) -> Told {
    match progress {
        Progress::Json | Progress::Quiet => Told::Programs,
        Progress::Classic | Progress::Plain | Progress::Tty | Progress::Auto => Told::People,
    }
}

/// Pushes the image under each of its names.
fn push(world: &World, ui: &Ui, tags: &[Reference], image: &Descriptor, is_quiet: bool) -> Result<(), Failure> {
    for tag in tags {
        if !is_quiet {
            pushing::announce(ui, tag)?;
        }
        Pushing::begin(world, ui, tag, None, is_quiet)?.push(tag, image)?;
    }
    Ok(())
}

/// Writes the caches that were asked for.
fn share(machine: &Machine, sharings: &[Sharing], sink: &mut dyn FnMut(&Event)) -> Result<(), Failure> {
    for Sharing { place, extent, at_failure } in sharings {
        match (machine.export(place, *extent, sink), at_failure) {
            (Ok(()), _) => {}
            (Err(error), AtFailure::Warn) => machine.warn(&format!("the cache {place} was not written: {error}"), sink),
            (Err(error), AtFailure::Fail) => {
                let failed =
                    Diagnostic::error(format!("the image is built, but the cache {place} was not written: {error}"));
                return Err(error.hint().into_iter().fold(failed, Diagnostic::hint).into());
            }
        }
    }
    Ok(())
}

/// The names of the image, of which there has to be one where it is to be pushed.
fn names(tags: &[String], is_pushed: bool) -> Result<Vec<Reference>, Diagnostic> {
    if is_pushed && tags.is_empty() {
        return Err(Diagnostic::error("tag is needed when pushing to registry")
            .hint("`-t REGISTRY/NAME` says where the image goes"));
    }
    parse_names(tags)
}

/// What a build that failed is told by.
fn failed(error: &Error, machine: &Machine, file: &SourceFile) -> Failure {
    // Behind the last step it is the image that could not be written.
    let place = machine.span(machine.position());
    match error {
        Error::Missed { reason, .. } => {
            let missed = missed(error, reason);
            let missed = match place {
                Some(span) => missed.at(span),
                None => missed,
            };
            Failure::from(missed).within(file)
        }
        error => located(error, file, place),
    }
}

/// The message for a step that had to be in the cache.
fn missed(error: &Error, reason: &MissReason) -> Diagnostic {
    Diagnostic::error(format!("{error}: {}", debugger::reason(reason)))
        .hint("`--fail-on-miss` stops here; without it, the step runs. `layerlab plan` shows all steps")
}
