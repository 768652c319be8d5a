//! What a session shows of files that others made: the debugger's `cat`, `diff` and `why`.

use std::fs;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::{Attack, USERS, attack};

/// A build of a file, and a session that asks about it.
fn prepare(attack: &mut Attack) {
    attack.write("Dockerfile", "FROM scratch\nCOPY file /file\n");
    attack.write("file", "what was copied\n");
    attack.write("commands", "diff file\nfinish\nwhy 2\ndiff file\n");
    attack.build().succeeded();
}

#[test]
fn a_compared_file_is_a_link_out_of_the_context() {
    attack("`diff` reads what took the place of a file of the context", USERS, |attack| {
        prepare(attack);
        let sentinel = attack.sentinel();
        for target in [sentinel.join("secret"), sentinel.join("fifo"), "/dev/zero".into(), "file".into()] {
            fs::remove_file(attack.path("file")).unwrap();
            attack.link("file", target);
            let outcome = attack.run("step --script commands .");
            outcome.says("-what was copied");
            assert!(!outcome.text.contains("sentinel's own text"), "{}", outcome.text);
        }
    });
}

#[test]
fn a_compared_file_is_a_pipe() {
    attack("`diff` waits for a pipe in the place of a file of the context", USERS, |attack| {
        prepare(attack);
        fs::remove_file(attack.path("file")).unwrap();
        mkfifo(&attack.path("file"), Mode::from_bits_truncate(0o644)).unwrap();
        attack.run("step --script commands .").says("-what was copied");
    });
}

#[test]
fn a_file_of_the_image_is_larger_than_memory() {
    attack("`cat` and `diff` read a whole file of the image into memory", USERS, |attack| {
        prepare(attack);
        attack.write("commands", "finish\nfinish\ncat /file\ndiff 1 2 /file\n");
        let mut command = attack.place.command("step --script commands .");
        command.env("LAYERLAB_MAX_SHOWN", "8");
        attack.run_command(command).says("`/file` has more than 8 bytes").says("set LAYERLAB_MAX_SHOWN");
    });
}
