//! `class`: what a cluster is told of a class, and its image, in which Layerlab builds as it would in a student's pod.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Place, missing};
use crate::terminal::shown_in;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> String {
    Place::new("").run("class --kubernetes --students 3 --image registry.example/layerlab/class:2 --namespace class-2")
}

#[test]
fn a_class_is_described_by_the_page_of_the_book() {
    let page = std::fs::read_to_string(project().join("book/src/teaching/class.md")).unwrap();
    let place = Place::new("");
    assert_eq!(place.run("class"), page);
    // At a terminal it is laid out, and what is to be typed stays as it is.
    let shown = shown_in(80, &place, "class");
    assert!(!shown.contains("```") && !shown.contains("**"), "{shown}");
    for command in page.lines().filter(|line| line.starts_with("teacher$ ")) {
        assert!(shown.lines().any(|line| line.trim_start() == command), "{command}: {shown}");
    }
}

#[test]
fn pods_of_a_class_have_no_rights() {
    let manifest = manifest();
    let objects: Vec<&str> = manifest.split("\n---\n").collect();
    assert_eq!(objects.len(), 8, "{manifest}");
    assert!(!manifest.contains("${"), "{manifest}");
    assert_eq!(manifest.matches("namespace: \"class-2\"\n").count(), 7);
    let pods: Vec<&&str> = objects.iter().filter(|object| object.contains("containers:")).collect();
    assert_eq!(pods.len(), 2);
    for pod in pods {
        for line in [
            "hostUsers: false",
            "automountServiceAccountToken: false",
            "runAsNonRoot: true",
            "allowPrivilegeEscalation: false",
            "readOnlyRootFilesystem: true",
            "                - ALL",
            "            limits:",
            "image: registry.example/layerlab/class:2",
        ] {
            assert!(pod.contains(line), "{line}\n{pod}");
        }
    }
    assert!(manifest.contains("\n  replicas: 3\n"));
}

/// Against the schemas of Kubernetes, which `.ci/test` brings.
#[test]
fn a_cluster_would_take_the_manifest() {
    let script = "import sys, yaml, kubernetes_validate\nfor one in yaml.safe_load_all(sys.stdin): kubernetes_validate.validate(one, '1.33', strict=True)";
    let schemas = project().join("target/tools/kubernetes-validate-1.33.1");
    if !schemas.exists() {
        return missing("the manifest against its schemas: target/tools has no kubernetes-validate");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest()).unwrap();
    let mut check = Command::new("python3");
    check.env("PYTHONPATH", schemas);
    let output = check.args(["-c", script]).stdin(Stdio::from(file.reopen().unwrap())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What is asked for can't become another field or object.
#[test]
fn names_get_into_a_manifest_as_names_only() {
    let place = Place::new("");
    let mut said = String::new();
    for (option, value) in [
        ("--namespace", "a\n---\nkind: Pod"),
        ("--namespace", "Class"),
        ("--image", "a\nhostPID: true"),
        ("--image", "a b"),
        ("--students", "0"),
    ] {
        let output = place.command("class --kubernetes").args([option, value]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{option} {value}");
        said += &String::from_utf8_lossy(&output.stderr);
    }
    insta::assert_snapshot!(said);
}

/// As a student's pod is: an ordinary user without capabilities, who can get none, in a tree that can't be written.
#[test]
fn layerlab_works_in_the_image_of_a_class() {
    let place = Place::new("//- lessons/\n");
    let copied = Command::new("cp")
        .arg("-r")
        .args([project().join("class"), project().join("lessons/01-first-image")])
        .arg(place.path(""))
        .status();
    assert!(copied.unwrap().success());
    std::fs::rename(place.path("01-first-image"), place.path("lessons/01-first-image")).unwrap();
    let program = place.program();
    let gathered = place.shell(&format!("class/gather root {} && ldd {}", program.display(), program.display()));
    if !{ gathered }.status().is_ok_and(|status| status.success()) {
        return missing("the image of a class: ldd");
    }
    // The program that is tested has its symbols, which are most of it.
    let _ = place.shell("strip root/usr/local/bin/layerlab").output();
    let built = place.output("build -q -t class -f class/Dockerfile .");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut run = place.command(
        "run --rm --read-only --tmpfs /tmp --tmpfs /home/student:uid=1000 --cap-drop ALL --security-opt no-new-privileges \
         --security-opt seccomp=unconfined --security-opt systempaths=unconfined class sh -c",
    );
    let line = "id -u; cp -r /lessons/01-first-image w && cd w && docker build -q --stand-ins -t one . > id && docker run --rm one echo built by $(wc -l < id)";
    let output = run.arg(line).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "1000\nbuilt by 1\n");
    place.assert_whole();
}
