//! Docker's daemon, started for a test: nothing of it is the machine's but its program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to be there.
const START: Duration = Duration::from_secs(60);

/// A daemon that runs; it ends with this value.
pub struct Daemon {
    process: Child,
    folder: tempfile::TempDir,
    client: PathBuf,
}

impl Daemon {
    /// Starts one, in a network of its own. `None`: that can't be done here.
    pub fn start() -> Option<Daemon> {
        let (daemon, client) = (program("dockerd")?, program("docker")?);
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let script = "busybox ip link set lo up; exec \"$0\" \"$@\"";
        // It must not outlive the test.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "unshare", "--net", "--mount", "sh", "-c", script])
            .arg(daemon)
            .args(["--data-root", &at("data"), "--exec-root", &at("run"), "--pidfile", &at("pid")])
            .args(["--host", &format!("unix://{}", at("socket")), "--iptables=false"])
            .env("PATH", path()?)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .ok()?;
        let mut daemon = Daemon { process, folder, client };
        let began = Instant::now();
        while !daemon.answers() {
            let has_ended = daemon.process.try_wait().unwrap().is_some();
            if has_ended || began.elapsed() > START {
                let log = std::fs::read_to_string(daemon.folder.path().join("log")).unwrap_or_default();
                eprintln!("dockerd does not start:\n{}", log.lines().rev().take(5).collect::<Vec<_>>().join("\n"));
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(daemon)
    }

    fn answers(&self) -> bool {
        let version = Command::new(&self.client).args(["--host", &self.host(), "version"]).output();
        version.is_ok_and(|version| version.status.success())
    }

    /// Docker's client.
    pub fn client(&self) -> PathBuf {
        self.client.clone()
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    /// Makes its network that of this thread, and so of what this thread starts.
    pub fn enter(&self) {
        let network = File::open(format!("/proc/{}/ns/net", self.process.id())).unwrap();
        nix::sched::setns(network, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    }

    /// The beginning of a command that runs in its network.
    pub fn beside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.process.id().to_string(), "--net"]);
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.process.id() as i32);
        // It ends its containers and containerd.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM);
        let began = Instant::now();
        while self.process.try_wait().is_ok_and(|status| status.is_none()) && began.elapsed() < START {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where Docker's programs are: with `LAYERLAB_DOCKER` set, in its folders first.
fn path() -> Option<String> {
    // Debian's programs for administrators are not in everybody's PATH.
    let path = std::env::var("PATH").ok()? + ":/usr/sbin:/usr/bin";
    Some(std::env::var("LAYERLAB_DOCKER").map_or(path.clone(), |folders| format!("{folders}:{path}")))
}

fn program(name: &str) -> Option<PathBuf> {
    path()?.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}
