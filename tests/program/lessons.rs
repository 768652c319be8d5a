//! Lessons, replayed: what their blocks show is what happens.
//!
//! In a lesson, in the README and in the book, a block fenced as `console` or `layerlab` holds commands with their output. A line `$ command` is run by the
//! shell; what follows up to the next one is its output, also where it goes on in a later block. Lines `(layerlab) command` in
//! it are the debugger's prompts: they are given to the command's standard input. A block fenced as `diff` is the change that the next
//! `edit FILE` makes.
//!
//! The commands run in a folder that has a copy of `lessons/` in it, with an empty home and the built-in base of busybox. Output is compared
//! line by line after [`filtered`], and a `…` in a block stands for anything. Digests differ from machine to machine: one that a block
//! shows is replaced, in the commands after it, by the one that was printed; and what is one digest when it is printed has to be one on all
//! pages. With `LAYERLAB_BLESS=1` lines that do not match are rewritten with what was printed, and all pages get the digests of this machine.
//! Left out: prompts whose input has more than one line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

const PROMPT: &str = "(layerlab) ";

/// A fenced block of a Markdown file.
struct Fence {
    /// What stands after the opening backticks.
    info: String,
    /// The number of the first line of its text, from 0.
    start: usize,
    lines: Vec<String>,
}

/// A command with what it gets on standard input, and what is shown of it.
struct Run {
    command: String,
    input: Vec<String>,
    pieces: Vec<Piece>,
    /// The block with the change that `edit` is to make.
    edit: Option<usize>,
}

/// The part of one block that belongs to one command.
struct Piece {
    block: usize,
    shown: Vec<String>,
}

impl Piece {
    fn prompts(&self) -> usize {
        self.shown.iter().filter(|line| line.starts_with(PROMPT)).count()
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fences(text: &str) -> Vec<Fence> {
    let mut fences: Vec<Fence> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                fences.push(Fence { info: info.trim().to_owned(), start: number + 1, lines: Vec::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => fences.last_mut().unwrap().lines.push(line.to_owned()),
            (None, false) => {}
        }
    }
    assert!(!open, "a block is not closed");
    fences
}

fn runs(fences: &[Fence]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut edit = None;
    for (block, fence) in fences.iter().enumerate() {
        match fence.info.as_str() {
            "console" | "layerlab" => {}
            "diff" => {
                edit = Some(block);
                continue;
            }
            _ => continue,
        }
        for (place, line) in fence.lines.iter().enumerate() {
            if let Some(command) = line.strip_prefix("$ ") {
                runs.push(Run { command: command.into(), input: Vec::new(), pieces: Vec::new(), edit: None });
            }
            let run = runs.last_mut().expect("a block begins with a command, or goes on with the one before");
            if place == 0 || line.starts_with("$ ") {
                run.pieces.push(Piece { block, shown: Vec::new() });
            }
            run.pieces.last_mut().unwrap().shown.push(line.clone());
            if let Some(input) = line.strip_prefix(PROMPT) {
                run.input.push(input.to_owned());
                if input.starts_with("edit ") {
                    run.edit = edit.take();
                }
            }
        }
    }
    runs
}

/// The text of a file after the change of a `diff` block.
fn edited(before: &str, diff: &Fence) -> String {
    let side = |sign: char| -> String {
        let of_side = |line: &&String| line.starts_with([' ', sign]);
        diff.lines.iter().filter(of_side).map(|line| format!("{}\n", &line[1..])).collect()
    };
    let (old, new) = (side('-'), side('+'));
    assert_eq!(before.matches(&old).count(), 1, "the lines to be changed stand in the file once:\n{old}");
    before.replace(&old, &new)
}

/// A folder of its own with the lessons, a home and the program in it.
pub struct Classroom {
    folder: tempfile::TempDir,
}

impl Classroom {
    pub fn new() -> Classroom {
        let classroom = Classroom { folder: tempfile::tempdir().unwrap() };
        copy(&project().join("lessons"), &classroom.path("lessons"));
        std::fs::create_dir(classroom.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_layerlab"), classroom.path("bin/layerlab")).unwrap();
        std::fs::write(classroom.path("folder"), format!("{}:/", classroom.folder.path().display())).unwrap();
        classroom
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shell that finds the program, in the folder of this place.
    pub fn shell(&self) -> Command {
        let path = std::env::var_os("PATH").unwrap();
        let paths = [self.path("bin")].into_iter().chain(std::env::split_paths(&path));
        let mut shell = Command::new("sh");
        shell
            .current_dir(self.folder.path())
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("LAYERLAB_HOME", self.path("home"))
            // No test asks a registry that it has not started.
            .env("LAYERLAB_PULL", "never")
            .env("LAYERLAB_BASE", "busybox")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("VISUAL", format!("sh {}", self.path("editor").display()))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        shell
    }

    /// Gives what a shell command prints on both streams. The next command starts in the folder where this one ended.
    pub fn run(&self, command: &str, input: &str) -> (String, bool) {
        let note = self.path("folder");
        let folders = std::fs::read_to_string(&note).unwrap();
        let (folder, old) = folders.trim_end().split_once(':').unwrap();
        let mut child = self
            .shell()
            .args(["-c", &format!("exec 2>&1; {command}\ns=$?; echo $PWD:$OLDPWD > {}; exit $s", note.display())])
            .current_dir(folder)
            .env("OLDPWD", old)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    }

    /// Makes an editor that changes a file as the lesson says.
    fn prepare_editor(&self, run: &Run, fences: &[Fence]) {
        let Some(diff) = run.edit else { return };
        let name = run.input.iter().find_map(|line| line.strip_prefix("edit ")).unwrap();
        let folder = run.command.split_whitespace().last().unwrap();
        let before = std::fs::read_to_string(self.path(folder).join(name)).unwrap();
        std::fs::write(self.path("edited"), edited(&before, &fences[diff])).unwrap();
        std::fs::write(self.path("editor"), format!("cat {} > \"$1\"\n", self.path("edited").display())).unwrap();
    }
}

/// Modes are those of a fresh clone under the usual umask, whatever the umask was.
fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).unwrap();
        let is_program = from.metadata().unwrap().permissions().mode() & 0o100 != 0;
        std::fs::set_permissions(to, Permissions::from_mode(if is_program { 0o755 } else { 0o644 })).unwrap();
        return;
    }
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

/// Cuts a text into runs of hexadecimal digits and what is between them; `true` for a run that is a digest or an id: twelve
/// digits or more, or at least four after `sha256:`.
fn digests(text: &str) -> Vec<(&str, bool)> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut after_name = false;
    while !rest.is_empty() {
        let is_digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
        let starts_with_digit = rest.starts_with(is_digit);
        let end = rest.find(|letter| is_digit(letter) != starts_with_digit).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push((part, starts_with_digit && (end >= 12 || (after_name && end >= 4))));
        after_name = part == ":" && text[..text.len() - after.len()].ends_with("sha256:");
        rest = after;
    }
    parts
}

/// A line without what differs from machine to machine: digests and ids, the size of the base image, and the width of columns.
pub fn filtered(line: &str) -> String {
    let text: String = digests(line).iter().map(|(part, is_digest)| if *is_digest { "HEX" } else { part }).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let is_size = |index: usize| words.get(index + 1).is_some_and(|next| next.starts_with("MB"));
    let filter = |(index, word)| if is_number(word) && is_size(index) { "N" } else { word };
    words.iter().copied().enumerate().map(filter).collect::<Vec<_>>().join(" ")
}

/// Whether a line of a block, in which `…` stands for anything, fits a line that was printed.
fn fits(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (filtered(shown), filtered(printed));
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == printed };
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The digests of two lines, place by place; none where the lines have different numbers of them.
fn pairs<'l>(shown: &'l str, printed: &'l str) -> Vec<(&'l str, &'l str)> {
    let of = |line| digests(line).into_iter().filter(|(_, is)| *is).map(|(part, _)| part).collect::<Vec<_>>();
    let (shown, printed) = (of(shown), of(printed));
    if shown.len() == printed.len() { shown.into_iter().zip(printed).collect() } else { Vec::new() }
}

/// A line as it is shown, with the digests that were printed.
fn with_digests(shown: &str, printed: &str) -> String {
    let mut pairs = pairs(shown, printed).into_iter().peekable();
    let part = |(part, is_digest): (&str, bool)| match pairs.peek() {
        Some((shown, printed)) if is_digest && *shown == part => {
            let printed = printed.get(..shown.len()).unwrap_or(printed).to_owned();
            pairs.next();
            printed
        }
        Some(_) | None => part.to_owned(),
    };
    digests(shown).into_iter().map(part).collect()
}

/// The first digits by which a digest is known to readers.
fn known_by(digest: &str) -> Option<&str> {
    digest.get(..12)
}

/// The digests of all pages that were tried so far: what is one digest when it is printed is one on all pages, and two are two.
#[derive(Default)]
struct OnPages {
    printed: BTreeMap<String, (String, String)>,
    shown: BTreeMap<String, (String, String)>,
}

static ON_PAGES: Mutex<OnPages> = Mutex::new(OnPages { printed: BTreeMap::new(), shown: BTreeMap::new() });

impl OnPages {
    /// Notes what a page shows for what was printed; says with which other place that does not agree.
    fn note(&mut self, page: &str, shown: &str, printed: &str) -> Option<String> {
        let (shown, printed) = (known_by(shown)?, known_by(printed)?);
        let (before, place) = self.printed.entry(shown.into()).or_insert_with(|| (printed.into(), page.into()));
        if before != printed {
            return Some(format!("{page}: `{shown}` stands for another digest in {place}"));
        }
        let (before, place) = self.shown.entry(printed.into()).or_insert_with(|| (shown.into(), page.into()));
        (before != shown).then(|| format!("{page}: `{shown}` is shown as `{before}` in {place}"))
    }
}

/// The digests that blocks show, and those that were printed in their places.
#[derive(Default)]
struct Printed(BTreeMap<String, String>);

impl Printed {
    fn note(&mut self, shown: &str, printed: &str) {
        self.0.extend(pairs(shown, printed).into_iter().map(|(shown, printed)| (shown.to_owned(), printed.to_owned())));
    }

    /// A command as somebody types it who has the printed digests before him. The beginning of a digest will do.
    fn translate(&self, command: &str) -> String {
        let translate = |(part, is_digest): (&str, bool)| {
            let known = self.0.iter().find(|(shown, _)| is_digest && shown.starts_with(part));
            known.map_or(part, |(_, printed)| printed.get(..part.len()).unwrap_or(printed)).to_owned()
        };
        digests(command).into_iter().map(translate).collect()
    }
}

/// The output of a run, cut into what belongs to each of its pieces.
fn cut(run: &Run, command: &str, output: &str) -> Vec<Vec<String>> {
    let mut lines = output.lines().peekable();
    let mut pieces = vec![vec![format!("$ {command}")]];
    for (number, piece) in run.pieces.iter().enumerate() {
        if number > 0 {
            pieces.push(Vec::new());
        }
        let is_last = number + 1 == run.pieces.len();
        let mut left = piece.prompts();
        while let Some(line) = lines.peek() {
            if line.starts_with(PROMPT) {
                if left == 0 && !is_last {
                    break;
                }
                left = left.saturating_sub(1);
            }
            pieces[number].push(lines.next().unwrap().to_owned());
        }
    }
    pieces
}

/// The lines of a piece as they shall be shown: those that are right, with the digests that were printed, and what was printed in place of
/// the others.
fn blessed(piece: &Piece, printed: Vec<String>) -> Vec<String> {
    let mut shown: Vec<&String> = piece.shown.iter().collect();
    let line = |printed: String| match shown.iter().position(|shown| fits(shown, &printed)) {
        Some(place) => with_digests(shown.remove(place), &printed),
        None => printed,
    };
    printed.into_iter().map(line).collect()
}

/// Runs a file's blocks and gives what differs.
fn replay(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let fences = fences(&text);
    let runs = runs(&fences);
    assert!(!runs.is_empty(), "{} shows no command", file.display());
    let classroom = Classroom::new();
    let mut known = Printed::default();
    let mut blocks: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut report = String::new();
    let is_blessed = std::env::var_os("LAYERLAB_BLESS").is_some();
    let page = file.strip_prefix(project()).unwrap_or(file).display().to_string();
    for run in &runs {
        classroom.prepare_editor(run, &fences);
        let input: String = run.input.iter().map(|line| format!("{line}\n")).collect();
        let command = known.translate(&run.command);
        let (output, is_success) = classroom.run(&command, &input);
        if !is_success && !output.contains("error: ") {
            let _ = writeln!(report, "`{command}` failed without an error:\n{output}");
        }
        let prompts = output.lines().filter(|line| line.starts_with(PROMPT)).count();
        assert_eq!(prompts, run.input.len(), "`{command}` did not take all commands:\n{output}");
        for (piece, printed) in run.pieces.iter().zip(cut(run, &command, &output)) {
            let lines = || piece.shown.iter().zip(&printed);
            if piece.shown.len() == printed.len() && lines().all(|(shown, printed)| fits(shown, printed)) {
                for (shown, printed) in lines() {
                    known.note(shown, printed);
                    let mut on_pages = ON_PAGES.lock().unwrap();
                    let differs = |(shown, printed): (&str, &str)| on_pages.note(&page, shown, printed);
                    // Blessed pages have the digests of one machine.
                    let unlike = pairs(shown, printed).into_iter().filter_map(differs).collect::<BTreeSet<_>>();
                    unlike.iter().filter(|_| !is_blessed).for_each(|one| report.push_str(&format!("{one}\n")));
                }
            } else {
                wrong.push(piece.block);
            }
            blocks.entry(piece.block).or_default().extend(blessed(piece, printed));
        }
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if is_blessed {
        lines.iter_mut().for_each(|line| *line = known.translate(line));
    }
    for (block, printed) in blocks.iter().rev().filter(|(block, _)| is_blessed || wrong.contains(block)) {
        let fence = &fences[*block];
        lines.splice(fence.start..fence.start + fence.lines.len(), printed.iter().cloned());
        if wrong.contains(block) {
            let _ = write!(report, "{}:{}: printed was\n{}\n", file.display(), fence.start + 1, printed.join("\n"));
        }
    }
    if is_blessed {
        std::fs::write(file, lines.join("\n") + "\n").unwrap();
    }
    let (verdict, is_whole) = classroom.run("layerlab store verify", "");
    assert!(is_whole, "the store after {}:\n{verdict}", file.display());
    report
}

fn lessons() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(project().join("lessons")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn check(file: &Path) {
    for program in ["busybox", "jq"] {
        if !std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join(program).exists()) {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "in CI everything has to be tried: `{program}`");
            // Past the harness, which hides what a passing test prints.
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {}: `{program}` is not installed", file.display());
            return;
        }
    }
    let report = replay(file);
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn lessons_do_what_they_show() {
    for lesson in lessons() {
        check(&lesson.join("lesson.md"));
    }
}

#[test]
fn the_readme_does_what_it_shows() {
    check(&project().join("README.md"));
}

#[test]
fn the_book_does_what_it_shows() {
    for folder in ["how", "reference"] {
        for chapter in std::fs::read_dir(project().join("book/src").join(folder)).unwrap() {
            let chapter = chapter.unwrap().path();
            if !runs(&fences(&std::fs::read_to_string(&chapter).unwrap())).is_empty() {
                check(&chapter);
            }
        }
    }
}

/// A block `dockerfile` is the lesson's Dockerfile; a block of another language whose fence names a file is that file.
#[test]
fn lessons_show_the_files_that_they_have() {
    for lesson in lessons() {
        let text = std::fs::read_to_string(lesson.join("lesson.md")).unwrap();
        let mut shown = Vec::new();
        for fence in fences(&text) {
            let name = match fence.info.split_once(' ') {
                _ if fence.info == "dockerfile" => "Dockerfile",
                Some((_, name)) => name,
                None => continue,
            };
            let file = std::fs::read_to_string(lesson.join(name)).unwrap();
            assert_eq!(fence.lines.join("\n") + "\n", file, "{}: {name}", lesson.display());
            shown.push(name.to_owned());
        }
        assert!(shown.contains(&"Dockerfile".to_owned()), "{} does not show its Dockerfile", lesson.display());
    }
}

/// The lesson's own text is not part of the image.
#[test]
fn contexts_hold_no_lesson() {
    for lesson in lessons() {
        let ignored = std::fs::read_to_string(lesson.join(".dockerignore")).unwrap();
        assert!(ignored.lines().any(|line| line == "lesson.md"), "{} has lesson.md in its context", lesson.display());
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(fits("state …", "state   684c9edb1c1d"));
    assert!(fits("same as build 1, …", "same as build 1, 2 minutes ago"));
    assert!(fits("sha256:5f0e… 2.0 kB", "sha256:62632402ca7f…  2.0 kB"));
    assert!(fits("1 layer, 2.1 MB  → state x", "1 layer, 2.3 MB → state x"));
    assert!(!fits("A /a 40 B", "A /a 41 B"));
    assert!(!fits("build 1, … x", "build 1, 2 minutes ago"));
}

#[test]
fn digests_of_a_block_become_those_that_were_printed() {
    let mut known = Printed::default();
    known.note("id 684c9edb1c1d0000, sha256:5f0e…", "id 111122223333444455, sha256:6666…");
    assert_eq!(known.translate("jq . blobs/684c9edb1c1d*"), "jq . blobs/111122223333*");
    assert_eq!(known.translate("cat decade sha256:5f0e"), "cat decade sha256:6666");
}

#[test]
fn a_digest_is_the_same_on_all_pages() {
    let mut pages = OnPages::default();
    let mut is_right = |page, shown, printed| pages.note(page, shown, printed).is_none();
    assert!(is_right("a", "684c9edb1c1d", "111122223333"));
    assert!(is_right("b", "684c9edb1c1d0000", "1111222233334444"));
    assert!(!is_right("b", "684c9edb1c1d", "111122223334"));
    assert!(!is_right("b", "684c9edb1c1e", "111122223333"));
    assert_eq!(with_digests("→ state 684c9edb1c1d …", "→ state 111122223333 now"), "→ state 111122223333 …");
}
