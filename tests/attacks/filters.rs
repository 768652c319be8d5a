//! System call filters of files, for `--security-opt seccomp=FILE`: a file from elsewhere, which asks for too much or is none.

use std::fs;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Attack, USERS, attack};

fn run(attack: &mut Attack, name: &str) -> crate::harness::Outcome {
    attack.run(&format!("run --rm --security-opt seccomp={name} layerlab/base true"))
}

#[test]
fn a_filter_is_no_file_with_an_end() {
    attack("a filter that never ends, or never begins", USERS, |attack| {
        mkfifo(&attack.path("pipe"), Mode::from_bits_truncate(0o644)).unwrap();
        attack.link("zero", "/dev/zero");
        attack.link("memory", "/proc/self/mem");
        let hole = fs::File::create(attack.path("hole")).unwrap();
        hole.set_len(64 << 30).unwrap();
        for name in ["pipe", "zero", "/dev/zero"] {
            run(attack, name).refused("not a regular file");
        }
        run(attack, "hole").refused("the limit for this kind of file");
        run(attack, "memory").refused("opening seccomp profile (memory) failed");
    });
}

#[test]
fn a_filter_grows_when_it_is_understood() {
    let of = |entries: &str| format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{entries}]}}"#);
    let test = r#"{"index":0,"value":1,"op":"SCMP_CMP_EQ"}"#;
    attack("a small filter with many rules, names and tests", USERS, |attack| {
        let names = vec![r#""read""#; 20_000].join(",");
        let tests = vec![test; 5_000].join(",");
        let product = format!(r#"{{"names":[{names}],"action":"SCMP_ACT_LOG","args":[{tests}]}}"#);
        let rules = vec![format!(r#"{{"name":"read","action":"SCMP_ACT_LOG","args":[{test}]}}"#); 4_000].join(",");
        for (name, text) in [("product", of(&product)), ("rules", of(&rules))] {
            attack.write(name, &text);
            run(attack, name).refused("too many for the kernel");
        }
        let deep = "[".repeat(100_000);
        attack.write("deep", &of(&deep));
        run(attack, "deep").refused("deep: ");
        attack.write("words", &of("{\"names\":[\"read\"],\"action\":\"\\u001b[2Ja\\nb\"}"));
        run(attack, "words").refused("is not an action");
    });
}

#[test]
fn a_filter_refuses_what_confines_the_container() {
    attack("a filter that lets the set-up fail, or seem to succeed", USERS, |attack| {
        // A call that seems to have succeeded would leave rights that were to be given up.
        for call in ["capset", "setresuid", "setresgid", "setgroups", "prctl", "close_range"] {
            let entry = format!(r#"{{"names":["{call}"],"action":"SCMP_ACT_ERRNO","errnoRet":0}}"#);
            attack.write("filter", &format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{entry}]}}"#));
            run(attack, "filter").refused(&format!("syscalls[0].errnoRet: errno 0 would let `{call}` seem to succeed"));
        }
        attack.write("filter", r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":0}"#);
        run(attack, "filter").refused("defaultErrnoRet: errno 0");
        // One that fails, or that is killed, starts nothing.
        for action in ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_TRACE"] {
            for call in ["capset", "execve", "prctl", "close_range", "openat2", "sendmsg"] {
                let entry = format!(r#"{{"names":["{call}"],"action":"{action}"}}"#);
                attack.write("filter", &format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{entry}]}}"#));
                let outcome = run(attack, "filter");
                assert!(!outcome.status.success(), "{action} {call}: {}", outcome.text);
            }
        }
    });
}
