//! A root file system made of the installed busybox, and a way to run a test as somebody else.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use layerlab::container::{Error, Exit, Heard, Host, Identity, Io, Plan, Process, Sandbox, Stream, plan, run};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

/// Tells a re-executed test which identity it is to have.
const ROLE: &str = "LAYERLAB_TEST_ROLE";

/// The ordinary user that tests become.
const USER: u32 = 1000;

/// Runs `body` as root, then this test again as a user with mapped ids and as one with a single
/// id.
///
/// `name` is the test's full name. Becoming others needs root: without it, the test runs with the
/// identity there is and says so.
pub fn everyone(name: &str, body: fn()) {
    if std::env::var_os(ROLE).is_some() {
        return body();
    }
    body();
    if !Uid::effective().is_root() {
        return missing(&format!("{name}: only root can become root and the users, ran as {:?}", Identity::detect()));
    }
    for role in ["mapped", "single"] {
        as_user(name, role);
    }
}

/// Runs `body` in a process of its own with one identity: `root`, `mapped` or `single`.
pub fn only(name: &str, role: &str, body: fn()) {
    if std::env::var_os(ROLE).is_some() {
        return body();
    }
    if !Uid::effective().is_root() {
        return missing(&format!("{name}: only root can become {role}"));
    }
    as_user(name, role);
}

/// Says that something can't be tried here; in continuous integration nothing may be left out.
pub fn missing(what: &str) {
    eprintln!("\nNOT TRIED HERE: {what}\n");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "in CI everything has to be tried: {what}");
}

/// The test's own program, to be run again for the test `name` in `role`.
pub fn again(name: &str, role: &str) -> Command {
    // Not by its path: the user may not be able to reach it.
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    let grants = grants(role);
    let user = role != "root";
    // SAFETY: system calls only, and no lock is taken: this runs between fork and exec.
    unsafe {
        command.pre_exec(move || {
            if user {
                unshare(CloneFlags::CLONE_NEWNS)?;
                mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)?;
                // The machine's own grants are covered for this process alone.
                for file in ["/etc/subuid", "/etc/subgid"] {
                    mount(Some(&grants), file, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
                }
                setgroups(&[])?;
                setgid(Gid::from_raw(USER))?;
                setuid(Uid::from_raw(USER))?;
            }
            Ok(())
        });
    }
    command
}

/// The subuid(5) file of a role. Made once and then left alone: it is mounted in other tests.
fn grants(role: &str) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _guard = MAKING.lock().unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("grants-{role}"));
    let text = if role == "mapped" { format!("{USER}:100000:65536\n") } else { String::new() };
    if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        std::fs::write(&path, text).unwrap();
    }
    path
}

fn as_user(name: &str, role: &str) {
    for file in ["/etc/subuid", "/etc/subgid"] {
        if role == "mapped" && !Path::new(file).exists() {
            return missing(&format!("{name} as {role}: there is no {file}"));
        }
    }
    if role == "mapped" && !Path::new("/usr/bin/newuidmap").exists() {
        return missing(&format!("{name} as {role}: newuidmap is not installed"));
    }
    let output = again(name, role).output().expect("the test program can be run again");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "as {role}:\n{text}");
    assert!(text.contains("1 passed"), "as {role}, no test `{name}` was run:\n{text}");
}

/// A container in the making.
pub struct Container {
    directory: PathBuf,
    pub sandbox: Sandbox,
    pub process: Process,
    pub identity: Identity,
    pub host: Host,
}

/// What became of a container.
#[derive(Debug)]
pub struct Outcome {
    pub result: Result<Exit, Error>,
    pub stdout: String,
    pub stderr: String,
}

impl Container {
    /// A container that runs `script` with a shell over the usual layer.
    pub fn new(script: &str) -> Container {
        let directory = tempfile::tempdir().expect("a scratch directory").keep();
        for name in ["upper", "work"] {
            std::fs::create_dir(directory.join(name)).unwrap();
        }
        let lower = directory.join("lower");
        busybox(&lower);
        let args = ["sh", "-c", script].map(str::to_owned).to_vec();
        let sandbox = Sandbox::new(vec![lower], directory.join("upper"), directory.join("work"));
        let mut process = Process::new(args);
        process.env = vec!["PATH=/bin".to_owned()];
        let identity = Identity::detect();
        let host = Host::detect(&identity, &directory, layerlab::container::OverlayWish::Any)
            .expect("the machine can be examined");
        Container { directory, sandbox, process, identity, host }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Container)) -> Container {
        change(&mut self);
        self
    }

    /// A further layer on top: paths and contents. A path that ends in `/` is a directory.
    pub fn layer(mut self, files: &[(&str, &str)]) -> Container {
        let layer = self.directory.join(format!("layer-{}", self.sandbox.lower.len()));
        std::fs::create_dir(&layer).unwrap();
        for (path, content) in files {
            write(&layer, path, content);
        }
        self.sandbox.lower.insert(0, layer);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn plan(&self) -> Plan {
        plan(&self.sandbox, &self.process, &self.identity, &self.host)
    }

    pub fn run(&self) -> Outcome {
        let mut captured: BTreeMap<bool, Vec<u8>> = BTreeMap::new();
        let result = run(&self.plan(), Io::Captured { input: None }, &mut |heard| match heard {
            Heard::Started => {}
            Heard::Output(stream, piece) => captured.entry(stream == Stream::Stderr).or_default().extend(piece),
            heard @ (Heard::Shown(_) | Heard::OutOfMemory | Heard::Notice(_) | Heard::Untidy(_)) => panic!("{heard:?}"),
        });
        let mut text = |stderr| String::from_utf8(captured.remove(&stderr).unwrap_or_default()).expect("UTF-8");
        Outcome { result, stdout: text(false), stderr: text(true) }
    }

    /// Runs it and gives what it wrote to standard output; it must write nothing else and end well.
    pub fn output(&self) -> String {
        let outcome = self.run();
        assert!(matches!(outcome.result, Ok(Exit::Code(0))) && outcome.stderr.is_empty(), "{outcome:?}");
        outcome.stdout
    }

    /// What the upper directory holds, sorted: a path a line, as `find` prints it without the
    /// leading `./`.
    pub fn changes(&self) -> Vec<String> {
        let upper = self.sandbox.upper.clone();
        self.identity
            .within(move || {
                let mut found = Vec::new();
                list(&upper, &upper, &mut found);
                found.sort();
                found
            })
            .expect("the upper directory can be read")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removed = self.identity.remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            removed.expect("everything that a container leaves can be removed");
        }
    }
}

fn list(root: &Path, directory: &Path, found: &mut Vec<String>) {
    use std::os::unix::fs::FileTypeExt;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap().file_type();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        found.push(if kind.is_char_device() { format!("{name} (whiteout)") } else { name });
        if kind.is_dir() {
            list(root, &path, found);
        }
    }
}

fn write(layer: &Path, path: &str, content: &str) {
    let file = layer.join(path);
    if path.ends_with('/') {
        return std::fs::create_dir_all(file).unwrap();
    }
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

/// What the tests call, as links to busybox.
const APPLETS: &str = "cat chmod chown chroot echo env false grep head hostname id ip kill ln ls mkdir mknod mount mv \
     pwd readlink rm seq sh sleep sort stat stty test touch tr true tty umount unshare wc";

/// The usual layer: busybox with its links, and three users.
pub fn busybox(at: &Path) {
    write(at, "bin/", "");
    std::fs::copy("/bin/busybox", at.join("bin/busybox"))
        .expect("a static busybox is installed: package busybox-static");
    for applet in APPLETS.split_whitespace() {
        std::os::unix::fs::symlink("busybox", at.join("bin").join(applet)).unwrap();
    }
    write(at, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:web:/srv:/bin/sh\n");
    write(at, "etc/group", "root:x:0:\nweb:x:33:\nmedia:x:44:web\n");
    write(at, "tmp/", "");
}
