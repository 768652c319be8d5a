//! `learn` with a learner who does something else than the page says: other answers, other folders, words in other places, breaks.

use crate::harness::{Place, filter};
use crate::learning::{learn, progress};
use crate::terminal::Screen;

/// A place with one lesson of its own, `01-own`.
fn place(page: &str) -> Place {
    Place::new(&format!("//- pack/01-own/lesson.md\n# Own\n\n{page}"))
}

/// The folder where a learner of it works.
const WORK: &str = "../home/layerlab-lessons/pack/01-own";

/// Learns it.
fn own(place: &Place, typed: &[&str]) -> String {
    filter(&learn(place, "--pack pack 1", typed))
}

/// A learner of it at a terminal.
fn sit_down(place: &Place, size: (u16, u16)) -> Screen {
    let home = place.home().display().to_string();
    let user = place.folder().join("home").display().to_string();
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str()), ("LC_ALL", "C.UTF-8")];
    Screen::start(size, &place.path(""), &["--color", "never", "learn", "--pack", "pack", "1"], &variables)
}

fn leave(mut screen: Screen) {
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

/// A program that asks as `login` does.
const LOGIN: &str = "```sh ask.sh\nprintf 'Username: '; read name\nstty -echo; printf 'Password: '; read word; stty echo\necho; echo \"$name has ${#word} letters\"\n```\n\n```console\n$ sh ask.sh\nUsername: me\nPassword:\nme has 14 letters\n$ echo on\non\n```\n";

#[test]
fn every_answer_to_a_question_counts_and_a_password_is_seen_nowhere() {
    let place = place(LOGIN);
    let shown = own(&place, &["", "", "somebody", "s3cret", ""]);
    assert!(shown.contains("\nUsername: somebody\n"), "{shown}");
    assert!(shown.contains("\nPassword: \nsomebody has 6 letters\n"), "{shown}");
    assert!(shown.contains("✓ That was the lesson."), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let place = self::place(LOGIN);
    let mut screen = sit_down(&place, (80, 30));
    screen.wait_for("01-own $ ");
    screen.type_keys("\r");
    screen.wait_for("01-own $ ");
    screen.type_keys("\r");
    screen.wait_for("Username: me");
    screen.type_keys("somebody\r");
    screen.wait_for("Password: ");
    screen.wait_for("Password: ");
    screen.type_keys("s3cret\r");
    screen.wait_for("somebody has 6 letters");
    screen.wait_for("$ echo on");
    screen.wait_for("01-own $ ");
    assert!(!screen.all.contains("s3cret"), "{}", screen.all);
    leave(screen);
    let learning = place.home().join("learning");
    let found = std::process::Command::new("grep").args(["-rl", "s3cret\\|somebody"]).arg(&learning).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn a_program_that_asks_for_nothing_is_passed() {
    let place = place(
        "```console\n$ test -e known || sh -c 'printf \"Username: \"; read name; touch known'\nUsername: me\n$ echo on\non\n```\n",
    );
    let shown = own(&place, &["touch known", "", ""]);
    insta::assert_snapshot!(shown);
}

#[test]
fn a_break_changes_neither_folder_nor_variables() {
    let place = place(
        "```console\n$ mkdir below\n$ cd below\n$ twice() { echo \"$1 $1\"; }\n$ word=$(twice it)\n$ export OTHER=\"a'b\"\n$ pwd > here\n$ cd ..\n```\n",
    );
    own(&place, &["", "", "", "", "", "secret=1", "quit"]);
    let shown = own(&place, &["echo \"$word,$OTHER,$secret\"; twice 2; sh -c 'echo $word,$OTHER'", "", "", ""]);
    assert!(shown.contains("\n01-own/below $ echo"), "{shown}");
    assert!(shown.contains("\nit it,a'b,\n2 2\n,a'b\n"), "{shown}");
    assert!(shown.contains("✓ That was the lesson."), "{shown}");
    assert!(place.path(WORK).join("below/here").exists());
    // A folder that is gone is none to go on in.
    let place = self::place("```console\n$ ls > /dev/null\n```\n");
    own(&place, &["mkdir below", "cd below", "quit"]);
    std::fs::remove_dir(place.path(WORK).join("below")).unwrap();
    assert!(own(&place, &["cd /tmp", "quit"]).contains("\n01-own $ cd /tmp"));
    assert!(own(&place, &["quit"]).contains("\n01-own $ quit"));
}

#[test]
fn a_command_that_fails_in_another_folder_says_which_is_meant() {
    let place =
        place("```sh inner/file\nx\n```\n\n```console\n$ cd inner\n$ cat file\nx\n$ cd ..\n$ cat inner/file\nx\n```\n");
    insta::assert_snapshot!(own(
        &place,
        &["", "", "cd ..", "", "cd inner", "", "", "cd inner", "", "cd /", "", "quit"]
    ));
}

#[test]
fn what_is_typed_where_enter_was_asked_for_is_not_lost() {
    let text: String = (1..30).map(|number| format!("Sentence {number}.\n\n")).collect();
    let place = place(&format!("{text}```console\n$ echo end\nend\n```\n"));
    let mut screen = sit_down(&place, (80, 12));
    screen.wait_for("Enter: more");
    screen.type_keys("\r");
    screen.wait_for("Enter: more");
    screen.type_keys("echo $((40 + 2))\r");
    screen.wait_for("Sentence 29.");
    screen.wait_for("01-own $ echo $((40 + 2))");
    screen.wait_for("\n42");
    screen.wait_for("01-own $ ");
    screen.type_keys("page\r");
    screen.wait_for("Enter: more");
    screen.type_keys("help\r");
    screen.wait_for("These words are the lesson's");
    screen.wait_for("01-own $ ");
    screen.type_keys("page\r");
    screen.wait_for("Enter: more");
    screen.type_keys("quit\r");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn keys_that_a_command_did_not_read_are_not_for_the_next() {
    let place = place("```console\n$ echo end\nend\n```\n");
    let mut screen = sit_down(&place, (80, 24));
    screen.wait_for("01-own $ ");
    screen.type_keys("echo begun; sleep 2\r");
    screen.wait_for("\nbegun");
    screen.type_keys("ahead\r");
    screen.wait_for("01-own $ ");
    screen.type_keys("timeout 1 cat; echo over\r");
    screen.wait_for("\r\nover");
    screen.wait_for("01-own $ ");
    let after = screen.all.rsplit("timeout 1 cat").next().unwrap();
    assert!(!after.contains("ahead"), "{after}");
    // What ends without a new line is on the screen all the same.
    screen.type_keys("printf 'no %s' newline\r");
    screen.wait_for("no newline\r\n");
    screen.wait_for("01-own $ ");
    leave(screen);
}

#[test]
fn what_was_done_is_not_done_again_by_enter() {
    let place = place(
        "Begin.\n\n```console\n$ echo once >> log\n$ echo twice >> log\n```\n\nMore.\n\n```console\n$ true\n```\n",
    );
    let shown = own(&place, &["", "", "back", "back", "", "again", "next", "back", "", "quit"]);
    assert_eq!(std::fs::read_to_string(place.path(WORK).join("log")).unwrap(), "once\ntwice\ntwice\n");
    insta::assert_snapshot!(shown);
    // What was left out is done by Enter.
    let kept = &progress(&place, &place_of_pack(&place));
    assert_eq!(kept["left_out"], serde_json::json!([]));
}

/// The folder of the one pack that there is, with its lesson.
fn place_of_pack(place: &Place) -> String {
    let mut folders = std::fs::read_dir(place.home().join("learning")).unwrap().flatten();
    let is_pack = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("pack-");
    let pack = folders.find(|entry| is_pack(entry) && entry.path().is_dir()).unwrap();
    format!("{}/01-own", pack.file_name().to_string_lossy())
}

#[test]
fn what_enter_runs_is_as_wide_as_the_terminal() {
    let place = place("```console\n$ layerlab explain layer > /dev/null; layerlab explain layer\n…\n```\n");
    let mut screen = sit_down(&place, (70, 40));
    screen.wait_for("01-own $ ");
    screen.type_keys("\r");
    screen.wait_for("✓ That was the lesson.");
    let widest = screen.all.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(widest <= Some(70), "{}", screen.all);
    screen.type_keys("\r");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn a_lesson_is_begun_in_no_other_one() {
    let place = place("```console\n$ true\n```\n");
    insta::assert_snapshot!(own(&place, &["layerlab learn 2", "dokcer ps", "hnit", "quit"]));
}

/// The debugger knows shorter names, and what was typed otherwise leads elsewhere: then that is said, with a way back.
#[test]
fn the_debugger_and_the_page_stay_together() {
    let place = Place::new("");
    let shown = learn(&place, "1", &["", "s", "s", "s", "", "hint", "quit", "", ":quit"]);
    insta::assert_snapshot!(filter(&shown));
}

#[test]
fn a_finished_lesson_says_what_comes_next() {
    let place = place("```console\n$ true\n```\n\nThe end.\n");
    let first = own(&place, &["", ""]);
    let second = own(&place, &["solution", ""]);
    let third = filter(&learn(&place, "reset --force", &[]));
    insta::assert_snapshot!(format!("{first}\n{second}\n{third}"));
}

/// `back` goes to the page before, whose question has an answer already.
#[test]
fn a_page_that_is_shown_again_is_not_asked_again() {
    let place = place(
        "First.\n\n```console\n$ echo one\none\n$ echo two\ntwo\n```\n\n```predict\nHow many?\n\n(x) three\n    It is.\n( ) four\n    It is not.\n\n$ echo three\nthree\n```\n\nThird.\n\n```console\n$ echo three\nthree\n```\n",
    );
    let typed = ["", "", "", "two", "2)", "back", "", "back", "1", "back", "back", "quit"];
    insta::assert_snapshot!(own(&place, &typed));
}

#[test]
fn words_of_the_lesson_need_not_be_exact() {
    let place = place("```console\n$ true\n```\n");
    insta::assert_snapshot!(own(&place, &["?", "Hint 2", "next page", "solution", "quit"]));
}

/// What goes on in the background is known by its number in the next shell as well, and told.
#[test]
fn a_process_in_the_background_is_still_known_after_a_break() {
    let place = place("```console\n$ sleep 1234 > /dev/null &\n$ held=$!\n$ kill $held\n```\n");
    let said = own(&place, &["", "", "quit"]);
    assert!(said.contains("`sleep 1234` of this lesson goes on"), "{said}");
    let said = own(&place, &["", ""]);
    assert!(said.contains("✓ That was the lesson.") && !said.contains("goes on in the background"), "{said}");
    // One that has ended is none.
    let said = own(&place, &["reset", "y", "", "", "kill $held; wait $held", "quit"]);
    assert!(!said.contains("goes on in the background"), "{said}");
    assert!(own(&place, &["echo \"[$held]\"", "quit"]).contains("\n[]\n"));
}

/// Two homes, and the folder of one is not touched by the other.
#[test]
fn a_folder_of_another_home_stays_as_it_is() {
    let place = place("```console\n$ true\n```\n");
    own(&place, &["echo mine > mine", "quit"]);
    let other = place.folder().join("other").display().to_string();
    let mut command = place.command("learn --pack pack 1");
    let mut child = command
        .env("LAYERLAB_HOME", other)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("`~/layerlab-lessons/pack/01-own` is there already"), "{said}");
    assert!(said.contains("Your files for this lesson are in `~/layerlab-lessons/pack/01-own-2`"), "{said}");
    assert_eq!(std::fs::read_to_string(place.path(WORK).join("mine")).unwrap(), "mine\n");
}

/// A check that is stopped half way removes what it has made.
#[test]
fn a_check_that_is_stopped_leaves_nothing_in_the_folder() {
    let place = place(
        "````exercise\nMake it.\n\n```check\n$ echo x > made; test -e quick || sleep 60; rm made\n$ cat wanted\n1\n```\n\n```hint\nh\n```\n\nSolution:\n\n```console\n$ echo 1 > wanted\n```\n````\n",
    );
    let mut screen = sit_down(&place, (80, 30));
    screen.wait_for("01-own $ ");
    screen.type_keys("check\r");
    let made = place.path(WORK).join("made");
    let begun = std::time::Instant::now();
    while !made.exists() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    screen.type_keys("\x03");
    screen.wait_for("stopped");
    screen.wait_for("01-own $ ");
    assert!(!made.exists());
    screen.type_keys("touch quick; echo 1 > wanted\r");
    screen.wait_for("✓ Done.");
    leave(screen);
}
