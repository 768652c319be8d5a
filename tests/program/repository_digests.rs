//! By which digests registries have images: what `pull` and `push` note, and who goes by it.

use crate::harness::Place;
use crate::pulling::session;
use crate::registry::{Doors, Registry};

/// Digests in the order in which they first occur, so that it can be seen which are the same.
fn numbered(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut shown = String::new();
    for (place, part) in text.split("sha256:").enumerate() {
        let length = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        if place == 0 || length != 64 {
            shown.push_str(if place == 0 { "" } else { "sha256:" });
            shown.push_str(part);
            continue;
        }
        let digest = part[..length].to_owned();
        let number = known.iter().position(|other| *other == digest).unwrap_or_else(|| {
            known.push(digest);
            known.len() - 1
        });
        shown.push_str(&format!("<digest {}>{}", number + 1, &part[length..]));
    }
    shown
}

/// As [`session`], where digests are told apart.
fn told_apart(place: &Place, host: &str, commands: &[&str]) -> String {
    let mut text = String::new();
    for line in commands {
        text.push_str(&format!("$ {line}\n"));
        let done =
            place.shell(&format!("{line} 2>&1")).env("L", place.program()).env("LAYERLAB_PULL", "missing").output();
        text.push_str(&String::from_utf8_lossy(&done.unwrap().stdout));
    }
    numbered(&text.replace(host, "REGISTRY"))
}

/// A place with two images that do not depend on the machine.
fn place() -> Place {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nARG NOTE=one\nCOPY $NOTE /note\nCMD [\"/note\"]\n//- one\none\n//- two\ntwo\n",
    );
    std::fs::create_dir_all(place.home()).unwrap();
    place
}

const INSPECT: &str = "inspect --format '{{.RepoTags}} {{.RepoDigests}} {{.Digest}}'";
const LIST: &str = "images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}'";

#[test]
fn what_is_pushed_and_pulled_is_known_by_the_digest_of_the_registry() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let (place, host) = (place(), registry.host());
    let name = format!("{host}/school/demo");
    place.run(&format!("build -q -t {name}:1 -t local ."));
    let here = told_apart(
        &place,
        &host,
        &[
            &format!("$L {LIST}"),
            &format!("$L push {name}:1 | tail -n 1 | cut -d ' ' -f 1-3 | tee pushed"),
            &format!("$L {INSPECT} {name}:1"),
            &format!("$L {LIST}"),
            // Nothing is pulled: the registry has it by another digest.
            &format!("$L create --pull always --name cc {name}:1 > created && $L rm cc"),
            "$L images -q | sort -u | wc -l",
            &format!("$L create --name cc {name}@$(cut -d ' ' -f 3 pushed) > created && $L rm cc"),
            &format!("$L rmi {name}@$(cut -d ' ' -f 3 pushed)"),
            &format!("$L {INSPECT} {name}:1"),
            &format!("$L push -q {name}:1"),
            &format!("$L tag {name}:1 {name}:2"),
            &format!("$L rmi {name}:1"),
            &format!("$L rmi {name}:2"),
            &format!("$L {INSPECT} local"),
        ],
    );
    let other = self::place();
    other.write("pushed", &std::fs::read_to_string(place.path("pushed")).unwrap());
    let there = told_apart(
        &other,
        &host,
        &[
            &format!("$L pull {name}:1 | grep Digest"),
            "cut -d ' ' -f 3 pushed",
            &format!("$L {INSPECT} {name}:1"),
            &format!("$L {LIST}"),
            &format!("$L rmi {name}:1"),
            &format!("$L pull -q {name}@$(cut -d ' ' -f 3 pushed)"),
            &format!("$L {INSPECT} {name}@$(cut -d ' ' -f 3 pushed)"),
            &format!("$L {LIST}"),
            "cat $LAYERLAB_HOME/index.json",
            &format!("$L rmi {name}@$(cut -d ' ' -f 3 pushed)"),
            "cat $LAYERLAB_HOME/index.json",
        ],
    );
    insta::assert_snapshot!(format!("{here}\n\nAnother machine:\n\n{there}"));
    place.assert_whole();
    other.assert_whole();
}

#[test]
fn an_image_whose_tag_has_moved_is_still_known_by_its_digest() {
    let Some(registry) = Registry::start(Doors::Open) else { return };
    let (place, other, host) = (place(), self::place(), registry.host());
    let name = format!("{host}/school/demo");
    place.run(&format!("build -q -t {name} ."));
    place.run(&format!("push -q {name}"));
    session(&other, &host, &[&format!("$L pull -q {name}")]);
    place.run(&format!("build -q --build-arg NOTE=two -t {name} ."));
    place.run(&format!("push -q {name}"));
    insta::assert_snapshot!(told_apart(
        &other,
        &host,
        &[
            &format!("$L {LIST}"),
            &format!("$L pull -q {name}"),
            &format!("$L {LIST}"),
            "$L images -f dangling=true --format '{{.Repository}} {{.Tag}}'",
            "$L image prune -f | grep -v Total",
            &format!("$L {LIST}"),
        ]
    ));
    other.assert_whole();
}
