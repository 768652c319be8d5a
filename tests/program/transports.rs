//! `push` to and `pull` from the places that skopeo and Podman know beside registries: layouts and archives.

use std::process::Command;

use crate::harness::{Place, missing};
use crate::pulling::session;

/// Two images that do not depend on the machine.
fn place() -> Place {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nARG NOTE=one\nCOPY $NOTE /note\nCMD [\"/note\"]\n//- one\none\n//- two\ntwo\n",
    );
    place.run("build -q -t school/demo:1 .");
    place.run("build -q --build-arg NOTE=two -t school/demo:2 .");
    place
}

#[test]
fn an_image_is_put_beside_others_in_a_layout() {
    let place = place();
    insta::assert_snapshot!(session(
        &place,
        "nowhere",
        &[
            "$L push school/demo:1 oci:layout:one",
            "$L push -q school/demo:2 oci:layout:two",
            "$L push school/demo:2 oci:layout:two",
            "ls -A layout layout/blobs/sha256 | wc -l",
            // What had the tag stays, as with skopeo.
            "$L push -q school/demo:2 oci:layout:one",
            "grep -o '\"org.opencontainers.image.ref.name\":\"[^\"]*\"' layout/index.json",
            "grep -o '\"digest\"' layout/index.json | wc -l",
            "mkdir empty; $L push -q school/demo:1 oci:empty",
            "mkdir full; touch full/file; $L push school/demo:1 oci:full",
            "mkdir broken; echo '{}' > broken/oci-layout; $L push school/demo:1 oci:broken",
            "mkdir linked; ln -s ../full linked/blobs; cp empty/oci-layout empty/index.json linked; $L push school/demo:1 oci:linked",
            "$L push school/demo:1 dir:folder",
            "$L push -a school/demo oci:layout",
            "$L push none oci:layout",
            "$L push school/demo:1 oci-archive:a.tar:x",
            "$L push school/demo:1 docker-archive:d.tar:other/name:7",
            "$L push school/demo:1 docker-archive:d.tar:UPPER",
            "tar xOf d.tar manifest.json | grep -o '\"RepoTags\":[^]]*'",
        ],
    ));
    place.assert_whole();
}

#[test]
fn an_image_is_taken_out_of_a_layout_by_its_tag() {
    let place = place();
    place.run("push -q school/demo:1 oci:layout:one");
    place.run("push -q school/demo:2 oci:layout:two");
    place.run("push -q school/demo:2 oci-archive:a.tar:two");
    let other = Place::new("");
    let folder = place.folder().join("work");
    let folder = folder.display();
    insta::assert_snapshot!(
        session(
            &other,
            "nowhere",
            &[
                &format!("$L pull oci:{folder}/layout:two"),
                &format!("$L pull oci:{folder}/layout:three"),
                &format!("$L pull oci-archive:{folder}/a.tar:two"),
                &format!("$L pull oci:{folder}/layout"),
            ]
        )
        .replace(&folder.to_string(), "/elsewhere")
    );
    assert_eq!(other.run("images -q --no-trunc"), place.run("images -q --no-trunc"));
    other.assert_whole();
}

/// By its name, or in a layout by its tag; of the others nothing comes.
#[test]
fn an_image_is_taken_out_of_an_archive_of_several() {
    let place = place();
    place.run("save -o both.tar school/demo:1 school/demo:2");
    // As Docker wrote it before version 25, and before version 1.10.
    let shell = |line: &str| assert!(place.shell(line).status().unwrap().success(), "{line}");
    shell(
        "mkdir plain && tar xf both.tar -C plain && rm plain/oci-layout plain/index.json && tar cf plain.tar -C plain .",
    );
    shell("mkdir old && cd old && touch f && tar cf layer.tar f");
    for (id, tag) in [("a", "1"), ("b", "2")] {
        shell(&format!(
            "mkdir old/{id}; cp old/layer.tar old/{id}; echo '{{\"id\":\"{id}\",\"os\":\"linux\",\"architecture\":\"amd64\"}}' > old/{id}/json; echo {tag} > old/{id}/VERSION"
        ));
    }
    shell(
        "echo '{\"school/demo\":{\"1\":\"a\",\"2\":\"b\"}}' > old/repositories; rm old/f old/layer.tar; tar cf old.tar -C old .",
    );
    let mut text = String::new();
    for archive in ["both", "plain", "old"] {
        let other = Place::new("");
        let folder = place.folder().join("work").display().to_string();
        let pull = |name: &str| format!("$L pull docker-archive:{folder}/{archive}.tar{name}");
        let lines = [
            pull(":school/demo:3"),
            pull(":school/demo:2"),
            "$L images --format '{{.Repository}}:{{.Tag}}'".to_owned(),
            pull(":demo"),
            pull(":UPPER"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        text += &session(&other, "nowhere", &lines).replace(&folder, "/elsewhere");
        assert_eq!(
            other.run("prune --all --force").lines().count(),
            place.run("prune").lines().count(),
            "nothing of the other"
        );
        other.assert_whole();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn skopeo_reads_what_is_put_and_puts_more_there() {
    let place = place();
    let skopeo = |arguments: &str| {
        let done = Command::new("skopeo").args(arguments.split(' ')).current_dir(place.path("")).output();
        let Ok(done) = done else {
            missing("skopeo reads what is pushed");
            return None;
        };
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
        Some(String::from_utf8(done.stdout).unwrap().trim().to_owned())
    };
    let said = place.run("push school/demo:1 oci:layout:one");
    let (_, digest) = said.split_once("digest: ").unwrap();
    let digest = digest.split(' ').next().unwrap();
    let Some(read) = skopeo("inspect --format {{.Digest}} oci:layout:one") else { return };
    assert_eq!(read, digest);
    skopeo("copy -q oci:layout:one oci:layout:two");
    place.run("push -q school/demo:2 oci:layout:three");
    for tag in ["one", "two", "three"] {
        skopeo(&format!("copy -q oci:layout:{tag} oci-archive:{tag}.tar:x"));
    }
    assert_eq!(skopeo("inspect --format {{.Digest}} oci:layout:two").unwrap(), digest);
    place.run("push -q school/demo:1 oci-archive:o.tar:one");
    assert_eq!(skopeo("inspect --format {{.Digest}} oci-archive:o.tar:one").unwrap(), digest);
    place.run("push -q school/demo:1 docker-archive:d.tar:x/y:1");
    skopeo("copy -q docker-archive:d.tar:x/y:1 dir:out");
}
