//! Files that the debugger is asked to show, compare or edit: without an end, without a reader, or larger than the memory.

use std::fs;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Attack, USERS, attack};

/// What a session of these lines prints.
fn session(attack: &mut Attack, lines: &str) -> crate::harness::Outcome {
    attack.write("lines", lines).write(".dockerignore", "lines\n");
    let mut command = attack.place.command("step . --script lines");
    command.env("EDITOR", "true").env_remove("VISUAL");
    attack.run_command(command)
}

#[test]
fn a_script_has_no_end() {
    attack("a script of one line that does not end", USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\n");
        attack.run("step . --script /dev/zero").refused("the limit for this kind of file (instruction of a script)");
    });
}

#[test]
fn a_file_of_the_state_is_a_giant() {
    attack("a sparse file that is printed and compared", USERS, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nRUN truncate -s 600M /giant && truncate -s 500M /other\n");
        let said = session(attack, "step\nstep\ncat /giant\ndiff 1 2 /giant\ncat /etc/passwd\nquit\n");
        said.says("LAYERLAB_MAX_SHOWN").says("root:x:0:0");
    });
}

#[test]
fn a_file_of_the_context_becomes_something_else() {
    attack("a pipe, a device or a link where a file was built from", USERS, |attack| {
        attack.write("Dockerfile", "FROM scratch\nCOPY note /note\n").write("note", "text\n");
        attack.build().succeeded();
        let (note, secret) = (attack.path("note"), attack.sentinel().join("secret"));
        fs::remove_file(&note).unwrap();
        mkfifo(&note, Mode::from_bits_truncate(0o666)).unwrap();
        session(attack, "diff note\nwhy 2\nedit note\nquit\n").says("is a named pipe, not a regular file");
        fs::remove_file(&note).unwrap();
        attack.link("note", secret);
        let said = session(attack, "diff note\nquit\n");
        assert!(!said.text.contains("sentinel's own text"), "{}", said.text);
        session(attack, "edit /dev/zero\nquit\n").says("`/dev/zero` is outside the build context");
    });
}
