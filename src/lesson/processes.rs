//! Processes that a page's commands have left: a server in the background, which still has its port.
//!
//! They are known by the group or the session of the page's shell; and those that have left it, as a daemon does, by the home of the page, which is
//! in the environment of all that its shell starts: proc_pid_environ(5). One that has left the session and cleared its environment is not found.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long processes may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long those may take that end by themselves, such as the monitor of a container that was removed: a busy machine makes no lesson wrong.
const LONGEST_END: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(50);

/// The variable by which all that was started for something is known.
#[derive(Clone, Debug)]
pub(super) struct Mark(Vec<u8>);

impl Mark {
    pub(super) fn new(variable: &str, value: &Path) -> Mark {
        Mark([variable.as_bytes(), b"=", value.as_os_str().as_encoded_bytes()].concat())
    }

    /// Of a page.
    pub(super) fn of_home(home: &Path) -> Mark {
        Mark::new("LAYERLAB_HOME", home)
    }

    /// As it stands in an environment.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a process of this user's has it. The environments of others can't be read.
    fn is_on(&self, number: i32) -> bool {
        let environment = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == self.0)
    }
}

/// What the processes of a shell have in common: the place of its number in proc_pid_stat(5), behind the state.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kin {
    Group = 1,
    Session = 2,
}

/// The names of the processes that the commands of a home have left, of its shell if it still runs, and without that; none of a container's, all of which
/// are removed before. One that just ends is none that is left.
pub(super) fn left(home: &Path, shell: Option<(u32, Kin)>) -> Vec<String> {
    let (begun, mark) = (Instant::now(), Mark::of_home(home));
    loop {
        let mut names: Vec<String> = numbers().filter_map(|number| name_of_left(number, &mark, shell)).collect();
        if names.is_empty() || begun.elapsed() > LONGEST_END {
            names.sort();
            return names;
        }
        std::thread::sleep(GLANCE);
    }
}

/// The name of a process if it is one that is left.
fn name_of_left(number: i32, mark: &Mark, shell: Option<(u32, Kin)>) -> Option<String> {
    // `NUMBER (NAME) STATE PARENT GROUP SESSION …`. One that has ended has none.
    let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let (before, after) = text.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    if fields.next() == Some("Z") || shell.is_some_and(|(shell, _)| u32::try_from(number) == Ok(shell)) {
        return None;
    }
    let is_kin = shell.is_some_and(|(shell, kin)| fields.nth(kin as usize).is_some_and(|of| of.parse() == Ok(shell)));
    (is_kin || mark.is_on(number)).then(|| before.split_once('(').map_or(before, |(_, name)| name).to_owned())
}

/// Ends the processes with a mark.
pub(super) fn end(mark: &Mark) {
    let begun = Instant::now();
    for signal in [Signal::TERM, Signal::KILL] {
        loop {
            let left: Vec<i32> = numbers().filter(|number| mark.is_on(*number)).collect();
            if left.is_empty() {
                return;
            }
            for process in left.into_iter().filter_map(Pid::from_raw) {
                // It may have ended by now.
                let _ = kill_process(process, signal);
            }
            std::thread::sleep(GLANCE);
            if begun.elapsed() > PATIENCE {
                break;
            }
        }
    }
}

/// Whether a process has this home, by its number.
pub(crate) fn is_of(home: &Path, number: &str) -> bool {
    number.parse().is_ok_and(|number| Mark::of_home(home).is_on(number))
}

/// What goes on in the background, each with its number and what was typed to start it. The processes of containers are not meant: their session
/// is one of their own, and not that of a shell which has ended.
pub(crate) fn in_background(home: &Path) -> Vec<(i32, String)> {
    let mark = Mark::of_home(home);
    let found: Vec<Pid> = numbers().filter(|number| mark.is_on(*number)).filter_map(Pid::from_raw).collect();
    let is_job = |process: &Pid| {
        let session = rustix::process::getsid(Some(*process)).ok();
        let is_of_shell = session.is_some_and(|session| !found.contains(&session));
        // One of a group stands for all of it.
        is_of_shell && rustix::process::getpgid(Some(*process)).is_ok_and(|group| group == *process)
    };
    let command = |process: &Pid| {
        let number = process.as_raw_nonzero().get();
        let text = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let words: Vec<_> = text.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        (number, words.join(" ").trim_end().to_owned())
    };
    found.iter().filter(|process| is_job(process)).map(command).collect()
}

/// The numbers of all processes but ours.
fn numbers() -> impl Iterator<Item = i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(move |number| *number != own)
}
