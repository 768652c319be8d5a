//! Programs that want more of the one who answers in the kernel's place, where only one id exists, than they may do by themselves.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Attack, attack};
use crate::place::{Role, missing};

/// Builds an image with the hostile program in it; `false` where there is no compiler.
fn with_program(attack: &mut Attack) -> bool {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attacks/emulation.c");
    let compiled = Command::new("cc")
        .args(["-O1", "-static", "-pthread", "-w", "-o"])
        .arg(attack.path("evil"))
        .arg(source)
        .stdin(Stdio::null())
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        missing("a C compiler with a static library");
        return false;
    }
    attack.write("Dockerfile", "FROM layerlab/base\nCOPY evil /evil\n");
    attack.build().succeeded();
    true
}

/// Has the program try something, as root of the container and as another user of it.
fn tried(idea: &str, what: &str) {
    attack(idea, &[Role::Single], |attack| {
        if !with_program(attack) {
            return;
        }
        let secret = attack.sentinel().join("secret").display().to_string();
        attack.run(&format!("run --rm attack /evil {what} {secret}")).says("over\n").succeeded();
        let folder = attack.sentinel().join("folder").display().to_string();
        attack.write("again/Dockerfile", &format!("FROM attack\nRUN /evil {what} {folder}\n"));
        attack.run("build again").says("over\n").succeeded();
    });
}

#[test]
fn a_path_changes_while_it_is_looked_at() {
    tried("a second thread changes the path of a chown between the look at it and the act", "paths");
}

#[test]
fn a_folder_becomes_a_link_while_it_is_looked_at() {
    tried("a folder of the path of a chown is exchanged for a link out", "links");
}

#[test]
fn addresses_lead_nowhere() {
    tried("the arguments of a call are nobody's memory, or too much", "addresses");
}

#[test]
fn magic_links_lead_no_further() {
    tried("a path leads through /proc to what the one who answers has open", "magic");
}

#[test]
fn five_thousand_processes_ask() {
    tried("5000 processes become 5000 users", "flood");
}

#[test]
fn whoever_asks_is_killed() {
    tried("a process is killed while it waits for an answer, and its number is another's", "killed");
}

#[test]
fn the_one_who_answers_is_killed() {
    let idea =
        "SIGKILL of the supervisor: whoever asks is told an error, nobody waits, and the container ends as it should";
    attack(idea, &[Role::Single], |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        attack.build().succeeded();
        // Nothing in between takes a call that is asked about.
        let wait = "until read -r line < /go; do sleep 0.1; done 2>/dev/null";
        let mut command = attack.place.command("run -d --name box attack sh -c");
        command.arg(format!("chown 7 /bin/sh && echo before; {wait}; chown 8 /bin/sh 2>&1; echo after"));
        attack.run_command(command).succeeded();
        while !attack.run("logs box").text.contains("before\n") {}
        let supervisors = supervisors(attack);
        assert!(!supervisors.is_empty(), "nobody answers");
        for supervisor in supervisors {
            kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
        }
        let mut command = attack.place.command("exec box sh -c");
        command.arg("echo go > /go");
        attack.run_command(command).succeeded();
        attack.run("wait box").says("0").succeeded();
        attack.run("logs box").says("after\n").says("Function not implemented");
        attack.run("rm -f box").succeeded();
    });
}

/// The processes of this attack that have a listener open.
fn supervisors(attack: &Attack) -> Vec<i32> {
    let folder = attack.place.folder().display().to_string();
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_of_attack = |number: &i32| {
        let mounts = std::fs::read_to_string(format!("/proc/{number}/mountinfo"));
        mounts.is_ok_and(|mounts| mounts.contains(&folder))
    };
    let listens = |number: &i32| {
        let open = std::fs::read_dir(format!("/proc/{number}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .any(|to| to.display().to_string().contains("seccomp notify"))
    };
    numbers.filter(is_of_attack).filter(listens).collect()
}
