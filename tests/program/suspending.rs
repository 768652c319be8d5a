//! Ctrl-Z at the program's own prompts, in a shell with job control.

use std::process::Command;

use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::harness::Place;
use crate::pty::Pty;
use crate::terminal::{Screen, WIDE};

/// A shell at a terminal; `begin` is what is typed first, and leads to `prompt`.
fn shell(place: &Place, begin: &str, prompt: &str) -> Screen {
    let template = place.command("ls");
    let mut command = Command::new("sh");
    command.arg("-i").current_dir(place.path(""));
    command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PS1", "outer> ");
    let mut screen = Screen { pty: Pty::start(command, WIDE), fresh: String::new(), all: String::new() };
    screen.wait_for("outer> ");
    screen.type_keys(&format!("{} {begin}\r", env!("CARGO_BIN_EXE_layerlab")));
    screen.wait_for(prompt);
    screen
}

/// Presses Ctrl-Z; the shell has the terminal as it was.
fn suspend(screen: &mut Screen) {
    let cooked = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
    screen.type_keys("\x1a");
    screen.wait_for("Stopped");
    screen.wait_for("outer> ");
    screen.line("echo $((40 + 2))", "\n42");
    assert!(tcgetattr(&screen.pty.keyboard).unwrap().local_flags.contains(cooked));
}

/// What is typed to begin with, the prompt that comes, and a line with its answer.
const PROMPTS: [(&str, &str, (&str, &str)); 3] = [
    ("learn --pack pack 1", "Enter: more ", ("\r", "Enter runs it.")),
    ("learn --pack pack 2", "02-short $ ", ("echo $((40 + 2))\r", "\n42")),
    ("step .", "(layerlab 1/1) ", ("why\r", "FROM")),
];

fn place() -> Place {
    let long = "One more paragraph.\n\n".repeat(30);
    Place::new(&format!(
        "//- Dockerfile\nFROM scratch\n//- pack/01-long/lesson.md\n# Long\n\n{long}```console\n$ true\n```\n\
         //- pack/02-short/lesson.md\n# Short\n\n```console\n$ true\n```\n"
    ))
}

#[test]
fn ctrl_z_at_a_prompt_leads_to_the_shell_and_fg_back() {
    let place = place();
    for (begin, prompt, (typed, answer)) in PROMPTS {
        let mut screen = shell(&place, begin, prompt);
        for _ in 0..2 {
            suspend(&mut screen);
            screen.type_keys("fg\r");
            screen.wait_for(prompt);
        }
        screen.type_keys(typed);
        screen.wait_for(answer);
    }
}

#[test]
fn what_is_suspended_at_a_prompt_can_be_ended() {
    let place = place();
    for (begin, prompt, _) in PROMPTS {
        let mut screen = shell(&place, begin, prompt);
        suspend(&mut screen);
        screen.type_keys("kill %1; kill -CONT %1; while kill -0 %1 2> /dev/null; do sleep 0.1; done; echo go''ne\r");
        screen.wait_for("gone");
    }
}
