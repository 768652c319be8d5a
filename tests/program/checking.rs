//! `lesson new` and `lesson check`: a lesson to begin with, and what is said of lessons that claim what is not so.
//!
//! The broken lessons are that first one with a change, so each is wrong in one way.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Place, filter};

/// A change of a file of the first lesson: the lesson's name, the file, what is replaced, and by what. Where nothing is replaced, the file is
/// written anew.
type Change = (&'static str, &'static str, &'static str, &'static str);

const PAGE: &str = "lesson.md";
const HEAD: &str = "# Broken\n\n```lesson\nclears up: x\nminutes: 1\n```\n\n";

/// A pack of lessons with these changes.
fn pack(changes: &[Change]) -> Place {
    let place = Place::new("//- pack/\n");
    for (lesson, file, from, to) in changes {
        let folder = format!("pack/{lesson}");
        if !place.path(&folder).exists() {
            assert!(place.output(&format!("lesson new {folder}")).status.success(), "{lesson}");
        }
        let path = place.path(&format!("{folder}/{file}"));
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let after = if from.is_empty() {
            (*to).to_owned()
        } else {
            assert_eq!(before.matches(from).count(), 1, "{lesson}: {from}");
            before.replace(from, to)
        };
        std::fs::write(path, after).unwrap();
    }
    place
}

/// What is said of each of them beside what is proven.
fn checked(changes: &[Change]) -> String {
    checked_with("lesson check --jobs 1 pack", changes)
}

fn checked_with(command: &str, changes: &[Change]) -> String {
    let place = pack(changes);
    let said = filter(&place.run(command));
    let is_good = |line: &&str| line.starts_with("  proven") || line.starts_with("  note");
    said.lines().filter(|line| !is_good(line)).map(|line| without_rooms(line) + "\n").collect()
}

/// A line without the name of the folder in which a page was run.
fn without_rooms(line: &str) -> String {
    let Some((before, after)) = line.split_once("/layerlab-page-") else { return line.to_owned() };
    let start = before.rfind(' ').map_or(0, |space| space + 1);
    format!("{}ROOM{}", &before[..start], after.get(6..).unwrap_or_default())
}

#[test]
fn a_new_lesson_is_proven() {
    let place = Place::new("");
    let commands = ["lesson new 15-my-lesson", "lesson new 15-my-lesson", "lesson new ..", "lesson check 15-my-lesson"];
    insta::assert_snapshot!(filter(&place.session(&commands)));
}

#[test]
fn a_folder_without_lessons_has_nothing_to_check() {
    insta::assert_snapshot!(Place::new("").session(&["lesson check", "lesson check nowhere"]));
}

#[test]
fn what_was_found_is_there_for_programs() {
    let place =
        pack(&[("a", PAGE, "minutes: 10", "minutes: ten"), ("b", PAGE, "Hello.\n```\n\n##", "Bye.\n```\n\n##")]);
    insta::assert_snapshot!(filter(&place.run("lesson check --json --jobs 1 pack")));
}

#[test]
fn pages_that_are_no_lessons_are_told() {
    insta::assert_snapshot!(checked(&[
        ("block-not-closed", PAGE, "", "# T\n\n```console\n$ true\n"),
        ("no-title", PAGE, "# No title\n", ""),
        ("low-title", PAGE, "# Low title", "## Low title"),
        (
            "nothing-about-it",
            PAGE,
            "```lesson\nclears up: an image changes when the file that it was built from changes\nminutes: 10\n```\n",
            ""
        ),
        ("minutes-no-number", PAGE, "minutes: 10", "minutes: ten"),
        ("clears-up-nothing", PAGE, "clears up: an image changes when the file that it was built from changes\n", ""),
        ("misspelt-task", PAGE, "````exercise", "````excercise"),
        ("misspelt-hint", PAGE, "```hint\nWhich", "```hnit\nWhich"),
        ("check-without-task", PAGE, "## To do", "```check\n$ true\n```\n\n## To do"),
        ("task-in-a-task", PAGE, "Solution:\n", "```predict\nx\n```\n\nSolution:\n"),
        (
            "output-of-no-command",
            PAGE,
            "```console\n$ docker build -q -t greeting .\nsha256:9b",
            "```console\nsha256:9b"
        ),
        ("command-without-end", PAGE, "$ echo 'Good night.' > greeting.txt", "$ cat > greeting.txt <<EOF"),
        ("control-character", PAGE, "at the end.", "at the \u{1b}[8mend."),
        ("override", PAGE, "at the end.", "at the \u{202e}end."),
        ("file-outside", PAGE, "```text greeting.txt", "```text ../greeting.txt"),
        ("file-of-the-machine", PAGE, "```text greeting.txt", "```text /etc/motd"),
    ]));
}

#[test]
fn predictions_that_prove_nothing_are_told() {
    insta::assert_snapshot!(checked(&[
        ("two-right-answers", PAGE, "( ) `Good night.`", "(x) `Good night.`"),
        ("no-right-answer", PAGE, "(x) `Hello.`", "( ) `Hello.`\n    No."),
        ("wrong-one-marked", PAGE, "( ) `Good night.`\n    COPY took", "(x) `Good night.`\n    COPY took"),
        ("wrong-one-marked", PAGE, "(x) `Hello.`", "( ) `Hello.`\n    It was changed."),
        ("no-proof", PAGE, "(x) `Hello.`\n\n$ docker run --rm greeting\nHello.\n", "(x) `Hello.`\n"),
        ("proof-of-nothing", PAGE, "(x) `Hello.`\n\n$ docker run --rm greeting\n", "(x) `Hello.`\n\n$ echo Hello.\n"),
        (
            "proof-of-a-failure",
            PAGE,
            "(x) `Hello.`\n\n$ docker run --rm greeting\nHello.\n",
            "(x) none\n\n$ docker ps -q | wc -l\n0\n"
        ),
        (
            "proof-of-something-else",
            PAGE,
            "(x) `Hello.`\n\n$ docker run --rm greeting\nHello.\n",
            "(x) `Hello.`\n\n$ docker run --rm greeting\nGood night.\n"
        ),
        (
            "no-explanation",
            PAGE,
            "    COPY took the file as it was when the image was built. An image never changes.\n",
            ""
        ),
    ]));
}

#[test]
fn tasks_that_are_none_are_told() {
    insta::assert_snapshot!(checked(&[
        (
            "no-check",
            PAGE,
            "```check\n# The image prints the new text\n$ docker run --rm greeting\nGood morning.\n```\n\n",
            ""
        ),
        (
            "no-hint",
            PAGE,
            "```hint\nWhich file does COPY take, and when?\n```\n\n```hint\nChange `greeting.txt`, and build the image again.\n```\n\n",
            ""
        ),
        ("no-solution", PAGE, "Solution:\n", ""),
        ("empty-solution", PAGE, "Solution:\n\n```console", "Solution:\n\n```text"),
        ("solution-that-solves-nothing", PAGE, "$ echo 'Good morning.'", "$ echo 'Good evening.'"),
        ("solution-that-fails", PAGE, "$ echo 'Good morning.' > greeting.txt", "$ false"),
        (
            "done-already",
            PAGE,
            "$ docker run --rm greeting\nGood morning.",
            "$ docker run --rm greeting | head -1 > /dev/null; echo fine\nfine"
        ),
        ("challenge-with-one-hint", PAGE, "````exercise", "````challenge"),
        ("challenge-with-one-hint", PAGE, "```hint\nWhich file does COPY take, and when?\n```\n", ""),
        (
            "digest-that-is-none",
            PAGE,
            "$ docker run --rm greeting\nGood morning.",
            "$ docker run --rm greeting | sha256sum\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  -"
        ),
        ("check-that-says-nothing", PAGE, "# The image prints the new text\n", ""),
    ]));
}

#[test]
fn transcripts_and_files_that_differ_are_told() {
    insta::assert_snapshot!(checked(&[
        (
            "stale-output",
            PAGE,
            "$ docker run --rm greeting\nHello.\n```\n\n##",
            "$ docker run --rm greeting\nHello, world.\n```\n\n##"
        ),
        (
            "stale-digest",
            PAGE,
            "$ docker run --rm greeting\nHello.\n```\n\n##",
            "$ docker build -q -t greeting .\nsha256:0123456789abcdef\n```\n\n##"
        ),
        (
            "other-exit-code",
            PAGE,
            "$ echo 'Good night.' > greeting.txt\n",
            "$ echo 'Good night.' > greeting.txt\n$ sh -c 'exit 3'\n? 4\n"
        ),
        ("change-that-does-not-fit", PAGE, "## To do", "```diff Dockerfile\n-CMD date\n+CMD cal\n```\n\n## To do"),
        ("needs-a-registry", PAGE, "## To do", "```console\n$ docker run --rm alpine true\n```\n\n## To do"),
        ("other-file", PAGE, "```text greeting.txt\nHello.", "```text greeting.txt\nHallo."),
        ("dockerfile-not-shown", PAGE, "```dockerfile Dockerfile", "```dockerfile"),
        ("lesson-in-the-context", ".dockerignore", "lesson.md\n", ""),
        ("ignore-file-with-a-mistake", ".dockerignore", "", "lesson.md\n[\n"),
    ]));
}

#[test]
fn what_is_left_is_told() {
    let run = "## To do\n\n```console\n$ docker run -d --name web greeting sleep 1000\n0123456789ab\n```\n\n";
    insta::assert_snapshot!(checked(&[
        ("container-left", PAGE, "## To do\n", run),
        ("container-left-on-purpose", PAGE, "## To do\n", run),
        ("container-left-on-purpose", PAGE, "minutes: 10", "minutes: 10\nleaves: web"),
        ("process-left", PAGE, "## To do", "```console\n$ sleep 1000 > /dev/null 2>&1 &\n```\n\n## To do"),
        ("daemon-left", PAGE, "## To do", "```console\n$ setsid sleep 1001 > /dev/null 2>&1 &\n```\n\n## To do"),
        ("volume-left", PAGE, "## To do", "```console\n$ docker volume create data\ndata\n```\n\n## To do"),
    ]));
}

#[test]
fn what_hangs_is_ended() {
    let page: &str = "# T\n\n```lesson\nclears up: x\nminutes: 1\n```\n\n```console\n$ sleep 1000\n```\n";
    insta::assert_snapshot!(checked_with("lesson check --timeout 1 pack", &[("hangs", PAGE, "", page)]));
}

#[test]
fn a_new_lesson_is_gone_through() {
    let place = Place::new("");
    let commands = [
        "lesson new 15-my-lesson",
        "lesson test 15-my-lesson",
        "lesson test --json 15-my-lesson",
        "lesson test nowhere",
    ];
    insta::assert_snapshot!(filter(&place.session(&commands)));
}

/// What a learner would meet, in the words of whoever mends it.
#[test]
fn lessons_that_do_not_go_on_are_told() {
    let run = "## To do\n\n```console\n$ docker run -d --name web greeting sleep 1000\n0123456789ab\n$ sleep 1000 > /dev/null 2>&1 &\n```\n\n";
    let session = "```diff\n-Good night.\n+Good morning.\n```\n\n```layerlab\n$ layerlab step .\n(layerlab) edit greeting.txt\n(layerlab) quit\n```\n\n```console\n";
    let said = checked_with(
        "lesson test --jobs 1 --timeout 20 pack",
        &[
            ("block-not-closed", PAGE, "", "# T\n\n```console\n$ true\n"),
            ("change-that-does-not-fit", PAGE, "## To do", "```diff Dockerfile\n-CMD date\n+CMD cal\n```\n\n## To do"),
            ("done-already", PAGE, "$ docker run --rm greeting\nGood morning.", "$ echo fine\nfine"),
            ("failing-command", PAGE, "$ echo 'Good night.' > greeting.txt\n", "$ echo no; sh -c 'exit 3'\nyes\n"),
            ("hangs", PAGE, "$ echo 'Good night.' > greeting.txt\n", "$ trap '' INT; sleep 1000; sleep 1000\n"),
            ("left", PAGE, "## To do\n", run),
            (
                "proof-of-something-else",
                PAGE,
                "(x) `Hello.`\n\n$ docker run --rm greeting\nHello.",
                "(x) `Hello.`\n\n$ docker run --rm greeting\nBye.",
            ),
            ("session-as-a-solution", PAGE, "```console\n$ echo 'Good morning.' > greeting.txt\n", session),
            ("solution-that-solves-nothing", PAGE, "$ echo 'Good morning.'", "$ echo 'Good evening.'"),
            ("stale-output", PAGE, "Hello.\n```\n\n##", "Hello, world.\n```\n\n##"),
        ],
    );
    insta::assert_snapshot!(said);
}

/// A lesson that somebody else has written is read as far as lessons go.
#[test]
fn hostile_files_are_refused() {
    let place = pack(&[("link", "x", "", ""), ("huge", "x", "", ""), ("pipe", "x", "", "")]);
    let greeting = place.path("pack/link/greeting.txt");
    std::fs::remove_file(&greeting).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &greeting).unwrap();
    let mut said = filter(&place.run("lesson check pack/link"));
    std::fs::write(place.path("pack/huge/lesson.md"), HEAD.to_owned() + &"x\n".repeat(3 << 20)).unwrap();
    said += &place.run("lesson check pack/huge");
    std::fs::remove_file(place.path("pack/pipe/lesson.md")).unwrap();
    assert!(place.shell("mkfifo pack/pipe/lesson.md").status().unwrap().success());
    said += &place.run("lesson check pack/pipe/lesson.md");
    insta::assert_snapshot!(said);
}

/// What is wrong with one lesson says nothing of the others.
#[test]
fn a_lesson_that_can_not_be_read_hides_no_other() {
    let page: &str = "# T\n\n```lesson\nclears up: x\nminutes: 1\n```\n";
    let names = ["1-fine", "2-pipe", "3-pipe-in-it", "4-huge", "5-no-text", "6-fine"];
    let place = pack(&names.map(|name| (name, PAGE, "", page)));
    let fifo = |path: &str| assert!(place.shell(&format!("mkfifo pack/{path}")).status().unwrap().success());
    std::fs::remove_file(place.path("pack/2-pipe/lesson.md")).unwrap();
    fifo("2-pipe/lesson.md");
    fifo("3-pipe-in-it/pipe");
    std::fs::write(place.path("pack/4-huge/lesson.md"), HEAD.to_owned() + &"x\n".repeat(3 << 20)).unwrap();
    std::fs::write(place.path("pack/5-no-text/lesson.md"), b"# \xff\n").unwrap();
    insta::assert_snapshot!(place.session(&["lesson check --jobs 1 pack", "lesson test --jobs 1 pack"]));
}

/// What a page has started in the background, wherever it is: none of it is there when the program has ended, however it has.
#[test]
fn nothing_of_a_page_goes_on() {
    let place = Place::new("");
    let mark = |number: u32| format!("{}.{number}", 7000 + std::process::id());
    let page = |number, last: &str| {
        let mark = mark(number);
        format!(
            "# T\n\n```lesson\nclears up: x\nminutes: 1\n```\n\n```console\n$ setsid sleep {mark} > /dev/null 2>&1 &\n\
             $ docker run -d --name web layerlab/base sleep {mark} > /dev/null\n$ {last}\n```\n"
        )
    };
    let running = |number| {
        let mark = mark(number);
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(&format!("sleep\0{mark}"))).count()
    };
    place.write("one/lesson.md", &page(1, "docker rm -f web > /dev/null"));
    for command in ["lesson check one", "lesson test one"] {
        let said = place.run(command);
        assert!(said.contains("processes that go on when the page ends: `sleep`"), "{said}");
        assert_eq!(running(1), 0, "{command}");
    }
    place.write("page.md", &page(2, "true"));
    assert!(place.output("verify page.md").status.success());
    assert_eq!(running(2), 0);
    for (number, command) in [(3, "verify page.md"), (4, "lesson test one")] {
        let name = if number == 3 { "page.md" } else { "one/lesson.md" };
        place.write(name, &page(number, "sleep 1000"));
        let rooms = place.folder().join(format!("rooms-{number}"));
        std::fs::create_dir(&rooms).unwrap();
        place.give(&rooms);
        let mut child = place.command(command).env("TMPDIR", &rooms).stdout(Stdio::null()).spawn().unwrap();
        let wait = |is_so: &dyn Fn() -> bool| {
            let begun = Instant::now();
            while !is_so() {
                assert!(begun.elapsed() < Duration::from_secs(60), "{command}");
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        wait(&|| running(number) >= 2);
        child.kill().unwrap();
        child.wait().unwrap();
        wait(&|| running(number) == 0 && std::fs::read_dir(&rooms).unwrap().next().is_none());
    }
}
