//! The tutorial's chapter about Docker Hub, typed word for word, as root and as ordinary users. Docker Hub is a real registry on loopback,
//! where `registries.toml` says that it is.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, filter, missing};
use crate::pty::Pty;
use crate::registry::{Doors, Registry};

const FILES: &str = "\
//- server/Dockerfile
FROM docker.io/nginx
LABEL maintainer=\"ekaba.bisong@example.com\"
COPY html/index.html /usr/share/nginx/html
EXPOSE 80
//- server/html/index.html
<h1>hello from the image</h1>
//- notebook/Dockerfile
FROM docker.io/alpine
CMD trap 'echo; echo Interrupted; exit 0' INT; echo 'The Jupyter Notebook is running at http://0.0.0.0:8888/'; while :; do sleep 0.1; done
";

/// The class and its Hub.
struct Class {
    place: Place,
    hub: Registry,
}

impl Class {
    fn new(role: Role) -> Option<Class> {
        let hub = Registry::start(Doors::Password)?;
        let place = Place::of(role, FILES);
        let bin = place.folder().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(place.program(), bin.join("docker")).unwrap();
        // What the Hub has is made with another home.
        let teacher = Place::new(FILES);
        for (built_in, name) in [("layerlab/base", "alpine"), ("layerlab/web", "nginx")] {
            assert_eq!(teacher.run(&format!("tag {built_in} {name}")), "");
            offer(&teacher, &hub, name, &format!("library/{name}"));
        }
        teacher.run("build -q -t notebook notebook");
        offer(&teacher, &hub, "notebook", "jupyter/tensorflow-notebook");
        std::fs::create_dir_all(place.home()).unwrap();
        let settings = format!("[registry.\"docker.io\"]\nserver = \"http://{}\"\n", hub.host());
        std::fs::write(place.home().join("registries.toml"), settings).unwrap();
        if role != Role::Self_ {
            place.give(&place.home());
        }
        Some(Class { place, hub })
    }

    fn command(&self, folder: &str, line: &str) -> Command {
        let mut command = self.place.shell(line);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.place.folder().join("bin").display());
        command.env("PATH", path).env("LAYERLAB_PULL", "missing").current_dir(self.place.path(folder));
        command
    }

    /// Types a line, and gives it with what it prints.
    fn types(&self, folder: &str, line: &str) -> String {
        let output = self.command(folder, line).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        format!("$ {line}\n{text}")
    }

    /// `docker login` at a terminal.
    fn logs_in(&self) -> String {
        let mut pty = Pty::start(self.command("", "docker login"), (80, 24));
        let mut seen = String::new();
        for (question, answer) in [("Username: ", "teacher\n"), ("Password: ", "chalk\n")] {
            until(&pty, &mut seen, question);
            pty.type_keys(answer);
        }
        until(&pty, &mut seen, "Login Succeeded");
        assert!(!seen.contains("chalk"), "{seen}");
        format!("$ docker login\n{}\n", seen.replace("\r\n", "\n"))
    }

    /// A server in the foreground, ended by Ctrl-C.
    fn reads_a_notebook(&self) -> String {
        let line = "docker run --rm -p 127.0.0.1::8888 jupyter/tensorflow-notebook";
        let mut pty = Pty::start(self.command("", line), (100, 24));
        let mut seen = String::new();
        until(&pty, &mut seen, "The Jupyter Notebook is running");
        pty.type_keys("\x03");
        let begun = Instant::now();
        while pty.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "Ctrl-C does not end it: {seen}");
            std::thread::sleep(Duration::from_millis(20));
        }
        until(&pty, &mut seen, "Interrupted");
        format!("$ {line}\n{}\n", seen.replace("\r\n", "\n").trim_end())
    }
}

/// Waits for a text on a terminal.
fn until(pty: &Pty, seen: &mut String, text: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !seen.contains(text) {
        let left = end.saturating_duration_since(Instant::now());
        let piece = pty.output.recv_timeout(left).unwrap_or_else(|_| panic!("no `{text}` in: {seen}"));
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
}

/// Puts an image into the Hub with skopeo.
fn offer(teacher: &Place, hub: &Registry, image: &str, name: &str) {
    teacher.run(&format!("save -o image.tar {image}"));
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["copy", "-q", "--dest-tls-verify=false", "--dest-creds", "teacher:chalk"]);
    skopeo.arg(format!("docker-archive:{}", teacher.path("image.tar").display()));
    let done = skopeo.arg(format!("docker://{}/{name}:latest", hub.host())).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_chapter_about_the_hub_works_word_for_word() {
    let mut roles = vec![Role::Self_];
    if nix::unistd::geteuid().is_root() {
        roles.extend([Role::Mapped, Role::Single]);
    } else {
        missing("the tutorial as another user: the tests don't run as root");
    }
    for role in roles {
        let Some(class) = Class::new(role) else { return };
        let mut transcript = class.logs_in();
        for (folder, line) in [
            ("server", "docker build -t ekababisong.org/nginx_server ."),
            ("server", "docker tag ekababisong.org/nginx_server ekababisong/ebisong-nginx-server:latest"),
            ("server", "docker push ekababisong/ebisong-nginx-server"),
            ("server", "docker push ekababisong/ebisong-nginx-server"),
            ("server", "docker rmi -f $(docker images -q) > /dev/null"),
            ("server", "docker pull ekababisong/ebisong-nginx-server"),
            ("notebook", "docker pull jupyter/tensorflow-notebook"),
        ] {
            transcript.push_str(&class.types(folder, line));
        }
        transcript.push_str(&class.reads_a_notebook());
        transcript.push_str(&class.types("", "docker ps -a -q"));
        transcript.push_str(&class.types("", "docker logout"));
        let shown = transcript.replace(&class.place.folder().display().to_string(), "/place");
        let shown = shown.replace(&class.hub.host(), "HUB");
        insta::allow_duplicates! {
            insta::assert_snapshot!(in_order(&filter(&shown)));
        }
        class.place.assert_whole();
    }
}

/// Layers come and go in any order: lines that begin with an id are sorted where they stand together, and sizes depend on this machine's programs.
fn in_order(text: &str) -> String {
    let (mut lines, mut layers): (Vec<String>, Vec<String>) = Default::default();
    for line in text.lines() {
        if line.starts_with("…: ") {
            layers.push(line.to_owned());
            continue;
        }
        layers.sort_unstable();
        lines.append(&mut layers);
        lines.push(line.split(" size: ").next().unwrap_or_default().to_owned());
    }
    layers.sort_unstable();
    lines.append(&mut layers);
    lines.join("\n")
}
