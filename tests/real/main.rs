//! Dockerfiles as projects of today have them, built whole: from images that a registry offers, with real compilers, package managers and servers
//! in them. Each is built here as root, as a user with mapped ids and as one with a single id, and by buildah; all make the same tree and the same
//! configuration, and what they make runs.
//!
//! ```text
//! projects/NAME/Dockerfile ─┬─▶ layerlab build, as root ──┬─▶ the same tree, the same configuration
//!                           ├─▶ layerlab build, as users ─┤
//!                           └─▶ buildah bud ──────────────┘
//! ```
//!
//! The base images are made from Debian's packages (`bases.rs`). The last project is a notebook that somebody else has built (`notebook.rs`).
//! The same browser reads the report of a build (`report.rs`).

mod bases;
mod browser;
mod builders;
mod compare;
mod known;
mod notebook;
#[path = "../program/harness.rs"]
#[allow(dead_code)]
mod place;
#[path = "../program/pty.rs"]
#[allow(dead_code)]
mod pty;
#[path = "../program/registry.rs"]
#[allow(dead_code)]
mod registry;
mod report;
mod running;
#[path = "../differential/tree.rs"]
mod tree;

/// What the shared modules call it.
mod harness {
    pub use crate::place::missing;
}

use bases::Mirror;
use builders::Project;
use compare::differences;
use place::{Place, Role, missing};
use running::{page, prints, serves};

/// Builds a project everywhere, compares, and has `works` try what was built.
fn try_project(project: &Project, works: impl Fn(&Place)) {
    let Some(mirror) = Mirror::with(project.bases) else { return };
    let place = project.build(&mirror, Role::Self_);
    let image = builders::image(&place);
    works(&place);
    place.assert_whole();
    drop(place);
    if std::process::Command::new("buildah").arg("--version").output().is_err() {
        missing("real projects beside buildah: it is not installed");
    } else {
        let mut there = project.peer_builds(&mirror);
        known::settle(&image, &mut there);
        assert_same(project, "buildah", &differences(&image, &there, known::FILES));
    }
    for &role in project.users {
        let place = project.build(&mirror, role);
        assert_same(project, &format!("{role:?}"), &differences(&image, &builders::image(&place), &[]));
        works(&place);
        place.assert_whole();
    }
}

/// Whether a project is tried that costs a large toolchain and minutes: only where that is asked for.
fn is_tried(project: &Project) -> bool {
    let asked = std::env::var("LAYERLAB_REAL").is_ok_and(|which| which == "all");
    if !asked {
        eprintln!("\nSKIPPED: {}, which needs a large toolchain; LAYERLAB_REAL=all tries it\n", project.folder);
    }
    asked
}

fn assert_same(project: &Project, whose: &str, differences: &[String]) {
    let shown = differences.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{}: {} differences from {whose}:\n{shown}", project.folder, differences.len());
}

#[test]
fn a_go_service_in_an_empty_image() {
    let project = Project {
        folder: "go-service",
        bases: &["library/golang:1.19"],
        arguments: "--build-arg VERSION=1.4.2",
        users: &[Role::Single],
    };
    if !is_tried(&project) {
        return;
    }
    try_project(&project, |place| {
        let answer = serves(place, 8080, |place, address| page(place, address, "/bergen"));
        assert!(answer.contains("It will rain in /bergen.") && answer.contains("1.4.2, as user 65534"), "{answer}");
    });
}

#[test]
fn a_node_site_behind_nginx() {
    let project = Project {
        folder: "node-site",
        bases: &["library/node:18", "library/nginx:1.22"],
        arguments: "--pull",
        users: &[Role::Mapped],
    };
    if !is_tried(&project) {
        return;
    }
    try_project(&project, |place| {
        let answer =
            serves(place, 80, |place, address| page(place, address, "/") + &page(place, address, "/why-caches-miss"));
        assert!(
            answer.contains("<title>production</title>") && answer.contains("<h1>Why Caches Miss</h1>"),
            "{answer}"
        );
    });
}

#[test]
fn a_python_service_of_a_user_of_its_own() {
    let project = Project {
        folder: "python-api",
        bases: &["library/python:3.11-slim"],
        arguments: "",
        users: &[Role::Mapped, Role::Single],
    };
    try_project(&project, |place| {
        let answer = serves(place, 8000, |place, address| page(place, address, "/"));
        assert_eq!(answer, r#"{"greeting": "good morning", "user": "app"}"#);
    });
}

#[test]
fn a_java_program_without_its_compiler() {
    let project = Project {
        folder: "java-app",
        bases: &["library/eclipse-temurin:17-jdk", "library/eclipse-temurin:17-jre"],
        arguments: "--build-arg UID=10020",
        users: &[Role::Single],
    };
    if !is_tried(&project) {
        return;
    }
    try_project(&project, |place| {
        assert!(prints(place, "--version").contains("the clock on Java 17"));
        let answer = serves(place, 8080, |place, address| page(place, address, "/"));
        assert_eq!(answer, "Answer[name=the clock, user=clock]");
    });
}

#[test]
fn a_static_site() {
    let project = Project {
        folder: "static-site",
        bases: &["library/nginx:1.22"],
        arguments: "--build-arg SERVER_NAME=site.example --label built.by=tests",
        users: &[Role::Mapped, Role::Single],
    };
    try_project(&project, |place| {
        let answer = serves(place, 80, |place, address| {
            page(place, address, "/")
                + &page(place, address, "/css/main.css")
                + &page(place, address, "/drafts/one.html")
        });
        let expected = ["a static page", "color: teal", "nothing here"];
        assert!(expected.iter().all(|text| answer.contains(text)), "{answer}");
    });
}

#[test]
fn a_c_program_with_a_library() {
    let project = Project {
        folder: "c-program",
        bases: &["library/debian:12", "library/gcc:12"],
        arguments: "",
        users: &[Role::Single],
    };
    try_project(&project, |place| {
        assert_eq!(prints(place, ""), "sreyal\n");
        assert_eq!(prints(place, "one two"), "eno\nowt\n");
    });
}

#[test]
fn a_php_application_with_an_entry_point() {
    let project = Project { folder: "php-app", bases: &["library/php:8.2-cli"], arguments: "", users: &[Role::Mapped] };
    try_project(&project, |place| {
        let answer = serves(place, 8000, |place, address| {
            page(place, address, "/?name=ada");
            page(place, address, "/?name=grace")
        });
        assert_eq!(answer, "production: ada, grace\n");
        assert!(prints(place, "-r echo(6*7);").contains("42"));
    });
}

#[test]
fn a_store_with_a_volume_and_a_health_check() {
    let project = Project {
        folder: "key-value-store",
        bases: &["library/debian:12"],
        arguments: "",
        users: &[Role::Mapped, Role::Single],
    };
    try_project(&project, |place| {
        serves(place, 6379, |place, _| {
            let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while !place.run("inspect --format {{.State.Health.Status}} server").contains("healthy") {
                assert!(std::time::Instant::now() < end, "{}", place.run("logs server"));
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            assert_eq!(place.run("exec server redis-cli set colour teal"), "OK\n");
            assert_eq!(place.run("exec server redis-cli get colour"), "teal\n");
            assert_eq!(place.run("exec server redis-cli save"), "OK\n");
            assert_eq!(place.run("exec server stat -c %U /data"), "redis\n");
            assert_eq!(place.run("exec server stat -c %a /data/dump.rdb"), "600\n");
            String::new()
        });
    });
}

#[test]
fn a_report_of_heredocs_secrets_and_mounts() {
    let project = Project {
        folder: "nightly-report",
        bases: &["library/debian:12"],
        arguments: "--secret id=token,src=token --build-arg TEAM=day",
        users: &[Role::Mapped, Role::Single],
    };
    try_project(&project, |place| {
        assert_eq!(prints(place, ""), "the figures: 5050\none of day\nthree of day\ntwo of day\n");
    });
}

#[test]
fn one_of_many_targets() {
    let project = Project {
        folder: "many-targets",
        bases: &["library/debian:12", "library/runner:1"],
        arguments: "--target production --build-arg LEVEL=7 --build-arg FLAVOUR=sweet",
        users: &[Role::Single],
    };
    try_project(&project, |place| {
        let platform = layerlab::oci::Platform::host().architecture;
        let expected = format!(
            "as 1234:5678 in /srv/deep/er: flavour=sweet, for linux/{platform} at level 7, nothing missing\n/vendor/\n/vendor/vendor\n/vendor/vendor/one.txt\n"
        );
        assert_eq!(prints(place, ""), expected);
    });
}
