//! A registry that stands in for Docker Hub, for pages whose folder says what it has: so `docker pull alpine` works as it is written, without
//! a network and without an account.
//!
//! ```text
//! hub/library/alpine/Dockerfile                a folder for each repository; its image is built and gets the tag `latest`
//! hub/jupyter/tensorflow-notebook/Dockerfile
//! ```
//!
//! It is this program: a store of its own behind `layerlab serve --writable`, at a port of the loopback interface that the kernel chooses. It takes any
//! password. `registries.toml` in the home of the page leads there.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::terminal::GLANCE;
use crate::progress::Interrupt;

/// When its images are made: before what is built from them.
const LONG_AGO: (&str, &str) = ("SOURCE_DATE_EPOCH", "1690000000");

/// The most that is told of a build that failed, in bytes.
const MOST_SAID: u64 = 64 << 10;

/// How deep the folder of a repository may lie: `library/alpine` lies two deep.
const DEEPEST: usize = 4;

/// Ends the registry when nobody holds the other end of its standard input any more, however that came about.
const GUARD: &str = r#""$0" "$@" & cat > /dev/null; kill "$!"; wait "$!""#;

/// How long a program may take, and the wish to stop, where that is heeded.
#[derive(Clone, Debug)]
pub(super) struct Until {
    pub(super) interrupt: Option<Interrupt>,
    pub(super) patience: Duration,
}

/// The registry of a page, which ends with the value.
#[derive(Debug)]
pub(super) struct Hub {
    server: Child,
    /// Where it listens: `127.0.0.1:40123`.
    address: String,
}

impl Hub {
    /// Builds what a folder has, with these variables, and offers it from a home. Where nobody says how long that may take, it takes its time.
    ///
    /// # Errors
    /// What the file system says; an image that can't be built, with what its build printed, or takes too long.
    pub(super) fn start(
        program: &Path,
        home: &Path,
        shelves: &Path,
        variables: &[(&'static str, &'static str)],
        until: Option<&Until>,
    ) -> io::Result<Hub> {
        let mut repositories = Vec::new();
        find(shelves, Path::new(""), &mut repositories)?;
        let layerlab = || {
            let mut command = Command::new(program);
            command.arg("--home").arg(home).stdin(Stdio::null());
            command.envs(variables.iter().copied()).envs([("LAYERLAB_PULL", "never"), LONG_AGO]);
            command
        };
        for repository in repositories {
            let name = format!("docker.io/{}", repository.display());
            let mut build = layerlab();
            build.args(["build", "-q", "-t", &name]).arg(shelves.join(&repository)).stdout(Stdio::null());
            if let Err(said) = finished(&mut build, until)? {
                return Err(io::Error::other(said.trim_end().to_owned()));
            }
        }
        let mut serve = Command::new("sh");
        serve.args(["-c", GUARD]).arg(program).arg("--home").arg(home);
        serve.args(["serve", "--writable", "--addr", "127.0.0.1:0"]);
        // Ctrl-C is for the command of the page: it must end neither the guard nor, by it, the registry.
        serve.process_group(0);
        let mut server = serve.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(server.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut greeting = String::new();
        lines.read_line(&mut greeting)?;
        let address = greeting.split([' ', ',']).find(|word| word.starts_with("127.0.0.1:")).map(str::to_owned);
        // It says what is asked of it, and would wait for a reader.
        std::thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
        let hub = Hub { server, address: address.unwrap_or_default() };
        if hub.address.is_empty() {
            return Err(io::Error::other(format!("the registry of this page said: {}", greeting.trim_end())));
        }
        Ok(hub)
    }

    /// What `registries.toml` says for whoever is to take it for Docker Hub.
    pub(super) fn settings(&self) -> String {
        format!("[registry.\"docker.io\"]\nserver = \"http://{}\"\n", self.address)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        // It may have ended; nothing of it is needed any more.
        let _ = self.server.wait();
    }
}

/// Waits for a program to end; gives what it has said where it failed.
pub(super) fn finished(command: &mut Command, until: Option<&Until>) -> io::Result<Result<(), String>> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let errors = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, said) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let mut errors = errors;
        let _ = errors.by_ref().take(MOST_SAID).read_to_end(&mut text);
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
        io::copy(&mut errors, &mut io::sink())
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let stopped = until.and_then(|until| {
            let is_late = begun.elapsed() >= until.patience;
            let late = || io::Error::other(format!("this took longer than {} s", until.patience.as_secs()));
            match until.interrupt.as_ref().is_some_and(Interrupt::is_requested) {
                true => Some(io::Error::from(io::ErrorKind::Interrupted)),
                false => is_late.then(late),
            }
        });
        if let Some(error) = stopped {
            // Its containers end with it.
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
        std::thread::sleep(GLANCE / 5);
    };
    Ok(if status.success() { Ok(()) } else { Err(said.recv_timeout(GLANCE).unwrap_or_default()) })
}

/// Finds the folders below `folder` that have a Dockerfile; `name` is what leads to it.
fn find(shelves: &Path, name: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let folder = shelves.join(name);
    if folder.join("Dockerfile").is_file() {
        found.push(name.to_owned());
        return Ok(());
    }
    if name.components().count() == DEEPEST {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(name.join(entry.file_name()));
        }
    }
    names.sort();
    names.iter().try_for_each(|name| find(shelves, name, found))
}
