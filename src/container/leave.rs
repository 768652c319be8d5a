//! The last steps before the command: session, user, rights, and execve(2).
//!
//! What is undone here can't be got back, so the order is the plan's whole point; see the reasons
//! in [`super::explain`].

use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::{FileStat, Mode, fstat, umask};
use nix::unistd::{AccessFlags, access, setsid};

use super::account::{self, Account};
use super::capabilities::{self, Capabilities};
use super::error::{CARRIAGE_RETURN_HINT, Cause, Failure, errno};
use super::identity::Identity;
use super::inside::Root;
use super::userns::{set_group, set_groups, set_user};
use crate::hidden::HiddenVariable;

/// Where programs are looked for when the environment has no PATH.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Becomes the leader of a new session.
pub(super) fn new_session() -> Result<(), Failure> {
    setsid().map(drop).map_err(|errno| Failure::call("setsid", errno))
}

/// Puts the container's own /dev/null where a standard stream is the machine's.
pub(super) fn own_null(root: &Root) -> Result<(), Failure> {
    let path = Path::new("/dev/null");
    let refused = |call: &'static str| move |errno| Failure::refused(call, path, errno);
    let is_null =
        |found: &FileStat| found.st_mode & libc::S_IFMT == libc::S_IFCHR && found.st_rdev == libc::makedev(1, 3);
    for stream in 0..3 {
        // SAFETY: it is only looked at, and a number that is not open is an answer.
        let open = unsafe { BorrowedFd::borrow_raw(stream) };
        if !fstat(open).is_ok_and(|found| is_null(&found)) {
            continue;
        }
        let own = root.find(path, OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK).map_err(refused("open"))?;
        if !is_null(&fstat(&own).map_err(refused("stat"))?) {
            return Err(refused("open")(Errno::ENODEV));
        }
        // SAFETY: dup2(2) onto a standard stream, which nobody in this process owns.
        Errno::result(unsafe { libc::dup2(own.as_raw_fd(), stream) }).map_err(refused("dup2"))?;
    }
    Ok(())
}

const SHORT_RANGES_HINT: &str = "the ranges in `/etc/subuid` and `/etc/subgid` are too short for this id";

const SINGLE_ID_HINT: &str = "only one id exists here: `newuidmap` and a line for this user in \
     `/etc/subuid` and in `/etc/subgid` allow more";

/// Joins a new, empty session keyring, see keyctl(2).
pub(super) fn new_keyring() -> Result<(), Failure> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    let no_name: *const libc::c_char = std::ptr::null();
    // SAFETY: keyctl(2): no name, so the kernel reads nothing from us.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, no_name) };
    match Errno::result(answer) {
        // Kernels without keys, and filters that refuse keyctl: they refuse it to the container, too.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        Err(errno @ Errno::EDQUOT) => Err(Failure::call("keyctl(KEYCTL_JOIN_SESSION_KEYRING)", errno)
            .hint("each container has a keyring: `sysctl kernel.keys.maxkeys` says how many a user may have")),
        Err(errno) => Err(Failure::call("keyctl(KEYCTL_JOIN_SESSION_KEYRING)", errno)),
    }
}

/// Promises that no executed file raises privileges.
pub(super) fn forbid_new_privileges() -> Result<(), Failure> {
    nix::sys::prctl::set_no_new_privs().map_err(|errno| Failure::call("prctl(PR_SET_NO_NEW_PRIVS)", errno))
}

/// Looks a user up in the files of the root file system that this process is in.
pub(super) fn resolve_user(root: &Root, user: &str, groups: &[String]) -> Result<Account, Failure> {
    let passwd = small_text(root, Path::new("/etc/passwd"))?;
    let group = small_text(root, Path::new("/etc/group"))?;
    let mut account = Account::resolve(user, &passwd, &group)?;
    account.join(groups, &group)?;
    Ok(account)
}

/// The account of a user and groups that are given by number. Only its home is looked up.
pub(super) fn account_of(root: &Root, uid: u32, gid: u32, further: &[u32]) -> Result<Account, Failure> {
    let passwd = small_text(root, Path::new("/etc/passwd"))?;
    let (groups, further) = (further.to_vec(), further.to_vec());
    Ok(Account { uid, gid, groups, further, home: account::home_of(uid, &passwd) })
}

/// Whether a standard stream is a pipe or a socket.
pub(super) fn is_pipe(stream: RawFd) -> bool {
    // SAFETY: it is only looked at, and a number that is not open is an answer.
    let open = unsafe { BorrowedFd::borrow_raw(stream) };
    fstat(open).is_ok_and(|found| [libc::S_IFIFO, libc::S_IFSOCK].contains(&(found.st_mode & libc::S_IFMT)))
}

/// Reads a text file of the image, which may be anything: only a regular file counts, and only its
/// first 16 MiB.
fn small_text(root: &Root, path: &Path) -> Result<String, Failure> {
    const LIMIT: u64 = 16 << 20;
    // Without O_NONBLOCK a FIFO under this name would stop us for ever.
    let file = match root.find(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY) {
        Ok(file) => std::fs::File::from(file),
        // There is no such file, or what is there is nothing to read users from.
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENXIO | Errno::ENODEV | Errno::EACCES) => {
            return Ok(String::new());
        }
        Err(errno) => return Err(Failure::refused("open", path, errno)),
    };
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes).map_err(|error| Failure::refused("read", path, errno(&error)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Becomes the user with its groups. `streams` become the user's too, or it could not open
/// /dev/stdout.
pub(super) fn switch_user(account: &Account, identity: &Identity, streams: &[RawFd]) -> Result<(), Failure> {
    let hint = |failure: Failure| match identity {
        Identity::Root => failure,
        Identity::Mapped { .. } => failure.hint(SHORT_RANGES_HINT),
        Identity::Single => failure.hint(SINGLE_ID_HINT),
    };
    for stream in streams {
        // SAFETY: fchown(2) on a standard stream; where the id is not mapped, the switch below
        // says so.
        unsafe { libc::fchown(*stream, account.uid, libc::gid_t::MAX) };
    }
    match identity {
        // setgroups is denied for good in such a namespace; the one group there is needs no
        // setting.
        Identity::Single if account.further.is_empty() => {}
        Identity::Single | Identity::Root | Identity::Mapped { .. } => {
            set_groups(&account.groups).map_err(|errno| hint(Failure::call("setgroups", errno)))?;
        }
    }
    set_group(account.gid).map_err(|errno| hint(Failure::call(&format!("setresgid({})", account.gid), errno)))?;
    set_user(account.uid).map_err(|errno| hint(Failure::call(&format!("setresuid({})", account.uid), errno)))
}

/// Root keeps what it may keep; any other user lost everything when it stopped being root.
pub(super) fn limit(account: &Account, keep: Capabilities) -> Result<(), Failure> {
    capabilities::limit(if account.uid == 0 { keep } else { Capabilities::none() })
}

/// Gives the command a clean start: signals as by default, umask 022, no descriptor above 2.
pub(super) fn clean_up() -> Result<(), Failure> {
    // Nobody may change the action of these two.
    for signal in (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
        // The kernel's structure, whose fields are all zero for "the default action, no flags".
        // The C library's function would refuse the two signals that it keeps for itself.
        let default = [0u64; 4];
        // SAFETY: rt_sigaction(2) reads the structure, at most 32 bytes.
        let answer =
            unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null::<u64>(), 8) };
        Errno::result(answer).map_err(|errno| Failure::call(&format!("rt_sigaction({signal})"), errno))?;
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(|errno| Failure::call("sigprocmask", errno))?;
    umask(Mode::from_bits_truncate(0o022));
    close_on_exec_from(3)
}

/// Marks every descriptor from `first` on to be closed by execve: those of other parts of this
/// process, too.
fn close_on_exec_from(first: libc::c_uint) -> Result<(), Failure> {
    // SAFETY: close_range(2): numbers only; with this flag nothing is closed now.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(answer).map(drop).map_err(|errno| {
        Failure::call("close_range", errno).hint("Linux 5.11 is needed, and a filter that knows `close_range`")
    })
}

/// What is to be executed, found.
pub(super) struct Command {
    /// Where it is in the container.
    pub(crate) path: PathBuf,
    /// The same, as execve(2) takes it.
    pub(crate) program: CString,
    pub(crate) args: Vec<CString>,
    pub(crate) env: Vec<CString>,
    /// What it would mean that the kernel does not find it.
    pub(crate) missing: &'static str,
}

/// Finds the program with the rights that this process has now.
///
/// A secret takes the place of a variable of its name; no message has its value.
pub(super) fn find_command(
    args: &[String],
    env: &[String],
    secrets: &[HiddenVariable],
    home: &str,
) -> Result<Command, Failure> {
    let is_secret = |variable: &String| {
        let name = variable.split_once('=').map_or(variable.as_str(), |(name, _)| name);
        secrets.iter().any(|secret| secret.name == name)
    };
    let mut env: Vec<String> = env.iter().filter(|variable| !is_secret(variable)).cloned().collect();
    let is_set = |name: &str| secrets.iter().any(|secret| secret.name == name);
    if !is_set("HOME") && !env.iter().any(|variable| variable.starts_with("HOME=")) {
        env.push(format!("HOME={home}"));
    }
    let Some(name) = args.first() else {
        return Err(Failure::of(Cause::NotFound, "no command given".to_owned()));
    };
    let search_path = env.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let path = look_up(name, search_path)?;
    if is_ourselves(&path) {
        let message = format!("exec `{}`: that is not a program of the image", path.display());
        return Err(Failure::of(Cause::NotExecutable, message)
            .hint("it leads to the program that is being executed, and until the command is, that is ours"));
    }
    let text = |text: &String| {
        CString::new(text.as_str())
            .map_err(|_| Failure::of(Cause::NotExecutable, format!("a NUL byte in `{}`", text.escape_default())))
    };
    let secret = |variable: &HiddenVariable| {
        let entry = [variable.name.as_bytes(), b"=", variable.value.reveal()].concat();
        CString::new(entry).map_err(|_| {
            let name = variable.name.escape_default();
            Failure::of(Cause::NotExecutable, format!("the secret for the variable `{name}` has a NUL byte"))
                .hint("a variable can't hold one: mount the secret as a file")
        })
    };
    Ok(Command {
        program: CString::new(path.as_os_str().as_bytes())
            .map_err(|_| Failure::of(Cause::NotFound, format!("no program `{name}`")))?,
        args: args.iter().map(text).collect::<Result<_, _>>()?,
        env: env.iter().map(text).chain(secrets.iter().map(secret)).collect::<Result<_, _>>()?,
        missing: missing_interpreter(&path),
        path,
    })
}

/// Of a file that may not be executed.
const NOT_EXECUTABLE: &str = "the file is not executable for this user: in a Dockerfile, `RUN chmod +x FILE` makes it so, or COPY with `--chmod=755`";

/// What it means that the kernel does not execute a program; `missing` is the hint for one that is there and is not found. Looks at
/// no file: the name is one of the container.
pub(super) fn not_executed(program: &Path, errno: Errno, missing: &str) -> Failure {
    let mut failure = Failure::refused("exec", program, errno);
    failure.cause = Cause::NotExecutable;
    match errno {
        Errno::ENOENT => {
            failure.cause = Cause::NotFound;
            failure.hint(missing)
        }
        Errno::EACCES => failure.hint(NOT_EXECUTABLE),
        Errno::ENOEXEC => failure.hint("it is neither a program for this machine nor a script that begins with `#!`"),
        _ => failure,
    }
}

/// Whether a path leads to our own program through one of proc's magic links. A file of ours that was mounted is another matter.
/// Only for the message: the trampoline keeps us out of reach in any case.
fn is_ourselves(program: &Path) -> bool {
    let file = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(AT_FDCWD, program, how).err() == Some(Errno::ELOOP) && file(program) == file(Path::new("/proc/self/exe"))
}

/// The file that `name` means: itself where it has a slash, else the first executable of that name
/// on `path`.
fn look_up(name: &str, path: &str) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        return match check(Path::new(name)) {
            Ok(()) => Ok(PathBuf::from(name)),
            Err(Errno::ENOENT) => Err(missing_program(Path::new(name))),
            Err(errno) => {
                let mut failure = Failure::refused("exec", Path::new(name), errno);
                failure.cause = Cause::NotExecutable;
                Err(if errno == Errno::EACCES { failure.hint(NOT_EXECUTABLE) } else { failure })
            }
        };
    }
    path.split(':')
        .map(|directory| Path::new(if directory.is_empty() { "." } else { directory }).join(name))
        .find(|candidate| !name.is_empty() && check(candidate).is_ok())
        .ok_or_else(|| {
            Failure::of(Cause::NotFound, format!("exec: `{name}`: executable file not found in $PATH"))
                .hint(&format!("PATH is `{path}` in the container"))
        })
}

/// Says that there is no such program, and why an image without programs has no shell.
fn missing_program(path: &Path) -> Failure {
    let shown = path.display();
    let message = match std::fs::read_link(path) {
        Ok(target) => format!("`{shown}` is a symbolic link to `{}`, which is not in the image", target.display()),
        Err(_) if is_shell(path) => format!("the image has no shell `{shown}`"),
        Err(_) => format!("the image has no program `{shown}`"),
    };
    let failure = Failure::of(Cause::NotFound, message);
    let is_empty = |folder: &str| std::fs::read_dir(folder).map_or(true, |mut names| names.next().is_none());
    if PROGRAM_FOLDERS.iter().all(|folder| is_empty(folder)) {
        let hint = if is_shell(path) {
            "scratch has no shell and no other program: copy one in and start it without a shell, as in `[\"/program\"]`"
        } else {
            "the image has none of the usual folders of programs: what it starts has to be copied in first"
        };
        return failure.hint(hint);
    }
    failure
}

/// Where an image that has programs keeps some of them.
const PROGRAM_FOLDERS: [&str; 4] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"];

fn is_shell(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["sh", "ash", "bash", "dash", "ksh", "zsh"].contains(&name)
}

/// Why execve(2) would not find a program that is there.
fn missing_interpreter(program: &Path) -> &'static str {
    let mut beginning = [0; 256];
    // Anything may be called so: without O_NONBLOCK a FIFO would stop us.
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(program);
    let read = opened.and_then(|mut file| file.read(&mut beginning));
    let first_line = beginning[..read.unwrap_or(0)].split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first_line.starts_with(b"#!") && first_line.ends_with(b"\r") {
        return CARRIAGE_RETURN_HINT;
    }
    "the file exists, but the interpreter it names (`#!` line or dynamic loader) does not"
}

/// Whether a file can be executed by us, as far as can be told without trying.
fn check(path: &Path) -> Result<(), Errno> {
    let found = std::fs::metadata(path).map_err(|error| errno(&error))?;
    if found.is_dir() {
        return Err(Errno::EISDIR);
    }
    access(path, AccessFlags::X_OK)
}
