//! Root, an ordinary user with newuidmap, an ordinary user without: the same layers to the byte.

use crate::harness::{Place, Role, filter, missing};

const FILES: &str = "\
//- Dockerfile
FROM docker.io/alpine
LABEL maintainer=\"dvdbisong@gmail.com\"
COPY date-script.sh /date-script.sh
COPY --chown=33:44 --chmod=640 date-script.sh /srv/owned/
RUN mkdir -p /data/sub && echo hi > /data/sub/f && chmod 700 /data && ln -s f /data/sub/l && ln /data/sub/f /data/sub/h
RUN echo more >> /data/sub/f && rm /etc/nsswitch.conf && rm -r /srv/owned && mkdir /srv/owned && mkfifo /data/p
USER 33
WORKDIR /w
USER 0
CMD sh /date-script.sh
//- date-script.sh
echo \"Todays date is the day of the test\"
";

/// What the build says of every layer and of the image, and what the container says.
fn hello(role: Role) -> String {
    let place = Place::of(role, FILES);
    let built = place.run("build --stand-ins --progress json -t hello .");
    let lines = built.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut text: String = lines
        .filter(|event| ["committed", "build_finished", "step_failed"].iter().any(|kind| event["type"] == *kind))
        .map(|event| {
            format!("{} {} {} {}\n", event["type"], event["layer"]["diff_id"], event["image"], event["message"])
        })
        .collect();
    text.push_str(&place.run("build --stand-ins --progress classic -t hello ."));
    text.push_str(&place.run("run hello"));
    text.push_str(&place.run("run hello id -u"));
    place.assert_whole();
    text
}

#[test]
fn a_user_with_one_id_is_told_why_chown_fails() {
    if !nix::unistd::geteuid().is_root() {
        return missing("becoming other users: the tests don't run as root");
    }
    let place = Place::of(Role::Single, "//- Dockerfile\nFROM layerlab/base\nRUN touch /f && chown 33 /f\n");
    let text = place.run("build --progress quiet .");
    assert!(text.contains("hint: you have only one id"), "{text}");
    place.assert_whole();
}

#[test]
fn a_user_with_one_id_is_told_beforehand_that_another_user_is_not_there() {
    if !nix::unistd::geteuid().is_root() {
        return missing("becoming other users: the tests don't run as root");
    }
    let place = Place::of(Role::Single, "//- Dockerfile\nFROM layerlab/base\nUSER 7:8\nRUN true\n");
    for command in ["plan .", "build --progress quiet ."] {
        let text = place.run(command);
        assert!(text.contains("error: RUN can't run as user `7:8`: it needs id 7"), "{command}: {text}");
        assert!(text.contains("Dockerfile:3:1"), "{command}: {text}");
    }
    place.assert_whole();
}

#[test]
fn everybody_builds_the_same_layers() {
    let ours = hello(Role::Self_);
    assert!(ours.contains("Todays date is the day of the test\n0\n"), "{}", filter(&ours));
    assert_eq!(ours.matches("Using cache").count(), 9, "{ours}");
    if !nix::unistd::geteuid().is_root() {
        return missing("becoming other users: the tests don't run as root");
    }
    assert_eq!(hello(Role::Single), ours, "as a user with one id");
    if !std::path::Path::new("/usr/bin/newuidmap").exists() {
        return missing("a user with newuidmap: it is not installed");
    }
    assert_eq!(hello(Role::Mapped), ours, "as a user with newuidmap");
}
