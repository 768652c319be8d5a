//! A home of its own, a folder of files, and the program run in it.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use layerlab::store::{Home, Store};
use layerlab::upkeep::verify;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

/// The program.
const BUILT: &str = env!("CARGO_BIN_EXE_layerlab");

/// The ordinary user that tests become.
const USER: u32 = 1000;

/// Who runs the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever runs the tests.
    Self_,
    /// An ordinary user, who may map ids through newuidmap.
    Mapped,
    /// An ordinary user without a grant.
    Single,
}

/// A place to work in.
pub struct Place {
    folder: tempfile::TempDir,
    role: Role,
    is_apart: bool,
}

impl Place {
    /// Files are given as `//- path` headers, each followed by its lines; `//- path/` is a folder.
    pub fn new(files: &str) -> Place {
        Place::of(Role::Self_, files)
    }

    /// A place that belongs to somebody.
    pub fn of(role: Role, files: &str) -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap(), role, is_apart: false };
        fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["work", "home"] {
            fs::create_dir(place.folder.path().join(folder)).unwrap();
            if role != Role::Self_ {
                std::os::unix::fs::chown(place.folder.path().join(folder), Some(USER), Some(USER)).unwrap();
            }
        }
        if role != Role::Self_ && fs::hard_link(BUILT, place.program()).is_err() {
            fs::copy(BUILT, place.program()).unwrap();
        }
        for part in files.split("//- ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            place.write(name.trim(), text);
        }
        place
    }

    /// The same place, but its commands have a network of their own.
    pub fn apart(self) -> Place {
        Place { is_apart: true, ..self }
    }

    /// Another grant for its user.
    pub fn become_other(&mut self, role: Role) {
        self.role = role;
    }

    /// Everything of this place.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives a file, or a folder and all below it, to the user of this place.
    pub fn give(&self, path: &Path) {
        std::os::unix::fs::lchown(path, Some(USER), Some(USER)).unwrap();
        if path.symlink_metadata().unwrap().is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| self.give(&entry.unwrap().path()));
        }
    }

    /// The built program; another name of it, or a copy, for a user who may not be able to reach the folder it was built in.
    pub fn program(&self) -> PathBuf {
        match self.role {
            Role::Self_ => PathBuf::from(BUILT),
            Role::Mapped | Role::Single => self.folder.path().join("layerlab"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home/layerlab")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        if name.ends_with('/') {
            return fs::create_dir_all(path).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// The program with these arguments, separated by spaces.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(self.program());
        command.args(arguments.split_whitespace());
        self.at_home(command)
    }

    /// A line for the shell, as the same user.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        self.at_home(command)
    }

    /// A command in this place, with its home, as its user.
    fn at_home(&self, mut command: Command) -> Command {
        command
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path().join("home"))
            .env("LAYERLAB_HOME", self.home())
            // No test asks a registry that it has not started.
            .env("LAYERLAB_PULL", "never")
            .env("LAYERLAB_BASE", "busybox")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .stdin(Stdio::null());
        if self.is_apart {
            set_apart(&mut command);
        }
        if self.role != Role::Self_ {
            let grants = self.folder.path().join("grants");
            let text = if self.role == Role::Mapped { format!("{USER}:100000:65536\n") } else { String::new() };
            // Not again while a monitor may read it.
            if fs::read_to_string(&grants).ok().as_ref() != Some(&text) {
                fs::write(&grants, text).unwrap();
            }
            // SAFETY: system calls only: this runs between fork and exec.
            unsafe {
                command.pre_exec(move || {
                    unshare(CloneFlags::CLONE_NEWNS)?;
                    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
                    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
                    for file in ["/etc/subuid", "/etc/subgid"] {
                        mount(Some(&grants), file, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
                    }
                    setgroups(&[])?;
                    setgid(Gid::from_raw(USER))?;
                    setuid(Uid::from_raw(USER))?;
                    Ok(())
                });
            }
        }
        command
    }

    pub fn output(&self, arguments: &str) -> Output {
        loop {
            match self.command(arguments).output() {
                // Another test may have forked while the copy was open for writing, and not have executed yet.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                output => return output.unwrap(),
            }
        }
    }

    /// Runs the program and gives what a terminal would show, the exit code at the end where it is not 0.
    pub fn run(&self, arguments: &str) -> String {
        shown(self, &self.output(arguments))
    }

    /// Runs several commands; each is shown behind a `$`.
    pub fn session(&self, commands: &[&str]) -> String {
        let text: String =
            commands.iter().map(|arguments| format!("$ layerlab {arguments}\n{}", self.run(arguments))).collect();
        text.replace(&self.folder.path().display().to_string(), "/place")
    }

    /// Runs lines of the shell with the program as `$L`, each shown behind a `$`; of each pair the first is shown as the second.
    pub fn shell_session(&self, lines: &[&str], names: &[(&str, &str)]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(&format!("$ {line}\n"));
            let mut shell = self.shell(&format!("{line} 2>&1"));
            let done = shell.env("LAYERLAB_PULL", "missing").env("L", self.program()).output().unwrap();
            text.push_str(&String::from_utf8_lossy(&done.stdout));
            if let Some(code) = done.status.code().filter(|code| *code != 0) {
                text.push_str(&format!("[exit code {code}]\n"));
            }
        }
        let text = names.iter().fold(text, |text, (name, shown)| text.replace(name, shown));
        filter(&text.replace(&self.folder().display().to_string(), "/place"))
    }

    /// Nothing is left of any container, see [`Place::wait_for_containers`].
    pub fn assert_no_container_is_left(&self) {
        // What begins with a dot belongs to nobody.
        self.wait_for_containers(|left| left.iter().all(|name| name.starts_with('.')));
    }

    /// Waits until the folder of the containers has these names in it, the shortest first: the files of one that was to go do so just after
    /// its end was told.
    pub fn wait_for_containers(&self, is_so: impl Fn(&[String]) -> bool) {
        let begun = std::time::Instant::now();
        loop {
            let left = std::fs::read_dir(self.home().join("containers")).unwrap();
            let mut left: Vec<String> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            left.sort_by_key(|name| (name.len(), name.clone()));
            if is_so(&left) {
                return;
            }
            assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{left:?}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// The store is whole: every test that built something ends with this.
    pub fn assert_whole(&self) {
        let home = Home::open(self.home()).unwrap();
        let report = verify(&Store::open(&home).unwrap());
        assert!(report.is_whole(), "{report:#?}");
    }
}

/// Has a command run in a network of its own that has nothing but loopback, so that others may publish the same ports. Where only root may
/// make one, it stays in everybody's.
pub fn set_apart(command: &mut Command) {
    if !Uid::effective().is_root() {
        return;
    }
    let enter = || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        // SAFETY: ifreq is plain data for which all zeroes is a valid value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        // SAFETY: SIOCSIFFLAGS reads one ifreq, see netdevice(7).
        Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) })?;
        Ok(())
    };
    // SAFETY: system calls only: this runs between fork and exec.
    unsafe { command.pre_exec(enter) };
}

fn shown(place: &Place, output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("[exit code {code}]\n"));
    }
    text.replace(&place.folder.path().display().to_string(), "/place")
}

/// Replaces what depends on the machine's busybox by `…`: ids, digests, and its size.
pub fn filter(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_hexdigit()) {
        let (before, run) = rest.split_at(at);
        result.push_str(before);
        let end = run.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(run.len());
        let (digits, after) = run.split_at(end);
        let is_word = !before.ends_with(|letter: char| letter.is_alphanumeric())
            && !after.starts_with(|letter: char| letter.is_alphanumeric());
        let is_id = is_word && matches!(digits.len(), 12 | 64) && digits.chars().any(|digit| digit.is_ascii_digit());
        result.push_str(if is_id { "…" } else { digits });
        rest = after;
    }
    result.push_str(rest);
    result
}

/// Says that something can't be tried here; in continuous integration nothing may be left out.
pub fn missing(what: &str) {
    eprintln!("\nNOT TRIED HERE: {what}\n");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "in CI everything has to be tried: {what}");
}
