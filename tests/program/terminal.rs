//! The debugger's prompt with a person at a terminal: completion, colours, several lines, edits, a shell.
//!
//! The program runs on a pseudo-terminal of its own; the test types, and waits for what has to appear.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::Place;
use crate::pty::Pty;

/// How long something may take to appear.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How each prompt begins.
pub(super) const PROMPT: &str = "(layerlab";

/// A terminal with room for everything.
pub(super) const WIDE: (u16, u16) = (140, 40);

/// A person's terminal with the program on it.
pub(super) struct Screen {
    pub(super) pty: Pty,
    /// What has appeared and was not waited for yet.
    pub(super) fresh: String,
    /// Everything.
    pub(super) all: String,
}

impl Screen {
    /// The debugger.
    pub(super) fn open(folder: &Path, arguments: &[&str], color: &str) -> Screen {
        Screen::of_size(WIDE, folder, arguments, color, &[])
    }

    /// The debugger on a terminal of so many columns and rows, with variables of its own.
    pub(super) fn of_size(
        size: (u16, u16),
        folder: &Path,
        arguments: &[&str],
        color: &str,
        variables: &[(&str, &str)],
    ) -> Screen {
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
    pub(super) fn line(&mut self, keys: &str, expected: &str) -> String {
        self.type_keys(keys);
        self.type_keys("\r");
        self.wait_for(expected)
    }

    /// Ctrl-C at the prompt, once what was typed ends with `last`: a new prompt comes.
    pub(super) fn clear_line(&mut self, last: &str) {
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

pub(super) fn context(dockerfile: &str) -> (tempfile::TempDir, std::path::PathBuf) {
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
