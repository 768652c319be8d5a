//! A process that waits for an answer: its memory, its files, and the state that it carries.
//!
//! It is hostile. Its threads change its memory and its directories while we look, so each argument is read once, each path becomes a
//! descriptor once, and what is then done is done to the descriptor. A path is resolved where the process would have the kernel
//! resolve it: below its own root, never through the magic links of /proc, which would lead as far as *our* rights do.
//!
//! Its number may be another's as soon as it is killed. All that is read or written goes through descriptors, and the answer is worth
//! something only if the process was still waiting after they were opened: [`super::listener`] asks the kernel that.

use std::ffi::CString;
use std::fs::File;
use std::io::{IoSliceMut, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Pid, chroot, fchdir};

use super::super::capabilities::Capabilities;
use super::super::inside::patiently;
use super::memory::Memory;

/// The longest path, with the zero at its end: PATH_MAX.
const LONGEST_PATH: usize = 4096;
const PAGE: u64 = 4096;

/// The machine as we see it ourselves.
pub(super) struct Machine {
    root: OwnedFd,
    proc: OwnedFd,
}

impl Machine {
    pub(crate) fn open() -> Result<Machine, Errno> {
        let directory = |path: &str| open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
        Ok(Machine { root: directory("/")?, proc: directory("/proc")? })
    }

    /// From now on this thread has a root and a working directory of its own.
    pub(crate) fn apart() -> Result<(), Errno> {
        unshare(CloneFlags::CLONE_FS)
    }

    /// Does something with another root and another working directory, and comes back. The thread has [its own](Machine::apart).
    fn inside<R>(&self, root: &OwnedFd, start: &OwnedFd, work: impl FnOnce() -> Result<R, Errno>) -> Result<R, Errno> {
        fchdir(root)?;
        chroot(".")?;
        let answer = fchdir(start).and_then(|()| work());
        // Whatever is done next would be done in a place that somebody else has chosen.
        if fchdir(&self.root).and_then(|()| chroot(".")).is_err() {
            std::process::abort();
        }
        answer
    }
}

/// A thread that waits for an answer.
pub(super) struct Target<'a> {
    machine: &'a Machine,
    number: u32,
}

impl<'a> Target<'a> {
    pub(crate) fn new(machine: &'a Machine, number: u32) -> Target<'a> {
        Target { machine, number }
    }

    fn open(&self, name: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        let path = format!("{}/{name}", self.number);
        openat(&self.machine.proc, path.as_str(), flags | OFlag::O_CLOEXEC, Mode::empty())
    }

    /// Its memory, to be written to.
    pub(crate) fn memory(&self) -> Result<Memory, Errno> {
        Ok(Memory::of(self.open("mem", OFlag::O_WRONLY)?, self.open("maps", OFlag::O_RDONLY)?))
    }

    /// Reads its memory. Where it was killed, this may be another's: what was read is worth something only if it [still waits].
    ///
    /// [still waits]: super::listener::Listener::still_waits
    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        let place = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
        let wanted = bytes.len();
        let theirs = RemoteIoVec { base: place, len: wanted };
        let read = process_vm_readv(self.process(), &mut [IoSliceMut::new(bytes)], &[theirs])?;
        if read == wanted { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// Reads a path, to the zero at its end. The page behind it may not be there.
    pub(crate) fn path(&self, address: u64) -> Result<CString, Errno> {
        let mut path = Vec::new();
        while path.len() < LONGEST_PATH {
            let from = address.checked_add(path.len() as u64).ok_or(Errno::EFAULT)?;
            let mut piece = vec![0; (PAGE - from % PAGE) as usize];
            self.read(from, &mut piece)?;
            let end = piece.iter().position(|byte| *byte == 0);
            path.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            if end.is_some() && path.len() < LONGEST_PATH {
                return CString::new(path).map_err(|_| Errno::EFAULT);
            }
        }
        Err(Errno::ENAMETOOLONG)
    }

    /// What one of its descriptors leads to.
    pub(crate) fn descriptor(&self, number: RawFd) -> Result<OwnedFd, Errno> {
        if number < 0 {
            return Err(Errno::EBADF);
        }
        self.open(&format!("fd/{number}"), OFlag::O_PATH).map_err(|errno| match errno {
            Errno::ENOENT => Errno::EBADF,
            errno => errno,
        })
    }

    /// The directory that a call starts from: that of a descriptor, or the working directory.
    pub(crate) fn directory(&self, number: RawFd) -> Result<OwnedFd, Errno> {
        if number == AT_FDCWD.as_raw_fd() { self.open("cwd", OFlag::O_PATH) } else { self.descriptor(number) }
    }

    /// Opens, to name it only, what a path leads to from a directory.
    pub(crate) fn find(&self, start: RawFd, path: &CString, follow: Follow) -> Result<OwnedFd, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        match self.look_up(start, path, follow) {
            Err(errno @ (Errno::ENOENT | Errno::ELOOP)) if follow == Follow::Yes => match own_descriptor(path) {
                Some(number) => self.descriptor(number),
                None => Err(errno),
            },
            found => found,
        }
    }

    // ANCHOR: look_up
    fn look_up(&self, start: RawFd, path: &CString, follow: Follow) -> Result<OwnedFd, Errno> {
        let flags = match follow {
            Follow::Yes => OFlag::O_PATH | OFlag::O_CLOEXEC,
            Follow::No => OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW,
        };
        let within = |resolve| OpenHow::new().flags(flags).resolve(resolve | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let root = || self.open("root", OFlag::O_PATH | OFlag::O_DIRECTORY);
        if path.as_bytes().starts_with(b"/") {
            let root = root()?;
            return patiently(|| openat2(&root, path.as_c_str(), within(ResolveFlag::RESOLVE_IN_ROOT)));
        }
        let start = self.directory(start)?;
        let simple = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        match openat2(&start, path.as_c_str(), within(simple)) {
            // A link on the way, or a step up: where that leads depends on the root.
            Err(Errno::ELOOP | Errno::EXDEV | Errno::EAGAIN) => {
                let root = root()?;
                self.machine.inside(&root, &start, || openat2(AT_FDCWD, path.as_c_str(), within(ResolveFlag::empty())))
            }
            found => found,
        }
    }
    // ANCHOR_END: look_up

    fn process(&self) -> Pid {
        Pid::from_raw(self.number.cast_signed())
    }

    /// What tells this program in this process from all others: the kernel puts the stack of each at another place.
    pub(crate) fn program(&self) -> Option<Program> {
        let text = self.text("stat")?;
        // Behind the name, which may have anything in it.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Program { process: self.number, begun: field(22)?, stack: field(28)? })
    }

    /// Whether the kernel lets it use a capability.
    pub(crate) fn has(&self, capability: &str) -> bool {
        let effective = || {
            let text = self.text("status")?;
            let mask = text.lines().find_map(|line| line.strip_prefix("CapEff:"))?.trim();
            Some(Capabilities::of_bits(u64::from_str_radix(mask, 16).ok()?))
        };
        effective().is_some_and(|set| set.has(capability))
    }

    fn text(&self, name: &str) -> Option<String> {
        let mut text = String::new();
        File::from(self.open(name, OFlag::O_RDONLY).ok()?).take(PAGE).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// The number that it carries; it has it from its parent, and keeps it when it executes a program.
    ///
    /// That is its limit of file locks, which no kernel since 2.4 looks at. Whoever changes it for himself changes only what he is told.
    pub(crate) fn carried(&self) -> Option<u64> {
        let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
        let nothing: *const libc::rlimit64 = std::ptr::null();
        // SAFETY: prlimit(2) writes one structure, which lives until it returns.
        let answer = unsafe { libc::prlimit64(self.number as i32, libc::RLIMIT_LOCKS, nothing, &raw mut limit) };
        Errno::result(answer).ok().map(|_| limit.rlim_cur)
    }

    /// Has it carry another number.
    pub(crate) fn carry(&self, number: u64) -> Result<(), Errno> {
        let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
        let nothing: *const libc::rlimit64 = std::ptr::null();
        // SAFETY: as above.
        Errno::result(unsafe { libc::prlimit64(self.number as i32, libc::RLIMIT_LOCKS, nothing, &raw mut limit) })?;
        if limit.rlim_max < number {
            return Err(Errno::EAGAIN);
        }
        limit.rlim_cur = number;
        let unwanted: *mut libc::rlimit64 = std::ptr::null_mut();
        // SAFETY: prlimit(2) reads one structure, which lives until it returns.
        let answer = unsafe { libc::prlimit64(self.number as i32, libc::RLIMIT_LOCKS, &raw const limit, unwanted) };
        Errno::result(answer).map(drop)
    }
}

/// A program that a process executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Program {
    process: u32,
    begun: u64,
    stack: u64,
}

/// Whether a link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    No,
}

/// The number of a descriptor that a path names: one of the names by which programs know their own. They are magic links, which are not
/// followed, and behind proc's `self`, which would be us.
fn own_descriptor(path: &CString) -> Option<RawFd> {
    match path.to_str().ok()? {
        "/dev/stdin" => Some(0),
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        path => ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|folder| path.strip_prefix(folder))?.parse().ok(),
    }
}
