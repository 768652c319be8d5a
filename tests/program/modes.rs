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
RUN mkdir /given && echo x > /given/f && ln -s f /given/l && chown -R 33:44 /given && chown -h 7 /given/l && chown 0:0 /srv/owned
USER 33:44
WORKDIR /w
RUN id -u && id -g && echo mine > /tmp/mine
USER 0
RUN mv /given /taken && chown 5 /tmp/mine
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
fn everybody_builds_the_same_layers() {
    let ours = hello(Role::Self_);
    assert!(ours.contains("Todays date is the day of the test\n0\n"), "{}", filter(&ours));
    assert_eq!(ours.matches("Using cache").count(), 12, "{ours}");
    if !nix::unistd::geteuid().is_root() {
        return missing("becoming other users: the tests don't run as root");
    }
    assert_eq!(hello(Role::Single), ours, "as a user with one id");
    if !std::path::Path::new("/usr/bin/newuidmap").exists() {
        return missing("a user with newuidmap: it is not installed");
    }
    assert_eq!(hello(Role::Mapped), ours, "as a user with newuidmap");
}
