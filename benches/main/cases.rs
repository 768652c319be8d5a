//! The cases: what is built, beside what, and what it may take.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::inputs::{Inputs, LABELS, RUNS};
use super::measure::{Sample, run};

/// The user and group that stand for an ordinary user when the benchmark runs as root.
const USER: u32 = 1000;

type Run<'i> = Box<dyn FnMut() -> Result<Sample, String> + 'i>;

/// One thing that is measured.
pub struct Case<'i> {
    pub name: String,
    /// How many steps one run has; the table shows one step's time.
    pub steps: u32,
    pub ours: Run<'i>,
    pub peers: Vec<Peer<'i>>,
}

/// What a case is held against.
pub struct Peer<'i> {
    pub name: &'static str,
    pub steps: u32,
    /// It is not run more often than this: some take long.
    pub most_runs: usize,
    /// `None`: there is no command, or it can't work here.
    pub run: Option<Run<'i>>,
    pub limit: Limit,
}

impl Peer<'_> {
    /// Runs it once. A tool that can't work here (no daemon, no privilege) is not tried again, and has no line.
    pub fn sample(&mut self, samples: &mut Vec<Sample>) {
        if let Some(run) = &mut self.run {
            match run() {
                Ok(sample) => samples.push(sample),
                Err(_) => self.run = None,
            }
        }
    }
}

/// What a case may take.
#[derive(Clone, Copy)]
pub enum Limit {
    /// Nothing is promised.
    None,
    /// So many times the peer's time.
    Ratio(f64),
    /// So much time.
    Milliseconds(f64),
    /// So much memory, which is all that the case measures.
    Bytes(u64),
}

/// All cases, in the order of the table; further ones for root before those that leave much behind.
pub fn all<'i>(inputs: &'i Inputs, further: Vec<Case<'i>>) -> Vec<Case<'i>> {
    let mut cases = vec![
        cold(inputs, "200 LABELs, cold", "labels", LABELS, limit(2.0)),
        warm(inputs, "200 LABELs, warm", "labels", LABELS, limit(2.0)),
        start(inputs, "start: --version", "--version"),
        start(inputs, "start: images", "images"),
    ];
    let is_root = nix::unistd::geteuid().is_root();
    let own = if is_root { "RUN true, as root" } else { "RUN true, as this user" };
    cases.push(warm(inputs, "20 RUNs, all from the cache", "run", 1, limit(4.0)));
    cases.push(processes(inputs, own, None));
    if is_root {
        cases.push(processes(inputs, "RUN true, as a user", Some(USER)));
        cases.extend(further);
    }
    // These leave much to be written back and deleted, so they come last.
    cases.extend([
        cold(inputs, "copy 20000 files, cold", "small", 1, {
            let (archive, folder) = (inputs.path("peer.tar"), inputs.path("small"));
            let tar = peer("tar -c", Limit::Ratio(1.0), move || {
                run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&folder).arg("files"))
            });
            std::iter::once(tar).chain(builders(inputs, "small", 1)).collect()
        }),
        warm(inputs, "copy 20000 files, warm", "small", 1, {
            let folder = inputs.path("small/files");
            vec![peer("find -printf %s", Limit::Ratio(1.2), move || {
                run(Command::new("find").arg(&folder).args(["-printf", "%s"]))
            })]
        }),
        cold(inputs, "copy 512 MiB, cold", "big", 1, {
            let (file, copy) = (inputs.path("big/file"), inputs.path("peer.copy"));
            let both = peer("cp + sha256sum", Limit::Ratio(1.5), move || {
                let copied = run(Command::new("cp").arg(&file).arg(&copy))?;
                Ok(copied.then(run(Command::new("sha256sum").arg(&file))?))
            });
            vec![both]
        }),
    ]);
    cases
}

/// A build in an empty home.
fn cold<'i>(inputs: &'i Inputs, name: &str, folder: &'i str, steps: u32, peers: Vec<Peer<'i>>) -> Case<'i> {
    let home = inputs.path(&format!("home-cold-{folder}"));
    let ours = Box::new(move || {
        remove(&home)?;
        run(ours(inputs, &home, None).arg("build").arg(inputs.path(folder)))
    });
    Case { name: name.to_owned(), steps, ours, peers }
}

/// A build that was done before.
fn warm<'i>(inputs: &'i Inputs, name: &str, folder: &'i str, steps: u32, peers: Vec<Peer<'i>>) -> Case<'i> {
    let home = inputs.path(&format!("home-warm-{folder}"));
    let ours = Box::new(move || {
        let build = || run(ours(inputs, &home, None).arg("build").arg(inputs.path(folder)));
        if !home.exists() {
            build()?;
        }
        build()
    });
    Case { name: name.to_owned(), steps, ours, peers }
}

/// A command that does next to nothing.
fn start<'i>(inputs: &'i Inputs, name: &str, argument: &'static str) -> Case<'i> {
    let home = inputs.path("home-warm-labels");
    let ours = Box::new(move || run(ours(inputs, &home, None).arg(argument)));
    Case { name: name.to_owned(), steps: 1, ours, peers: limit(5.0) }
}

/// RUN steps on a base that is unpacked already. `FROM` and the end of the build are part of the time.
fn processes<'i>(inputs: &'i Inputs, name: &str, user: Option<u32>) -> Case<'i> {
    let home = inputs.path(if user.is_some() { "home-run-user" } else { "home-run" });
    let ours = Box::new(move || {
        let build = || run(ours(inputs, &home, user).args(["build", "--no-cache"]).arg(inputs.path("run")));
        if !home.exists() {
            fs::create_dir(&home).map_err(|error| error.to_string())?;
            std::os::unix::fs::chown(&home, user, user).map_err(|error| error.to_string())?;
            build()?;
        }
        build()
    });
    let mut peers = limit(10.0);
    if user.is_none() {
        peers.push(unshare());
        peers.extend(runc(inputs, Limit::None));
        peers.extend(builders(inputs, "run", RUNS));
    }
    Case { name: name.to_owned(), steps: RUNS, ours, peers }
}

/// A process in the namespaces that a container has, which are two for process ids: the least that anybody can do.
fn unshare<'i>() -> Peer<'i> {
    peer("unshare, same namespaces", Limit::Ratio(1.5), move || {
        let outer = ["--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork"];
        run(Command::new("unshare").args(outer).args(["unshare", "--pid", "--fork", "true"]))
    })
}

/// The program with a home, as another user if one is given.
pub fn ours(inputs: &Inputs, home: &Path, user: Option<u32>) -> Command {
    let mut command = match user {
        None => Command::new(&inputs.program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
            command.arg(&inputs.program);
            command
        }
    };
    command.env("LAYERLAB_HOME", home).env_remove("SOURCE_DATE_EPOCH").env_remove("LAYERLAB_OVERLAY");
    command
}

pub fn peer<'i>(name: &'static str, limit: Limit, run: impl FnMut() -> Result<Sample, String> + 'i) -> Peer<'i> {
    Peer { name, steps: 1, most_runs: usize::MAX, run: Some(Box::new(run)), limit }
}

/// A limit by the clock, for what has no peer.
pub fn limit<'i>(milliseconds: f64) -> Vec<Peer<'i>> {
    vec![Peer { name: "", steps: 1, most_runs: 0, run: None, limit: Limit::Milliseconds(milliseconds) }]
}

/// Other builders on the same folder, without their cache. Their stores lie in the temporary folder too, but docker's.
fn builders<'i>(inputs: &'i Inputs, folder: &str, steps: u32) -> Vec<Peer<'i>> {
    let context = inputs.path(folder);
    let base = (folder == "run").then(|| peer_base(inputs));
    let file = match &base {
        None => context.join("Dockerfile"),
        Some(file) => file.clone(),
    };
    let mut peers = Vec::new();
    for (name, program, words) in [
        ("buildah bud", "buildah", &["bud", "--no-cache", "--layers"][..]),
        ("podman build", "podman", &["build", "--no-cache"]),
        ("docker build", "docker", &["build", "--no-cache", "--quiet"]),
    ] {
        let (context, file) = (context.clone(), file.clone());
        let (store, state) = (inputs.path("peer-store"), inputs.path("peer-state"));
        let mut one = peer(name, Limit::None, move || {
            let mut command = Command::new(program);
            if program != "docker" {
                command.arg("--root").arg(&store).arg("--runroot").arg(&state).args(["--storage-driver", "overlay"]);
            }
            run(command.args(words).arg("--file").arg(&file).arg(&context))
        });
        one.steps = steps;
        one.most_runs = 3;
        peers.push(one);
    }
    peers
}

/// A Dockerfile with the same RUN steps for tools that do not have our base image: a shell from this machine alone.
fn peer_base(inputs: &Inputs) -> std::path::PathBuf {
    let context = inputs.path("run");
    let file = context.join("Dockerfile.peer");
    // Without a static shell the peers fail, and have no line.
    let _ = fs::copy("/bin/busybox", context.join("busybox"));
    let text = format!("FROM scratch\nCOPY busybox /bin/sh\n{}", "RUN true\n".repeat(RUNS as usize));
    let _ = fs::write(&file, text);
    file
}

/// `runc run` of the same shell, a container a run.
pub fn runc(inputs: &Inputs, limit: Limit) -> Option<Peer<'_>> {
    let bundle = inputs.path("bundle");
    let shell = bundle.join("rootfs/bin");
    fs::create_dir_all(&shell).ok()?;
    fs::copy("/bin/busybox", shell.join("sh")).ok()?;
    Command::new("runc").arg("spec").current_dir(&bundle).output().ok()?;
    let spec = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&spec).ok()?).ok()?;
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/bin/sh", "-c", "true"]);
    fs::write(&spec, config.to_string()).ok()?;
    let state = inputs.path("runc-state");
    let mut number = 0;
    Some(peer("runc run", limit, move || {
        number += 1;
        let id = format!("layerlab-bench-{}-{number}", std::process::id());
        run(Command::new("runc").arg("--root").arg(&state).args(["run", "--bundle"]).arg(&bundle).arg(id))
    }))
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}
