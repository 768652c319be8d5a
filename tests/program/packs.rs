//! `learn --pack URL`: lessons from a repository, whose commands are run only by those who have agreed.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::{Place, Role, filter};
use crate::repository::Repositories;
use crate::terminal::Screen;

const LESSON: &str = "# Mine\n\nThe first text.\n\n```console\n$ cat note; ./run.sh\none\nrun\n```\n";

/// A learner who types lines into a pipe.
fn learn(place: &Place, server: &Repositories, arguments: &str, typed: &str) -> String {
    let mut command = place.command(&format!("learn {}", arguments.replace("HOST", &server.host())));
    command.env("LAYERLAB_PULL", "missing").env("LAYERLAB_MAX_ARCHIVE_SIZE", "100000");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who is refused reads nothing.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("[exit code {code}]\n"));
    }
    let text = text.replace(&place.folder().display().to_string(), "/place").replace(&server.host(), "HOST");
    filter(&format!("$ layerlab learn {arguments}\n{text}\n"))
}

/// A repository with a pack in a folder.
fn course(server: &Repositories) -> String {
    server.make("course.git");
    server.write("course.git", "README", "a course\n");
    server.write("course.git", "packs/first/01-own/lesson.md", LESSON);
    server.write("course.git", "packs/first/01-own/note", "one\n");
    server.write("course.git", "packs/first/01-own/run.sh", "#!/bin/sh\necho run\n");
    let path = server.path("course.git").join("packs/first/01-own");
    let modes = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path.join("run.sh"), modes).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path.join("link")).unwrap();
    server.commit("course.git", "one")
}

/// What is kept of packs: without the files in them.
fn kept(place: &Place) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(place.home().join("learning/packs")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn lessons_come_from_a_repository() {
    for role in [Role::Self_, Role::Single] {
        let server = Repositories::start();
        let commit = course(&server);
        let place = Place::of(role, "");
        let address = "--pack http://HOST/course.git#main:packs/first";
        let mut text = learn(&place, &server, &format!("list {address}"), "");
        assert_eq!(kept(&place), [commit.as_str()]);
        text += &learn(&place, &server, &format!("own {address}"), "\n\n");
        text += &learn(&place, &server, &format!("files own {address}"), "");
        text +=
            &learn(&place, &server, "own --pack http://me:swordfish@HOST/course.git#main:packs/first --trust", "\n\n");
        let last = std::fs::read_to_string(place.home().join("learning/last.json")).unwrap();
        assert!(last.contains(&commit) && !last.contains("swordfish"), "{last}");
        assert_eq!(kept(&place), [commit.clone(), format!("{commit}.agreed")]);
        let asked = server.asked().len();
        text += &learn(&place, &server, "page", "");
        assert_eq!(server.asked().len(), asked, "what was begun goes on without the server");
        text += &learn(&place, &server, "own --pack http://HOST/course.git#main:gone", "");
        insta::assert_snapshot!("lessons_come_from_a_repository", text);
        assert!(place.path("../home/layerlab-lessons/first/01-own/note").is_file());
        place.assert_whole();
    }
}

/// A learner at a terminal, up to the question and past it.
fn answer(place: &Place, server: &Repositories, keys: &str, then: Option<&str>) -> (Option<i32>, String) {
    let user = place.folder().join("home").display().to_string();
    let home = place.home().display().to_string();
    let variables = [("HOME", user.as_str()), ("LAYERLAB_HOME", home.as_str()), ("LAYERLAB_PULL", "missing")];
    let address = format!("http://{}/course.git#main:packs/first", server.host());
    let arguments = ["--color", "never", "learn", "1", "--pack", &address];
    let mut screen = Screen::start((100, 30), &place.path(""), &arguments, &variables);
    let question = if keys.is_empty() { String::new() } else { screen.wait_for("[y/N] ") };
    screen.type_keys(keys);
    if let Some(then) = then {
        screen.wait_for(then);
        screen.type_keys("quit\r");
    }
    (screen.end().0, question)
}

#[test]
fn a_learner_agrees_once_for_each_commit() {
    let server = Repositories::start();
    let commit = course(&server);
    let place = Place::new("");
    let (code, question) = answer(&place, &server, "n\r", None);
    let question = question.replace(&place.folder().display().to_string(), "/place").replace(&server.host(), "HOST");
    insta::assert_snapshot!(filter(&question.replace('\r', "")));
    assert_eq!((code, kept(&place)), (Some(1), vec![commit.clone()]));
    assert!(!place.path("../home/layerlab-lessons").exists(), "nothing was begun");
    assert_eq!(answer(&place, &server, "y\r", Some("01-own $ ")).0, Some(0));
    assert_eq!(answer(&place, &server, "", Some("01-own $ ")).0, Some(0));
    // The branch has moved: its commands are others, and progress is the same.
    server.write("course.git", "packs/first/01-own/lesson.md", &LESSON.replace("first", "second"));
    let moved = server.commit("course.git", "two");
    assert_eq!(answer(&place, &server, "n\r", None).0, Some(1));
    let resumed = learn(&place, &server, "page", "");
    assert!(resumed.contains("The first text."), "{resumed}");
    assert_eq!(answer(&place, &server, "y\r", Some("01-own $ ")).0, Some(0));
    let resumed = learn(&place, &server, "page", "");
    assert!(resumed.contains("The second text."), "{resumed}");
    // Nothing is of the earlier commit any more.
    let mut names = vec![format!("{commit}.agreed"), moved.clone(), format!("{moved}.agreed")];
    names.sort();
    assert_eq!(kept(&place), names);
    let courses = std::fs::read_dir(place.home().join("learning")).unwrap();
    let courses = courses.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json"));
    let courses = courses.filter(|entry| entry.as_ref().unwrap().file_name() != "last.json");
    assert_eq!(courses.count(), 1);
}

#[test]
fn lessons_of_a_repository_are_proven_once_that_is_agreed_to() {
    let server = Repositories::start();
    course(&server);
    let place = Place::new("");
    let address = format!("http://{}/course.git#main:packs/first", server.host());
    let run = |arguments: &str| {
        let output = place.command(&format!("lesson {arguments}")).env("LAYERLAB_PULL", "missing").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    for word in ["check", "test"] {
        let (code, said) = run(&format!("{word} {address}"));
        assert!(code == Some(1) && said.contains("you have not agreed to that"), "{said}");
    }
    let (code, said) = run(&format!("test --trust {address}"));
    assert!(code == Some(0) && said.contains("/packs/first/01-own/lesson.md: all proven"), "{said}");
    let (code, said) = run(&format!("check {address}"));
    assert!(code == Some(1) && said.contains("proven   transcript: prints what is shown"), "{said}");
    assert!(!said.contains("agreed"), "what is lacking is only what the lesson clears up: {said}");
}

/// Makes a repository whose tree has one folder of this name, as no checkout would have it.
fn with_name(server: &Repositories, repository: &str, name: &str) {
    server.make_with(repository, &[("inner/lesson.md", LESSON)]);
    let inner = server.git(repository, &["rev-parse", "HEAD:inner"]);
    let id: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&inner[2 * at..2 * at + 2], 16).unwrap()).collect();
    let tree = [format!("40000 {name}\0").as_bytes(), &id].concat();
    let tree = server.git_with(repository, &["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], &tree);
    let commit = server.git(repository, &["commit-tree", "-m", "two", &tree]);
    server.git(repository, &["update-ref", "refs/heads/main", &commit]);
}

#[test]
fn nothing_of_a_hostile_pack_is_written() {
    let server = Repositories::start();
    with_name(&server, "dots.git", "..");
    with_name(&server, "git.git", ".git");
    with_name(&server, "escape.git", "01-\u{1b}[31m");
    server.make_with("huge.git", &[("01-own/lesson.md", LESSON), ("01-own/huge", &"x".repeat(200_000))]);
    server.make_with("links.git", &[("pack/01-own/lesson.md", LESSON)]);
    let path = server.path("links.git");
    std::os::unix::fs::symlink("/etc", path.join("01-etc")).unwrap();
    std::os::unix::fs::symlink("pack/01-own", path.join("02-own")).unwrap();
    server.commit("links.git", "two");
    let place = Place::new("");
    let mut text = String::new();
    for repository in ["dots", "git", "escape", "huge"] {
        text += &learn(&place, &server, &format!("1 --trust --pack http://HOST/{repository}.git"), "\n\n");
        assert_eq!(kept(&place), [""; 0], "{text}");
    }
    for address in ["links.git", "links.git#main:02-own", "links.git#:../..", "none.git", "course"] {
        text += &learn(&place, &server, &format!("1 --trust --pack http://HOST/{address}"), "\n\n");
    }
    insta::assert_snapshot!(text);
    assert_eq!(kept(&place).len(), 1);
    place.assert_whole();
}

#[test]
fn a_private_repository_is_shown_a_token_that_nothing_keeps() {
    let server = Repositories::start();
    course(&server);
    let place = Place::new("");
    let address = format!("http://{}/course.git#main:packs/first", server.host());
    let mut command = place.command(&format!("learn list --pack {address} --secret id=GIT_AUTH_TOKEN,env=TOKEN"));
    let output = command.env("TOKEN", "swordfish").env("LAYERLAB_PULL", "missing").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = server
        .fake
        .asked()
        .iter()
        .any(|asked| asked.header("authorization") == Some("Basic eC1hY2Nlc3MtdG9rZW46c3dvcmRmaXNo"));
    assert!(told);
    let found = std::process::Command::new("grep").args(["-r", "swordfish"]).arg(place.home()).output().unwrap();
    assert!(found.stdout.is_empty());
}
