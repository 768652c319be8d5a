//! A further process in a container that runs: what it is to be, and how its monitor is asked for it.
//!
//! The rules are Docker's: it has the environment of the container with what was asked for laid over it, the container's user and working
//! directory where no others were asked for, and never more rights than the container's own process.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::monitor::talk::Ask;
use super::prepare::note_plan;
use super::record::Record;
use super::request::{TERM, Variable};
use super::session::Session;
use super::{Error, lent};
use crate::container::{Connected, Entrance, Further, Init, Operation, Process, Terminal, Wanted};
use crate::oci::Environment;

/// What is asked of a further process.
#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) args: Vec<String>,
    /// Laid over the container's environment.
    pub(crate) env: Vec<Variable>,
    /// `None`: the container's.
    pub(crate) user: Option<String>,
    /// `None`: the container's.
    pub(crate) working_dir: Option<String>,
    pub(crate) terminal: Terminal,
    pub(crate) connected: Connected,
}

/// No description of a process is longer: the arguments and variables of a program are no more than 2 MiB.
const LONGEST: u64 = 8 << 20;

impl Extra {
    /// The process, in the container of this record.
    pub(crate) fn process(&self, container: &Record) -> Process {
        let Process { env, cwd, user, groups, rights, limits, terminal, .. } = &container.process;
        let mut environment = Environment::default();
        // The terminal of the container is not that of this process.
        let is_for_terminal = |entry: &String| *terminal == Terminal::Yes && entry == TERM;
        for entry in env.iter().filter(|entry| !is_for_terminal(entry)) {
            environment.put_in_place(entry);
        }
        if self.terminal == Terminal::Yes && !env.iter().any(|entry| entry.starts_with("TERM=") && entry != TERM) {
            environment.put_in_place(TERM);
        }
        for Variable { name, value } in &self.env {
            environment.set(name, value);
        }
        Process {
            env: environment.entries(),
            cwd: self.working_dir.clone().unwrap_or_else(|| cwd.clone()),
            user: self.user.clone().unwrap_or_else(|| user.clone()),
            groups: groups.clone(),
            terminal: self.terminal,
            rights: rights.clone(),
            limits: limits.clone(),
            init: Init::None,
            ..Process::new(self.args.clone())
        }
    }
}

/// Has the monitor of a container make a further process in it.
///
/// # Errors
/// [`Error::Refused`]; the container has ended; a descriptor can't be made.
pub(crate) fn begin(session: &Session, container: &Record, extra: &Extra) -> Result<Further, Error> {
    lent::check(container)?;
    let process = extra.process(container);
    let description = describe(&process)?;
    let (further, given) = Further::seat(extra.terminal, extra.connected.clone())?;
    let window = match (extra.terminal, &extra.connected) {
        (Terminal::No, _) | (_, Connected::Not | Connected::Captured) => None,
        (Terminal::Yes, Connected::Output | Connected::All(_)) => Further::window(),
    };
    let descriptors: Vec<_> = std::iter::once(&description).chain(&given).map(OwnedFd::as_fd).collect();
    session.ask_with(&Ask::Exec { window }, &descriptors)?;
    if let Some(plan) = Entrance::foreseen(&process) {
        note_plan(&plan, why);
    }
    Ok(further)
}

/// Why it is done for a further process.
fn why(operation: &Operation) -> &'static str {
    match operation {
        Operation::ForkInit => {
            "setns(2) leaves us in our process id namespace: only our children are in the container's"
        }
        Operation::Execute { .. } => {
            "what its environment is comes of the container's, and of what was asked for besides"
        }
        other => other.why(),
    }
}

/// The process as a file in memory: it may be longer than a message.
fn describe(process: &Process) -> Result<OwnedFd, Error> {
    let refused = |errno| Error::Call { call: "memfd_create", errno };
    let mut file = File::from(memfd_create(c"process", MFdFlags::MFD_CLOEXEC).map_err(refused)?);
    let text = serde_json::to_vec(process).unwrap_or_default();
    file.write_all(&text).map_err(Error::io("write", "the description of a process"))?;
    Ok(file.into())
}

/// What comes of the descriptors that a monitor gets.
///
/// # Errors
/// They are not what [`begin`] sends.
pub(super) fn wanted(descriptors: Vec<OwnedFd>, window: Option<(u16, u16)>) -> Result<Wanted, Error> {
    let bad = || Error::Refused("a process is wanted that nobody has described".to_owned());
    let [description, link, errno, input, output, errors] = <[OwnedFd; 6]>::try_from(descriptors).map_err(|_| bad())?;
    let mut file = File::from(description);
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.take(LONGEST).read_to_end(&mut text));
    read.map_err(Error::io("read", "the description of a process"))?;
    let process = serde_json::from_slice(&text).map_err(|_| bad())?;
    Ok(Wanted { process, link, errno, streams: [input, output, errors], window })
}
