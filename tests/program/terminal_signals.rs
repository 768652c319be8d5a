//! Ctrl-C at a terminal, and signals: what ends a step, a container or the session, and that the terminal has its modes back.

use crate::terminal::{PROMPT, Screen, WIDE, context};

#[test]
fn ctrl_c_stops_a_step_and_not_the_session() {
    let (_folder, context) = context("FROM alpine\nRUN echo begun; sleep 1000\nRUN echo never\n");
    let mut screen = Screen::open(&context, &["."], "never");
    screen.wait_for(PROMPT);
    screen.line("step", "2/3 ▶");
    screen.wait_for(PROMPT);
    screen.line("continue", "begun");
    screen.type_keys("\x03");
    screen.wait_for("stopped   by Ctrl-C");
    screen.wait_for(PROMPT);
    screen.line("run echo still here", "\nstill here");
    screen.wait_for(PROMPT);
    screen.line("list", "▶ ✗ RUN echo begun");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    let (code, all) = screen.end();
    assert_eq!(code, Some(0), "{all}");
}

#[test]
fn a_signal_gives_the_terminal_its_modes_back() {
    use nix::sys::signal::{Signal, kill};
    use nix::sys::termios::{LocalFlags, tcgetattr};
    let cooked = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
    let (_folder, context) = context("FROM scratch\n");
    // SIGQUIT is not a status, but the end of the process.
    for (signal, status) in [(Signal::SIGTERM, Some(143)), (Signal::SIGHUP, Some(129)), (Signal::SIGQUIT, None)] {
        let mut screen = Screen::open(&context, &["."], "never");
        screen.wait_for(PROMPT);
        assert!(!tcgetattr(&screen.pty.keyboard).unwrap().local_flags.intersects(cooked));
        let process = nix::unistd::Pid::from_raw(screen.pty.child.id().try_into().unwrap());
        kill(process, signal).unwrap();
        let keyboard = screen.pty.keyboard.try_clone().unwrap();
        assert_eq!(screen.end().0, status);
        assert!(tcgetattr(&keyboard).unwrap().local_flags.contains(cooked), "{signal}");
    }
}

const DROPPED: &str = "process 1 has no handler for Ctrl-C, so the kernel drops it: Ctrl-C again kills it";

/// A program that does nothing about Ctrl-C; it is said when it runs, as the shell before it does something.
const DEAF: &str = "(sleep 0.3; echo begun) & exec sleep 1000";

#[test]
fn ctrl_c_ends_a_container_that_does_not_hear_it() {
    let (_folder, context) = context("");
    for arguments in [&["run", "layerlab/base"][..], &["run", "-it", "layerlab/base"]] {
        let mut screen = Screen::start(WIDE, &context, &[arguments, &["sh", "-c", DEAF]].concat(), &[]);
        screen.wait_for("begun");
        screen.type_keys("\x03");
        screen.wait_for(DROPPED);
        screen.type_keys("\x03");
        let (code, all) = screen.end();
        assert_eq!(code, Some(137), "{arguments:?}: {all}");
    }
}

#[test]
fn ctrl_c_is_for_a_program_that_handles_it() {
    let (_folder, context) = context("");
    // The shell is process 1, and handles it.
    let script = "sh -c 'echo begun; sleep 1000'; echo ended with $?";
    let mut screen = Screen::start(WIDE, &context, &["run", "-it", "layerlab/base", "sh", "-c", script], &[]);
    screen.wait_for("begun");
    screen.type_keys("\x03");
    let (code, all) = screen.end();
    assert!(code.is_some() && !all.contains(DROPPED), "{code:?}: {all}");
}

#[test]
fn a_program_that_goes_on_after_ctrl_c_is_ended_by_three_at_once() {
    let (_folder, context) = context("");
    let script = "trap 'echo heard' INT; echo begun; while :; do sleep 0.2; done";
    let mut screen = Screen::start(WIDE, &context, &["run", "layerlab/base", "sh", "-c", script], &[]);
    screen.wait_for("begun");
    screen.type_keys("\x03");
    screen.wait_for("heard");
    // Until it was seen that the program goes on.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    screen.type_keys("\x03");
    screen.wait_for("process 1 handles Ctrl-C and goes on: three of them within two seconds kill it");
    for _ in 0..3 {
        // Signals that wait are one.
        std::thread::sleep(std::time::Duration::from_millis(200));
        screen.type_keys("\x03");
    }
    let (code, all) = screen.end();
    assert_eq!(code, Some(137), "{all}");
    assert!(all.contains("process 1 has not ended after Ctrl-C three times: it is killed"), "{all}");
}

#[test]
fn a_launched_server_is_ended_and_the_session_goes_on() {
    let (_folder, context) = context(&format!("FROM layerlab/base\nCMD [\"sh\", \"-c\", \"{DEAF}\"]\n"));
    let mut screen = Screen::open(&context, &["."], "never");
    screen.wait_for(PROMPT);
    screen.line("launch", "\nbegun");
    screen.type_keys("\x03");
    screen.wait_for(DROPPED);
    screen.type_keys("\x03");
    screen.wait_for("137");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    let (code, all) = screen.end();
    assert_eq!(code, Some(0), "{all}");
}

#[test]
fn an_order_to_end_reaches_a_container_that_does_not_hear_it() {
    let (_folder, context) = context("");
    let mut screen = Screen::start(WIDE, &context, &["run", "layerlab/base", "sh", "-c", DEAF], &[]);
    screen.wait_for("begun");
    let process = nix::unistd::Pid::from_raw(screen.pty.child.id().try_into().unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).unwrap();
    screen.wait_for("process 1 has not ended in time: it is killed");
    let (code, all) = screen.end();
    assert_eq!(code, Some(137), "{all}");
}
