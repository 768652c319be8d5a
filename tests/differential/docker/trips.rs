//! Images on their way: from us to Docker, Podman and skopeo and back, through a registry and through `serve`. Whatever way one takes, its id, its
//! layers and what it prints stay the same, and so does the digest of its manifest wherever it is only copied.
//!
//! Everything runs in the network of Docker's daemon, which has a loopback of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::daemon::Daemon;
use crate::place::{Place, missing};
use crate::registry::{Doors, Registry};

const FILES: &str = "\
//- Dockerfile
FROM layerlab/base
COPY note /note
RUN seq 1 50000 > /numbers
ENV GREETING=hello
CMD [\"sh\", \"-c\", \"echo $GREETING; cat /note; tail -n 1 /numbers\"]
//- note
one
";

/// What the image of [`FILES`] prints.
const PRINTED: &str = "hello\none\n50000";

/// One who knows Docker's words, with a store of its own.
struct Hand<'h> {
    name: &'static str,
    start: Box<dyn Fn() -> Command + 'h>,
    /// What `pull` and `push` have to be told, so that they speak without TLS.
    plain: &'static str,
}

impl Hand<'_> {
    /// What a command line prints, without the line's end; it has to succeed.
    fn says(&self, line: &str) -> String {
        let done = self.command(line).output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{} {line}: {errors}", self.name);
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = (self.start)();
        // A quoted part is one argument.
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                command.arg(part);
            } else {
                command.args(part.split_whitespace());
            }
        }
        command.stdin(Stdio::null());
        command
    }

    fn pull(&self, name: &str) {
        self.says(&format!("pull -q {} {name}", self.plain));
    }

    fn push(&self, name: &str) {
        self.says(&format!("push {} {name}", self.plain));
    }

    fn tag(&self, name: &str, other: &str) {
        self.says(&format!("tag {name} {other}"));
    }

    fn print(&self, name: &str) -> String {
        self.says(&format!("run --rm --network none {name}"))
    }

    /// What an image is, whoever has it: its id, and the digests of its layers.
    fn identity(&self, name: &str) -> (String, String) {
        let about = |format: &str| self.says(&format!("image inspect --format '{format}' {name}"));
        (about("{{.Id}}").trim_start_matches("sha256:").to_owned(), about("{{json .RootFS.Layers}}"))
    }

    /// The digest that the image's manifest has in a repository, as it was told.
    fn digest(&self, repository: &str) -> String {
        let all = self.says(&format!("image inspect --format '{{{{json .RepoDigests}}}}' {repository}"));
        let names: Vec<String> = serde_json::from_str(&all).unwrap();
        let own = names.iter().find_map(|name| name.strip_prefix(repository)?.strip_prefix('@'));
        own.unwrap_or_else(|| panic!("{} has {all} of {repository}", self.name)).to_owned()
    }
}

/// Us, at a place.
fn ours(place: &Place) -> Hand<'_> {
    Hand { name: "layerlab", start: Box::new(|| place.command("")), plain: "" }
}

fn docker(daemon: &Daemon) -> Hand<'_> {
    let start = || {
        let mut command = Command::new(daemon.client());
        command.args(["--host", &daemon.host()]).env("DOCKER_BUILDKIT", "0").env("DOCKER_CONFIG", daemon.host());
        command
    };
    Hand { name: "docker", start: Box::new(start), plain: "" }
}

/// Podman, with everything that it keeps below a folder.
fn podman(folder: &Path) -> Hand<'_> {
    // Its defaults are higher than what everybody may have.
    let limits = "[containers]\ndefault_ulimits = [\"nofile=1000:1000\", \"nproc=1000:1000\"]\n";
    std::fs::write(folder.join("containers.conf"), limits).unwrap();
    let start = move || {
        let mut command = Command::new("podman");
        for (option, name) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(folder.join(name));
        }
        command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "runc"]);
        command.env("HOME", folder).env("CONTAINERS_CONF", folder.join("containers.conf"));
        command
    };
    Hand { name: "podman", start: Box::new(start), plain: "--tls-verify=false" }
}

/// A daemon, in whose network this thread is from now on; `None` where that can't be had, which is said.
fn daemon() -> Option<Daemon> {
    if ["podman", "skopeo"].iter().any(|program| Command::new(program).arg("--version").output().is_err()) {
        missing("images on their way: Podman or skopeo is not installed");
        return None;
    }
    let Some(daemon) = Daemon::start() else {
        missing("images on their way: there is no `dockerd`, or it does not start");
        return None;
    };
    daemon.enter();
    Some(daemon)
}

/// The image of [`FILES`] under a name, at a place of its own.
fn built(name: &str) -> Place {
    let place = Place::new(FILES);
    ours(&place).says(&format!("build -q -t {name} ."));
    place
}

#[test]
fn images_go_to_others_and_come_back() {
    let Some(daemon) = daemon() else { return };
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let host = format!("127.0.0.1:{}", registry.port);
    let repository = format!("{host}/ours/x");
    let place = built(&repository);
    let ours = ours(&place);
    ours.push(&repository);
    let (identity, digest) = (ours.identity(&repository), digest_there(&repository));
    assert_eq!(ours.print(&repository), PRINTED);
    let folder = tempfile::tempdir().unwrap();
    for peer in [docker(&daemon), podman(folder.path())] {
        let name = peer.name;
        peer.pull(&repository);
        assert_eq!(peer.identity(&repository), identity, "{name}");
        assert_eq!(peer.digest(&repository), digest, "{name}");
        assert_eq!(peer.print(&repository), PRINTED, "{name}");
        // The same image, as the peer sends it.
        let back = format!("{host}/{name}/back");
        peer.tag(&repository, &back);
        peer.push(&back);
        returns(&back, &identity, PRINTED);
        // One of the peer's own.
        let (own, context) = (format!("{host}/{name}/own"), folder.path().join(name));
        std::fs::create_dir(&context).unwrap();
        let text = format!("FROM {repository}\nRUN echo two >> /note\nWORKDIR /work\nLABEL a=b\n");
        std::fs::write(context.join("Dockerfile"), text).unwrap();
        peer.says(&format!("build -q --network none -t {own} {}", context.display()));
        peer.push(&own);
        returns(&own, &peer.identity(&own), "hello\none\ntwo\n50000");
    }
    by_skopeo(&registry, &repository, folder.path(), &digest, &identity);
    place.assert_whole();
}

/// We pull what a peer has pushed, and it is what the peer has; and as we push it, it is what we have pulled.
fn returns(name: &str, identity: &(String, String), printed: &str) {
    let place = Place::new("");
    let pupil = ours(&place);
    pupil.pull(name);
    assert_eq!(&pupil.identity(name), identity, "{name}");
    assert_eq!(pupil.print(name), printed, "{name}");
    let again = format!("{name}-again");
    pupil.tag(name, &again);
    pupil.push(&again);
    assert_eq!(digest_there(&again), digest_there(name), "{name}");
    place.assert_whole();
}

/// The digest of an image's manifest in its registry.
fn digest_there(name: &str) -> String {
    let mut command = Command::new("skopeo");
    command.args(["inspect", "--tls-verify=false", "--format", "{{.Digest}}"]).arg(format!("docker://{name}"));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// skopeo copies an image to a folder and back.
fn by_skopeo(registry: &Registry, name: &str, folder: &Path, digest: &str, identity: &(String, String)) {
    let skopeo = |line: &str| {
        let done = Command::new("skopeo").args(line.split_whitespace()).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let copy = "--insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false --preserve-digests";
    skopeo(&format!("{copy} docker://{name} oci:copied:x"));
    let about: serde_json::Value = serde_json::from_str(&skopeo("inspect oci:copied:x")).unwrap();
    assert_eq!(about["Digest"], digest);
    let back = format!("127.0.0.1:{}/skopeo/back", registry.port);
    skopeo(&format!("{copy} oci:copied:x docker://{back}"));
    assert_eq!(digest_there(&back), digest);
    returns(&back, identity, PRINTED);
}

/// Us as a registry. Dropped, it is gone.
struct Teacher {
    child: Child,
    host: String,
}

impl Teacher {
    fn new(place: &Place, options: &str) -> Teacher {
        let mut command = place.command(&format!("serve --addr 127.0.0.1:0 {options}"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let host = first.split(" at ").last().unwrap().split(',').next().unwrap().to_owned();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Teacher { child, host }
    }
}

impl Drop for Teacher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn others_pull_from_us_and_push_to_us() {
    let Some(daemon) = daemon() else { return };
    let place = built("x");
    let ours = ours(&place);
    let identity = ours.identity("x");
    let folder = tempfile::tempdir().unwrap();
    let peers = [docker(&daemon), podman(folder.path())];
    let reader = Teacher::new(&place, "");
    for peer in &peers {
        let name = format!("{}/x", reader.host);
        peer.pull(&name);
        assert_eq!(peer.identity(&name), identity, "{}", peer.name);
        assert_eq!(peer.print(&name), PRINTED, "{}", peer.name);
        let refused = peer.command(&format!("push {} {name}", peer.plain)).output().unwrap();
        assert!(!refused.status.success(), "{} pushes to a registry that is not writable", peer.name);
    }
    let writer = Teacher::new(&place, "--writable");
    for peer in &peers {
        let there = format!("class/{}", peer.name);
        let name = format!("{}/{there}", writer.host);
        peer.tag(&format!("{}/x", reader.host), &name);
        peer.push(&name);
        assert_eq!(ours.identity(&there), identity, "{}", peer.name);
        assert_eq!(ours.print(&there), PRINTED, "{}", peer.name);
    }
    drop((reader, writer));
    place.assert_whole();
}
