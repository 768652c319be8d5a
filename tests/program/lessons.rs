//! Lessons, the README and the book, replayed by `layerlab verify`: what their blocks show is what happens.
//!
//! With `LAYERLAB_BLESS=1` lines that do not match are rewritten with what was printed, and all pages get the digests of this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::unistd::Uid;

use crate::harness::{Place, Role, filter, set_apart};

pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.collect();
    files.sort();
    files
}

pub(crate) fn lessons() -> Vec<PathBuf> {
    files_in("lessons").into_iter().filter(|path| path.is_dir()).collect()
}

/// Lessons publish ports, the same for everybody. Root's tests each have a network of their own; others take turns.
pub(crate) fn turn() -> Option<MutexGuard<'static, ()>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    (!Uid::effective().is_root()).then(|| ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether the programs are there that the pages use.
pub(crate) fn can_be_tried() -> bool {
    let path = std::env::var_os("PATH").unwrap();
    let is_there = |program: &&str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    let Some(program) = ["busybox", "jq", "curl"].into_iter().find(|program| !is_there(program)) else { return true };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "in CI everything has to be tried: `{program}`");
    // Past the harness, which hides what a passing test prints.
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED: the pages' commands: `{program}` is not installed");
    false
}

#[test]
fn lessons_prove_what_they_claim_to_a_user_with_mapped_ids() {
    prove_to(Role::Mapped);
}

#[test]
fn lessons_prove_what_they_claim_to_a_user_with_a_single_id() {
    prove_to(Role::Single);
}

/// Tasks and predictions are proven, files are shown as they are, and nothing goes on at the end. What root's look like is replayed with the other pages,
/// and gone through by `lesson test`.
fn prove_to(role: Role) {
    if !can_be_tried() {
        return;
    }
    let _turn = turn();
    let place = Place::of(role, "//- tmp/\n").apart();
    let copied = Command::new("cp").arg("-r").arg(project().join("lessons")).arg(place.path("")).status().unwrap();
    assert!(copied.success());
    place.give(&place.path("lessons"));
    place.give(&place.path("tmp"));
    let mut check = place.command("lesson check lessons");
    let output = check.env("TMPDIR", place.path("tmp")).env("TZ", "UTC").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !printed.contains("\n  warning "), "{role:?}:\n{printed}");
}

#[test]
fn pages_do_what_they_show() {
    if !can_be_tried() {
        return;
    }
    let _turn = turn();
    let pages = lessons().into_iter().map(|lesson| lesson.join("lesson.md"));
    let pages = pages.chain([project().join("README.md")]);
    let pages = pages.chain(files_in("book/src/how")).chain(files_in("book/src/reference"));
    let pages = pages.chain(files_in("book/src/teaching"));
    let mut verify = Command::new(env!("CARGO_BIN_EXE_layerlab"));
    verify
        .arg("verify")
        .args(pages)
        .arg("--with")
        .arg(project().join("lessons"))
        // No test asks a registry that it has not started.
        .env("LAYERLAB_PULL", "never")
        .env("LAYERLAB_BASE", "busybox")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("TZ", "UTC");
    if std::env::var_os("LAYERLAB_BLESS").is_some() {
        verify.arg("--update");
    }
    set_apart(&mut verify);
    let output = verify.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
}

/// What has been changed in a tutorial is found, and nothing else is.
#[test]
fn drifts_in_the_tutorial_are_shown() {
    if !can_be_tried() {
        return;
    }
    let _turn = turn();
    let place = Place::new("//- tmp/\n").apart();
    let tutorial = project().join("lessons/00-tutorial");
    let copied = Command::new("cp").arg("-r").arg(&tutorial).arg(place.path("")).status().unwrap();
    assert!(copied.success());
    let mut page = std::fs::read_to_string(tutorial.join("lesson.md")).unwrap();
    for (shown, drifted) in [
        (
            "Successfully tagged ekababisong.org/first_image:latest",
            "Successfully tagged ekababisong.org/first_image:v1",
        ),
        ("Step 4/4 : EXPOSE 80", "Step 4/4 : EXPOSE 8080"),
        ("Mounted from library/nginx", "Mounted from library/httpd"),
    ] {
        assert!(page.contains(shown), "{shown}");
        page = page.replacen(shown, drifted, 1);
    }
    std::fs::write(place.path("00-tutorial/lesson.md"), page).unwrap();
    let mut verify = place.command("verify 00-tutorial/lesson.md");
    let output = verify.env("TMPDIR", place.path("tmp")).env("TZ", "UTC").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    insta::assert_snapshot!(filter(&printed));
}
