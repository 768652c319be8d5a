//! `learn files`: the files of a lesson in a folder, for who goes through it by hand.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::harness::{Place, Role, filter};
use crate::lessons::{can_be_tried, lessons};

/// The files below a folder, with what links lead to.
fn files_in(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(&inner).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            match path.read_link() {
                Ok(target) => files.push(format!("{name} -> {}", target.display())),
                Err(_) if path.is_dir() => folders.push(path),
                Err(_) => files.push(name),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn files_of_a_lesson_are_written_where_nothing_is() {
    for role in [Role::Self_, Role::Single] {
        let place = Place::of(role, "//- project/main.c\nsource\n//- empty/\n//- file\nx\n");
        if role != Role::Self_ {
            place.give(&place.path(""));
        }
        let commands = [
            "learn files 5",
            "learn files context",
            "learn files 6 project",
            "learn files 6 empty",
            "learn files 6 file",
            "learn files 2 new/folder",
            "learn files 99",
            "learn files",
            "learn --folder x files 5",
        ];
        let said = filter(&place.session(&commands));
        let written = ["05-context", "project", "empty", "new/folder"].map(|name| (name, files_in(&place.path(name))));
        assert_eq!(std::fs::read_to_string(place.path("project/main.c")).unwrap(), "source\n");
        assert_eq!(std::fs::read_to_string(place.path("file")).unwrap(), "x\n");
        let home = place.home().join("learning");
        assert!(!home.join("05-context").exists(), "nothing is begun");
        insta::allow_duplicates!(insta::assert_snapshot!(format!("{said}\n{written:#?}")));
    }
}

/// Links that lead out of the lesson are left out, and no file of a page goes through one.
#[test]
fn files_of_a_pack_stay_in_the_folder() {
    let page = "# Mine\n\n```sh sub/shown.sh\necho shown\n```\n\n```sh own.sh\necho later\n```\n\n```sh out/x.sh\nx\n```\n\n```diff own.sh\n-a\n+b\n```\n\n```sh sub/shown.sh\necho again\n```\n";
    let place = Place::new("//- pack/01-own/own.sh\necho own\n//- outside/\n");
    place.write("pack/01-own/lesson.md", page);
    std::fs::set_permissions(place.path("pack/01-own/own.sh"), std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink("../../outside", place.path("pack/01-own/out")).unwrap();
    symlink("own.sh", place.path("pack/01-own/link")).unwrap();
    place.write("pack/02-through/lesson.md", "# Through\n\n```sh link/x.sh\nx\n```\n");
    place.write("pack/02-through/inner/", "");
    symlink("inner", place.path("pack/02-through/link")).unwrap();
    let said = place.session(&["learn --pack pack files own", "learn --pack pack files 2"]);
    let text = |name: &str| std::fs::read_to_string(place.path("01-own").join(name)).unwrap();
    assert_eq!([text("own.sh"), text("sub/shown.sh")], ["echo own\n", "echo shown\n"]);
    assert_eq!(std::fs::metadata(place.path("01-own/own.sh")).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(files_in(&place.path("outside")).is_empty() && files_in(&place.path("02-through/inner")).is_empty());
    insta::assert_snapshot!(format!("{said}\n{:#?}", files_in(&place.path("01-own"))));
}

/// The first line of each chapter says how its files are had.
#[test]
fn chapters_say_how_their_files_are_had() {
    for lesson in lessons() {
        let name = lesson.file_name().unwrap().to_str().unwrap();
        let number: u32 = name[..2].parse().unwrap();
        if number == 0 {
            continue;
        }
        let chapter = crate::lessons::project().join(format!("book/src/lessons/{name}.md"));
        let chapter = std::fs::read_to_string(chapter).unwrap();
        let line = format!(
            "*Begin with `layerlab learn {number}`, or by hand in the folder that `layerlab learn files {number}` makes, [as described here](begin.md).*"
        );
        assert!(chapter.contains(&line), "{name}");
    }
}

/// Files that a page shows later are there from the beginning, and change nothing of what its commands print.
#[test]
fn a_lesson_does_in_that_folder_what_it_shows() {
    if !can_be_tried() {
        return;
    }
    let place = Place::new("");
    // The variables and the secrets: lessons with files that are shown later.
    let said = ["6", "17"].map(|number| {
        place.run(&format!("learn files {number}"));
        let name = if number == "6" { "06-variables" } else { "17-secrets" };
        place.run(&format!("verify {name}/lesson.md"))
    });
    for said in said {
        assert!(said.contains("all as shown"), "{said}");
    }
}
