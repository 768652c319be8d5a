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

/// Where only one id exists, every file is everybody's: who began as another user than root makes nothing that runs as somebody else.
#[test]
fn an_emulated_user_makes_no_program_that_runs_as_another() {
    if !nix::unistd::geteuid().is_root() {
        return missing("a user with one id: the tests don't run as root");
    }
    let place = Place::of(
        Role::Single,
        "//- Dockerfile\nFROM layerlab/base\nRUN cp /bin/busybox /root-made && cp /bin/busybox /x && chmod u+s /root-made\n\
         USER 33:33\nRUN chmod ug+s /x; cp /bin/busybox /tmp/own && chmod u+s /tmp/own; mkdir -m 2777 /tmp/shared\nUSER 0\n",
    );
    place.run("build --progress quiet -t made .");
    let listed = place.run("run --rm made stat -c %a%n /root-made /x /tmp/own /tmp/shared");
    assert_eq!(listed, "4755/root-made\n755/x\n755/tmp/own\n2777/tmp/shared\n");
}

/// What its owners mean is a container's own, whatever ids its user gets later.
#[test]
fn a_container_keeps_the_owners_that_it_was_made_with() {
    if !nix::unistd::geteuid().is_root() {
        return missing("a user who gets more ids: the tests don't run as root");
    }
    let mut place = Place::of(Role::Single, "");
    let mut command = place.command("run --name box layerlab/base sh -c");
    assert!(command.arg("touch /f /g && chown 33:44 /f").status().unwrap().success());
    place.become_other(Role::Mapped);
    assert!(place.run("start box").contains("was made when this user had other ids"));
    assert_eq!(place.run("commit box kept").lines().count(), 1);
    assert_eq!(place.run("run --rm kept stat -c %u:%g /f /g"), "33:44\n0:0\n");
}
