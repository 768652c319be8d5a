//! Command lines, typed to Docker and to us: the same exit code, the same form of what is printed.
//!
//! ```text
//! *.txt: a scenario ─┬─▶ `docker` is our program ──▶ answers ─┐
//!                    └─▶ `docker` is Docker's ─────▶ answers ─┴─▶ alike, but for what the scenario says is not
//! ```
//!
//! A scenario is a list of command lines of a shell, which build upon each other:
//!
//! ```text
//! # What this is about
//! $ docker ps -a          both answers are alike: exit code and standard output
//! ? docker --help         the exit codes are alike; what is printed need not be
//! ~ docker ps | wc        they differ, for a reason that the line above says; when they are alike, the mark has to go
//! -$ docker network ls    typed and not compared: not all of it is there yet, or the line above says why
//! ```
//!
//! Docker's daemon is started for it, on a socket and in a network of its own. What no two runs have alike, such as ids, is left out
//! of answers, see [`mod@alike`]. `LAYERLAB_SCENARIO=NAME` tries one scenario.

mod alike;
mod daemon;
mod trips;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::place;
use daemon::Daemon;

/// The image that both have.
const BASE: &str = "layerlab/base";

/// How a line is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Alike,
    ByExitCode,
    Differing,
    NotYet,
}

/// A command line of a scenario.
struct Line {
    number: usize,
    judged: Judged,
    text: String,
}

/// What came of a command line.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    exit: Option<i32>,
    output: String,
    errors: String,
}

fn lines(text: &str) -> Vec<Line> {
    let line = |(index, line): (usize, &str)| {
        let (mark, text) = line.split_once(' ')?;
        let judged = match mark {
            "$" => Judged::Alike,
            "?" => Judged::ByExitCode,
            "~" => Judged::Differing,
            "-$" | "-?" => Judged::NotYet,
            _ => return None,
        };
        Some(Line { number: index + 1, judged, text: text.to_owned() })
    };
    text.lines().enumerate().filter_map(line).collect()
}

/// One who is told command lines: `bin` has the program `docker`.
struct Side<'d> {
    bin: PathBuf,
    home: PathBuf,
    daemon: Option<&'d Daemon>,
}

impl Side<'_> {
    /// Types the lines, one after another, in a folder that is empty but for what the scenarios find there.
    fn answers(&self, lines: &[Line]) -> Vec<Answer> {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        context(&work);
        let answers = lines.iter().map(|line| self.answer(&work, &line.text)).collect();
        self.clear(&work);
        answers
    }

    fn answer(&self, work: &Path, line: &str) -> Answer {
        let mut command = match self.daemon {
            Some(daemon) => daemon.beside(),
            None => Command::new("timeout"),
        };
        if self.daemon.is_some() {
            command.arg("timeout");
        }
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.bin.display());
        command.args(["-k", "2", "40", "sh", "-c", line]).current_dir(work).env_clear().env("PATH", path);
        command
            .env("HOME", &self.home)
            .env("LAYERLAB_HOME", self.home.join("layerlab"))
            .env("LAYERLAB_PULL", "never")
            .env("DOCKER_BUILDKIT", "0");
        if let Some(daemon) = self.daemon {
            command.env("DOCKER_HOST", daemon.host());
        }
        let done = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*work.to_string_lossy(), "WORK");
        Answer { exit: done.status.code(), output: text(&done.stdout), errors: text(&done.stderr) }
    }

    /// Removes what a scenario has left.
    fn clear(&self, work: &Path) {
        self.answer(work, "docker rm -f -v $(docker ps -a -q)");
        let others = format!(
            "docker images -a --format '{{{{.Repository}}}}:{{{{.Tag}}}} {{{{.ID}}}}' | grep -v '^{BASE}:' | cut -d' ' -f2"
        );
        self.answer(work, &format!("docker rmi -f $({others}); docker volume prune -f; docker network prune -f"));
    }
}

/// The files that scenarios find.
fn context(work: &Path) {
    for (name, text) in [
        (
            "app/Dockerfile",
            "FROM layerlab/base\nLABEL is=app\nCOPY hello /hello\nEXPOSE 8000\nCMD [\"sh\", \"/hello\"]\n",
        ),
        ("app/hello", "echo hello\n"),
        ("fails/Dockerfile", "FROM layerlab/base\nRUN exit 3\n"),
        ("wrong/Dockerfile", "FORM layerlab/base\n"),
        ("data/index.html", "<h1>Hello</h1>\n"),
        ("variables", "# a comment\nA=1\nB=two words\n"),
    ] {
        let path = work.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The folder of a program `docker`.
fn bin(folder: &Path, program: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(program, bin.join("docker")).unwrap();
    bin
}

/// What is wrong with a line's answers.
fn fault(line: &Line, ours: &Answer, theirs: &Answer) -> Option<String> {
    let exit_alike = ours.exit == theirs.exit;
    let alike = exit_alike && alike::form(&ours.output) == alike::form(&theirs.output);
    let fault = match line.judged {
        Judged::Alike => !alike,
        Judged::ByExitCode => !exit_alike,
        Judged::Differing => alike,
        Judged::NotYet => false,
    };
    let shown = |answer: &Answer| {
        let part = |name: &str, text: &str| text.lines().map(|line| format!("    {name} {line}\n")).collect::<String>();
        format!("    exit {:?}\n{}{}", answer.exit, part("|", &answer.output), part("!", &answer.errors))
    };
    let what = if line.judged == Judged::Differing { "is alike now" } else { "differs" };
    fault.then(|| {
        format!("line {} {what}: {}\n  ours\n{}  Docker's\n{}", line.number, line.text, shown(ours), shown(theirs))
    })
}

#[test]
fn command_lines_mean_what_they_mean_to_docker() {
    let Some(daemon) = Daemon::start() else {
        return place::missing("command lines beside Docker: there is no `dockerd`, or it does not start");
    };
    let folder = tempfile::tempdir().unwrap();
    let home = |name: &str| {
        let home = folder.path().join(name);
        fs::create_dir(&home).unwrap();
        home
    };
    let (home, others) = (home("ours"), home("theirs"));
    let ours = Side { bin: bin(&home, Path::new(env!("CARGO_BIN_EXE_layerlab"))), home, daemon: None };
    let theirs = Side { bin: bin(&others, &daemon.client()), home: others, daemon: Some(&daemon) };
    let archive = folder.path().join("base.tar");
    for (side, line) in [(&ours, "save -o"), (&theirs, "load -i")] {
        let line = format!("docker {line} {} {}", archive.display(), if side.daemon.is_none() { BASE } else { "" });
        let answer = side.answer(folder.path(), &line);
        assert_eq!(answer.exit, Some(0), "{answer:?}");
    }
    let wanted = std::env::var("LAYERLAB_SCENARIO").ok();
    let (mut tried, mut faults) = (0, String::new());
    for (name, text) in scenarios() {
        if wanted.as_ref().is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let lines = lines(&text);
        tried += lines.len();
        let (ours, theirs) = (ours.answers(&lines), theirs.answers(&lines));
        for ((line, ours), theirs) in lines.iter().zip(&ours).zip(&theirs) {
            if let Some(fault) = fault(line, ours, theirs) {
                faults.push_str(&format!("{name}.txt, {fault}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "of {tried} command lines\n{faults}");
}

/// Their names and texts, in an order.
fn scenarios() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/docker");
    let mut scenarios: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    scenarios.sort();
    scenarios
}
