//! An attack: hostile input, given to the program by somebody, and a look at the machine afterwards.
//!
//! ```text
//! attack(idea, users, |attack| …)     for each user:
//!     a place with work/, home/ and sentinel/ ─▶ the body arranges its input
//!     the first run: what the machine looks like is written down
//!     each run: bounded in time, memory and output; a panic or a signal is a failure
//!     at the end: the machine looks as before, and no process of a container is left
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{Pid, Uid, mkfifo};

pub use crate::place::missing;
use crate::place::{Place, Role};

/// An input for which the kind of user makes no difference to what protects the machine.
pub const USERS: &[Role] = &[Role::Self_, Role::Single];

/// An input that meets other code, or other rights, with each kind of user.
pub const EVERY_USER: &[Role] = &[Role::Self_, Role::Single, Role::Mapped];

/// An input that only root can be attacked with, or for which the user makes no difference at all.
pub const ROOT: &[Role] = &[Role::Self_];

/// How long one command may take. Far above what any needs: reaching it means that the program hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// How much memory any process of one command may use at its peak.
const MEMORY: u64 = 512 << 20;

/// How much address space a process gets, so that what escapes [`MEMORY`] does not take the machine with it.
const ADDRESS_SPACE: u64 = 8 << 30;

/// How much of each output stream is kept.
const OUTPUT: u64 = 16 << 20;

/// Tries `body` as each of `users`, and compares the machine before and after.
///
/// `idea` is the advisory or the thought behind the input. Only root can become the others: anyone else tries it as themselves.
pub fn attack(idea: &str, users: &[Role], body: impl Fn(&mut Attack)) {
    let is_root = Uid::effective().is_root();
    for role in users {
        if *role != Role::Self_ && !is_root {
            missing(&format!("{idea}: only root can become a user who is {role:?}"));
            continue;
        }
        let mut attack = Attack::new(idea, *role);
        body(&mut attack);
        attack.conclude();
    }
}

/// One try by one user.
pub struct Attack {
    idea: String,
    pub role: Role,
    pub place: Place,
    before: Option<Machine>,
}

/// What became of one command.
#[derive(Debug)]
pub struct Outcome {
    idea: String,
    pub status: ExitStatus,
    /// What a terminal would show, without colours: standard output, then standard error.
    pub text: String,
}

impl Outcome {
    /// The command ended well.
    #[track_caller]
    pub fn succeeded(&self) -> &Outcome {
        assert!(self.status.success(), "{}: should have succeeded: {}\n{}", self.idea, self.status, self.text);
        self
    }

    /// The command ended with a message that says `why`, and was not killed.
    #[track_caller]
    pub fn refused(&self, why: &str) -> &Outcome {
        assert!(!self.status.success(), "{}: should have been refused:\n{}", self.idea, self.text);
        self.says(why)
    }

    /// The output has `text` in it.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Outcome {
        assert!(self.text.contains(text), "{}: nothing says `{text}`:\n{}", self.idea, self.text);
        self
    }
}

impl Attack {
    fn new(idea: &str, role: Role) -> Attack {
        let place = Place::of(role, "");
        let attack = Attack { idea: idea.to_owned(), role, place, before: None };
        attack.plant_sentinel();
        attack
    }

    /// A tree outside the context and the home, of everything that could be read, changed or removed. It belongs to
    /// the user, so that nothing but the program protects it.
    fn plant_sentinel(&self) {
        let root = self.sentinel();
        fs::create_dir_all(root.join("folder/below")).unwrap();
        for (name, mode) in [("secret", 0o600), ("script", 0o755), ("folder/file", 0o644), ("folder/below/deep", 0o444)]
        {
            fs::write(root.join(name), "the sentinel's own text\n").unwrap();
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("secret", root.join("link")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        mkfifo(&root.join("fifo"), Mode::from_bits_truncate(0o644)).unwrap();
        if Uid::effective().is_root() {
            mknod(&root.join("null"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 3)).unwrap();
        }
        if self.role != Role::Self_ {
            self.place.give(&root);
        }
    }

    /// The folder of the sentinel tree: `secret`, `script`, `link`, `fifo`, `empty/`, `folder/file`, `folder/below/deep`.
    pub fn sentinel(&self) -> PathBuf {
        self.place.folder().join("sentinel")
    }

    /// A path in the context.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Writes a file of the context; a name that ends with `/` is a folder.
    pub fn write(&self, name: &str, text: &str) -> &Attack {
        self.place.write(name, text);
        self
    }

    /// Makes a link in the context.
    pub fn link(&self, name: &str, target: impl AsRef<Path>) -> &Attack {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// Runs the program with these arguments, split at spaces.
    pub fn run(&mut self, arguments: &str) -> Outcome {
        let command = self.place.command(arguments);
        self.run_command(command)
    }

    /// Runs a command made by [`Place::command`], perhaps with other arguments, input or environment.
    pub fn run_command(&mut self, mut command: Command) -> Outcome {
        if self.before.is_none() {
            if self.role != Role::Self_ {
                // What the body arranged belongs to the user, too.
                self.place.give(&self.path(""));
            }
            self.before = Some(Machine::look(self));
        }
        // SAFETY: setrlimit(2) and nothing else, between fork and exec.
        unsafe { command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_AS, ADDRESS_SPACE, ADDRESS_SPACE)?)) };
        let outcome = bounded(&self.idea, command);
        assert!(!outcome.text.contains("panicked at"), "{}: it panicked:\n{}", self.idea, outcome.text);
        outcome
    }

    /// Builds the context, and gives what that printed.
    pub fn build(&mut self) -> Outcome {
        self.run("build -t attack .")
    }

    /// Waits until no process of a container is left.
    pub fn nothing_is_left(&self) {
        no_process_left(&self.idea, self.place.folder());
    }

    fn conclude(self) {
        let before = self.before.as_ref().unwrap_or_else(|| panic!("{}: nothing was run", self.idea));
        self.nothing_is_left();
        before.assert_same(&Machine::look(&self), &format!("{} (as {:?})", self.idea, self.role));
    }
}

/// Runs a command with a bound on its time, its memory and its output.
// `ended` waits for it, as it also tells the memory used.
#[allow(clippy::zombie_processes)]
fn bounded(idea: &str, mut command: Command) -> Outcome {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{idea}: {command:?}: {error}"));
    let group = Pid::from_raw(child.id().try_into().unwrap());
    let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (output, errors) = (std::thread::spawn(|| kept(output)), std::thread::spawn(|| kept(errors)));
    let begun = Instant::now();
    let (status, peak) = loop {
        if let Some(ended) = ended(group) {
            break ended;
        }
        if begun.elapsed() > PATIENCE {
            let _ = killpg(group, Signal::SIGKILL);
            panic!("{idea}: it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = output.join().unwrap() + &errors.join().unwrap();
    assert!(status.signal().is_none(), "{idea}: {status}\n{text}");
    assert!(peak <= MEMORY, "{idea}: a process used {} MiB\n{text}", peak >> 20);
    Outcome { idea: idea.to_owned(), status, text }
}

/// The status of a child that has ended, and the most memory that it or a descendant used, in bytes.
fn ended(child: Pid) -> Option<(ExitStatus, u64)> {
    let mut status = 0;
    // SAFETY: all zeros is a valid rusage(2), and wait4(2) fills the two values given.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let answer = unsafe { libc::wait4(child.as_raw(), &raw mut status, libc::WNOHANG, &raw mut usage) };
    assert!(answer >= 0, "wait4: {}", std::io::Error::last_os_error());
    let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0) << 10;
    (answer != 0).then(|| (ExitStatus::from_raw(status), peak))
}

/// The beginning of a stream; the rest is read and dropped, so that nobody waits.
fn kept(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    stream.by_ref().take(OUTPUT).read_to_end(&mut bytes).unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until no process is left in whose mounts the attack's folder appears: a container ends soon after the program.
fn no_process_left(idea: &str, folder: &Path) {
    let folder = folder.display().to_string();
    let begun = Instant::now();
    loop {
        let left: Vec<String> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|process| {
                fs::read_to_string(format!("/proc/{process}/mountinfo")).is_ok_and(|mounts| mounts.contains(&folder))
            })
            .map(|process| {
                format!("{process}: {}", fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default())
            })
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{idea}: processes outlive the container: {left:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What an attack must not change: the sentinel, the context, and the places of the machine that containers come near.
struct Machine {
    /// A description by path: type, mode, owner, and content, target or numbers.
    entries: BTreeMap<PathBuf, String>,
}

impl Machine {
    fn look(attack: &Attack) -> Machine {
        let mut machine = Machine { entries: BTreeMap::new() };
        machine.tree(&attack.sentinel());
        for device in
            ["null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "kmsg", "mem", "fuse", "net/tun"]
        {
            machine.entry(&Path::new("/dev").join(device));
        }
        for file in ["hosts", "hostname", "resolv.conf", "passwd", "group", "shadow", "mtab", "nsswitch.conf"] {
            machine.entry(&Path::new("/etc").join(file));
        }
        // Only their names: other programs work in them.
        for folder in ["/", "/dev", "/sys/kernel"] {
            machine.names(Path::new(folder));
        }
        machine.entry(Path::new(env!("CARGO_BIN_EXE_layerlab")));
        machine
    }

    fn tree(&mut self, path: &Path) {
        self.entry(path);
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            for entry in fs::read_dir(path).unwrap() {
                self.tree(&entry.unwrap().path());
            }
        }
    }

    fn entry(&mut self, path: &Path) {
        let Ok(found) = path.symlink_metadata() else {
            self.entries.insert(path.to_owned(), "missing".to_owned());
            return;
        };
        let kind = found.file_type();
        let content = if kind.is_symlink() {
            format!("-> {}", fs::read_link(path).unwrap().display())
        } else if kind.is_char_device() || kind.is_block_device() {
            // What is written to a device changes its times.
            format!("device {}", found.rdev())
        } else if kind.is_file() && found.len() < 1 << 20 {
            format!(
                "{:?} at {}.{}",
                fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
                found.mtime(),
                found.mtime_nsec()
            )
        } else if kind.is_file() {
            format!("{} bytes at {}.{}", found.len(), found.mtime(), found.mtime_nsec())
        } else {
            String::new()
        };
        let owner = format!("{}:{}", found.uid(), found.gid());
        let attributes: Vec<_> = xattr::list(path).into_iter().flatten().collect();
        let numbers = format!("{:o} {owner} inode {}", found.mode(), found.ino());
        self.entries.insert(path.to_owned(), format!("{numbers} {content} {attributes:?}"));
    }

    fn names(&mut self, folder: &Path) {
        let names = fs::read_dir(folder).into_iter().flatten();
        let mut names: Vec<String> = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        self.entries.insert(folder.join("*"), names.join(" "));
    }

    #[track_caller]
    fn assert_same(&self, after: &Machine, what: &str) {
        let paths = self.entries.keys().chain(after.entries.keys());
        let changed: Vec<String> = paths
            .filter(|path| self.entries.get(*path) != after.entries.get(*path))
            .map(|path| format!("{}: {:?} -> {:?}", path.display(), self.entries.get(path), after.entries.get(path)))
            .collect();
        assert!(changed.is_empty(), "{what}: the machine changed: {changed:#?}");
    }
}
