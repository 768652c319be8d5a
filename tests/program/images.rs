//! Images in the store: `images`, `history`, `inspect`, `tag`, `rmi`, `import`.

use crate::harness::{Place, filter};

#[test]
fn an_image_from_its_birth_to_its_end() {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nLABEL maintainer=somebody\nENV A=1 B=\"two words\"\nCOPY hello /\nEXPOSE 80\n\
         VOLUME /data\nUSER 7:8\nHEALTHCHECK --interval=5s CMD [\"/hello\"]\nENTRYPOINT [\"/hello\"]\nCMD [\"world\"]\n//- hello\nhello\n",
    );
    let text = place.session(&[
        "images",
        "build --progress classic -t registry.example/team/hello:1 -t hello .",
        "images",
        "images -q",
        "images hello",
        "history hello",
        "inspect hello",
        "tag hello other:2",
        "images --no-trunc",
        "rmi hello",
        "rmi nothing",
        "rmi registry.example/team/hello:1 other:2",
        "images",
        "store verify",
    ]);
    // Nothing here depends on the machine: every id is shown.
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn an_id_with_several_names_is_removed_by_force() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\n");
    place.run("build -q -t one -t two .");
    let id = place.run("images -q").trim().to_owned();
    let text = place.session(&[&format!("rmi {id}"), &format!("rmi --force {id}"), "images"]);
    insta::assert_snapshot!(text);
    place.assert_whole();
}

#[test]
fn a_name_is_removed_while_another_program_uses_the_image() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY Dockerfile /\n");
    place.run("build -q -t one .");
    let home = layerlab::store::Home::open(place.home()).unwrap();
    let store = layerlab::store::Store::open(&home).unwrap();
    let used = store.find("one").unwrap().manifest;
    store.load_image(&used).unwrap();
    let in_use = place.session(&["rmi one", "images"]);
    store.load_image(&used).unwrap();
    drop(store);
    insta::assert_snapshot!(crate::harness::filter(&in_use));
    place.assert_whole();
}

#[test]
fn layers_that_are_gone_are_not_kept_unpacked() {
    let place = Place::new("//- root/\n");
    std::fs::create_dir_all(place.path("root/bin")).unwrap();
    std::fs::copy("/bin/busybox", place.path("root/bin/true")).unwrap();
    let tar = std::process::Command::new("tar")
        .args(["-cf", "r.tar", "-C", "root", "."])
        .current_dir(place.path(""))
        .status();
    assert!(tar.unwrap().success());
    place.run("import r.tar gone");
    place.run("run --rm gone /bin/true");
    let unpacked = || {
        std::fs::read_dir(place.home().join("unpacked"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .count()
    };
    assert_eq!(unpacked(), 1);
    place.run("rmi gone");
    assert_eq!(unpacked(), 0);
    place.assert_whole();
}

#[test]
fn a_root_file_system_is_imported_and_built_on() {
    let place = Place::new("//- root/bin/\n//- root/etc/motd\nwelcome\n//- Dockerfile\nFROM mine\nRUN cat /etc/motd\n");
    std::fs::copy("/bin/busybox", place.path("root/bin/sh")).unwrap();
    std::os::unix::fs::symlink("sh", place.path("root/bin/cat")).unwrap();
    let tar = std::process::Command::new("tar")
        .args(["-czf", "root.tar.gz", "-C", "root", "."])
        .current_dir(place.path(""))
        .status();
    assert!(tar.unwrap().success());
    let text = place.session(&[
        "import root.tar.gz mine",
        "build --progress classic .",
        "run mine cat /etc/motd",
        "import Dockerfile broken",
        "import missing.tar broken",
    ]);
    insta::assert_snapshot!(filter(&text));
    place.assert_whole();
}
