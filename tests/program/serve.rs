//! `serve`: the store as a registry, asked by hand, by skopeo and by Podman; what it has, and what it refuses.

use std::fs;
use std::process::Command;

use layerlab::oci::Digest;
use nix::sys::signal::Signal;

use crate::harness::{Place, Role, missing};
use crate::teacher::{Teacher, place};
use crate::yard::roles;

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
