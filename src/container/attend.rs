//! A container of a blueprint in the foreground: its terminal is ours, its signals are ours, and so is its end.
//!
//! Its first process has become our child when the one between ended: see [`orphan`](super::orphan).

use std::os::fd::{AsFd as _, OwnedFd};

use nix::poll::{PollFlags, PollTimeout};
use nix::unistd::Pid;

use super::awaited::{Awaited, ready};
use super::console::{Came, Console, Far};
use super::error::Error;
use super::heard::Exit;
use super::orphan::Orphan;
use super::processes;
use super::signals::Caught;

/// Whether the container's processes get what a terminal of ours is typed.
#[derive(Clone, Copy)]
enum Source {
    End,
    Signals,
    Console,
    Input,
}

/// Serves a container until its first process has ended.
///
/// # Errors
/// It is not our child, or its terminal can't be served.
pub(crate) fn attend(orphan: Orphan) -> Result<Exit, Error> {
    let Orphan { process, number, terminal, .. } = orphan;
    let caught = Caught::begin()?;
    let mut console = terminal.map(|master| Console::new(master, Far::Ours, None)).transpose()?;
    let mut buffer = vec![0; 32 << 10];
    while !processes::has_ended(&process) {
        for source in
            ready(&ends(&process, &caught, console.as_ref()), PollTimeout::NONE).map_err(Error::call("poll"))?
        {
            match (source, &mut console) {
                (Source::Signals, console) => {
                    caught.take().into_iter().for_each(|signal| pass_on(signal, &process, console.as_ref()));
                }
                (Source::Console, Some(open)) => {
                    if matches!(open.read(&mut buffer), Came::End | Came::Unread) {
                        console = None;
                    }
                }
                (Source::Input, Some(console)) => drop(console.copy_input()),
                (Source::Console | Source::Input | Source::End, _) => {}
            }
        }
    }
    // What it has written last.
    while console.as_mut().is_some_and(|console| matches!(console.read(&mut buffer), Came::Shown(_))) {}
    let status = processes::wait(Pid::from_raw(number)).map_err(Error::call("waitpid"))?;
    Ok(if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    })
}

fn ends<'a>(process: &'a OwnedFd, caught: &'a Caught, console: Option<&'a Console>) -> Vec<Awaited<'a, Source>> {
    let input = PollFlags::POLLIN;
    let mut ends = vec![(Source::End, process.as_fd(), input), (Source::Signals, caught.as_fd(), input)];
    ends.extend(console.map(|console| (Source::Console, console.master(), console.wanted())));
    ends.extend(console.and_then(Console::input).map(|end| (Source::Input, end, input)));
    ends
}

fn pass_on(signal: i32, process: &OwnedFd, console: Option<&Console>) {
    match (signal, console) {
        (libc::SIGWINCH, Some(console)) => console.copy_window_size(),
        // One that has ended gets nothing.
        _ => drop(processes::signal(process, signal)),
    }
}
