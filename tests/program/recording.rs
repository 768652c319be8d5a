//! The recording that the README shows: a session of the first lesson, recorded afresh by the test and compared with the committed one.
//!
//! Whoever plays the person types by a script, and the times of the recording are the script's: no clock has a say. What the terminal showed
//! after each key is compared by rows and colours, without digests, the size of the base image and the date, which differ from machine to machine.
//! The file is an asciicast, version 2 (<https://docs.asciinema.org/manual/asciicast/v2/>); `moving.rs` draws it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::moving::{self, Frame};
use crate::pty::Pty;
use crate::screens::{self, Person};

/// The columns of the terminal; a [`Person`] has 24 rows.
const COLUMNS: u16 = 80;
const ROWS: u16 = 24;
/// Milliseconds from key to key.
const KEY: u64 = 40;
/// Milliseconds until Enter follows, and until somebody who has read begins to type.
const PAUSE: u64 = 250;

const PROMPT: &str = "$ ";

/// What is typed, and for how many milliseconds the answer is read.
const SCRIPT: [(&str, u64); 12] = [
    ("layerlab step lessons/01-first-image", 500),
    ("list", 1400),
    ("step", 1200),
    ("", 900),
    ("", 1200),
    ("launch", 1500),
    ("back 2", 500),
    ("edit date-script.sh", 1200),
    ("diff date-script.sh", 3000),
    ("why", 5000),
    ("step", 2500),
    ("launch", 5000),
];

/// The recorded session: when something appeared, in milliseconds, and the bytes that made it appear.
struct Recording(Vec<(u64, String)>);

impl Recording {
    /// Plays the script.
    fn of_a_session(classroom: &Classroom) -> Recording {
        let mut shell = classroom.shell();
        shell.env("PS1", PROMPT).env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "ENV"] {
            shell.env_remove(name);
        }
        let mut person = Person::at(Pty::start(shell, (COLUMNS, ROWS)), COLUMNS);
        let at_shell = |screen: &vt100::Screen| screen.contents().lines().last() == Some(PROMPT);
        person.see("the shell", at_shell);
        let mut recording = Recording(vec![(0, std::mem::take(&mut person.written))]);
        let mut now = PAUSE;
        for (line, reading) in SCRIPT {
            let (row, start) = person.model.screen().cursor_position();
            for (number, key) in (1..).zip(line.chars()) {
                person.keys(&key.to_string());
                person.see(line, |screen| screen.cursor_position() == (row, start + number));
                now += KEY;
                recording.0.push((now, std::mem::take(&mut person.written)));
            }
            now += PAUSE;
            person.enter();
            person.prompt();
            recording.0.push((now, std::mem::take(&mut person.written)));
            now += reading;
        }
        person.keys("quit\r");
        person.see("the shell again", at_shell);
        // The end says how long the last screen is seen.
        recording.0.push((now, String::new()));
        recording
    }

    fn read(text: &str) -> Recording {
        let event = |line: &str| {
            let (seconds, _, bytes): (f64, String, String) = serde_json::from_str(line).unwrap();
            ((seconds * 1000.0).round() as u64, bytes)
        };
        Recording(text.lines().skip(1).map(event).collect())
    }

    fn write(&self) -> String {
        let mut text = format!(
            "{{\"version\": 2, \"width\": {COLUMNS}, \"height\": {ROWS}, \"title\": \"{}\", \"env\": {{\"TERM\": \"xterm-256color\"}}}}\n",
            moving::TITLE
        );
        for (time, bytes) in &self.0 {
            let bytes = serde_json::Value::from(bytes.as_str());
            writeln!(text, "[{}.{:03}, \"o\", {bytes}]", time / 1000, time % 1000).unwrap();
        }
        text
    }

    /// What is seen, from when on.
    fn frames(&self) -> Vec<Frame> {
        let mut model = screens::model(COLUMNS);
        let frame = |(time, bytes): &(u64, String)| {
            model.process(bytes.as_bytes());
            Frame { time: *time, screen: model.screen().clone() }
        };
        self.0.iter().map(frame).collect()
    }

    /// All of it as text, without what differs from machine to machine.
    fn comparable(&self) -> String {
        let mut text = String::new();
        for frame in self.frames() {
            writeln!(text, "-- {} ms", frame.time).unwrap();
            for row in moving::rows(&frame.screen) {
                let row = row.split_once(" date is ").map_or(row.as_str(), |(before, _)| before);
                writeln!(text, "{}", filtered(row)).unwrap();
            }
        }
        text
    }
}

/// A folder of its own with the lessons, a home and the program in it.
struct Classroom(tempfile::TempDir);

impl Classroom {
    fn new() -> Classroom {
        let classroom = Classroom(tempfile::tempdir().unwrap());
        let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
        assert!(Command::new("cp").arg("-r").arg(lessons).arg(classroom.0.path()).status().unwrap().success());
        std::fs::create_dir(classroom.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_layerlab"), classroom.path("bin/layerlab")).unwrap();
        classroom
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A shell that finds the program, in the folder of this place.
    fn shell(&self) -> Command {
        let path = std::env::var_os("PATH").unwrap();
        let paths = [self.path("bin")].into_iter().chain(std::env::split_paths(&path));
        let mut shell = Command::new("sh");
        shell
            .current_dir(self.0.path())
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("LAYERLAB_HOME", self.path("home"))
            .env("LAYERLAB_PULL", "never")
            .env("LAYERLAB_BASE", "busybox")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("VISUAL", format!("sh {}", self.path("editor").display()))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        shell
    }
}

/// A row without what differs from machine to machine: digests and ids, the size of the base image, and the width of columns.
fn filtered(row: &str) -> String {
    let is_digest = |word: &str| {
        let digits = word.trim_start_matches("sha256:").trim_end_matches(['…', ',']);
        digits.len() >= 12 && digits.chars().all(|letter| letter.is_ascii_hexdigit())
    };
    let words: Vec<&str> = row.split_whitespace().collect();
    let is_size = |index: usize| words.get(index + 1).is_some_and(|next| next.starts_with("MB"));
    let filter = |(index, word): (usize, &&str)| match word {
        word if is_digest(word) => "HEX".to_owned(),
        word if is_size(index) && word.parse::<f64>().is_ok() => "N".to_owned(),
        word => (*word).to_owned(),
    };
    words.iter().enumerate().map(filter).collect::<Vec<_>>().join(" ")
}

fn book(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src").join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_recording_is_what_happens() {
    let classroom = Classroom::new();
    std::fs::write(classroom.path("editor"), "sed -i s/Todays/The/ \"$1\"\n").unwrap();
    let fresh = Recording::of_a_session(&classroom);
    let (cast, picture) = (book("recording.cast"), book("recording.svg"));
    let may_write = std::env::var_os("LAYERLAB_BLESS").is_some();
    let is_stale = |text: &str| text.is_empty() || Recording::read(text).comparable() != fresh.comparable();
    if may_write && is_stale(&read(&cast)) {
        std::fs::write(&cast, fresh.write()).unwrap();
    }
    let committed = Recording::read(&read(&cast));
    let drawn = moving::draw(&committed.frames());
    if may_write {
        std::fs::write(&picture, &drawn).unwrap();
    }
    const AGAIN: &str = "`LAYERLAB_BLESS=1 cargo test --test program recording` makes it anew";
    let (old, new) = (committed.comparable(), fresh.comparable());
    let differing = old.lines().zip(new.lines()).find(|(old, new)| old != new);
    assert!(old == new, "{} is out of date: {AGAIN}\nfirst difference: {differing:#?}", cast.display());
    assert!(read(&picture) == drawn, "{} does not show the recording: {AGAIN}", picture.display());
    let output = classroom.shell().args(["-c", "layerlab store verify"]).output().unwrap();
    let (verdict, is_whole) = (String::from_utf8_lossy(&output.stdout), output.status.success());
    assert!(is_whole, "{verdict}");
}
