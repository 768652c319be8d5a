//! The debugger's prompt with a person at a terminal: completion, colours, several lines, Ctrl-C and Ctrl-D, a shell.
//!
//! The program runs on a pseudo-terminal of its own; the test types, and waits for what has to appear.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::Place;
use crate::pty::Pty;

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// How each prompt begins.
const PROMPT: &str = "(layerlab";

/// A terminal with room for everything.
const WIDE: (u16, u16) = (140, 40);

/// A person's terminal with the program on it.
pub(super) struct Screen {
    pub(super) pty: Pty,
    /// What has appeared and was not waited for yet.
    fresh: String,
    /// Everything.
    all: String,
}

impl Screen {
    /// The debugger.
    fn open(folder: &Path, arguments: &[&str], color: &str) -> Screen {
        Screen::of_size(WIDE, folder, arguments, color, &[])
    }

    /// The debugger on a terminal of so many columns and rows, with variables of its own.
    fn of_size(size: (u16, u16), folder: &Path, arguments: &[&str], color: &str, variables: &[(&str, &str)]) -> Screen {
        Screen::start(size, folder, &[&["step", "--color", color], arguments].concat(), variables)
    }

    /// Any command.
    pub(super) fn start(size: (u16, u16), folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Screen {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
        command
            .args(arguments)
            .current_dir(folder)
            .env("LAYERLAB_HOME", folder.join("../home"))
            // No test asks a registry that it has not started.
            .env("LAYERLAB_PULL", "never")
            .env("SOURCE_DATE_EPOCH", "1763900000")
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("PAGER")
            .envs(variables.iter().copied());
        Screen { pty: Pty::start(command, size), fresh: String::new(), all: String::new() }
    }

    pub(super) fn type_keys(&mut self, keys: &str) {
        self.pty.type_keys(keys);
    }

    /// Waits until a text appears, and gives all that did up to its end.
    pub(super) fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.fresh.find(text) {
                let rest = self.fresh.split_off(place + text.len());
                return std::mem::replace(&mut self.fresh, rest);
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.pty.output.recv_timeout(left) {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    self.fresh.push_str(&text);
                    self.all.push_str(&text);
                }
                Err(_) => panic!("`{text}` did not appear:\n{}", self.all),
            }
        }
    }

    /// Types a line when the prompt is there, and waits for what it brings.
    fn line(&mut self, keys: &str, expected: &str) -> String {
        self.type_keys(keys);
        self.type_keys("\r");
        self.wait_for(expected)
    }

    /// Ctrl-C at the prompt, once what was typed ends with `last`: a new prompt comes.
    fn clear_line(&mut self, last: &str) {
        self.wait_for(last);
        self.type_keys("\x03");
        // The prompt is drawn again with every key; only the new one comes after a line break.
        self.wait_for("\n");
        self.wait_for(PROMPT);
    }

    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.pty.child.try_wait().unwrap() {
                while let Ok(bytes) = self.pty.output.recv_timeout(Duration::from_millis(100)) {
                    self.all.push_str(&String::from_utf8_lossy(&bytes));
                }
                return (status.code(), self.all.clone());
            }
            while let Ok(bytes) = self.pty.output.try_recv() {
                self.all.push_str(&String::from_utf8_lossy(&bytes));
            }
            assert!(Instant::now() < end, "it did not end:\n{}", self.all);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a command shows on a terminal of so many columns.
pub fn shown_in(columns: u16, place: &Place, arguments: &str) -> String {
    let home = place.home().display().to_string();
    let variables = [
        ("LAYERLAB_HOME", home.as_str()),
        ("LAYERLAB_PULL", "never"),
        ("LAYERLAB_BASE", "busybox"),
        ("SOURCE_DATE_EPOCH", "1700000000"),
    ];
    let arguments: Vec<&str> = ["--color", "never"].into_iter().chain(arguments.split_whitespace()).collect();
    let (_, shown) = Screen::start((columns, 50), &place.path(""), &arguments, &variables).end();
    shown.replace("\r\n", "\n")
}

fn context(dockerfile: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("context");
    fs::create_dir(&context).unwrap();
    if !dockerfile.is_empty() {
        fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    }
    fs::write(context.join("greeting.txt"), "hello\n").unwrap();
    (folder, context)
}

#[test]
fn words_are_completed_and_lines_go_on() {
    let (_folder, context) = context("");
    let mut screen = Screen::open(&context, &[], "never");
    screen.wait_for(PROMPT);
    screen.line("FROM scratch", "1/1 ■");
    screen.wait_for(PROMPT);
    // The context's file, then the state's.
    screen.line("COPY gree\t /", "/greeting.txt");
    screen.wait_for(PROMPT);
    screen.line("cat /gr\t", "\nhello");
    screen.wait_for(PROMPT);
    // A program of the machine, and a word of a habit.
    screen.line("cat /greeting.txt | sha256su\t", "\n5891b5b522d5df08");
    screen.wait_for(PROMPT);
    screen.line("info sharedl\t", "\nLAYER");
    screen.wait_for(PROMPT);
    // An instruction that is not complete is not taken yet.
    screen.line("COPY <<EOF /typed", "");
    screen.line("first line", "");
    screen.line("EOF", "A /typed");
    screen.wait_for(PROMPT);
    // Ctrl-C clears the line and ends nothing; Ctrl-D ends.
    screen.type_keys("nonsense");
    screen.clear_line("nonsense");
    screen.line("cat /typed", "\nfirst line");
    screen.wait_for(PROMPT);
    // Typed work is not lost without a word.
    screen.type_keys("\x04");
    screen.wait_for("unsaved");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    let (code, all) = screen.end();
    assert_eq!(code, Some(0), "{all}");

    // The history is there in the next session: the last line but one is the COPY.
    let mut screen = Screen::open(&context, &[], "never");
    screen.wait_for(PROMPT);
    screen.type_keys("\x1b[A");
    screen.clear_line("cat /typed");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

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

/// Makes a mistake in a text, and mends it when it is opened again.
const CARELESS: &str =
    "#!/bin/sh\nif grep -q COYP \"$1\"; then sed -i s/COYP/COPY/ \"$1\"; else sed -i s/COPY/COYP/ \"$1\"; fi\n";

#[test]
fn a_mistake_in_an_edit_is_edited_again() {
    let (folder, context) = context("FROM scratch\nCOPY greeting.txt /\n");
    let editor = folder.path().join("editor");
    fs::write(&editor, CARELESS).unwrap();
    fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let variables = [("EDITOR", editor.to_str().unwrap())];
    let mut screen = Screen::of_size(WIDE, &context, &["."], "never", &variables);
    const QUESTION: &str = "-- Enter: edit again, any other key: back to layerlab --";
    screen.wait_for(PROMPT);
    screen.line("edit", "`COYP`");
    screen.wait_for(QUESTION);
    screen.type_keys("\r");
    screen.wait_for("the Dockerfile: not changed");
    screen.wait_for(PROMPT);
    // What was there stays in force, and what was typed is there the next time.
    screen.line("edit", QUESTION);
    screen.type_keys("q");
    screen.wait_for("still using the Dockerfile from before the edit");
    screen.wait_for(PROMPT);
    screen.line("edit", "the Dockerfile: 2/2 COPY would miss: no earlier step had these inputs");
    screen.wait_for(PROMPT);
    // The same where no file has it.
    screen.line("step", "2/2 ▶");
    screen.wait_for(PROMPT);
    screen.line("LABEL a=b", "3/3 ▶");
    screen.wait_for(PROMPT);
    screen.line("edit", QUESTION);
    screen.type_keys("q");
    screen.wait_for("still using the Dockerfile from before the edit");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    screen.wait_for("the Dockerfile with the mistake is not saved");
    screen.wait_for(PROMPT);
    screen.line("edit", "the Dockerfile (not");
    screen.wait_for(PROMPT);
    screen.line("list", "COPY greeting.txt");
    screen.wait_for(PROMPT);
    screen.line("edit /etc/passwd", "is outside the build context");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    screen.wait_for("what you typed is not saved");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    // A person has seen what failed.
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn a_dockerfile_that_is_wrong_from_the_start_is_edited_first() {
    let (folder, context) = context("FROM scratch\nCOYP greeting.txt /\n");
    let editor = folder.path().join("editor");
    fs::write(&editor, CARELESS).unwrap();
    fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let variables = [("EDITOR", editor.to_str().unwrap())];
    const QUESTION: &str = "-- Enter: edit it, q: leave --";
    let mut screen = Screen::of_size(WIDE, &context, &["."], "never", &variables);
    screen.wait_for("did you mean `COPY`?");
    screen.wait_for(QUESTION);
    screen.type_keys("q");
    screen.wait_for("hint: fix the Dockerfile and start again");
    assert_eq!(screen.end().0, Some(1));
    let mut screen = Screen::of_size(WIDE, &context, &["."], "never", &variables);
    screen.wait_for(QUESTION);
    screen.type_keys("\r");
    screen.wait_for("2 steps");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn a_shell_is_opened_in_a_state() {
    let (_folder, context) =
        context("FROM alpine\nRUN echo content > /made\nCMD [\"sh\", \"-c\", \"echo launched $0\"]\n");
    let mut screen = Screen::open(&context, &["."], "never");
    screen.wait_for(PROMPT);
    screen.line("step 2", "3/3 ▶");
    screen.wait_for(PROMPT);
    screen.line("shell", "# ");
    screen.line("cat /made", "\ncontent");
    // What is thrown away is listed.
    screen.line("echo changed > /made; mkdir /new; rm /bin/cat; exit 3", "closed; no changes were kept");
    let listed = screen.wait_for("D /bin/cat");
    assert!(!listed.contains("/etc") && !listed.contains("/dev"), "{listed}");
    let listed = screen.wait_for(PROMPT);
    let marks: Vec<_> = listed.lines().filter_map(|line| line.trim().split_once("   ")).map(|(path, _)| path).collect();
    assert_eq!(marks, ["C /made", "A /new"], "{listed}");
    screen.line("cat /made", "\ncontent");
    screen.wait_for(PROMPT);
    screen.line("sh", "# ");
    screen.line("exit", "closed; no files changed");
    screen.wait_for(PROMPT);
    screen.line("launch", "\nlaunched sh");
    screen.wait_for(PROMPT);
    screen.line("quit", "");
    let (code, all) = screen.end();
    assert_eq!(code, Some(0), "{all}");
}

#[test]
fn what_is_typed_has_colours_where_they_are_wanted() {
    let (_folder, context) = context("FROM scratch\n");
    let mut screen = Screen::open(&context, &["."], "always");
    screen.wait_for(PROMPT);
    screen.type_keys("COPY --chown=1 a");
    // The keyword is cyan and bold, the flag blue.
    screen.wait_for("\x1b[1;36mCOPY");
    screen.wait_for("\x1b[34m--chown=1");
    screen.clear_line("a");
    screen.type_keys("\x04");
    assert_eq!(screen.end().0, Some(0));
}

const LONG_LINES: &str = "\
FROM layerlab/base
LABEL description=\"a rather long description of an image that nobody but a test of rows will ever need\"
COPY greeting.txt /usr/local/share/some/where/deep/a-file-with-a-rather-long-name-that-no-line-has-room-for.txt
RUN exit 127
HEALTHCHECK CMD true
";

/// What a person sees: the lines that were printed, without those with the prompt, which the editor of lines lays out.
fn printed(all: &str) -> Vec<&str> {
    let lines = all.split('\n').map(|line| line.trim_end_matches('\r'));
    lines.filter(|line| !line.contains("(layerlab)") && !line.contains('\x1b')).collect()
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let (_folder, context) = context(LONG_LINES);
    let mut screen = Screen::of_size((80, 24), &context, &["."], "never", &[("PAGER", "cat")]);
    screen.wait_for(PROMPT);
    screen.line("step 3", "4/5 ▶");
    let commands =
        ["step", "why 2", "why 3", "plan", "diff", "layers", "history", "explain copy", "help", "help diff", "no"];
    for command in commands {
        screen.wait_for(PROMPT);
        screen.line(command, "\n");
    }
    screen.wait_for(PROMPT);
    screen.line("save session.txt", "saved");
    screen.wait_for(PROMPT);
    screen.line("quit", "");
    let (_, all) = screen.end();
    for shown in ["would miss, ", "CREATED BY", "Copies files", "Ctrl-D leaves", "saved"] {
        assert!(all.contains(shown), "{shown}\n{all}");
    }
    let lines = printed(&all);
    let too_wide: Vec<_> = lines.iter().filter(|line| line.chars().count() > 80).collect();
    assert!(too_wide.is_empty(), "{too_wide:#?}\n{all}");
    let states = lines.iter().filter_map(|line| line.split_once("→ state "));
    assert!(states.clone().all(|(_, state)| state.len() == 12) && states.count() == 3, "{all}");

    // The copy does not depend on the terminal: it has the width that a pipe has.
    let saved = fs::read_to_string(context.join("session.txt")).unwrap();
    let state = saved.lines().find_map(|line| line.split_once("→ state ")).unwrap();
    assert_eq!(state.0.chars().count(), 70, "{saved}");
    assert!(saved.lines().any(|line| (81..=100).contains(&line.chars().count())), "{saved}");
}

#[test]
fn what_is_longer_than_the_screen_comes_in_pages() {
    let (_folder, context) = context(LONG_LINES);
    // Without `less` anywhere: a pager of our own.
    let mut screen = Screen::of_size((80, 10), &context, &["."], "never", &[("PATH", "/nowhere")]);
    screen.wait_for(PROMPT);
    const QUESTION: &str = "-- any key: next page, q: back to layerlab --";
    let first = screen.line("help all", QUESTION);
    assert_eq!(first.lines().count(), 1 + 9 + 1, "{first}");
    screen.type_keys(" ");
    let second = screen.wait_for(QUESTION);
    assert_eq!(second.lines().count(), 9 + 1, "{second}");
    screen.type_keys("q");
    screen.wait_for(PROMPT);
    screen.line("help all", QUESTION);
    screen.type_keys("\x03");
    screen.wait_for(PROMPT);
    // What fits the screen is not paged, and neither is a session without a person.
    screen.line("env", "hint: ");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    assert_eq!(screen.end().0, Some(0));

    // $PAGER has the text on its standard input.
    let mut screen = Screen::of_size((80, 10), &context, &["."], "never", &[("PAGER", "wc -l; echo paged")]);
    screen.wait_for(PROMPT);
    screen.line("help all", "\npaged");
    screen.wait_for(PROMPT);
    screen.type_keys("\x04");
    assert_eq!(screen.end().0, Some(0));

    // What no pager shows is shown by us, and a terminal that can do nothing is sent all of it.
    let cases =
        [("PAGER", "/no/such/pager", QUESTION), ("PAGER", "false", QUESTION), ("TERM", "dumb", "stops a step, Ctrl-D")];
    for (name, value, shown) in cases {
        let mut screen = Screen::of_size((80, 10), &context, &["."], "never", &[(name, value)]);
        screen.wait_for(PROMPT);
        screen.line("help all", shown);
        if shown == QUESTION {
            screen.type_keys("q");
        }
        screen.wait_for(PROMPT);
        screen.type_keys("quit\r");
        assert_eq!(screen.end().0, Some(0));
    }
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
