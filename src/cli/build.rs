//! `layerlab build` and `layerlab plan`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::Failure;
use crate::container::Hostname;
use crate::context::text;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Limits;
use crate::errno;
use crate::machine::{CacheUse, Control, Error, Event, Machine, Options, Source, Unsupported};
use crate::oci::{Platform, PlatformError, Reference};
use crate::plan::Request;
use crate::source::SourceFile;
use crate::view::debugger::{self, Layout};
use crate::view::palette::{ColorChoice, Palette};
use crate::view::screen::Screen;
use crate::view::{Progress, json};
use crate::world::World;

/// What `build`, `plan` and `step` have in common.
#[derive(Clone, Debug, Default, Args)]
pub struct BuildOptions {
    /// The Dockerfile (default: DIR/Dockerfile); `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The stage to build (default: the last)
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Set an ARG; without a value, the environment's
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub build_arg: Vec<String>,
    /// Add a label to the image
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// Run every step, whatever the cache has
    #[arg(long)]
    pub no_cache: bool,
    /// Run every step of these stages
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub no_cache_filter: Vec<String>,
    /// Let a built-in image take the place of one that is not in the store
    #[arg(long)]
    pub stand_ins: bool,
    /// The network of RUN: `host` or `none`
    #[arg(long, value_name = "MODE", value_parser = ["default", "host", "none"])]
    pub network: Option<String>,
    /// What the image is to run on (default: this machine's platform), as `linux/arm64`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// The host name that RUN sees
    #[arg(long, value_name = "NAME", hide = true)]
    pub hostname: Option<String>,
}

impl BuildOptions {
    /// The machine's options. Unknown forms are errors.
    pub fn options(&self) -> Result<Options, Diagnostic> {
        let mut build_args = BTreeMap::new();
        for text in &self.build_arg {
            match text.split_once('=') {
                Some((name, value)) => {
                    build_args.insert(name.to_owned(), value.to_owned());
                }
                None => {
                    if let Ok(value) = std::env::var(text) {
                        build_args.insert(text.clone(), value);
                    }
                }
            }
        }
        let mut labels = BTreeMap::new();
        for text in &self.label {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            if name.is_empty() {
                return Err(Diagnostic::error(format!("`--label {text}` has no name")));
            }
            labels.insert(name.to_owned(), value.to_owned());
        }
        let hostname = build_args.get("BUILDKIT_SANDBOX_HOSTNAME").or(self.hostname.as_ref());
        let hostname = hostname.map(|name| Hostname::parse(name)).transpose().map_err(|error| {
            let diagnostic = Diagnostic::error(error.to_string());
            match error.hint() {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            }
        })?;
        let cache = match (self.no_cache, self.no_cache_filter.as_slice()) {
            (true, _) => CacheUse::Ignore,
            (false, []) => CacheUse::Ask,
            (false, stages) => CacheUse::IgnoreFor(stages.to_vec()),
        };
        Ok(Options {
            request: Request {
                target: self.target.clone(),
                build_args,
                platform: self.platform()?,
                limits: Limits::from_environment(|name| std::env::var(name).ok())?,
                every_stage: false,
            },
            cache,
            stand_ins: self.stand_ins,
            labels,
            network: self.network.clone(),
            hostname,
            unsupported: Unsupported::Refused,
        })
    }

    fn platform(&self) -> Result<Platform, Diagnostic> {
        let Some(text) = &self.platform else { return Ok(Platform::host()) };
        if text.contains(',') {
            return Err(Diagnostic::error("`--platform` takes one platform: images for several are not supported yet")
                .hint("build once for each, with a name of its own"));
        }
        text.parse()
            .map_err(|error: PlatformError| Diagnostic::error(format!("`--platform`: {error}")).hint(error.hint()))
    }

    /// Finds and reads the Dockerfile of a context folder.
    pub fn source(&self, folder: &Path) -> Result<Source, Failure> {
        let (name, path, bytes) = match &self.file {
            Some(path) if path.as_os_str() == "-" => {
                let name = "(standard input)";
                (name.to_owned(), None, text::read_stream(io::stdin().lock(), name).map_err(Error::from)?)
            }
            file => {
                let path = file.clone().unwrap_or_else(|| default_dockerfile(folder));
                let bytes = text::read(&path, Some(folder), &text::DOCKERFILE).map_err(Error::from)?;
                (display_name(&path, folder), Some(path), bytes)
            }
        };
        let file = SourceFile::from_bytes(&name, &bytes).map_err(Diagnostic::from)?;
        Ok(Source { file, context: Some(folder.to_owned()), dockerfile: path })
    }
}

fn default_dockerfile(folder: &Path) -> PathBuf {
    let usual = folder.join("Dockerfile");
    let lower = folder.join("dockerfile");
    // A link that leads nowhere is there, too: it is reported rather than passed over.
    if usual.symlink_metadata().is_err() && lower.exists() { lower } else { usual }
}

/// The Dockerfile's name as messages give it: without the folder when it lies there.
fn display_name(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// Build an image from a Dockerfile.
#[derive(Debug, Args)]
pub struct Build {
    #[command(flatten)]
    options: BuildOptions,
    /// Name the image (NAME[:TAG]); can be given more than once
    #[arg(short, long, value_name = "NAME")]
    tag: Vec<String>,
    /// How progress is shown (default: tty on a terminal, else classic)
    #[arg(long, value_enum, value_name = "KIND")]
    progress: Option<Progress>,
    /// Print the image id only
    #[arg(short, long)]
    quiet: bool,
    /// Accepted and without effect: intermediate containers are always removed
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", hide = true)]
    rm: bool,
    /// Write the image id to a file
    #[arg(long, value_name = "FILE")]
    iidfile: Option<PathBuf>,
    /// The build context
    #[arg(value_name = "DIR")]
    context: PathBuf,
}

impl Build {
    pub(super) fn run(&self, world: &Arc<World>, color: ColorChoice) -> Result<(), Failure> {
        let interrupt = super::new_interrupt()?;
        super::catch_interrupts(&interrupt);
        let tags = parse_names(&self.tag)?;
        check_context(&self.context)?;
        let source = self.options.source(&self.context)?;
        let file = source.file.clone();
        let options = self.options.options()?;
        let mut machine = Machine::new(world, source, options, Control::new(interrupt.clone()))
            .map_err(|error| located(&error, &file, None))?;
        let progress = match self.progress {
            _ if self.quiet => Progress::Quiet,
            Some(progress) => progress,
            None if io::stdout().is_terminal() => Progress::Tty,
            None => Progress::Classic,
        };
        let palette = Palette::for_stdout(color);
        let mut view = progress.view(palette);
        let mut screen = Screen::stdout(palette);
        let mut broken: Option<io::Error> = None;
        let mut sink = |event: &Event| {
            let written = view.event(event, &mut screen).and_then(|()| screen.flush());
            if let Err(error) = written {
                broken.get_or_insert(error);
                interrupt.request();
            }
        };
        if progress == Progress::Classic {
            machine.load_context(&mut sink).map_err(|error| located(&error, &file, None))?;
        }
        let built = build_all(&mut machine, &mut sink);
        if let Err(error) = built {
            machine.remember(None)?;
            if let Some(broken) = broken {
                return Err(broken.into());
            }
            if matches!(error, Error::Interrupted) {
                // Nobody is left to be told when standard error is closed.
                let _ = writeln!(Screen::stderr(Palette::PLAIN), "interrupted");
                return Err(Failure::Status(130));
            }
            return Err(located(&error, &file, machine.span(machine.position())));
        }
        let finished = machine.finish(&tags, &mut sink)?;
        if let Some(path) = &self.iidfile {
            std::fs::write(path, finished.image.to_string()).map_err(|error| {
                Diagnostic::error(format!("can't write `{}`: {}", path.display(), errno::describe(&error)))
            })?;
        }
        // The program ends now, and the kernel takes all memory back at once: quicker than freeing a tree file by file.
        std::mem::forget(machine);
        broken.map_or(Ok(()), |error| Err(error.into()))
    }
}

fn build_all(machine: &mut Machine, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
    while !machine.is_done() {
        machine.step(sink)?;
    }
    Ok(())
}

/// An error on its place in the Dockerfile.
pub fn located(error: &Error, file: &SourceFile, span: Option<crate::source::Span>) -> Failure {
    Failure::Messages(error.diagnostics(span), Some(file.clone()))
}

/// The folder has to be one before anything is said of the build.
pub fn check_context(folder: &Path) -> Result<(), Failure> {
    crate::context::Context::open(folder, None).map(|_| ()).map_err(|error| Error::from(error).into())
}

/// Image names as given by `-t`.
pub fn parse_names(names: &[String]) -> Result<Vec<Reference>, Diagnostic> {
    names.iter().map(|name| parse_name(name)).collect()
}

/// One image name, with its tag.
pub fn parse_name(name: &str) -> Result<Reference, Diagnostic> {
    let reference = Reference::parse_normalized(name)
        .map_err(|error| Diagnostic::error(format!("`{name}` is not an image name: {error}")))?;
    if reference.has_digest() {
        return Err(Diagnostic::error(format!("`{name}` has a digest: an image can't be given one by name")));
    }
    Ok(reference.with_default_tag())
}

/// Say of each step whether it would hit the cache.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    options: BuildOptions,
    /// Print JSON, one step a line
    #[arg(long)]
    json: bool,
    /// The build context
    #[arg(value_name = "DIR", default_value = ".")]
    context: PathBuf,
}

impl Plan {
    pub(super) fn run(&self, world: &Arc<World>, color: ColorChoice) -> Result<(), Failure> {
        check_context(&self.context)?;
        let source = self.options.source(&self.context)?;
        let file = source.file.clone();
        let machine = Machine::new(world, source, self.options.options()?, Control::new(super::new_interrupt()?))
            .map_err(|error| located(&error, &file, None))?;
        super::report(machine.warnings(), Some(&file), Palette::for_stderr(color));
        let predictions = machine.predict_all().map_err(|problems| Failure::Messages(problems, Some(file.clone())))?;
        let palette = Palette::for_stdout(color);
        let mut out = Screen::stdout(palette);
        if !self.json {
            let layout = Layout::new(palette, &world.clock);
            return Ok(out.write_all(debugger::plan(&layout, &predictions).as_bytes())?);
        }
        for prediction in &predictions {
            let line = serde_json::json!({
                "schema": Event::SCHEMA,
                "type": "predicted",
                "step": prediction.label.number,
                "label": prediction.label,
                "decision": prediction.decision,
            });
            writeln!(out, "{}", json::compact(&line)?)?;
        }
        Ok(())
    }
}
