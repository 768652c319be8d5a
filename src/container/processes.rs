//! Processes by their descriptors, and how they end: pidfd_open(2), pidfd_send_signal(2), waitpid(2).
//!
//! The number of a process may belong to another one as soon as it has ended. Its descriptor never does.

use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use rustix::process::{PidfdFlags, pidfd_open};

use super::error::{Failure, answer};

/// A descriptor that becomes readable when the process ends.
pub(super) fn pidfd(process: Pid) -> Result<OwnedFd, Errno> {
    let process = rustix::process::Pid::from_raw(process.as_raw()).ok_or(Errno::ESRCH)?;
    pidfd_open(process, PidfdFlags::empty()).map_err(answer)
}

/// Sends a signal. ESRCH: the process has ended.
pub(super) fn signal(process: &OwnedFd, number: i32) -> Result<(), Errno> {
    send(process, number, 0)
}

/// Sends a signal to a process and to all others of its group; before Linux 6.9 to the process alone.
pub(super) fn signal_group(leader: &OwnedFd, number: i32) -> Result<(), Errno> {
    match send(leader, number, PIDFD_SIGNAL_PROCESS_GROUP) {
        Err(Errno::EINVAL) => signal(leader, number),
        answer => answer,
    }
}

/// See pidfd_send_signal(2).
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

fn send(process: &OwnedFd, number: i32, flags: libc::c_uint) -> Result<(), Errno> {
    let no_details: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: pidfd_send_signal(2): a descriptor that is open, and no structure to read.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), number, no_details, flags) };
    Errno::result(answer).map(drop)
}

/// Whether a process has ended.
pub(super) fn has_ended(process: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut polled, PollTimeout::ZERO), Ok(count) if count > 0)
}

/// Waits until one of two processes has ended.
pub(super) fn wait_for_one(one: &OwnedFd, other: &OwnedFd) -> Result<(), Errno> {
    let mut polled = [one, other].map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN));
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            ended => return ended.map(drop),
        }
    }
}

/// Whether a process is to end: it was killed, or is ending. In a process id namespace the first one waits then for all others.
pub(super) fn is_ending(process: &OwnedFd) -> bool {
    const PF_EXITING: u64 = 4;
    let Some(number) = number(process) else { return true };
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{number}/{name}")).unwrap_or_default();
    let stat = read("stat");
    // Behind the name, which may have anything in it.
    let flags = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(6)?.parse::<u64>().ok());
    let status = read("status");
    let mut pending = status.lines().filter_map(|line| {
        let mask = line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    flags.is_none_or(|flags| flags & PF_EXITING != 0) || pending.any(|mask| mask & 1 << (libc::SIGKILL - 1) != 0)
}

/// The number that a process has for us; `None` when it has ended.
pub(crate) fn number(process: &OwnedFd) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
    let number: i32 = text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    (number > 0).then_some(number)
}

/// Asks the kernel to kill this process when its parent ends, or more exactly the thread that forked it.
pub(super) fn end_with_parent() -> Result<(), Failure> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .map_err(|errno| Failure::call("prctl(PR_SET_PDEATHSIG)", errno))
}

/// Waits for the end of a child, and gives its status as waitpid(2) writes it.
pub(super) fn wait(child: Pid) -> Result<i32, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid(2) writes one int, which lives until it returns.
        match Errno::result(unsafe { libc::waitpid(child.as_raw(), &raw mut status, 0) }) {
            Ok(_) => return Ok(status),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// What a process does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// It has a handler.
    Handled,
    /// It has asked for it to be ignored.
    Ignored,
    /// It has said nothing.
    Default,
}

/// What the process of a number does with a signal; `None` when it has ended. See proc_pid_status(5).
pub(super) fn disposition(process: i32, signal: i32) -> Option<Disposition> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let is_in = |field: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(u64::from_str_radix(mask.trim(), 16).ok()? & (1 << (signal - 1)) != 0)
    };
    Some(match (is_in("SigCgt")?, is_in("SigIgn")?) {
        (true, _) => Disposition::Handled,
        (false, true) => Disposition::Ignored,
        (false, false) => Disposition::Default,
    })
}

/// Closes our standard streams, in a process that will not use them, and opens nothing that others expect there.
pub(super) fn close_standard_streams() {
    // SAFETY: close_range(2): the numbers belong to nobody in this process but to whoever was given them as standard streams.
    unsafe { libc::syscall(libc::SYS_close_range, 0, 2, 0) };
}

/// Leaves the session, the terminal, the folder and the signals of the process that we are a copy of, and closes all descriptors but these.
pub(crate) fn stand_alone(mut kept: Vec<RawFd>) -> Result<(), Errno> {
    let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    setsid()?;
    for number in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGTSTP] {
        // SAFETY: signal(2) with an action that runs no code.
        unsafe { nix::sys::signal::signal(number, SigHandler::SigDfl) }?;
    }
    let null = File::options().read(true).write(true).open("/dev/null").map_err(errno)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    kept.push(null.as_raw_fd());
    close_all_but(kept)?;
    std::env::set_current_dir("/").map_err(errno)
}

/// Has every descriptor above 2 closed by the next execve(2), but these.
pub(crate) fn keep_only_over_execve(kept: &[RawFd]) -> Result<(), Errno> {
    const CLOEXEC: libc::c_uint = 4;
    // SAFETY: close_range(2) and fcntl(2), which close nothing now.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_close_range, 3, RawFd::MAX, CLOEXEC))?;
        kept.iter().try_for_each(|kept| Errno::result(libc::fcntl(*kept, libc::F_SETFD, 0)).map(drop))
    }
}

/// Closes every descriptor above 2 that is not `kept`: in a process that was just forked.
pub(crate) fn close_all_but(mut kept: Vec<RawFd>) -> Result<(), Errno> {
    kept.sort_unstable();
    let mut first = 3;
    for descriptor in kept.into_iter().chain([RawFd::MAX]) {
        if first < descriptor {
            // SAFETY: close_range(2). The descriptors belong to the process we were forked from;
            // their owners' code never runs here.
            let answer = unsafe { libc::syscall(libc::SYS_close_range, first, descriptor - 1, 0) };
            Errno::result(answer)?;
        }
        first = descriptor.saturating_add(1);
    }
    Ok(())
}
