//! In the place of `runc`: Podman and containerd make their containers with us. Both get state and storage of their own below the test's folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::bundle::{is_installed, is_root, text, until};
use crate::harness::{Place, missing};

const FILES: &str = "\
//- image/Dockerfile
FROM layerlab/base
ENV GREETING=hello
CMD [\"sh\", \"-c\", \"echo $GREETING\"]
//- again/Dockerfile
FROM docker.io/test/image
RUN echo built > /built && id -u && cat /built
USER 12:34
RUN id -u; cat /built
//- containers.conf
[containers]
default_ulimits = [\"nofile=1000:1000\", \"nproc=1000:1000\"]
[engine]
events_logger = \"file\"
";

/// A place with an image in an archive, and us under the name of `runc`; `None` where the manager can't be tried.
fn prepare(programs: &[&str]) -> Option<Place> {
    if let Some(program) = programs.iter().find(|program| !is_installed(program)) {
        missing(&format!("`{program}` is not installed"));
        return None;
    }
    if !is_root() {
        missing("managers of containers, as root");
        return None;
    }
    let place = Place::new(FILES);
    assert!(place.output("build -q -t docker.io/test/image image").status.success());
    assert!(place.output("save -o image.tar docker.io/test/image").status.success());
    symlink(place.program(), place.path("runc")).unwrap();
    Some(place)
}

/// Podman, with everything that it keeps below the test's folder. What it has left is removed at the end.
struct Podman<'p>(&'p Place);

impl Podman<'_> {
    fn command(&self, line: &str) -> Command {
        // Should it wait for ever, that is a finding.
        let mut command = Command::new("timeout");
        command.args(["60", "podman"]);
        for (option, folder) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.0.path(folder));
        }
        command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]);
        command.arg("--runtime").arg(self.0.path("runc"));
        // A quoted part is one argument.
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                command.arg(part);
            } else {
                command.args(part.split_whitespace());
            }
        }
        command
            .env("CONTAINERS_CONF", self.0.path("containers.conf"))
            .current_dir(self.0.path(""))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> String {
        text(&self.command(line).output().unwrap())
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        let _ = self.run("rm --all --force --time 0");
        let _ = self.run("umount --all");
    }
}

#[test]
fn podman_makes_its_containers_with_us() {
    let Some(place) = prepare(&["podman", "conmon"]) else { return };
    let podman = Podman(&place);
    assert!(podman.run("load -q -i image.tar").ends_with("[0]"));
    let image = "--network none docker.io/test/image";

    assert_eq!(podman.run(&format!("run --rm {image}")), "hello\n[0]");
    assert_eq!(podman.run(&format!("run --rm {image} sh -c 'echo out; echo err >&2; exit 7'")), "out\nerr\n[7]");
    assert!(podman.run(&format!("run --rm {image} no-such-program")).ends_with("[127]"));
    assert_eq!(podman.run(&format!("run --rm -t {image} tty")), "/dev/pts/0\r\n[0]");
    let piped = podman
        .command(&format!("run --rm -i {image} cat"))
        .stdin(fs::File::open(place.path("containers.conf")).unwrap())
        .output();
    assert_eq!(piped.unwrap().stdout, fs::read(place.path("containers.conf")).unwrap());
    let options =
        "--user 12:34 --workdir /tmp --hostname kitchen --read-only --read-only-tmpfs=false --cap-drop all -e A=b";
    let look = "'id -u; id -g; pwd; hostname; echo $A; grep CapBnd /proc/self/status; grep Seccomp: /proc/self/status; touch /tmp/x'";
    assert_eq!(
        podman.run(&format!("run --rm {options} {image} sh -c {look}")),
        "12\n34\n/tmp\nkitchen\nb\nCapBnd:\t0000000000000000\nSeccomp:\t2\ntouch: /tmp/x: Read-only file system\n[1]"
    );
    let volume = place.path("image").display().to_string();
    assert_eq!(podman.run(&format!("run --rm -v {volume}:/seen:ro {image} ls /seen")), "Dockerfile\n[0]");
}

#[test]
fn podman_watches_a_container_of_ours_to_its_end() {
    let Some(place) = prepare(&["podman", "conmon"]) else { return };
    let podman = Podman(&place);
    assert!(podman.run("load -q -i image.tar").ends_with("[0]"));
    let wait = "'trap \"echo bye; exit 5\" TERM; echo ready; while :; do sleep 0.05; done'";
    assert!(
        podman.run(&format!("run -d --name one --network none docker.io/test/image sh -c {wait}")).ends_with("[0]")
    );
    until("it says that it is ready", || podman.run("logs one").contains("ready"));
    assert_eq!(podman.run("exec one sh -c 'cat /proc/1/comm; exit 3'"), "sh\n[3]");
    assert_eq!(podman.run("exec --user 5 one id -u"), "5\n[0]");
    assert!(podman.run("exec one no-such-program").ends_with("[127]"));
    assert!(podman.run("top one").contains("trap"));
    assert_eq!(podman.run("stop --time 60 one"), "one\n[0]");
    assert_eq!(podman.run("inspect --format '{{.State.ExitCode}} {{.State.Status}}' one"), "5 exited\n[0]");
    assert!(podman.run("logs one").contains("bye"));
    assert_eq!(podman.run("start one"), "one\n[0]");
    assert_eq!(podman.run("kill one"), "one\n[0]");
    assert_eq!(podman.run("wait one"), "137\n[0]");
    assert!(podman.run("rm one").ends_with("[0]"));
    assert_eq!(podman.run("ps --all --quiet"), "[0]");
}

#[test]
fn podman_builds_with_us() {
    let Some(place) = prepare(&["podman"]) else { return };
    let podman = Podman(&place);
    assert!(podman.run("load -q -i image.tar").ends_with("[0]"));
    let built = podman.run("build --network none -t built again");
    assert!(built.contains("\n0\nbuilt\n") && built.contains("\n12\nbuilt\n") && built.ends_with("[0]"), "{built}");
}

/// A containerd of the test's own.
struct Containerd<'p> {
    place: &'p Place,
    process: Child,
    namespace: String,
}

impl Containerd<'_> {
    fn start(place: &Place) -> Containerd<'_> {
        let folder = place.path("containerd");
        fs::create_dir(&folder).unwrap();
        let folder = folder.display();
        let config = format!(
            "version = 2\nroot = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{folder}/socket\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{folder}/opt\"\n"
        );
        place.write("containerd.toml", &config);
        let log = fs::File::create(place.path("containerd.log")).unwrap();
        let process = Command::new("containerd")
            .arg("--config")
            .arg(place.path("containerd.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let containerd = Containerd { place, process, namespace: format!("layerlab-{}", std::process::id()) };
        until("containerd answers", || containerd.run("version").ends_with("[0]"));
        containerd
    }

    fn run(&self, line: &str) -> String {
        // Should it wait for ever, that is a finding.
        let mut command = Command::new("timeout");
        command
            .args(["60", "ctr"])
            .arg("--address")
            .arg(self.place.path("containerd/socket"))
            .args(["--namespace", &self.namespace]);
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                command.arg(part);
            } else {
                command.args(part.split_whitespace());
            }
        }
        text(&command.current_dir(self.place.path("")).stdin(Stdio::null()).output().unwrap())
    }
}

impl Drop for Containerd<'_> {
    fn drop(&mut self) {
        let _ = self.run("tasks kill --signal KILL two");
        let _ = self.run("tasks rm two");
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(PathBuf::from("/run/containerd/runc").join(&self.namespace));
        // Its groups above those of its containers.
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(&self.namespace));
        }
    }
}

#[test]
fn containerd_makes_its_containers_with_us_as_a_node_of_kubernetes_would() {
    let Some(place) = prepare(&["containerd", "ctr", "containerd-shim-runc-v2"]) else { return };
    let containerd = Containerd::start(&place);
    assert!(containerd.run("images import image.tar").ends_with("[0]"));
    let binary = place.path("runc").display().to_string();
    let image = format!("--snapshotter native --runc-binary {binary} docker.io/test/image:latest");

    assert_eq!(containerd.run(&format!("run --rm {image} one")), "hello\n[0]");
    assert_eq!(containerd.run(&format!("run --rm {image} one sh -c 'id -u; exit 7'")), "0\n[7]");
    let failed = containerd.run(&format!("run --rm {image} one no-such-program"));
    assert!(failed.contains("executable file not found in $PATH"), "{failed}");

    let wait = "'trap \"exit 5\" TERM; touch /tmp/ready; while :; do sleep 0.05; done'";
    assert!(containerd.run(&format!("run -d {image} two sh -c {wait}")).ends_with("[0]"));
    until("it is ready", || containerd.run("tasks exec --exec-id look two cat /tmp/ready").ends_with("[0]"));
    assert_eq!(containerd.run("tasks exec --exec-id in two sh -c 'cat /proc/1/comm; exit 3'"), "sh\n[3]");
    assert!(containerd.run("tasks pause two").ends_with("[0]"));
    assert!(containerd.run("tasks ls").contains("PAUSED"));
    assert!(containerd.run("tasks resume two").ends_with("[0]"));
    assert!(containerd.run("tasks kill two").ends_with("[0]"));
    until("it has ended", || containerd.run("tasks ls").contains("STOPPED"));
    let removed = containerd.run("tasks rm two");
    assert!(removed.contains("exit code 5"), "{removed}");
    assert!(containerd.run("containers rm two").ends_with("[0]"));
    assert_eq!(containerd.run("containers ls --quiet"), "[0]");
}
