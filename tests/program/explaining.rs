//! What a container is like now, and what a command has done.

use std::time::Instant;

use crate::harness::{Role, filter};
use crate::yard::{PATIENCE, Yard, roles};

/// Asks for something in lines of any length.
fn wide(yard: &Yard, arguments: &str) -> String {
    let output = yard.0.command(arguments).env("COLUMNS", "2000").output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    text.replace(&yard.0.folder().display().to_string(), "/place")
}

/// Without what depends on the machine: its control groups, which paths are hidden, numbers of processes and namespaces, addresses.
fn stable(text: &str) -> String {
    const OF_THE_MACHINE: [&str; 9] =
        ["hidden", "read-only", "/sys", "/dev/mqueue", "control groups", "limits", "memory", "clocks", "health"];
    let is_kept = |line: &&str| !OF_THE_MACHINE.iter().any(|name| line.trim_start().starts_with(name));
    let text = filter(text);
    let lines = text.lines().filter(is_kept).map(|line| match line.find("eth0: ") {
        Some(at) => format!("{}…", &line[..at + 6]),
        None => line.to_owned(),
    });
    numbered(&lines.collect::<Vec<_>>().join("\n"))
}

/// With `N` for every number of three digits and more.
fn numbered(text: &str) -> String {
    let mut result = String::new();
    let mut digits = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        result.push_str(if digits.len() > 2 { "N" } else { &digits });
        digits.clear();
        result.push(letter);
    }
    result
}

const OPTIONS: &str = "-d --name web --hostname box -e COLOUR=red -v pages:/pages --tmpfs /scratch --cap-drop ALL \
    --cap-add NET_BIND_SERVICE --security-opt no-new-privileges -p 127.0.0.1::8080";

/// A place where a container runs that has a bit of everything.
fn with_everything(role: Role) -> Yard {
    let yard = Yard::new(role);
    let started = yard.run_script(OPTIONS, "while :; do echo hello | nc -l -p 8080; done");
    assert_eq!(started.trim().len(), 64, "{started}");
    yard
}

/// Waits until a program listens in the container.
fn explained(yard: &Yard, arguments: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = wide(yard, arguments);
        if shown.contains("inside a program listens on 0.0.0.0") || shown.contains("inside a program listens on ::") {
            return shown;
        }
        assert!(Instant::now() < end, "{shown}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_container_tells_what_it_is_like_now() {
    for role in roles() {
        let yard = with_everything(role);
        let shown = explained(&yard, "explain web");
        assert!(!shown.contains("not known"), "{shown}");
        insta::assert_snapshot!(format!("running_{role:?}"), stable(&shown));
        yard.0.run("kill web");
        insta::allow_duplicates! {
            insta::assert_snapshot!("ended", stable(&wide(&yard, "explain web")));
        }
    }
}

#[test]
fn a_container_is_shown_as_boxes_and_as_a_document() {
    let yard = with_everything(Role::Self_);
    explained(&yard, "explain web");
    let boxes = wide(&yard, "explain web --boxes");
    let titles = ["this machine", "namespaces: who", "mounts: which", "confinement: what", "process 1: what"];
    let at: Vec<_> = titles.iter().map(|title| boxes.find(&format!("┌─ {title}"))).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{boxes}");
    let document: serde_json::Value = serde_json::from_str(&yard.0.run("explain web --format json")).unwrap();
    let live = &document["live"];
    let first = &live["processes"][0];
    assert_eq!(first["number"].as_i64(), Some(yard.process("web")), "{document}");
    let network = live["namespaces"].as_array().unwrap().iter().find(|one| one["kind"] == "net").unwrap();
    let link = std::fs::read_link(format!("/proc/{}/ns/net", first["number"])).unwrap();
    assert_eq!(link.to_str(), Some(format!("net:[{}]", network["inode"]).as_str()));
    assert_eq!(network["whose"], "own");
    let around: Vec<_> = live["processes"].as_array().unwrap().iter().map(|one| one["role"].as_str()).collect();
    assert_eq!(around, [Some("process 1"), Some("guard"), Some("keeper"), Some("monitor")]);
    assert_eq!(
        yard.0.run("explain web --format {{.name}}/{{.state}}/{{.command.arguments_from}}"),
        "web/running/the command line\n"
    );
}

#[test]
fn a_word_wins_over_a_container() {
    let yard = Yard::new(Role::Self_);
    let id = yard.0.run("create --name layer layerlab/base true");
    assert!(yard.0.run("explain layer").contains("tar"), "the word");
    let shown = yard.0.run(&format!("explain {}", id.trim()));
    assert!(shown.starts_with("layer ("), "{shown}");
    assert!(shown.contains("a container of layerlab/base, created"), "{shown}");
    let unknown = yard.0.run("explain nobody");
    assert!(unknown.contains("nobody") && unknown.contains("[exit code 1]"), "{unknown}");
}

#[test]
fn what_a_container_says_of_itself_paints_nothing() {
    let yard = Yard::new(Role::Self_);
    yard.run_script("-d --name evil -e X=\x1b]0;title\x07", "sleep 1000 # \x1b[2J\nfake  row");
    for form in ["explain evil", "explain evil --boxes"] {
        let shown = yard.0.run(form);
        assert!(!shown.contains('\x1b') && !shown.contains('\x07') && !shown.contains("\nfake"), "{shown}");
    }
}

#[test]
fn commands_tell_what_they_have_done() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.0.run("create --name first layerlab/base true");
        let commands = [
            "create --explain --name box layerlab/base true",
            "rename --explain box crate",
            "volume create --explain pages",
            "volume rm --explain pages",
            "network create --explain lake",
            "network rm --explain lake",
            "tag --explain layerlab/base mine",
            "port --explain crate",
            "ps --explain -q",
            "inspect --explain -f {{.Name}} crate",
            "network ls --explain -q -f type=custom",
            "rm --explain crate",
            "rm --explain crate",
            "system prune --explain -f",
        ];
        insta::allow_duplicates! {
            insta::assert_snapshot!(numbered(&filter(&yard.0.session(&commands))));
        }
        assert!(yard.0.run("store size --explain").ends_with("this took no operation: it has only looked\n"));
    }
}

#[test]
fn the_life_of_a_container_is_told_with_its_operations() {
    for role in roles() {
        let yard = Yard::new(role);
        let told = |arguments: &str, wanted: &[&str]| {
            let output = yard.0.output(arguments);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            for part in wanted {
                assert!(text.contains(part), "`{part}` of `{arguments}` as {role:?}:\n{text}");
            }
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let made = yard.0.command("create --name site -p 127.0.0.1::80 layerlab/base sleep 1000").output().unwrap();
        assert!(made.status.success());
        let begun = ["listen on 127.0.0.1:", "fork the monitor", "pivot_root", "unshare", "ask its monitor: Begin"];
        assert_eq!(told("start --explain site", &begun), "site\n");
        assert_eq!(
            told("exec --explain site echo hello", &["ask its monitor: Exec", "in the container, by its monitor:"]),
            "hello\n"
        );
        told("pause --explain site", &["ask its monitor: Pause"]);
        told("unpause --explain site", &["ask its monitor: Resume"]);
        told(
            "cp --explain -q site:/etc/hosts -",
            &["connect to", "ask its monitor: First", "enter the container's user and mount namespaces"],
        );
        told("commit --explain site kept", &["ask its monitor: Hold", "/blobs/sha256/", "/index.json"]);
        told(
            "kill --explain site",
            &["ask its monitor: Finish", "ask its monitor: Signal(9)", "wait until it has ended"],
        );
        told("start --explain site", &["fork the monitor"]);
        told("stop --explain -t 0 site", &["ask its monitor: Signal(15)", "append to", "events.jsonl"]);
        told("rm --explain site", &["files of the store:", "remove"]);
        yard.0.assert_whole();
    }
}
