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
//! It runs in a process group of its own. It is ended, with all that it has started, when somebody wishes to stop, when nothing comes any more,
//! when too much comes, when we end, and when whoever reads its output has had enough.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, set_parent_process_death_signal,
    setrlimit, waitid,
};

use super::Error;
use crate::deeds::{self, Group};
use crate::limits::{Bound, Limit};
use crate::progress::Work;
use crate::store::Store;

/// What may come of a repository, compressed: as much as a layer.
pub(super) const REPOSITORY: Limit = Limit::bytes("git repository", "LAYERLAB_MAX_REPOSITORY", 64 << 30);

/// The memory of each of its processes: a small pack can unfold to any size.
pub(super) const MEMORY: Limit = Limit::bytes("git", "LAYERLAB_MAX_GIT_MEMORY", 1 << 30);

/// How often it is looked whether to go on.
const PERIOD: Duration = Duration::from_millis(20);
/// How long a server may say nothing.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most bytes that are kept of what it says.
const SAID: usize = 16 << 10;
/// The most bytes of a short answer.
const ANSWER: u64 = 1 << 20;

/// What of this process's environment it has: where programs are, proxies, and which certificates are good.
const PASSED: &[&str] = &[
    "PATH",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

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
    // Only keys that the user has put into an agent, and only servers that the user knows.
    (
        "GIT_SSH_COMMAND",
        "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentityFile=none -o ClearAllForwardings=yes \
         -o ConnectTimeout=30 -o ServerAliveInterval=15",
    ),
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
    /// Host and port of its server.
    pub(super) server: String,
    /// More settings, some of them secret.
    pub(super) settings: Vec<(String, String)>,
    /// The socket of an agent for ssh(1).
    pub(super) agent: Option<PathBuf>,
}

/// What a call has to do with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// A server, which may say nothing, or too much.
    Server,
    /// What has come.
    Objects,
}

/// Why it was ended.
enum Ended {
    Stopped,
    Silent,
    TooLarge(Bound),
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
        let mut child = self.command(arguments).spawn().map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::NoProgram,
            _ => Error::Io { operation: "start", path: PathBuf::from("git"), source },
        })?;
        let output = File::from(OwnedFd::from(child.stdout.take().expect("it is a pipe")));
        let stderr = child.stderr.take().expect("it is a pipe");
        let said = Said::default();
        let (enough, is_enough) = channel();
        let (taken, ended) = std::thread::scope(|scope| {
            scope.spawn(|| said.listen(stderr));
            let watch = Watch { git: self, with, said: &said, is_enough };
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

    /// Bounds what it may use, and lets it end with us, however we end. What it has started ends when its pipes do.
    fn bound(&self, command: &mut Command) {
        let home = self.store.home();
        let (size, memory) = (home.bound(&REPOSITORY).most, home.bound(&MEMORY).most);
        let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
        // SAFETY: between fork and exec it makes system calls only, prctl(2) and setrlimit(2), and takes no memory.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::KILL))?;
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
        command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (index, (name, value)) in self.settings.iter().enumerate() {
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
        let known = |line: &&str| is_offline(line) || super::error::is_known(line);
        let telling = lines().find(known);
        let telling = telling.or_else(|| lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:")));
        let said = telling.or_else(|| lines().next_back()).unwrap_or("nothing");
        let said = said.trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned();
        match is_offline(&said) {
            true => Error::Unreachable { server: self.server.clone(), reason: reason(&said) },
            false => Error::Failed { repository: self.name.clone(), said },
        }
    }
}

/// Why nobody is reached, without the address, which is said already, and without the time that it took.
fn reason(said: &str) -> String {
    let reason = said.rsplit_once("': ").map_or(said, |(_, reason)| reason);
    match (reason.find(" after "), reason.find(" ms: ")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &reason[..from], &reason[to + 3..]),
        _ => reason.to_owned(),
    }
}

/// What it says on its standard error, and how much.
#[derive(Default)]
struct Said {
    last: Mutex<Vec<u8>>,
    bytes: AtomicU64,
}

impl Said {
    fn listen(&self, mut stream: ChildStderr) {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            self.bytes.fetch_add(count as u64, Ordering::Relaxed);
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.extend_from_slice(&piece[..count]);
            let surplus = last.len().saturating_sub(SAID);
            last.drain(..surplus);
        }
    }

    fn text(&self) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Progress overwrites its line.
        String::from_utf8_lossy(&last).replace('\r', "\n")
    }
}

/// Who sees to it that a call ends.
struct Watch<'w> {
    git: &'w Git<'w>,
    with: With,
    said: &'w Said,
    /// Whether whoever reads the output has failed, when it is read.
    is_enough: Receiver<bool>,
}

impl Watch<'_> {
    /// Waits for the end of a process, and brings it about where that is needed.
    fn until_end(self, mut child: Child) -> Result<(ExitStatus, Option<Ended>), Error> {
        let group = Pid::from_child(&child);
        let meter = self.git.store.meter();
        let bound = self.git.store.home().bound(&REPOSITORY);
        let task = (self.with == With::Server).then(|| meter.begin(Work::Downloading, None));
        let (mut seen, mut last) = ((0, 0), Instant::now());
        let (mut ended, mut is_read) = (None, false);
        loop {
            let mut end = false;
            if ended.is_none() {
                ended = meter.check().is_err().then_some(Ended::Stopped);
            }
            if let (Some(task), None) = (&task, &ended) {
                let now = (self.said.bytes.load(Ordering::Relaxed), size(&self.git.folder.join("objects")));
                if now != seen {
                    let _ = task.add(now.1.saturating_sub(seen.1));
                    (seen, last) = (now, Instant::now());
                }
                ended = match () {
                    () if now.1 > bound.most => Some(Ended::TooLarge(bound)),
                    () if last.elapsed() > PATIENCE => Some(Ended::Silent),
                    () => None,
                };
            }
            match self.is_enough.recv_timeout(if is_read { Duration::from_millis(1) } else { PERIOD }) {
                Ok(has_failed) => {
                    (is_read, end) = (true, has_failed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
            }
            // It has not been waited for, so its number is still its own.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let has_ended = !matches!(waitid(WaitId::Pid(group), options), Ok(None));
            if has_ended || end || ended.is_some() {
                // What it has started may live on, and hold its streams.
                let _ = kill_process_group(group, Signal::KILL);
            }
            if has_ended {
                let status = child.wait().map_err(|error| self.git.io("wait for git in", error))?;
                return Ok((status, ended));
            }
        }
    }
}

/// The bytes in the files below a folder, packed or not.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size_of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size_of).sum()
}

/// Whether git, curl or ssh say that a server can't be reached.
fn is_offline(said: &str) -> bool {
    const OFFLINE: [&str; 8] = [
        "Could not resolve host",
        "Failed to connect",
        "Couldn't connect",
        "unable to connect",
        "unable to look up",
        "Connection refused",
        "timed out",
        "Network is unreachable",
    ];
    OFFLINE.iter().any(|words| said.contains(words))
}
