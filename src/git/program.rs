//! The program `git`, started so that nothing of a repository, of its server or of this machine's settings makes it do anything else.
//!
//! ```text
//! settings of the machine, of the user     none are read: no aliases, hooks, helpers for passwords, filters
//! settings of the repository               it is one of ours, made empty
//! questions                                none: no terminal, no askpass
//! protocols                                http, https, ssh, git: not `file`, not `ext`
//! objects                                  looked up in our folder only: no replacements, no lazy fetches
//! arguments                                what others write stands behind `--`, and begins with no `-`
//! ```
//!
//! It runs in a process group of its own. It is ended, with all that it has started, by us (`watch.rs`), and when we end (`leash.rs`).

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Error;
use super::connection::Connection;
use super::error::{is_known, is_offline, reason};
use super::leash::Leash;
pub(super) use super::watch::With;
use super::watch::{Ended, PATIENCE, REPOSITORY, Said, Watch};
use crate::deeds::{self, Group};
use crate::limits::Limit;
use crate::store::Store;

/// The memory of each of its processes: a small pack can unfold to any size.
pub(super) const MEMORY: Limit = Limit::bytes("git", "LAYERLAB_MAX_GIT_MEMORY", 1 << 30);

/// The most bytes of a short answer.
const ANSWER: u64 = 1 << 20;

/// What of this process's environment it has: where programs are, and which certificates are good.
const PASSED: &[&str] = &["PATH", "TMPDIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("HOME", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", "http:https:ssh:git"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];

// ANCHOR: settings
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.bigFileThreshold=32m",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "init.defaultBranch=main",
    "tar.umask=0022",
];
// ANCHOR_END: settings

/// How `git` is called for one repository.
pub(super) struct Git<'g> {
    pub(super) store: &'g Store,
    /// Where its objects come to.
    pub(super) folder: PathBuf,
    /// What it is called in messages.
    pub(super) name: String,
    /// How its server is reached; some of its settings are secret.
    pub(super) connection: Connection,
    /// The socket of an agent for ssh(1).
    pub(super) agent: Option<PathBuf>,
}

impl Git<'_> {
    /// Calls it and gives what it prints, which is short.
    ///
    /// # Errors
    /// As [`Git::call`].
    pub(super) fn answer(&self, with: With, arguments: &[&str]) -> Result<String, Error> {
        let bytes = self.call(with, arguments, |mut output| {
            let mut bytes = Vec::new();
            (&mut output).take(ANSWER).read_to_end(&mut bytes).map_err(|error| self.io("read", error))?;
            match output.read(&mut [0]) {
                Ok(0) => Ok(bytes),
                Ok(_) => Err(self.unusable("git prints more than it can be asked for")),
                Err(error) => Err(self.io("read", error)),
            }
        })?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Calls it, and has `take` read what it prints.
    ///
    /// # Errors
    /// [`Error::NoProgram`] where there is none; [`Error::Failed`] and [`Error::Unreachable`] for what it says; [`Error::Silent`],
    /// [`Error::TooLarge`] and [`Error::Store`] where it was ended; what `take` says.
    pub(super) fn call<T>(
        &self,
        with: With,
        arguments: &[&str],
        take: impl FnOnce(File) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let line = || format!("git {}", arguments.join(" "));
        deeds::note(
            if with == With::Server { Group::Requests } else { Group::Processes },
            line,
            "what ADD takes of a repository",
        );
        let not_started = |source: std::io::Error| match source.kind() {
            ErrorKind::NotFound => Error::NoProgram,
            _ => Error::Io { operation: "start", path: PathBuf::from("git"), source },
        };
        let mut command = self.command(arguments);
        let _leash = Leash::put_on(&mut command).map_err(not_started)?;
        let mut child = command.spawn().map_err(not_started)?;
        drop(command);
        let output = File::from(OwnedFd::from(child.stdout.take().expect("it is a pipe")));
        let stderr = child.stderr.take().expect("it is a pipe");
        let said = Said::default();
        let (enough, is_enough) = channel();
        let (taken, ended) = std::thread::scope(|scope| {
            scope.spawn(|| said.listen(stderr));
            let watch = Watch { store: self.store, folder: &self.folder, with, said: &said, is_enough };
            let watcher = scope.spawn(move || watch.until_end(child));
            let taken = take(output);
            // The watcher may have ended already.
            let _ = enough.send(taken.is_err());
            (taken, watcher.join().expect("it does not panic"))
        });
        match ended? {
            (_, Some(ended)) => Err(self.ended(ended)),
            (status, None) if status.success() => taken,
            // What has been cut off is not the cause.
            (status, None) if status.code().is_some() || taken.is_ok() => Err(self.failed(&said.text())),
            (_, None) => taken,
        }
    }

    /// Bounds what it may use.
    fn bound(&self, command: &mut Command) {
        let home = self.store.home();
        let (size, memory) = (home.bound(&REPOSITORY).most, home.bound(&MEMORY).most);
        let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
        // SAFETY: between fork and exec it makes a system call only, setrlimit(2), and takes no memory.
        unsafe {
            command.pre_exec(move || {
                setrlimit(Resource::Fsize, limit(size))?;
                setrlimit(Resource::Data, limit(memory))?;
                Ok(())
            });
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        command.envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(ENVIRONMENT.iter().copied()).env("GIT_DIR", &self.folder);
        command.envs(self.agent.as_ref().map(|socket| ("SSH_AUTH_SOCK", socket)));
        // Not among the arguments, which everybody on the machine can see.
        let Connection { settings, variables, .. } = &self.connection;
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (name, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), name).env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments).current_dir("/").process_group(0);
        self.bound(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(super) fn unusable(&self, reason: impl Into<String>) -> Error {
        Error::Unusable { repository: self.name.clone(), reason: reason.into() }
    }

    pub(super) fn io(&self, operation: &'static str, source: std::io::Error) -> Error {
        Error::Io { operation, path: self.folder.clone(), source }
    }

    fn ended(&self, ended: Ended) -> Error {
        let repository = self.name.clone();
        match ended {
            Ended::Stopped => Error::Store(crate::progress::Stopped.into()),
            Ended::Silent => Error::Silent { repository, seconds: PATIENCE.as_secs() },
            Ended::TooLarge(bound) => Error::TooLarge { repository, bound },
        }
    }

    /// What a failure means. Over SSH the telling line comes before git's own, so all that was said is looked through.
    fn failed(&self, all: &str) -> Error {
        // What its limits say, see `bound`.
        let home = self.store.home();
        for (words, limit) in [("File too large", &REPOSITORY), ("Out of memory", &MEMORY), ("out of memory", &MEMORY)]
        {
            if all.contains(words) {
                return Error::TooLarge { repository: self.name.clone(), bound: home.bound(limit) };
            }
        }
        let lines = || all.lines().map(str::trim).filter(|line| !line.is_empty());
        let known = |line: &&str| is_offline(line) || is_known(line);
        let telling = lines().find(known);
        let telling = telling.or_else(|| lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:")));
        let said = telling.or_else(|| lines().next_back()).unwrap_or("nothing");
        let said = said.trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned();
        match is_offline(&said) {
            true => Error::Unreachable { server: self.connection.server.clone(), reason: reason(&said) },
            false => Error::Failed { repository: self.name.clone(), said },
        }
    }
}
