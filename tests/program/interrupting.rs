//! Ctrl-C while a line of a lesson runs: all of the line ends, as at any terminal, and what it has set stays.

use crate::harness::Place;
use crate::terminal::Screen;

/// A learner at a terminal of this size, with a lesson of their own.
fn sit_down(place: &Place, size: (u16, u16)) -> Screen {
    let (home, user) = (place.home().display().to_string(), place.folder().join("home").display().to_string());
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str()), ("LC_ALL", "C.UTF-8")];
    Screen::start(size, &place.path(""), &["--color", "never", "learn", "--pack", "pack", "1"], &variables)
}

fn place(page: &str) -> Place {
    Place::new(&format!("//- pack/01-own/lesson.md\n# Own\n\n{page}"))
}

/// Types a line that says when it has begun, and presses Ctrl-C then.
fn interrupt(screen: &mut Screen, line: &str) {
    screen.type_keys(&format!("{line}\r"));
    screen.wait_for("\r\nbegun");
    screen.type_keys("\x03");
    screen.wait_for("01-own");
    screen.wait_for(" $ ");
}

#[test]
fn ctrl_c_ends_loops_functions_and_what_comes_after() {
    let place = place("```console\n$ mkdir below\n$ word=none\n```\n");
    let mut screen = sit_down(&place, (80, 30));
    screen.wait_for("01-own $ ");
    screen.type_keys("mkdir below\r");
    screen.wait_for("$ word=none");
    screen.wait_for("01-own $ ");
    let long = "sh -c 'echo begun; exec sleep 60'";
    interrupt(&mut screen, &format!("cd below; word=kept; while true; do {long}; done; echo af''ter"));
    interrupt(&mut screen, &format!("for name in a b c d; do {long}; done"));
    interrupt(&mut screen, &format!("f() {{ {long}; echo in''side; }}; while :; do f; done; echo af''ter"));
    interrupt(&mut screen, "echo begun; while :; do :; done");
    interrupt(&mut screen, &format!("{long} | cat; echo af''ter"));
    screen.type_keys("echo \"$word in ${PWD##*/}\"\r");
    screen.wait_for("kept in below\r\n");
    screen.wait_for("01-own/below $ ");
    assert!(!screen.all.contains("after") && !screen.all.contains("inside"), "{}", screen.all);
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

/// Whenever it is pressed: before the line is read, between its programs, while one begins.
#[test]
fn ctrl_c_in_any_instant_ends_the_line() {
    let place = place("```console\n$ word=none\n```\n");
    let mut screen = sit_down(&place, (80, 30));
    screen.wait_for("01-own $ ");
    // From now on there is a shell.
    screen.line("echo $((40 + 2))", "\r\n42");
    screen.wait_for("01-own $ ");
    for number in 0..60 {
        screen.type_keys("true; sleep 1000\r");
        // The line is not edited any more.
        screen.wait_for("\x1b[?2004l");
        std::thread::sleep(std::time::Duration::from_micros(number * 200));
        screen.type_keys("\x03");
        screen.wait_for("(exit code 130: ended by Ctrl-C)");
        screen.wait_for("01-own $ ");
    }
    assert!(!screen.all.contains("The shell has ended"), "{}", screen.all);
}

#[test]
fn a_line_knows_how_the_one_before_has_ended() {
    let place = place("```console\n$ word=none\n```\n");
    let mut screen = sit_down(&place, (80, 30));
    for (line, said) in
        [("(exit 7)", "(exit code 7)"), ("echo was $?", "\r\nwas 7\r\n"), ("echo is $?", "\r\nis 0\r\n")]
    {
        screen.wait_for("01-own $ ");
        screen.line(line, said);
    }
}

/// Each program of the loop ends by itself, so the shell goes on with the next.
#[test]
fn a_line_that_goes_on_after_ctrl_c_is_ended_by_the_third() {
    let place = place("```console\n$ word=none\n```\n");
    let mut screen = sit_down(&place, (80, 30));
    screen.wait_for("01-own $ ");
    screen.type_keys("mkdir below; cd below; word=kept\r");
    screen.wait_for("01-own/below $ ");
    screen.type_keys("while :; do sh -c 'trap \"exit 0\" INT; echo begun; while :; do sleep 1; done'; done\r");
    for _ in 0..3 {
        screen.wait_for("begun\r\n");
        screen.type_keys("\x03");
    }
    screen.wait_for("The shell has ended");
    screen.wait_for("01-own/below $ ");
    screen.type_keys("echo \"$word in ${PWD##*/}\"\r");
    screen.wait_for("kept in below\r\n");
    screen.wait_for(" $ ");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn a_loop_on_a_page_ends_by_ctrl_c() {
    let place = Place::new("");
    let page = "```console\n$ word=kept; while true; do echo once; sleep 60; done; echo after\nonce\n^C\n? 130\n$ f() { echo in; sleep 60; echo out; }; while :; do f; done\nin\n^C\n? 130\n$ echo $word\nkept\n```\n";
    place.write("page.md", page);
    let output = place.command("verify page.md").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
