//! Containers: how long it takes to run one, to execute something in one, to list many; and how fast requests go through a port.
//!
//! A daemon of Docker's is a peer where one answers. It gets the same images.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::cases::{Case, Limit, Peer, limit, ours, peer, runc};
use super::inputs::Inputs;
use super::measure::{Sample, run};

/// The image of most cases, and one that serves files.
const IMAGE: &str = "layerlab/base";
const WEB: &str = "layerlab/web";

/// How many containers `ps -a` lists.
const MANY: usize = 1000;

/// How many requests go through a port.
const REQUESTS: u32 = 10_000;

/// The cases. They are root's: the peers need it.
pub fn all(inputs: &Inputs) -> Vec<Case<'_>> {
    vec![run_one(inputs), execute(inputs), detach(inputs), list(inputs), memory(inputs), requests(inputs)]
}

/// `run --rm IMAGE true` on a base that is unpacked already.
fn run_one(inputs: &Inputs) -> Case<'_> {
    let mut peers = vec![unshare_and_chroot(inputs)];
    peers.extend(runc(inputs, Limit::Ratio(0.5)));
    peers.push(docker(inputs, "docker run", 0.05, |_| docker_run(&["run", "--rm", IMAGE, "true"])));
    Case {
        name: "run --rm true".to_owned(),
        steps: 1,
        ours: Box::new(|| own(inputs, "run --rm layerlab/base true")),
        peers,
    }
}

/// `exec CONTAINER true`.
fn execute(inputs: &Inputs) -> Case<'_> {
    let mut started = None;
    let ours = Box::new(move || {
        let _running = started.get_or_insert_with(|| Running::new(inputs, "bench-exec", "layerlab/base sleep 9999"));
        own(inputs, "exec bench-exec true")
    });
    let enter = peer("nsenter", Limit::Ratio(1.5), move || {
        let process = inspected(inputs, "bench-exec", "{{.State.Pid}}")?;
        // As many namespaces as `exec` enters.
        let spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd=/"];
        run(Command::new("nsenter").args(["--target", &process]).args(spaces).arg("true"))
    });
    let theirs = docker(inputs, "docker exec", 0.1, |daemon| {
        daemon.keep("layerlab-bench-exec", &[IMAGE, "sleep", "9999"])?;
        docker_run(&["exec", "layerlab-bench-exec", "true"])
    });
    Case { name: "exec true".to_owned(), steps: 1, ours, peers: vec![enter, theirs] }
}

/// `run -d` until its id is printed. What removes it is not measured.
fn detach(inputs: &Inputs) -> Case<'_> {
    let ours = Box::new(|| {
        let sample = own(inputs, "run -d --name bench-detached layerlab/base sleep 9999")?;
        own(inputs, "rm -f bench-detached")?;
        Ok(sample)
    });
    Case { name: "run -d to its id".to_owned(), steps: 1, ours, peers: limit(15.0) }
}

/// `ps -a` of many containers.
fn list(inputs: &Inputs) -> Case<'_> {
    let home = inputs.path("home-many");
    let ours = Box::new(move || {
        if !home.exists() {
            for _ in 0..MANY {
                run(ours(inputs, &home, None).args(["create", IMAGE, "true"]))?;
            }
        }
        run(ours(inputs, &home, None).args(["ps", "-a"]))
    });
    Case { name: format!("ps -a of {MANY}"), steps: 1, ours, peers: limit(20.0) }
}

/// What a monitor has of memory for itself: the last column of the table.
fn memory(inputs: &Inputs) -> Case<'_> {
    let ours = Box::new(|| {
        let _running = Running::new(inputs, "bench-memory", "layerlab/base sleep 9999");
        let memory = monitors_memory(&inspected(inputs, "bench-memory", "{{.State.Pid}}")?)?;
        Ok(Sample { memory, ..Sample::default() })
    });
    let limit = Peer { name: "", steps: 1, most_runs: 0, run: None, limit: Limit::Bytes(3 << 20) };
    Case { name: "memory of a monitor".to_owned(), steps: 1, ours, peers: vec![limit] }
}

/// Requests for one small page, each on a connection of its own, through a published port.
fn requests(inputs: &Inputs) -> Case<'_> {
    let mut started = None;
    let (our_port, their_port) = (free_port(), free_port());
    let ours = Box::new(move || {
        let line = format!("-p 127.0.0.1:{our_port}:80 {WEB}");
        let _running = started.get_or_insert_with(|| Running::new(inputs, "bench-web", &line));
        request(our_port)
    });
    let mut theirs = docker(inputs, "docker run -p", 1.0, move |daemon| {
        let publish = format!("127.0.0.1:{their_port}:80");
        daemon.keep("layerlab-bench-web", &["-p", &publish, WEB])?;
        request(their_port)
    });
    theirs.steps = REQUESTS;
    Case { name: "a request to a port".to_owned(), steps: REQUESTS, ours, peers: vec![theirs] }
}

/// A process in the same namespaces with another root folder, which has a shell: the least that anybody can do.
fn unshare_and_chroot(inputs: &Inputs) -> Peer<'_> {
    let root = inputs.path("bundle/rootfs");
    peer("unshare + chroot", Limit::Ratio(1.5), move || {
        let outer = ["--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork"];
        let inner = ["unshare", "--pid", "--fork", "chroot"];
        run(Command::new("unshare").args(outer).args(inner).arg(&root).args(["/bin/sh", "-c", "true"]))
    })
}

/// The program in the home of these cases.
fn own(inputs: &Inputs, line: &str) -> Result<Sample, String> {
    run(ours(inputs, &inputs.path("home-containers"), None).args(line.split_whitespace()))
}

/// What `inspect` says of a container.
fn inspected(inputs: &Inputs, name: &str, template: &str) -> Result<String, String> {
    let mut command = ours(inputs, &inputs.path("home-containers"), None);
    let output = command.args(["inspect", "--format", template, name]).output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A container of ours that runs until this is dropped.
struct Running<'i> {
    inputs: &'i Inputs,
    name: &'static str,
}

impl Running<'_> {
    fn new<'i>(inputs: &'i Inputs, name: &'static str, rest: &str) -> Running<'i> {
        let _ = own(inputs, &format!("run -d --name {name} {rest}"));
        Running { inputs, name }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = own(self.inputs, &format!("rm -f {}", self.name));
    }
}

/// The memory that the monitor above a container's process has for itself, in bytes: what is shared with others is not counted.
fn monitors_memory(process: &str) -> Result<u64, String> {
    let read = |number: &str, file: &str| {
        fs::read_to_string(format!("/proc/{number}/{file}")).map_err(|error| error.to_string())
    };
    let parent_of = |number: &str| -> Result<String, String> {
        let status = read(number, "status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).ok_or("no parent")?;
        Ok(line.trim().to_owned())
    };
    // The uppermost process of ours: its parent is process 1, or whoever reaps in its place.
    let mut monitor = process.to_owned();
    loop {
        let parent = parent_of(&monitor)?;
        if !read(&parent, "comm")?.starts_with("layerlab") {
            break;
        }
        monitor = parent;
    }
    let rollup = read(&monitor, "smaps_rollup")?;
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    let kilobytes = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(kilobytes.sum::<u64>() * 1024)
}

/// Docker's daemon, which has the same images, and containers that run until this is dropped.
struct Daemon {
    kept: Vec<&'static str>,
}

impl Daemon {
    /// `None`: there is none that answers, or it does not take the images.
    fn new(inputs: &Inputs) -> Option<Daemon> {
        static HAS_IMAGES: OnceLock<bool> = OnceLock::new();
        let has_images = HAS_IMAGES.get_or_init(|| {
            let load = |image: &str| -> Option<bool> {
                let mut save = ours(inputs, &inputs.path("home-containers"), None);
                let mut save = save.args(["save", image]).stdout(Stdio::piped()).spawn().ok()?;
                let loaded = Command::new("docker").arg("load").stdin(save.stdout.take()?).output().ok()?;
                Some(save.wait().ok()?.success() && loaded.status.success())
            };
            docker_run(&["version"]).is_ok() && [IMAGE, WEB].into_iter().all(|image| load(image) == Some(true))
        });
        has_images.then(|| Daemon { kept: Vec::new() })
    }

    /// Has a container run.
    fn keep(&mut self, name: &'static str, rest: &[&str]) -> Result<(), String> {
        if !self.kept.contains(&name) {
            docker_run(&[&["run", "-d", "--name", name], rest].concat())?;
            self.kept.push(name);
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for name in &self.kept {
            let _ = docker_run(&["rm", "-f", name]);
        }
    }
}

/// Docker's client.
fn docker_run(words: &[&str]) -> Result<Sample, String> {
    run(Command::new("docker").args(words))
}

fn docker<'i>(
    inputs: &'i Inputs,
    name: &'static str,
    ratio: f64,
    mut what: impl FnMut(&mut Daemon) -> Result<Sample, String> + 'i,
) -> Peer<'i> {
    let mut daemon = None;
    peer(name, Limit::Ratio(ratio), move || {
        if daemon.is_none() {
            daemon = Daemon::new(inputs);
        }
        what(daemon.as_mut().ok_or("no daemon answers")?)
    })
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map_or(0, |address| address.port())
}

/// So many requests, by two threads.
fn request(port: u16) -> Result<Sample, String> {
    use std::io::{Read as _, Write as _};
    let one = move || -> std::io::Result<usize> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())
    };
    // Until it listens.
    let end = Instant::now() + Duration::from_secs(10);
    while !one().is_ok_and(|length| length > 0) {
        if Instant::now() > end {
            return Err(format!("nobody answers at port {port}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let begin = Instant::now();
    let many = move || (0..REQUESTS / 2).map(|_| one()).filter(|length| matches!(length, Ok(1..))).count();
    let threads = [std::thread::spawn(many), std::thread::spawn(many)];
    let answered: usize = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    if answered < REQUESTS as usize {
        return Err(format!("{} of {REQUESTS} requests were not answered", REQUESTS as usize - answered));
    }
    Ok(Sample { wall: begin.elapsed().as_secs_f64(), ..Sample::default() })
}
