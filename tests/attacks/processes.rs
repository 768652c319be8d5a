//! Processes of a container that reach for the program, or want to live longer than it.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::harness::{Attack, EVERY_USER, attack};
use crate::place::missing;

/// The loader that a program of this machine names.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// What our own program needs to run, put into the context: an image with these can execute it, if it gets hold of it.
fn with_libraries(attack: &Attack, rest: &str) {
    let program = attack.place.program();
    let listed = std::process::Command::new("ldd").arg(&program).output().unwrap();
    let mut dockerfile = "FROM layerlab/base\n".to_owned();
    for word in String::from_utf8_lossy(&listed.stdout).split_whitespace().filter(|word| word.starts_with('/')) {
        let name = word.rsplit('/').next().unwrap();
        fs::copy(word, attack.path(name)).unwrap();
        let folder = if word.contains("/ld-") { LOADERS[usize::from(cfg!(target_arch = "aarch64"))] } else { word };
        dockerfile += &format!("COPY {name} {folder}\n");
    }
    attack.write("Dockerfile", &(dockerfile + rest));
}

/// The program's own text, so that a changed byte shows.
fn digest(attack: &Attack) -> String {
    let output = std::process::Command::new("sha256sum").arg(attack.place.program()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_is_a_magic_link_to_the_program() {
    let idea = "CVE-2019-5736: the command is /proc/self/exe";
    attack(idea, EVERY_USER, |attack| {
        let before = digest(attack);
        with_libraries(
            attack,
            "ENV LD_PRELOAD=/evil.so LD_LIBRARY_PATH=/evil\nRUN ln -s /proc/self/exe /link && ln -s /proc /p\n",
        );
        attack.build().succeeded();
        for command in [
            "/proc/self/exe",
            "/proc/1/exe",
            "/proc/thread-self/exe",
            "/proc/self/task/1/exe",
            "/proc/self/root/proc/self/exe",
            "/proc/self/cwd/proc/self/exe",
            "/link",
            "/p/self/exe",
            "/../../proc/1/exe",
        ] {
            let outcome = attack.run(&format!("run --entrypoint {command} attack --version"));
            assert_eq!(outcome.status.code(), Some(126), "{command}: {}", outcome.text);
            outcome.says("that is not a program of the image");
            // By a relative path, and as the program of RUN.
            attack.run("run -w /proc/self --entrypoint ./exe attack --version");
            attack.write("again/Dockerfile", &format!("FROM attack\nRUN [\"{command}\", \"--version\"]\n"));
            attack.run("build again").refused("that is not a program of the image");
        }
        assert_eq!(digest(attack), before);
    });
}

#[test]
fn an_interpreter_is_a_magic_link_to_the_program() {
    let idea = "CVE-2019-5736: the interpreter of a script is /proc/self/exe";
    attack(idea, EVERY_USER, |attack| {
        let before = digest(attack);
        for (name, text) in [
            ("plain", "#!/proc/self/exe\n"),
            ("argument", "#!/proc/self/exe --version\n"),
            ("first", "#!/proc/1/exe images\n"),
            ("nested", "#!/plain\n"),
            ("linked", "#!/link --version\n"),
        ] {
            attack.write(name, text);
        }
        with_libraries(
            attack,
            "COPY --chmod=755 plain argument first nested linked /\nRUN ln -s /proc/self/exe /link\n",
        );
        attack.build().succeeded();
        for name in ["plain", "argument", "first", "nested", "linked"] {
            let outcome = attack.run(&format!("run attack /{name} --version"));
            assert_eq!(outcome.status.code(), Some(126), "{name}: {}", outcome.text);
            assert!(!outcome.text.contains("layerlab 0"), "{name}: {}", outcome.text);
        }
        assert_eq!(digest(attack), before);
    });
}

#[test]
fn a_loader_is_a_magic_link_to_the_program() {
    let idea = "CVE-2019-5736: the loader of a program is /proc/self/exe";
    attack(idea, EVERY_USER, |attack| {
        let before = digest(attack);
        let mut program = fs::read("/usr/bin/env").unwrap();
        let loader = LOADERS.iter().find_map(|loader| {
            let at = program.windows(loader.len()).position(|bytes| bytes == loader.as_bytes())?;
            Some(at..at + loader.len())
        });
        let Some(place) = loader else {
            attack.run("run layerlab/base true");
            return missing("`/usr/bin/env` names no loader that is known here");
        };
        program[place.clone()].fill(0);
        program[place][..b"/proc/self/exe".len()].copy_from_slice(b"/proc/self/exe");
        fs::write(attack.path("program"), program).unwrap();
        with_libraries(attack, "COPY --chmod=755 program /\n");
        attack.build().succeeded();
        let outcome = attack.run("run attack /program --version");
        assert_eq!(outcome.status.code(), Some(126), "{}", outcome.text);
        assert_eq!(digest(attack), before);
    });
}

#[test]
fn a_process_looks_for_the_program() {
    attack("every file, map and descriptor of every visible process, and writing to it", EVERY_USER, |attack| {
        let before = digest(attack);
        attack.write(
            "look.sh",
            "for process in /proc/[0-9]* /proc/self; do\n\
               readlink $process/exe $process/fd/* $process/cwd $process/root\n\
               cat $process/maps $process/cmdline $process/environ\n\
               for file in $process/exe $process/map_files/* $process/fd/[3-9]*; do : >> $file; echo x > $file; done\n\
             done\n\
             echo $(ls -d /proc/[0-9]* | wc -l) processes\n",
        );
        attack.write("Dockerfile", "FROM layerlab/base\nCOPY look.sh /\n");
        attack.build().succeeded();
        let outcome = attack.run("run attack sh /look.sh");
        let ours = attack.place.program().display().to_string();
        for name in [ours.as_str(), "memfd:", attack.place.folder().to_str().unwrap()] {
            assert!(!outcome.text.contains(name), "`{name}` is seen: {}", outcome.text);
        }
        assert_eq!(digest(attack), before);
    });
}

#[test]
fn the_program_may_be_executed_where_it_was_mounted() {
    attack("what a user mounts is no attack", EVERY_USER, |attack| {
        with_libraries(attack, "");
        attack.build().succeeded();
        let program = attack.place.program().display().to_string();
        attack.run(&format!("run -v {program}:/ours:ro attack /ours --version")).succeeded().says("layerlab");
    });
}

/// The processes that a container has outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Monitor,
    Keeper,
    Guard,
    First,
    /// Who answers for the kernel, where only one id exists.
    Supervisor,
    /// The process group of the monitor.
    Group,
}

/// What is sent, and to whom, without a pause.
type Order = &'static [(Who, Signal)];

const ORDERS: &[Order] = {
    use Signal::{SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM};
    use Who::{First, Group, Guard, Keeper, Monitor};
    &[
        &[(Monitor, SIGKILL)],
        &[(Keeper, SIGKILL), (Monitor, SIGKILL)],
        &[(Monitor, SIGKILL), (Keeper, SIGKILL)],
        &[(Guard, SIGKILL), (Keeper, SIGKILL), (Monitor, SIGKILL)],
        &[(Monitor, SIGKILL), (Keeper, SIGKILL), (Guard, SIGKILL)],
        &[(Keeper, SIGKILL)],
        &[(Guard, SIGKILL)],
        &[(Group, SIGKILL)],
        &[(Keeper, SIGSTOP), (Monitor, SIGKILL)],
        &[(Guard, SIGSTOP), (Monitor, SIGKILL)],
        &[(First, SIGSTOP), (Monitor, SIGKILL)],
        &[(Keeper, SIGSTOP), (Guard, SIGSTOP), (First, SIGSTOP), (Group, SIGKILL)],
        &[(Guard, SIGSTOP), (Keeper, SIGKILL)],
        &[(Keeper, SIGSTOP), (Guard, SIGKILL), (Monitor, SIGKILL)],
        &[(Monitor, SIGSTOP), (Keeper, SIGKILL), (Monitor, SIGCONT)],
        &[(Monitor, SIGSTOP), (Guard, SIGKILL), (Monitor, SIGCONT)],
        // These are for nobody but the program to act on.
        &[
            (Keeper, SIGTERM),
            (Guard, SIGTERM),
            (Keeper, SIGHUP),
            (Guard, SIGINT),
            (Keeper, SIGQUIT),
            (Monitor, SIGKILL),
        ],
    ]
};

/// A container whose processes do all they can to stay.
const STAY: &str = "trap '' HUP INT QUIT TERM PIPE TSTP; \
    (setsid sh -c 'trap \"\" HUP TERM; (sleep 1000 &) & while :; do sleep 1; done' &) ; \
    setsid sleep 1000 & (( sleep 1000 & ) & ) ; echo ready; while :; do sleep 1; done";

#[test]
fn no_process_outlives_us() {
    attack("an orphan that ignores signals and has no parent (CVE-2019-5736's second half)", EVERY_USER, |attack| {
        let before = digest(attack);
        attack.run("run --rm layerlab/base true").succeeded();
        for order in ORDERS {
            let mut command = attack.place.command("run --rm layerlab/base sh -c");
            command.arg(STAY).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
            let mut child = command.spawn().unwrap();
            let mut ready = [0; 6];
            child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
            let everybody = everybody(&child);
            for (who, signal) in *order {
                match who {
                    // One that is gone already is what we want.
                    Who::Group => drop(killpg(everybody[&Who::Monitor], *signal)),
                    who => drop(kill(everybody[who], *signal)),
                }
            }
            child.wait().unwrap();
            attack.nothing_is_left();
            let begun = Instant::now();
            while everybody.values().any(|process| kill(*process, None).is_ok()) {
                assert!(begun.elapsed() < Duration::from_secs(60), "as {:?}, after {order:?}", attack.role);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        attack.run("run --rm layerlab/base true").succeeded();
        attack.place.assert_no_container_is_left();
        assert_eq!(digest(attack), before);
    });
}

#[test]
fn a_container_is_gone_when_the_program_says_so() {
    attack("a process of the container is still there when `run` comes back", EVERY_USER, |attack| {
        for end in ["exit 3", "kill -9 $$; exit 3", "exec sh -c 'exit 3'"] {
            let mut command = attack.place.command("run layerlab/base sh -c");
            command.arg(format!("setsid sleep 1000 & (setsid sleep 1000 &) ; {end}"));
            let outcome = attack.run_command(command);
            assert_eq!(outcome.status.code(), Some(3), "{end}: {}", outcome.text);
        }
    });
}

/// The container's monitor, which is the program's child, and its children, from the outside in.
fn everybody(program: &Child) -> HashMap<Who, Pid> {
    let mut found = HashMap::new();
    let program = Pid::from_raw(program.id().try_into().unwrap());
    let mut process = program;
    for who in [Who::Monitor, Who::Keeper, Who::Guard, Who::First] {
        // The keeper may have two: the guard, who has a child himself, and the supervisor.
        let mut children = children_of(process);
        children.sort_by_key(|child| children_of(*child).is_empty());
        process = *children.first().unwrap_or_else(|| panic!("{who:?} is not there"));
        found.insert(who, process);
        if who == Who::Guard {
            found.extend(children.get(1).map(|supervisor| (Who::Supervisor, *supervisor)));
        }
    }
    found
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |number: &i32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // The name is in parentheses and may hold anything.
        let parent_of = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1)?.parse().ok());
        parent_of == Some(parent.as_raw())
    };
    numbers.filter(is_child).map(Pid::from_raw).collect()
}
