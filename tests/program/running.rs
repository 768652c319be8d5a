//! `run`: the container in the foreground.

use std::process::Stdio;

use crate::harness::{Place, Role, filter, missing};

#[test]
fn what_the_command_line_sets_is_what_the_process_sees() {
    let place = Place::new("//- shared/file\nshared\n");
    let text = place.session(&[
        "run --rm -e A=1 -e B -w /srv -u 33:44 --hostname box --name seen layerlab/base sh -c set;pwd;id;hostname",
        "run --entrypoint echo layerlab/base entry point",
        "run --read-only layerlab/base touch /new",
        "run --security-opt no-new-privileges layerlab/base grep -e NoNewPrivs -e Seccomp: /proc/self/status",
        "run --security-opt seccomp=unconfined layerlab/base grep -e NoNewPrivs -e Seccomp: /proc/self/status",
        "run --security-opt bogus layerlab/base true",
        "run --network none layerlab/base ls /sys/class/net",
        "run layerlab/base false",
        "run layerlab/base no-such-program",
        "run layerlab/base /etc/passwd",
        "run nothing",
        "run --network moon layerlab/base true",
        "run -v nowhere layerlab/base true",
    ]);
    // The environment of a shell has its own variables; those that come from outside are kept.
    let kept: String = text.lines().filter(|line| !is_of_the_shell(line)).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(filter(&kept));
    place.assert_whole();
}

fn is_of_the_shell(line: &str) -> bool {
    ["FUNCNAME=", "IFS='", "'", "LINENO=", "OPTIND=", "PPID=", "PS1=", "PS2=", "PS4=", "SHLVL=", "OLDPWD="]
        .iter()
        .any(|start| line.starts_with(start))
}

#[test]
fn a_volume_is_seen_live_on_both_sides() {
    let place = Place::new("//- shared/file\nfrom outside\n");
    let volume = place.path("shared").display().to_string();
    let text = place.session(&[
        &format!("run -v {volume}:/in layerlab/base sh -c cat</in/file;echo>/in/new"),
        &format!("run -v {volume}:/in:ro layerlab/base touch /in/refused"),
        "run -v named:/data layerlab/base touch /data/kept",
        "run -v named:/data layerlab/base ls /data",
    ]);
    assert!(place.path("shared/new").exists());
    insta::assert_snapshot!(filter(&text));
}

#[test]
fn standard_input_is_read_only_where_it_is_asked_for() {
    use std::io::Write as _;
    let place = Place::new("");
    for (arguments, expected) in [("run layerlab/base cat", ""), ("run -i layerlab/base cat", "typed\n")] {
        let mut command = place.command(arguments);
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let written = child.stdin.take().unwrap().write_all(b"typed\n");
        assert!(written.is_ok() || written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe));
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{arguments}");
    }
}

#[test]
fn nothing_is_left_of_a_container() {
    let place = Place::new("");
    place.run("run --rm layerlab/base true");
    place.assert_no_container_is_left();
}

#[test]
fn the_plan_of_a_container_is_explained() {
    if !nix::unistd::geteuid().is_root() {
        return missing("the plan as root: the tests don't run as root");
    }
    let place = Place::new("");
    let text = place.run("run --explain=list -v /tmp:/host:ro layerlab/base true");
    assert!(text.contains("pivot_root") && text.contains("system call filter"), "{text}");
    let numbered =
        text.lines().filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit())).count();
    assert!(numbered > 30, "{text}");
}

#[test]
fn many_containers_at_once_do_not_disturb_each_other() {
    for role in [Role::Self_, Role::Single] {
        let place = Place::of(role, "");
        // Time stands still in tests, so all of them want the same name; and the first ones make the home and unpack the image.
        let started: Vec<_> = (0..60)
            .map(|number| {
                let mut command = place.command(&format!("run --rm layerlab/base echo {number}"));
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().unwrap()
            })
            .collect();
        for (number, child) in started.into_iter().enumerate() {
            let output = child.wait_with_output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{number}\n"), "{role:?}: {errors}");
        }
        place.assert_no_container_is_left();
        place.assert_whole();
        if !nix::unistd::geteuid().is_root() {
            return missing("many containers of a user: only root can become one");
        }
    }
}

#[test]
fn what_a_dead_container_left_is_removed_and_stops_nobody() {
    let place = Place::new("");
    place.run("run --rm layerlab/base true");
    let containers = place.home().join("containers");
    // A folder without a lock, a lock without a folder, both, and something that was never a container.
    std::fs::create_dir_all(containers.join("dead/upper/deep")).unwrap();
    std::fs::write(containers.join("gone.lock"), "").unwrap();
    std::fs::create_dir(containers.join("both")).unwrap();
    std::fs::write(containers.join("both.lock"), "").unwrap();
    std::fs::write(containers.join("notes"), "").unwrap();
    assert_eq!(place.run("run --rm layerlab/base echo fine"), "fine\n");
    place.wait_for_containers(|left| left == ["notes"]);
}

#[test]
fn a_container_that_is_stopped_stays() {
    let place = Place::new("");
    let id = place.run("create layerlab/base true").trim().to_owned();
    let containers = place.home().join("containers");
    let record = std::fs::read_to_string(containers.join(&id).join("container.json")).unwrap();
    let newer = record.replace("\"schema\":1", "\"schema\":2");
    // Nobody knows what the unreadable one was: it may hold somebody's work.
    for (name, record, stays) in [("unreadable", "{", true), ("newer", &newer, true), ("removed", &record, false)] {
        std::fs::create_dir_all(containers.join(name).join("upper")).unwrap();
        std::fs::write(containers.join(name).join("container.json"), record).unwrap();
        if stays {
            std::fs::write(containers.join(name).join("stays"), "").unwrap();
        }
    }
    assert_eq!(place.run("run --rm layerlab/base echo fine"), "fine\n");
    place.wait_for_containers(|left| {
        left.iter().filter(|name| !name.ends_with(".lock")).eq(["newer", "unreadable", &id])
    });
    let home = layerlab::store::Home::open(place.home()).unwrap();
    assert!(layerlab::runtime::roots(&home).is_err(), "what an unreadable container needs is not known");
    std::fs::remove_dir_all(containers.join("unreadable")).unwrap();
    let refused = layerlab::runtime::roots(&home).unwrap_err().to_string();
    assert!(refused.ends_with("schema 2 is unknown: this version reads only 1"), "{refused}");
    std::fs::remove_dir_all(containers.join("newer")).unwrap();
    assert_eq!(layerlab::runtime::roots(&home).unwrap().len(), 1);
}

#[test]
fn a_program_that_a_stand_in_lacks_is_told_by_every_command_that_wants_it() {
    let place = Place::new("//- Dockerfile\nFROM alpine\n//- Dockerfile.shell\nFROM alpine\nCMD node\n");
    place.write("script", "step\nrun node\nlaunch node\n");
    let direct = place.run("step --script script .");
    place.write("script", "launch\n");
    let by_shell = place.run("step --script script -f Dockerfile.shell .");
    place.run("build --stand-ins -q -t ours .");
    for (text, times) in [(direct, 2), (by_shell, 1), (place.run("run ours node"), 1)] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.matches("is built on the stand-in").count(), times, "{text}");
    }
}

#[test]
fn an_option_that_comes_twice_counts_as_it_came_last() {
    let place = Place::new("");
    assert_eq!(place.run("run --rm --rm -w / -w /tmp layerlab/base pwd"), "/tmp\n");
    // Those that are lists have all.
    assert_eq!(place.run("run --rm -e A=1 -e B=2 layerlab/base sh -c echo$IFS$A$B"), "12\n");
}
