//! `serve`: the store as a registry, asked by hand, by skopeo and by Podman; what is refused; thirty at once; clients that are slow or leave.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use layerlab::oci::Digest;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use nix::unistd::Pid;
use serde_json::Value;

use crate::containers::roles;
use crate::harness::{Place, Role, missing};
use crate::tarballs::Tar;

const PATIENCE: Duration = Duration::from_secs(60);

/// An image of two layers that does not depend on the machine, under two names, and another one.
const FILES: &str = "//- Dockerfile\nFROM scratch\nCOPY hello /\nCOPY Dockerfile /\nCMD [\"/hello\"]\n//- hello\nhello\n\
                     //- other/Dockerfile\nFROM scratch\nCOPY secret /\n//- other/secret\nsecret\n";

fn place(role: Role) -> Place {
    let place = Place::of(role, FILES);
    place.run("build -q -t hello -t ghcr.io/team/app:1 .");
    place.run("build -q -t other other");
    place
}

/// A registry that runs.
pub struct Teacher {
    pub place: Place,
    child: Child,
    pub address: String,
    log: Arc<Mutex<String>>,
}

impl Teacher {
    pub fn new(place: Place, options: &str) -> Teacher {
        Teacher::with(place, options, &[])
    }

    fn with(place: Place, options: &str, variables: &[(&str, &str)]) -> Teacher {
        let mut command = place.command(&format!("serve --addr 127.0.0.1:0 {options}"));
        command.envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.split(" at ").last().unwrap().split(',').next().unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{first}");
        let log = Arc::new(Mutex::new(first + "\n"));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        Teacher { place, child, address, log }
    }

    fn connect(&self) -> TcpStream {
        self.connect_from(1)
    }

    /// Connects from one of the machine's addresses, 127.0.0.LAST.
    fn connect_from(&self, last: u8) -> TcpStream {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, last, 0)).unwrap();
        let address: SocketAddrV4 = self.address.parse().unwrap();
        connect(socket.as_raw_fd(), &SockaddrIn::from(address)).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Asks on a connection of its own.
    fn ask(&self, request: &str) -> Answer {
        self.send(request, b"")
    }

    fn send(&self, request: &str, body: &[u8]) -> Answer {
        self.send_on(self.connect(), request, body)
    }

    fn send_on(&self, mut stream: TcpStream, request: &str, body: &[u8]) -> Answer {
        let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
        let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let host = if fields.contains("Host: ") { "" } else { "Host: localhost\r\n" };
        let head = format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{fields}{length}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        Answer::read(stream)
    }

    /// Pushes a blob in one go.
    fn push_blob(&self, repository: &str, bytes: &[u8]) -> Answer {
        self.send(&format!("POST /v2/{repository}/blobs/uploads/?digest={}", Digest::of(bytes)), bytes)
    }

    /// What it has written, with the address made the same everywhere.
    fn log(&self) -> String {
        let port = self.address.split_once(':').unwrap().1;
        self.log.lock().unwrap().replace(&self.address, "ADDRESS").replace(port, "PORT")
    }

    fn wait_for_log(&self, text: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self.log().matches(text).count() < times {
            assert!(Instant::now() < end, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it, and gives its place back.
    pub fn end(mut self) -> Place {
        self.signal(Signal::SIGTERM);
        assert!(self.child.wait().unwrap().success());
        let temporary = fs::read_dir(self.place.home().join("tmp")).unwrap().count();
        assert_eq!(temporary, 0, "files are left");
        self.place.assert_whole();
        std::mem::replace(&mut self.place, Place::new(""))
    }
}

impl Drop for Teacher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer of HTTP.
struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn read(mut stream: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Answer { status, fields, body: bytes[end + 4..].to_vec() }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status, and the code of the refusal.
    fn refusal(&self) -> String {
        format!("{} {}", self.status, self.json()["errors"][0]["code"].as_str().unwrap())
    }

    fn text(&self) -> String {
        let always = ["Date", "Connection", "Docker-Distribution-Api-Version"];
        let fields = self.fields.iter().filter(|(name, _)| !always.contains(&name.as_str()));
        let fields: String = fields.map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{}\n{fields}{}", self.status, String::from_utf8_lossy(&self.body))
    }
}

#[test]
fn what_has_a_name_is_served() {
    let teacher = Teacher::new(place(Role::Self_), "");
    let manifest = teacher.ask("GET /v2/hello/manifests/latest");
    let digest = manifest.field("Docker-Content-Digest").unwrap().to_owned();
    assert_eq!(Digest::of(&manifest.body).to_string(), digest);
    let config = manifest.json()["config"]["digest"].as_str().unwrap().to_owned();
    let mut session = String::new();
    for request in [
        "GET /".to_owned(),
        "GET /v2/".to_owned(),
        "GET /v2/_catalog".to_owned(),
        "GET /v2/_catalog?n=1".to_owned(),
        "GET /v2/_catalog?n=1&last=ghcr.io/team/app".to_owned(),
        "GET /v2/_catalog?n=some".to_owned(),
        "GET /v2/hello/tags/list".to_owned(),
        "GET /v2/library/hello/tags/list?n=0".to_owned(),
        "HEAD /v2/library/hello/manifests/latest".to_owned(),
        "GET /v2/docker.io/library/hello/manifests/latest".to_owned(),
        format!("HEAD /v2/hello/manifests/{digest}"),
        format!("GET /v2/hello/manifests/latest\nIf-None-Match: \"{digest}\""),
        "HEAD /v2/team/app/manifests/1?ns=ghcr.io".to_owned(),
        "HEAD /v2/ghcr.io/team/app/manifests/1".to_owned(),
        format!("GET /v2/hello/blobs/{config}"),
        format!("GET /v2/hello/blobs/{config}\nRange: bytes=2-11"),
        format!("GET /v2/hello/blobs/{config}\nRange: bytes=-3"),
        format!("GET /v2/hello/blobs/{config}\nRange: bytes=99999-"),
        format!("HEAD /v2/hello/blobs/{}", config.replace(':', "%3A")),
        format!("GET /v2/hello/referrers/{digest}"),
        "GET /v2/nothing/manifests/latest".to_owned(),
        "GET /v2/hello/manifests/9".to_owned(),
        "GET /v2/hello/manifests/%2e%2e".to_owned(),
        "GET /v2/hello/blobs/sha256:abc".to_owned(),
        "GET /v2/hello/blobs/../../index.json".to_owned(),
        "GET /v2/../../etc/passwd".to_owned(),
        "GET /v2/Hello/tags/list".to_owned(),
        "GET /etc/passwd".to_owned(),
        "GET /v2/hello/manifests/latest\nOrigin: http://example.org".to_owned(),
        "BREW /v2/".to_owned(),
    ] {
        session += &format!("> {request}\n{}\n", teacher.ask(&request).text().trim_end());
    }
    insta::assert_snapshot!(session);
    // The answer comes first, and the line after it.
    teacher.wait_for_log("BREW", 1);
    insta::assert_snapshot!("what_is_written_of_requests", teacher.log());
    teacher.end();
}

#[test]
fn a_repository_has_only_its_own() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let of = |name: &str| {
        let manifest = teacher.ask(&format!("GET /v2/{name}/manifests/latest"));
        let layer = manifest.json()["layers"][0]["digest"].as_str().unwrap().to_owned();
        (manifest.field("Docker-Content-Digest").unwrap().to_owned(), layer)
    };
    let (manifest, layer) = of("other");
    assert_eq!(teacher.ask(&format!("GET /v2/other/blobs/{layer}")).status, 200);
    assert_eq!(teacher.ask(&format!("GET /v2/hello/blobs/{layer}")).refusal(), "404 BLOB_UNKNOWN");
    assert_eq!(teacher.ask(&format!("GET /v2/hello/manifests/{manifest}")).refusal(), "404 MANIFEST_UNKNOWN");
    // A blob that was pushed is in the repository that it was pushed to, and by that in no other.
    let blob = b"pushed";
    assert_eq!(teacher.push_blob("hello", blob).status, 201);
    let digest = Digest::of(blob);
    assert_eq!(teacher.ask(&format!("GET /v2/hello/blobs/{digest}")).body, blob);
    assert_eq!(teacher.ask(&format!("GET /v2/other/blobs/{digest}")).refusal(), "404 BLOB_UNKNOWN");
    // Who names a repository that has it gets it from there.
    assert_eq!(teacher.ask(&format!("POST /v2/other/blobs/uploads/?mount={digest}&from=none")).status, 202);
    assert_eq!(teacher.ask(&format!("POST /v2/other/blobs/uploads/?mount={digest}&from=library/hello")).status, 201);
    assert_eq!(teacher.ask(&format!("GET /v2/other/blobs/{digest}")).body, blob);
    // What loses its name is not served, and what gets one is.
    teacher.place.run("rmi other");
    assert_eq!(teacher.ask(&format!("GET /v2/other/blobs/{layer}")).refusal(), "404 NAME_UNKNOWN");
    teacher.place.run("tag hello fresh:2");
    assert_eq!(teacher.ask("GET /v2/fresh/manifests/2").status, 200);
    teacher.end();
}

#[test]
fn nothing_is_pushed_where_that_is_not_allowed() {
    let teacher = Teacher::new(place(Role::Self_), "");
    for request in [
        "POST /v2/hello/blobs/uploads/",
        "PUT /v2/hello/manifests/latest",
        "DELETE /v2/hello/manifests/latest",
        "PATCH /v2/hello/blobs/uploads/1",
    ] {
        let answer = teacher.send(request, b"{}");
        assert_eq!((answer.refusal().as_str(), answer.field("Allow")), ("405 UNSUPPORTED", Some("GET, HEAD")));
    }
    teacher.end();
}

#[test]
fn an_image_is_pushed_in_pieces() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let layer = Tar::new().file("note", b"a note\n").end();
    let diff_id = Digest::of(&layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    // The layer in two pieces, of which the first breaks off.
    let begun = teacher.ask("POST /v2/team/note/blobs/uploads/");
    let place = begun.field("Location").unwrap().to_owned();
    let (first, rest) = layer.split_at(layer.len() / 2);
    let head = format!("PATCH {place} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", layer.len());
    let mut stream = teacher.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first).unwrap();
    drop(stream);
    let end = Instant::now() + PATIENCE;
    let range = loop {
        let answer = teacher.ask(&format!("GET {place}"));
        let range = answer.field("Range").unwrap().to_owned();
        if range != "0-0" {
            break range;
        }
        assert!(Instant::now() < end, "nothing came of the piece");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(range, format!("0-{}", first.len() - 1));
    let piece = |from: usize| format!("PATCH {place}\nContent-Range: {from}-{}", from + rest.len() - 1);
    assert_eq!(teacher.send(&piece(first.len() + 1), rest).status, 416);
    assert_eq!(teacher.send(&piece(first.len()), &rest[1..]).refusal(), "400 SIZE_INVALID");
    assert_eq!(teacher.send(&piece(first.len()), rest).status, 202);
    // Another repository's upload is none of this one.
    assert_eq!(teacher.ask(&format!("GET {}", place.replace("note", "other"))).refusal(), "404 BLOB_UPLOAD_UNKNOWN");
    let ended = teacher.ask(&format!("PUT {place}?digest={diff_id}"));
    assert_eq!((ended.status, ended.field("Docker-Content-Digest")), (201, Some(diff_id.to_string().as_str())));
    assert_eq!(teacher.ask(&format!("GET {place}")).refusal(), "404 BLOB_UPLOAD_UNKNOWN");
    // What has another digest is not taken.
    let wrong = format!("POST /v2/team/note/blobs/uploads/?digest={}", Digest::of(b"else"));
    assert_eq!(teacher.send(&wrong, config.as_bytes()).refusal(), "400 DIGEST_INVALID");
    let described = |text: &str, kind: &str, size: usize| {
        format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{text}","size":{size}}}"#)
    };
    let config_digest = Digest::of(config.as_bytes()).to_string();
    let manifest = |size: usize, layer_size: usize| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
            described(&config_digest, "config.v1+json", size),
            described(&diff_id.to_string(), "layer.v1.tar", layer_size)
        )
    };
    let put = |reference: &str, kind: &str, text: &str| {
        let kind = format!("Content-Type: application/vnd.oci.image.{kind}.v1+json");
        teacher.send(&format!("PUT /v2/team/note/manifests/{reference}\n{kind}"), text.as_bytes())
    };
    let right = manifest(config.len(), layer.len());
    // Everything that it lists has to be there, and to be what it says.
    assert_eq!(put("1", "manifest", &right).refusal(), "400 MANIFEST_BLOB_UNKNOWN");
    assert_eq!(teacher.push_blob("team/note", config.as_bytes()).status, 201);
    assert_eq!(put("1", "manifest", &manifest(config.len(), layer.len() + 1)).refusal(), "400 SIZE_INVALID");
    assert_eq!(put("1", "index", &right).refusal(), "400 MANIFEST_INVALID");
    assert_eq!(put("1", "manifest", "{").refusal(), "400 MANIFEST_INVALID");
    assert_eq!(put(&diff_id.to_string(), "manifest", &right).refusal(), "400 DIGEST_INVALID");
    let digest = Digest::of(right.as_bytes()).to_string();
    assert_eq!(put(&digest, "manifest", &right).status, 201);
    assert_eq!(teacher.ask(&format!("GET /v2/team/note/manifests/{digest}")).body, right.as_bytes());
    assert!(!teacher.place.run("images").contains("team/note"));
    // An index lists images, and nothing else.
    let listed = |parts: &[String]| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, parts.join(","));
    let image = described(&digest, "manifest.v1+json", right.len());
    let bare = described(&diff_id.to_string(), "layer.v1.tar+gzip", layer.len());
    let mixed = listed(&[image.clone(), bare]);
    for reference in ["2".to_owned(), Digest::of(mixed.as_bytes()).to_string()] {
        assert_eq!(put(&reference, "index", &mixed).refusal(), "400 MANIFEST_INVALID");
    }
    assert_eq!(put("2", "index", &listed(&[image])).status, 201);
    assert_eq!(put("1", "manifest", &right).status, 201);
    assert_eq!(teacher.ask("GET /v2/team/note/manifests/1").body, right.as_bytes());
    assert_eq!(teacher.ask("DELETE /v2/team/note/manifests/1").refusal(), "405 UNSUPPORTED");
    assert!(teacher.place.run("images").contains("team/note"));
    // What another repository had from there goes with the last name.
    for part in [&diff_id.to_string(), &config_digest] {
        assert_eq!(teacher.ask(&format!("POST /v2/z/2/blobs/uploads/?mount={part}&from=team/note")).status, 201);
    }
    assert_eq!(teacher.ask(&format!("GET /v2/z/2/blobs/{diff_id}")).body, layer);
    teacher.place.run("rmi team/note:1 team/note:2");
    for method in ["HEAD", "GET"] {
        assert_eq!(teacher.ask(&format!("{method} /v2/z/2/blobs/{diff_id}")).status, 404);
    }
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let answer = teacher.send(&format!("PUT /v2/z/2/manifests/t\n{kind}"), right.as_bytes());
    assert_eq!(answer.refusal(), "400 MANIFEST_BLOB_UNKNOWN");
    let place = teacher.end();
    assert!(place.run("events --since 1 --until 0s").contains("image push"));
}

#[test]
fn an_image_that_does_not_hold_what_it_says_gets_no_name() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let layer = b"this is no archive";
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(layer)
    );
    for blob in [layer.as_slice(), config.as_bytes()] {
        assert_eq!(teacher.push_blob("bad", blob).status, 201);
    }
    let part = |kind: &str, bytes: &[u8]| {
        let (digest, size) = (Digest::of(bytes), bytes.len());
        format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{size}}}"#)
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        part("config.v1+json", config.as_bytes()),
        part("layer.v1.tar", layer)
    );
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let answer = teacher.send(&format!("PUT /v2/bad/manifests/1\n{kind}"), manifest.as_bytes());
    assert_eq!(answer.refusal(), "400 MANIFEST_INVALID");
    let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("tar") && !message.contains("/tmp"), "{message}");
    assert!(!teacher.end().run("images").contains("bad"));
}

/// A folder for other programs' images, and their way to say that everything is trusted.
struct Student(tempfile::TempDir);

impl Student {
    fn new() -> Student {
        let student = Student(tempfile::tempdir().unwrap());
        fs::write(student.0.path().join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
        student
    }

    /// `None`: there is no such program.
    fn skopeo(&self, arguments: &str) -> Option<()> {
        let mut command = Command::new("skopeo");
        command.args(["--policy", "policy.json"]).args(arguments.split_whitespace()).current_dir(self.0.path());
        let output = command.output().ok()?;
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        Some(())
    }

    /// `None`: there is no such program, or it does not work here.
    fn podman(&self, arguments: &str) -> Option<String> {
        let mut command = Command::new("podman");
        command.args(["--storage-driver", "vfs", "--root", "podman", "--runroot", "podman/run"]);
        let output = command.args(arguments.split_whitespace()).current_dir(self.0.path()).output().ok()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if !output.status.success() && text.contains("permitted") {
            return None;
        }
        assert!(output.status.success(), "{arguments}: {text}");
        Some(text)
    }
}

#[test]
fn other_programs_pull_and_push() {
    for role in roles() {
        let teacher = Teacher::new(place(role), "--writable");
        let (student, address) = (Student::new(), teacher.address.clone());
        let image = |name: &str| format!("docker://{address}/{name}");
        let copy = "copy --src-tls-verify=false --dest-tls-verify=false --preserve-digests";
        if student.skopeo(&format!("{copy} {} dir:hello", image("hello"))).is_none() {
            missing("skopeo pulls and pushes");
            return;
        }
        let served = teacher.ask("GET /v2/hello/manifests/latest").body;
        assert_eq!(fs::read(student.0.path().join("hello/manifest.json")).unwrap(), served);
        student.skopeo(&format!("{copy} {} dir:app", image("ghcr.io/team/app:1"))).unwrap();
        student.skopeo(&format!("{copy} dir:hello {}", image("class/ours:1"))).unwrap();
        assert_eq!(teacher.ask("GET /v2/class/ours/manifests/1").body, served);
        // Layerlab, too; and in the place of Docker Hub.
        let pupil = Place::of(role, "");
        let settings = format!("[registry.\"docker.io\"]\nmirrors = [\"http://{address}\"]\n");
        pupil.run("images");
        fs::write(pupil.home().join("registries.toml"), settings).unwrap();
        if role != Role::Self_ {
            pupil.give(&pupil.home().join("registries.toml"));
        }
        for (name, own) in
            [(format!("{address}/ghcr.io/team/app:1"), "ghcr.io/team/app:1"), ("other".to_owned(), "other")]
        {
            let text = pupil.run(&format!("pull {name}"));
            let ids = |place: &Place, name: &str| place.run(&format!("images -q --no-trunc {name}"));
            assert_eq!(ids(&pupil, &name), ids(&teacher.place, own), "{text}");
        }
        pupil.assert_whole();
        let mirror = format!(
            "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"{address}\"\ninsecure = true\n"
        );
        fs::write(student.0.path().join("registries.conf"), mirror).unwrap();
        student.skopeo("--registries-conf registries.conf copy docker://docker.io/library/other dir:mirrored").unwrap();
        let other = teacher.ask("GET /v2/other/manifests/latest").body;
        assert_eq!(fs::read(student.0.path().join("mirrored/manifest.json")).unwrap(), other);
        // From one repository to another: the layers are there already.
        student.skopeo(&format!("{copy} {} {}", image("other"), image("class/second:1"))).unwrap();
        teacher.wait_for_log("from another repository", 1);
        match student.podman(&format!("pull -q --tls-verify=false {address}/hello")) {
            Some(_) => {
                let id = teacher.place.run("images -q --no-trunc hello").trim().to_owned();
                assert_eq!(student.podman("images -q --no-trunc").unwrap().trim(), id);
                student.podman(&format!("tag {address}/hello {address}/class/third:1")).unwrap();
                student.podman(&format!("push -q --tls-verify=false {address}/class/third:1")).unwrap();
                assert_eq!(teacher.place.run("images -q --no-trunc class/third:1").trim(), id);
            }
            None => missing("Podman pulls and pushes"),
        }
        let place = teacher.end();
        for name in ["class/ours", "class/second"] {
            assert!(place.run("images").contains(name));
        }
    }
}

/// How much memory a process had at most, in MiB.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn thirty_pull_at_once() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY large /\n");
    let large: Vec<u8> = (0..24_u32 << 20).map(|byte| (byte ^ (byte >> 8) ^ (byte >> 16)) as u8).collect();
    fs::write(place.path("large"), large).unwrap();
    place.run("build -q -t large .");
    let teacher = Teacher::new(place, "");
    let manifest = teacher.ask("GET /v2/large/manifests/latest").json();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    let expected = fs::read(teacher.place.home().join("blobs/sha256").join(&layer["sha256:".len()..])).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| {
                let answer = teacher.ask(&format!("GET /v2/large/blobs/{layer}"));
                assert!(answer.body == expected, "{} bytes of {}", answer.body.len(), expected.len());
            });
        }
    });
    let memory = most_memory(teacher.child.id());
    assert!(memory < 256, "the registry had {memory} MiB");
    teacher.end();
}

#[test]
fn a_whole_class_pulls_at_once() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY one /\nCOPY two /\nCOPY three /\nCMD [\"/one\"]\n");
    for (name, prime) in [("one", 7_u32), ("two", 251), ("three", 65_521)] {
        let bytes: Vec<u8> = (0..3_u32 << 20).map(|byte| (byte.wrapping_mul(prime) >> 8) as u8).collect();
        fs::write(place.path(name), bytes).unwrap();
    }
    place.run("build -q -t large .");
    let id = place.run("images -q --no-trunc large");
    let teacher = Teacher::new(place, "");
    let name = format!("{}/large", teacher.address);
    let pupils: Vec<Place> = (0..30).map(|_| Place::new("")).collect();
    let children: Vec<Child> = pupils
        .iter()
        .map(|pupil| pupil.command(&format!("pull -q {name}")).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for (pupil, mut child) in pupils.iter().zip(children) {
        assert!(child.wait().unwrap().success());
        assert_eq!(pupil.run(&format!("images -q --no-trunc {name}")), id);
        pupil.assert_whole();
    }
    let memory = most_memory(teacher.child.id());
    assert!(memory < 256, "the registry had {memory} MiB");
    teacher.end();
}

#[test]
fn who_says_nothing_keeps_nobody_waiting() {
    let teacher = Teacher::new(place(Role::Self_), "");
    let mut slow: Vec<TcpStream> = (0..100).map(|_| teacher.connect()).collect();
    for stream in &mut slow[..50] {
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost:").unwrap();
    }
    assert_eq!(teacher.ask("GET /v2/").status, 200);
    // A connection is kept for more requests, and one may be sent before the last was answered.
    let mut stream = teacher.connect();
    let request = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(format!("{request}{request}").as_bytes()).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    // What is no request is answered at once: a client that tries TLS first, or sends a head without end.
    for (bytes, status) in [
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), " 400 "),
        (b"hello\r\n\r\n".to_vec(), " 400 "),
        (format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(20_000)).into_bytes(), " 431 "),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), " 400 "),
    ] {
        let mut stream = teacher.connect();
        stream.write_all(&bytes).unwrap();
        let mut answer = vec![0; 32];
        stream.read_exact(&mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer).contains(status), "{}", String::from_utf8_lossy(&answer));
    }
    teacher.end();
}

#[test]
fn a_body_may_come_in_chunks() {
    let teacher = Teacher::new(place(Role::Self_), "--writable");
    let ask = |body: &str| {
        let mut stream = teacher.connect();
        let digest = Digest::of(b"hello, chunks");
        let head = format!(
            "POST /v2/x/blobs/uploads/?digest={digest} HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
             Expect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body.as_bytes()).unwrap();
        Answer::read(stream).status
    };
    assert_eq!(ask("5\r\nhello\r\n8;x=y\r\n, chunks\r\n0\r\nTrailer: x\r\n\r\n"), 201);
    assert_eq!(ask("5\r\nhello8\r\n, chunks\r\n0\r\n\r\n"), 400);
    assert_eq!(ask("zz\r\n"), 400);
    assert_eq!(ask("ffffffffffffffffff\r\n"), 400);
    teacher.end();
}

#[test]
fn a_registry_that_is_killed_leaves_a_whole_store() {
    let mut teacher = Teacher::new(place(Role::Self_), "--writable");
    assert_eq!(teacher.push_blob("half", b"whole").status, 201);
    let begun = teacher.ask("POST /v2/half/blobs/uploads/");
    let head = format!("PATCH {} HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", begun.field("Location").unwrap());
    let mut stream = teacher.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[7; 100_000]).unwrap();
    assert!(fs::read_dir(teacher.place.home().join("tmp")).unwrap().count() > 0);
    teacher.signal(Signal::SIGKILL);
    teacher.child.wait().unwrap();
    let text = teacher.place.run("store verify");
    assert!(text.contains("all intact"), "{text}");
    assert_eq!(fs::read_dir(teacher.place.home().join("tmp")).unwrap().count(), 0);
    teacher.place.assert_whole();
}

#[test]
fn too_much_is_not_taken() {
    let place = place(Role::Self_);
    let variables = [
        ("LAYERLAB_MAX_LAYER", "1000"),
        ("LAYERLAB_MAX_UPLOADS", "2"),
        ("LAYERLAB_MAX_UPLOADED", "1500"),
        ("LAYERLAB_MAX_MANIFEST", "600"),
    ];
    let teacher = Teacher::with(place, "--writable", &variables);
    assert_eq!(teacher.push_blob("x", &[1; 1001]).refusal(), "413 SIZE_INVALID");
    assert_eq!(teacher.push_blob("x", &[1; 1000]).status, 201);
    assert_eq!(teacher.push_blob("y", &[1; 1000]).refusal(), "507 TOOMANYREQUESTS");
    let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
    let answer = teacher.send(&format!("PUT /v2/x/manifests/1\n{kind}"), &[b' '; 601]);
    assert_eq!(answer.refusal(), "413 SIZE_INVALID");
    assert!(String::from_utf8_lossy(&answer.body).contains("an image manifest may have 600 bytes"));
    // What requests add to stays: then there is no room for another one.
    let begin = || teacher.ask("POST /v2/x/blobs/uploads/").field("Location").unwrap().to_owned();
    let mut busy: Vec<TcpStream> = Vec::new();
    for _ in 0..2 {
        let place = begin();
        let mut stream = teacher.connect();
        let fields = "Host: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
        stream.write_all(format!("PATCH {place} HTTP/1.1\r\n{fields}").as_bytes()).unwrap();
        stream.read_exact(&mut [0; 25]).unwrap();
        busy.push(stream);
    }
    assert_eq!(teacher.ask("POST /v2/x/blobs/uploads/").refusal(), "429 TOOMANYREQUESTS");
    drop(busy);
    teacher.wait_for_log("broke off", 2);
    assert_eq!(teacher.ask("POST /v2/x/blobs/uploads/").status, 202);
    teacher.end();
}

#[test]
fn uploads_that_never_end_give_way() {
    let teacher = Teacher::with(place(Role::Self_), "--writable", &[("LAYERLAB_MAX_UPLOADS", "3")]);
    let begin = |last: u8| {
        let begun = teacher.send_on(teacher.connect_from(last), "POST /v2/x/blobs/uploads/", b"");
        assert_eq!(begun.status, 202);
        begun.field("Location").unwrap().to_owned()
    };
    let is_there = |place: &str| teacher.ask(&format!("GET {place}")).status == 204;
    let ours = begin(2);
    let theirs: Vec<String> = (0..5).map(|_| begin(1)).collect();
    assert_eq!(theirs.iter().map(|place| is_there(place)).collect::<Vec<_>>(), [false, false, false, true, true]);
    assert!(is_there(&ours), "it has made room for an address that has more");
    // Of an upload in one go that breaks off nothing stays: it takes the place of one that rests, and leaves it free.
    for number in 1..=5 {
        let mut stream = teacher.connect();
        let target = format!("/v2/x/blobs/uploads/?digest=sha256:{}", "0".repeat(64));
        let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc");
        stream.write_all(head.as_bytes()).unwrap();
        drop(stream);
        teacher.wait_for_log("broke off after 3 bytes", number);
    }
    assert!(is_there(&theirs[4]) && is_there(&ours));
    assert_eq!(teacher.send(&format!("PUT {ours}?digest={}", Digest::of(b"ours")), b"ours").status, 201);
    teacher.end();
}

#[test]
fn nobody_is_locked_out_by_one_address() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(1 << 16), most).unwrap();
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY large /\n");
    fs::write(place.path("large"), vec![7; 24 << 20]).unwrap();
    place.run("build -q -t large .");
    let teacher = Teacher::new(place, "");
    let manifest = teacher.ask("GET /v2/large/manifests/latest").json();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    let request = format!("GET /v2/large/blobs/{layer} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // They ask for a layer, and never read it. What is more than there is room for is told so at once.
    let greedy: Vec<TcpStream> = (0..600)
        .map(|_| {
            let mut stream = teacher.connect();
            let _ = stream.write_all(request.as_bytes());
            stream
        })
        .collect();
    teacher.wait_for_log("127.0.0.1 is turned away: there are too many connections", 600 - 512);
    for _ in 0..3 {
        assert_eq!(teacher.send_on(teacher.connect_from(2), "GET /v2/", b"").status, 200);
    }
    drop(greedy);
    teacher.end();
}

#[test]
fn a_page_that_leads_its_name_to_this_machine_is_told_nothing() {
    let teacher = Teacher::new(place(Role::Self_), "");
    for host in ["localhost:5000", "127.0.0.1", "[::1]:80"] {
        assert_eq!(teacher.ask(&format!("GET /v2/_catalog\nHost: {host}")).status, 200);
    }
    assert_eq!(teacher.ask("GET /v2/_catalog\nHost: evil.com").refusal(), "421 DENIED");
    let line = "127.0.0.1 lists the repositories: 421 DENIED, `evil.com` is no name of this machine";
    teacher.wait_for_log(line, 1);
    teacher.end();
}

#[test]
fn what_can_not_be_listened_at_is_refused() {
    let teacher = Teacher::new(place(Role::Self_), "");
    let port = teacher.address.split_once(':').unwrap().1;
    let text = teacher.place.session(&[
        &format!("serve --addr {}", teacher.address),
        "serve --addr nowhere",
        "serve --addr 192.0.2.1:5000",
    ]);
    let next = port.parse::<u16>().unwrap().wrapping_add(1);
    let text = text.replace(port, "PORT").replace(&next.to_string(), "NEXT");
    insta::assert_snapshot!(text.replace(&teacher.child.id().to_string(), "PROCESS"));
    teacher.signal(Signal::SIGINT);
    teacher.wait_for_log("the registry has ended", 1);
}
