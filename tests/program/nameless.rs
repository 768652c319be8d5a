//! Images without a name: built so, or left by a name that moved; listed, used, named and removed.

use crate::harness::{Place, Role, missing};

const DOCKERFILE: &str =
    "//- Dockerfile\nFROM layerlab/base\nLABEL kind=try\nCOPY note /note\nCMD cat /note\n//- note\nhello\n";

/// The ids that a command prints.
fn ids(place: &Place, arguments: &str) -> Vec<String> {
    let text = place.run(arguments);
    assert!(!text.contains("exit code"), "{text}");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_image_without_a_name_is_an_image() {
    for role in [Role::Self_, Role::Mapped, Role::Single] {
        if role != Role::Self_ && !nix::unistd::geteuid().is_root() {
            missing("another user");
            continue;
        }
        let place = Place::of(role, DOCKERFILE);
        assert_eq!(place.run("images"), "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\n");
        let built = place.run("build -q .");
        let id = &built.trim()["sha256:".len()..][..12];
        let table = place.run("images");
        let line = table.lines().find(|line| line.starts_with("<none>")).unwrap_or_else(|| panic!("{table}"));
        assert_eq!(line.split_whitespace().take(3).collect::<Vec<_>>(), ["<none>", "<none>", id]);
        assert_eq!(table.matches("<none>").count(), 2, "the built-in image has its name: {table}");
        // By its id, or the beginning of that.
        assert_eq!(place.run(&format!("run --rm {id}")), "hello\n");
        assert_eq!(place.run(&format!("run --rm {}", &id[..8])), "hello\n");
        assert!(place.run(&format!("inspect {id}")).contains("\"RepoTags\": []"));
        assert!(place.run(&format!("history {id}")).contains("COPY note /note"));
        place.run(&format!("save -o saved.tar {id}"));
        // With a name it is the same image, and no second one.
        place.run(&format!("tag {id} named"));
        assert!(!place.run("images").contains("<none>"));
        place.run("rmi named");
        assert!(place.run(&format!("run {id}")).contains("exit code 125"));
        assert!(place.run("load -i saved.tar").contains(id));
        assert!(place.run("images").contains("<none>"));
        let removed = place.run(&format!("rmi {id}"));
        assert_eq!(removed, format!("Deleted: {}\n", built.trim()));
        assert!(!place.run("images").contains("<none>"));
        place.assert_whole();
    }
}

#[test]
fn a_name_that_moves_leaves_its_image_behind() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t app .");
    let first = ids(&place, "images -q app");
    place.run("build -q -t app .");
    assert_eq!(ids(&place, "images -q --filter dangling=true"), Vec::<String>::new());
    place.write("note", "hello again\n");
    place.run("build -q -t app .");
    assert_eq!(ids(&place, "images -q --filter dangling=true"), first);
    assert_eq!(place.run(&format!("run --rm {}", first[0])), "hello\n");
    assert_eq!(place.run("run --rm app"), "hello again\n");
    // A second name: the image has one left, and is not dangling.
    place.run("tag app other");
    place.write("note", "hello once more\n");
    place.run("build -q -t app .");
    assert_eq!(ids(&place, "images -q -f dangling=true"), first);
    place.run(&format!("tag {} other", first[0]));
    assert_eq!(ids(&place, "images -q --filter dangling=true").len(), 1);
    assert_ne!(ids(&place, "images -q --filter dangling=true"), first);
    place.assert_whole();
}

#[test]
fn images_are_listed_by_what_they_are() {
    let place = Place::new(DOCKERFILE);
    let mut command = place.command("build -q -t team/old:1 .");
    assert!(command.env("SOURCE_DATE_EPOCH", "1600000000").output().unwrap().status.success());
    place.write("Dockerfile", "FROM scratch\nCOPY note /\nLABEL kind=other\n");
    place.run("build -q -t team/new:2 -t plain .");
    let names = |filters: &str| {
        let table = place.run(&format!("images {filters}"));
        let lines = table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap_or_default().to_owned());
        let mut lines: Vec<String> = lines.filter(|name| name != "layerlab/base").collect();
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(names(""), "plain team/new team/old");
    assert_eq!(names("-f reference=team/*"), "team/new team/old");
    assert_eq!(names("-f reference=team/*:1 -f reference=plain"), "plain team/old");
    assert_eq!(names("-f label=kind"), "plain team/new team/old");
    assert_eq!(names("-f label=kind=try"), "team/old");
    assert_eq!(names("-f before=plain"), "team/old");
    assert_eq!(names("-f since=team/old:1"), "plain team/new");
    assert_eq!(names("-f dangling=1"), "");
    let wrong = place.run("images -f size=3");
    assert!(wrong.contains("invalid filter `size`") && wrong.contains("dangling, reference"), "{wrong}");
    assert!(place.run("images -f dangling=perhaps").contains("exit code 1"));
}

#[test]
fn images_that_nobody_needs_are_pruned() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t app .");
    for text in ["one", "two"] {
        place.write("note", text);
        place.run("build -q .");
    }
    let dangling = ids(&place, "images -q -f dangling=true");
    assert_eq!(dangling.len(), 2);
    place.run(&format!("create --name user {}", dangling[0]));
    assert!(place.run("image prune").contains("[y/N]"));
    assert_eq!(ids(&place, "images -q -f dangling=true").len(), 2, "no answer is a no");
    assert_eq!(place.run("image prune -f --filter until=1h").matches("deleted").count(), 0);
    assert_eq!(place.run("image prune -f --filter until=0s --filter label=kind").matches("deleted").count(), 0);
    assert_eq!(place.run("image prune -f --filter label=kind").matches("deleted").count(), 1);
    // A container uses the other.
    assert_eq!(ids(&place, "images -q -f dangling=true"), [dangling[0].clone()]);
    place.run("prune");
    assert_eq!(ids(&place, "images -q -f dangling=true"), [dangling[0].clone()]);
    assert!(place.run(&format!("rmi {}", dangling[0])).contains("used by the stopped container user"));
    let text = place.run("image prune -a -f");
    assert!(text.contains("untagged: app:latest") && text.contains("Total reclaimed space: "), "{text}");
    assert_eq!(ids(&place, "images -q"), [dangling[0].clone()]);
    place.run("rm user");
    let text = place.run("image prune --force");
    assert!(text.starts_with("Deleted Images:\ndeleted: sha256:"), "{text}");
    assert!(place.run("image prune -f").starts_with("Total reclaimed space: 0B"));
    place.assert_whole();
}

#[test]
fn all_images_go_by_their_ids() {
    let place = Place::new(DOCKERFILE);
    place.run("build -q -t app .");
    place.write("note", "new");
    place.run("build -q -t app .");
    place.run("build -q --label a=b .");
    let output = place.shell(&format!("{0} rmi $({0} images -q)", place.program().display())).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(place.run("images -q"), "");
    place.run("prune --all");
    assert_eq!(std::fs::read_dir(place.home().join("blobs/sha256")).unwrap().count(), 0);
    place.assert_whole();
}

#[test]
fn what_the_debugger_finishes_is_an_image_too() {
    let place = Place::new(DOCKERFILE);
    let mut command = place.command("step .");
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"continue\nlaunch\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("hello"), "{text}");
    assert_eq!(ids(&place, "images -q -f dangling=true").len(), 1);
    place.assert_whole();
}
