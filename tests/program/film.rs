//! Signs of life: what a person at a terminal sees while something takes long, filmed at ten frames a second, and how it is stopped.
//!
//! The program runs on a pseudo-terminal; a model of a terminal shows what it writes. No test says how many milliseconds something
//! may take: it counts frames, generously.

use std::fs::{self, File};
use std::num::NonZero;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::Place;
use crate::pty::Pty;

/// How long a frame is seen.
const FRAME: Duration = Duration::from_millis(100);
/// So many frames at most are the same, where something goes on: two seconds, as the machine may be busy with other tests.
const STILL: usize = 20;
/// So many frames at most are filmed.
const MOST_FRAMES: usize = 1200;

/// A terminal that is filmed, with the program on it.
struct Camera {
    terminal: vt100::Parser,
    pty: Pty,
    frames: Vec<String>,
}

impl Camera {
    fn start(place: &Place, arguments: &str, (columns, rows): (u16, u16)) -> Camera {
        let mut command = place.command(arguments);
        command.env("TERM", "xterm").env_remove("SOURCE_DATE_EPOCH");
        let pty = Pty::start(command, (columns, rows));
        Camera { terminal: vt100::Parser::new(cells(rows), cells(columns), 0), pty, frames: Vec::new() }
    }

    /// Films one frame. Says whether the program has ended.
    fn roll(&mut self) -> bool {
        std::thread::sleep(FRAME);
        let is_over = self.pty.child.try_wait().unwrap().is_some();
        if is_over {
            // What is on its way still.
            std::thread::sleep(FRAME);
        }
        self.develop();
        self.frames.push(self.seen());
        assert!(self.frames.len() < MOST_FRAMES, "it does not end:\n{}", self.seen());
        is_over
    }

    fn seen(&self) -> String {
        self.terminal.screen().contents()
    }

    /// Films until a text is seen.
    fn until(&mut self, text: &str) {
        while !self.seen().contains(text) {
            assert!(!self.roll() || self.seen().contains(text), "`{text}` was not seen:\n{}", self.seen());
        }
    }

    /// Films to the end; gives the status.
    fn watch_to_the_end(&mut self) -> i32 {
        while !self.roll() {}
        self.pty.child.wait().unwrap().code().unwrap()
    }

    fn type_keys(&mut self, keys: &str) {
        self.pty.type_keys(keys);
    }

    /// Draws what has come.
    fn develop(&mut self) {
        while let Ok(bytes) = self.pty.output.try_recv() {
            self.terminal.process(&bytes);
        }
    }

    /// The program stands still meanwhile: what it has drawn for the one size is not shown in the other.
    fn resize(&mut self, columns: u16, rows: u16) {
        let program = Pid::from_raw(self.pty.child.id().cast_signed());
        kill(program, Signal::SIGSTOP).unwrap();
        std::thread::sleep(FRAME);
        self.develop();
        self.pty.resize(columns, rows);
        self.terminal.screen_mut().set_size(cells(rows), cells(columns));
        kill(program, Signal::SIGCONT).unwrap();
    }

    /// How many frames that follow one another are the same, at most.
    fn stillest(&self) -> usize {
        self.frames.chunk_by(|one, next| one == next).map(<[String]>::len).max().unwrap_or(0)
    }
}

fn cells(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

fn with_large_file() -> Place {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY large /\n");
    File::create(place.path("large")).unwrap().set_len(1_000_000_000).unwrap();
    place
}

/// What a stopped command must not leave.
fn temporary_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "tmp")).collect()
}

#[test]
fn a_large_copy_is_seen_to_go_on_and_can_be_stopped_and_tried_again() {
    let place = with_large_file();
    let mut camera = Camera::start(&place, "build .", (80, 24));
    camera.until(" of 1.0 GB");
    camera.until("writing");
    camera.roll();
    camera.type_keys("\x03");
    assert_eq!(camera.watch_to_the_end(), 130);
    assert!(camera.seen().contains("=> STOPPED [stage-0 2/2] COPY large /"), "{}", camera.seen());
    assert!(camera.seen().contains("interrupted"), "{}", camera.seen());
    assert!(!camera.seen().contains("writing"), "{}", camera.seen());
    assert!(temporary_files(&place.home().join("tmp")).is_empty());
    place.assert_whole();

    let mut camera = Camera::start(&place, "build -t large .", (80, 24));
    assert_eq!(camera.watch_to_the_end(), 0, "{}", camera.seen());
    assert!(camera.stillest() <= STILL, "{}", camera.frames.join("\n----\n"));
    assert!(camera.seen().contains(" for the whole build"), "{}", camera.seen());

    // What would be written beside the user's files is not left there.
    let mut camera = Camera::start(&place, "save -o archive.tar large", (80, 24));
    camera.until("writing");
    kill(Pid::from_raw(camera.pty.child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let status = camera.watch_to_the_end();
    assert!([0, 143].contains(&status), "{status}: {}", camera.seen());
    assert!(temporary_files(&place.path("")).is_empty());
    assert_eq!(place.path("archive.tar").exists(), status == 0);
}

#[test]
fn the_last_lines_of_a_command_are_seen_and_give_way_to_its_result() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\n\
         RUN for i in 1 2 3 4 5 6 7 8 9 10; do echo \"line $i 日本語日本語日本語日本語日本語日本語\"; sleep 1; done\nRUN true\n",
    );
    let mut camera = Camera::start(&place, "build .", (60, 20));
    camera.until("line 2");
    // No line is so wide that the terminal would break it, which takes two cells for each of these characters.
    let is_broken = |camera: &Camera| (0..20).any(|row| camera.terminal.screen().row_wrapped(row));
    assert!(!is_broken(&camera), "{}", camera.seen());
    camera.resize(40, 20);
    camera.until("line 5");
    assert!(!is_broken(&camera), "{}", camera.seen());
    // The smallest terminal shows the step and its clock.
    camera.resize(20, 2);
    for _ in 0..5 {
        camera.roll();
    }
    camera.resize(70, 20);
    camera.until("line 10");
    assert!(!camera.seen().contains("line 4"), "{}", camera.seen());
    assert_eq!(camera.watch_to_the_end(), 0, "{}", camera.seen());
    assert!(camera.stillest() <= STILL, "{}", camera.frames.join("\n----\n"));
    let seen = camera.seen();
    assert!(!seen.contains("line 10 日") && seen.matches("=> image").count() == 1, "{seen}");
    assert!(seen.contains("the slowest step is [stage-0 2/3],"), "{seen}");
    place.assert_whole();
}

#[test]
fn at_the_prompt_all_that_a_command_prints_stays() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN printf open; sleep 2; echo ' line'; sleep 2; echo last | tr a A\n",
    );
    let mut camera = Camera::start(&place, "step .", (80, 24));
    camera.until("(layerlab");
    camera.type_keys("step 2\r");
    camera.until("running");
    camera.until("open line");
    camera.until("running");
    assert!(!camera.seen().contains("lAst"), "{}", camera.seen());
    camera.until("lAst");
    camera.until("layer     none");
    camera.roll();
    assert!(camera.seen().contains("open line\nlAst\n"), "{}", camera.seen());
    assert!(!camera.seen().contains("running"), "{}", camera.seen());
    assert!(camera.stillest() <= STILL, "{}", camera.frames.join("\n----\n"));
    camera.type_keys("\x04");
    assert_eq!(camera.watch_to_the_end(), 0, "{}", camera.seen());
}

#[test]
fn a_lock_that_is_waited_for_is_seen_and_the_wait_can_be_stopped() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nRUN true\n");
    place.run("build .");
    fs::remove_dir_all(place.home().join("unpacked")).unwrap();
    fs::create_dir(place.home().join("unpacked")).unwrap();
    let lock = File::create(place.home().join("unpacked/.lock")).unwrap();
    lock.lock().unwrap();
    let mut camera = Camera::start(&place, "build --no-cache .", (80, 24));
    camera.until("waiting for another layerlab");
    camera.type_keys("\x03");
    assert_eq!(camera.watch_to_the_end(), 130, "{}", camera.seen());
    drop(lock);
    place.assert_whole();
}

#[test]
fn a_third_ctrl_c_ends_what_does_not_stop() {
    let place = Place::new("");
    let pipe = place.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Nobody writes to it, so opening it takes for ever.
    let mut camera = Camera::start(&place, "import pipe name", (80, 24));
    camera.until("running");
    for _ in 0..2 {
        camera.type_keys("\x03");
        camera.roll();
    }
    camera.until("stopping");
    camera.type_keys("\x03");
    assert_eq!(camera.watch_to_the_end(), 130, "{}", camera.seen());
    assert!(!camera.seen().contains("running") && !camera.seen().contains("stopping"), "{}", camera.seen());
    place.assert_whole();
}

#[test]
fn a_pipe_has_no_live_lines() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nRUN echo seen | tr e E; sleep 1\n");
    let text = place.run("build --progress tty .");
    assert!(!text.contains(['\x1b', '\r']) && !text.contains("sEEn") && text.contains("seen"), "{text}");
}
