//! Programs that want more of the one who answers in the kernel's place, where only one id exists, than they may do by themselves.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Pid;

use crate::harness::{Attack, attack};
use crate::place::{Role, missing};

/// Builds an image with the hostile program in it; `false` where there is no compiler.
fn with_program(attack: &mut Attack) -> bool {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attacks/emulation.c");
    if !compiled(attack, source, &["-pthread"]) {
        missing("a C compiler with a static library");
        return false;
    }
    attack.write("Dockerfile", "FROM layerlab/base\nCOPY evil /evil\n");
    attack.build().succeeded();
    true
}

/// Compiles a program as `evil`, statically.
fn compiled(attack: &Attack, source: &str, options: &[&str]) -> bool {
    let mut command = Command::new("cc");
    command.args(["-O1", "-static", "-w"]).args(options).arg("-o").arg(attack.path("evil")).arg(source);
    command.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
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
fn pages_that_are_read_only_stay_as_they_are() {
    tried("the answer is to be written to a page that the process may only read", "readonly");
}

#[test]
fn a_file_system_that_never_answers_holds_up_nobody_else() {
    let idea = "a file system in user space, served by the container itself, that answers nothing";
    attack(idea, &[Role::Single], |attack| {
        if !std::path::Path::new("/dev/fuse").exists() {
            return missing("/dev/fuse");
        }
        if !with_program(attack) {
            return;
        }
        // The machine's is root's alone.
        let node = attack.place.folder().join("fuse");
        mknod(&node, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(10, 229)).unwrap();
        std::fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let line = format!("run --rm --privileged --device {}:/dev/fuse attack /evil silent", node.display());
        attack.run(&line).says("over\n").succeeded();
        std::fs::remove_file(&node).unwrap();
    });
}

#[test]
#[cfg(target_arch = "x86_64")]
fn programs_of_32_bits_are_told_the_same() {
    attack("a 32-bit program, whose calls have other numbers", &[Role::Single], |attack| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attacks/emulation32.c");
        if !compiled(attack, source, &["-m32", "-nostdlib", "-ffreestanding", "-fno-pic", "-fno-stack-protector"]) {
            return missing("a C compiler that makes 32-bit programs");
        }
        attack.write("Dockerfile", "FROM layerlab/base\nCOPY evil /evil\nRUN [\"/evil\"]\n");
        attack.build().says("over\n").succeeded();
        attack.run("run --rm attack /evil").says("over\n").succeeded();
        attack.run("run --rm attack stat -c %u:%g /compat").says("33:7\n").succeeded();
    });
}

#[test]
fn the_one_who_answers_is_killed() {
    let idea = "SIGKILL of the supervisor: the container ends, as it would go on with what is not so";
    attack(idea, &[Role::Single], |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        attack.build().succeeded();
        let mut command = attack.place.command("run -d --name box attack sh -c");
        command.arg("chown 7 /bin/sh && echo before; trap : TERM; while :; do sleep 1; done");
        attack.run_command(command).succeeded();
        while !attack.run("logs box").text.contains("before\n") {}
        kill_supervisor(attack);
        attack.run("wait box").succeeded();
        let why = "the process that answers for users and owners was killed, and the container with it";
        attack.run("inspect --format {{.State.Status}}:{{.State.ExitCode}}:{{.State.Error}} box").says(why);
        // It can start again.
        attack.run("start box").succeeded();
        attack.run("exec box sh -c id").says("uid=0(root)").succeeded();
        attack.run("rm -f box").succeeded();
    });
}

#[test]
fn what_exec_leaves_behind_costs_no_process_of_ours() {
    let idea = "processes that `exec` leaves behind, each with somebody who answers for it";
    attack(idea, &[Role::Single], |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        attack.build().succeeded();
        attack.run("run -d --name box attack sleep 1000").succeeded();
        for turn in 0..20 {
            let mut command = attack.place.command("exec -u");
            command.args([&format!("{turn}"), "box", "sh", "-c"]);
            command.arg("sleep 1000 <&- >&- 2>&- & touch /tmp/$(id -u); stat -c %u /bin/sh; id -u");
            attack.run_command(command).says(&format!("0\n{turn}\n")).succeeded();
        }
        assert_eq!(supervisors(attack).len(), 1);
        attack.run("exec box ps").says("sleep 1000").succeeded();
        // Whoever came in is let go when nothing is left of it.
        attack.run("exec box killall sleep");
        attack.run("rm -f box").succeeded();
    });
}

/// Kills the one process that answers.
fn kill_supervisor(attack: &Attack) {
    let [supervisor] = supervisors(attack)[..] else { panic!("one answers: {:?}", supervisors(attack)) };
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
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
