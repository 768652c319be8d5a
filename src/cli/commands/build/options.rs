//! What the commands on Dockerfiles have in common: their options, and where they find the Dockerfile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::contexts;
use super::given::GivenOptions;
use super::sharing::ImportOptions;
use crate::cli::failure::Failure;
use crate::cli::pulling;
use crate::container::Hostname;
use crate::context::text;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Network;
use crate::errno;
use crate::git;
use crate::layer;
use crate::limits::Limits;
use crate::machine::contexts::Meaning;
use crate::machine::{
    Arrival, Arrived, AtMiss, CacheUse, Error, Options, RemoteContext, Source, Unsupported, bring, understand,
};
use crate::oci::{Platform, PlatformError};
use crate::plan::Request;
use crate::source::SourceFile;
use crate::store::Store;
use crate::world::World;

/// What `build`, `plan` and `step` have in common.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct BuildOptions {
    /// The Dockerfile (default: DIR/Dockerfile); `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The stage to build (default: the last)
    #[arg(long, value_name = "STAGE")]
    pub(crate) target: Option<String>,
    /// Set an ARG; without a value, take it from the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
    /// Add a label to the image
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,
    /// Run every step, even if it is in the cache
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Run every step of these stages (separated by commas)
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub(crate) no_cache_filter: Vec<String>,
    /// Use a built-in image instead of one that is not in the store
    #[arg(long)]
    pub(crate) stand_ins: bool,
    /// When registries are asked for base images: `always`, `missing`, `newer` or `never`; without a word `always`
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub(crate) pull: Option<String>,
    /// Have a name of FROM and `--from` stand for a folder, `docker-image://NAME`, `oci-layout://FOLDER:TAG`, or a git repository
    #[arg(long, value_name = "NAME=PLACE")]
    pub(crate) build_context: Vec<String>,
    /// The network of RUN: `host` or `none`
    #[arg(long, value_name = "MODE")]
    pub(crate) network: Option<Mode>,
    #[command(flatten)]
    pub(crate) given: GivenOptions,
    #[command(flatten)]
    pub(crate) caches: ImportOptions,
    /// The platform to build for, such as `linux/arm64` (default: this machine's)
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// The host name that RUN sees
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) hostname: Option<String>,
}

/// What `--network` may say.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    Default,
    Host,
    None,
}

impl Mode {
    fn network(self) -> Network {
        match self {
            Mode::Default => Network::Default,
            Mode::Host => Network::Host,
            Mode::None => Network::None,
        }
    }
}

impl BuildOptions {
    /// The machine's options. Unknown forms are errors.
    pub(crate) fn options(&self, store: &Store) -> Result<Options, Diagnostic> {
        let limits = store.limits();
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
        let contexts = contexts::parse(&self.build_context)?;
        let hostname = build_args.get("BUILDKIT_SANDBOX_HOSTNAME").or(self.hostname.as_ref());
        let hostname = hostname.map(|name| Hostname::parse(name)).transpose()?;
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
                limits: limits.clone(),
                contexts: contexts.keys().cloned().collect(),
                every_stage: false,
            },
            cache,
            caches: self.caches.open(store)?,
            arrival: Arrival::WhenNeeded,
            stand_ins: self.stand_ins,
            contexts,
            pull: pulling::rule(self.pull.as_deref())?,
            labels,
            network: self.network.map_or(Network::Default, Mode::network),
            given: self.given.given(limits)?,
            insecure: self.given.insecure(),
            hostname,
            unsupported: Unsupported::Refused,
            at_miss: AtMiss::Execute,
        })
    }

    fn platform(&self) -> Result<Platform, Diagnostic> {
        let Some(text) = &self.platform else { return Ok(Platform::host()) };
        if text.contains(',') {
            return Err(Diagnostic::error("`--platform` takes one platform: images for several are not supported yet")
                .hint("build once per platform, each with its own name"));
        }
        text.parse()
            .map_err(|error: PlatformError| Diagnostic::error(format!("`--platform`: {error}")).hint(error.hint()))
    }

    /// Finds and reads the Dockerfile of a context folder.
    pub(crate) fn source(&self, folder: &Path, world: &World) -> Result<Source, Failure> {
        let limits = world.store.limits();
        let from_stream = |stream: File, name: &str| {
            let bytes = text::read_stream(world.interrupt().reading(stream), name, limits);
            not_stopped(world)?;
            Ok::<_, Failure>(bytes?)
        };
        let (name, path, bytes) = match &self.file {
            Some(path) if path.as_os_str() == "-" => (STREAM.to_owned(), None, from_stream(standard_input()?, STREAM)?),
            file => {
                let path = file.clone().unwrap_or_else(|| default_dockerfile(folder));
                let name = display_name(&path, folder);
                let bytes = match text::open_stream(&path)? {
                    Some(stream) => from_stream(stream, &name)?,
                    None => text::read(&path, Some(folder), limits.bound(&text::DOCKERFILE))?,
                };
                (name, Some(path), bytes)
            }
        };
        let file = SourceFile::from_bytes(&name, &bytes)?;
        Ok(Source { file, context: Some(folder.to_owned()), dockerfile: path })
    }
}

impl BuildOptions {
    /// Opens the context, wherever it is, and reads the Dockerfile.
    pub(super) fn open(
        &self,
        context: &Path,
        world: &Arc<World>,
        options: &Options,
    ) -> Result<(Source, Option<RemoteContext>), Failure> {
        let limits = world.store.limits();
        let inside = self.file.as_deref().filter(|file| file.as_os_str() != "-");
        let is_stream = context.as_os_str() == "-";
        let from = context.to_str().map_or(Ok(None), contexts::server)?;
        let arrived = match &from {
            None if !is_stream => {
                check_context(context, limits)?;
                return Ok((self.source(context, world)?, None));
            }
            _ if self.file.is_some() && inside.is_none() => {
                return Err(Diagnostic::error(
                    "the Dockerfile of a context that is no folder can't come from standard input",
                )
                .hint("`-f FILE` names one in it")
                .into());
            }
            Some(from) => bring(world, options, from, inside),
            None => understand(world, spooled(world)?, Path::new(STREAM), inside),
        };
        let (name, bytes, remote) = match arrived.map_err(|error| Failure::messages(error.diagnostics_at(None)))? {
            Arrived::Dockerfile(_) if inside.is_some() => {
                return Err(Diagnostic::error("this is a Dockerfile, not an archive: `-f` needs a context to look in")
                    .hint("give its folder: `layerlab build -f FILE DIR`")
                    .into());
            }
            Arrived::Dockerfile(bytes) => {
                (if is_stream { STREAM.to_owned() } else { "Dockerfile".to_owned() }, bytes, None)
            }
            Arrived::Context(mut remote) => {
                let (name, bytes) = std::mem::take(&mut remote.dockerfile);
                (name, bytes, Some(*remote))
            }
        };
        // It is written down: without what may be a secret, a password or the query of a URL.
        let shown = match from {
            Some(Meaning::Url(address)) => address.shown(),
            Some(_) | None => git::without_password(&context.to_string_lossy()),
        };
        let context = remote.as_ref().map(|_| PathBuf::from(shown));
        let file = SourceFile::from_bytes(&name, &bytes)?;
        Ok((Source { file, context, dockerfile: None }, remote))
    }
}

/// What messages call standard input.
const STREAM: &str = "(standard input)";

/// Standard input, of which nothing is kept in memory.
fn standard_input() -> Result<File, Diagnostic> {
    io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(refused)
}

fn refused(error: io::Error) -> Diagnostic {
    Diagnostic::error(format!("can't read {STREAM}: {}", errno::describe(&error)))
}

/// All of standard input, in a file without a name.
fn spooled(world: &World) -> Result<File, Failure> {
    let most = layer::Limits::of(world.store.limits()).size;
    let mut file = tempfile::tempfile_in(world.home().temporary()).map_err(refused)?;
    let count = io::copy(&mut world.interrupt().reading(standard_input()?).take(most.saturating_add(1)), &mut file);
    not_stopped(world)?;
    let count = count.map_err(refused)?;
    if count > most {
        return Err(Diagnostic::error(format!("{STREAM} has more than {most} bytes, the limit for an archive"))
            .hint("set LAYERLAB_MAX_ARCHIVE_SIZE to a larger number of bytes to raise the limit")
            .into());
    }
    file.rewind().map_err(refused)?;
    Ok(file)
}

/// That nobody has wished to stop while a stream was read.
fn not_stopped(world: &World) -> Result<(), Failure> {
    match world.interrupt().is_requested() {
        true => Err(Failure::messages(Error::Interrupted.diagnostics_at(None))),
        false => Ok(()),
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

/// An error on its place in the Dockerfile.
pub(crate) fn located(error: &Error, file: &SourceFile, span: Option<crate::source::Span>) -> Failure {
    Failure::messages(error.diagnostics_at(span)).within(file)
}

/// The folder has to be one before anything is said of the build.
pub(crate) fn check_context(folder: &Path, limits: &Limits) -> Result<(), Failure> {
    Ok(crate::context::Context::open(folder, None, limits).map(|_| ())?)
}
