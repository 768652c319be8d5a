//! Where COPY, ADD and WORKDIR put files, with whom they belong to: what each step changed, as the events tell it.

use std::os::unix::net::UnixListener;

use crate::harness::Place;

/// Builds, and lists what each step changed behind its instruction. An error is its first line.
fn changes(place: &Place) -> String {
    let output = place.output("build --progress json .");
    let mut text = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        match event["type"].as_str().unwrap() {
            "step_started" if event["label"]["instruction"].as_str().unwrap().starts_with("FROM") => {}
            "step_started" => text.push_str(&format!("{}\n", event["label"]["instruction"].as_str().unwrap())),
            "step_failed" => text.push_str(&format!("  error: {}\n", event["message"].as_str().unwrap())),
            _ => {}
        }
        for change in event["changes"].as_array().into_iter().flatten() {
            let field = |name: &str| change[name].as_str().unwrap_or_default();
            text.push_str(&format!("  {} {}:{} {}\n", field("mode"), change["uid"], change["gid"], field("path")));
        }
    }
    place.assert_whole();
    text
}

/// The changes of these instructions on the base image, with these files as the context.
fn on_base(instructions: &str, files: &str) -> String {
    changes(&Place::new(&format!("//- Dockerfile\nFROM layerlab/base\n{instructions}{files}")))
}

#[test]
fn owners_by_name_and_number() {
    let copies =
        ["nobody", "nobody:", ":7", "7", "7:nogroup-here", "root:7", "nobody-here", "nobody-here:nogroup-here"]
            .map(|owner| format!("COPY --chown={owner} file /{}\n", owner.replace(':', "-")));
    insta::assert_snapshot!(on_base(&copies.concat(), "//- file\n1\n"), @r"
    COPY --chown=nobody file /nobody
      -rw-r--r-- 65534:65534 /nobody
    COPY --chown=nobody: file /nobody-
      -rw-r--r-- 65534:0 /nobody-
    COPY --chown=:7 file /-7
      -rw-r--r-- 0:7 /-7
    COPY --chown=7 file /7
      -rw-r--r-- 7:7 /7
    COPY --chown=7:nogroup-here file /7-nogroup-here
      -rw-r--r-- 7:7 /7-nogroup-here
    COPY --chown=root:7 file /root-7
      -rw-r--r-- 0:7 /root-7
    COPY --chown=nobody-here file /nobody-here
      -rw-r--r-- 0:0 /nobody-here
    COPY --chown=nobody-here:nogroup-here file /nobody-here-nogroup-here
      -rw-r--r-- 0:0 /nobody-here-nogroup-here
    ");
}

#[test]
fn a_name_needs_a_file_system() {
    let place = Place::new(
        "//- Dockerfile\nFROM scratch\nCOPY --chown=root:3 file /\nUSER someone\nWORKDIR /new\n//- file\n1\n",
    );
    insta::assert_snapshot!(changes(&place), @r"
    COPY --chown=root:3 file /
      -rw-r--r-- 0:3 /file
    USER someone
    WORKDIR /new
      drwxr-xr-x 0:0 /new
    ");
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY --chown=someone file /\n//- file\n1\n");
    insta::assert_snapshot!(changes(&place), @r"
    COPY --chown=someone file /
      error: `someone` is a name, but there is no file system to look it up in
    ");
    insta::assert_snapshot!(on_base("COPY --link --chown=nobody file /\n", "//- file\n1\n"), @r"
    COPY --link --chown=nobody file /
      error: `nobody` is a name, but there is no file system to look it up in
    ");
}

#[test]
fn a_linked_copy_with_a_mode_follows_the_links_below_it() {
    let text = on_base(
        "RUN mkdir /real && ln -s /real /way\nCOPY --link --chmod=600 file /way/file\nCOPY --link file /way/linked\n",
        "//- file\n1\n",
    );
    insta::assert_snapshot!(text, @r"
    RUN mkdir /real && ln -s /real /way
      drwxr-xr-x 0:0 /real
      lrwxrwxrwx 0:0 /way
    COPY --link --chmod=600 file /way/file
      -rw------- 0:0 /real/file
    COPY --link file /way/linked
      drwxr-xr-x 0:0 /way
      -rw-r--r-- 0:0 /way/linked
    ");
}

#[test]
fn directories_above_a_match() {
    let text = on_base(
        "RUN mkdir -m 700 /a && chown 7:7 /a\nCOPY --parents a/b/c /\nCOPY --parents --chmod=711 --chown=4:4 d/1 d/2 /\n\
         COPY --exclude=b --exclude=!b/c a /out\n",
        "//- a/b/c\n1\n//- a/b/left-out\n1\n//- d/1\n1\n//- d/2\n2\n",
    );
    insta::assert_snapshot!(text, @r"
    RUN mkdir -m 700 /a && chown 7:7 /a
      drwx------ 7:7 /a
    COPY --parents a/b/c /
      drwxr-xr-x 7:7 /a
      drwxr-xr-x 0:0 /a/b
      -rw-r--r-- 0:0 /a/b/c
    COPY --parents --chmod=711 --chown=4:4 d/1 d/2 /
      drwxr-xr-x 4:4 /d
      -rwx--x--x 4:4 /d/1
      -rwx--x--x 4:4 /d/2
    COPY --exclude=b --exclude=!b/c a /out
      drwxr-xr-x 0:0 /out
      drwxr-xr-x 0:0 /out/b
      -rw-r--r-- 0:0 /out/b/c
    ");
}

#[test]
fn wildcards_and_documents() {
    let text =
        on_base("COPY none* /a/\nCOPY <<two one <<three /b/\n2\ntwo\n3\nthree\nCOPY missing/* /c/\n", "//- one\n1\n");
    insta::assert_snapshot!(text, @r"
    COPY none* /a/
    COPY <<two one <<three /b/
      drwxr-xr-x 0:0 /b
      -rw-r--r-- 0:0 /b/one
      -rw-r--r-- 0:0 /b/three
      -rw-r--r-- 0:0 /b/two
    COPY missing/* /c/
      error: `missing/*` is not in the build context
    ");
}

#[test]
fn set_id_bits_are_for_files_and_not_for_the_directories_made() {
    insta::assert_snapshot!(on_base("COPY --chmod=4711 file /new/file\n", "//- file\n1\n"), @r"
    COPY --chmod=4711 file /new/file
      drwx--x--x 0:0 /new
      -rws--x--x 0:0 /new/file
    ");
}

#[test]
fn a_socket_becomes_an_empty_file() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nCOPY socket /\n");
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    let text = changes(&place);
    assert!(text.contains("/socket") && !text.contains("error"), "{text}");
}

#[test]
fn a_working_directory_is_kept_as_it_is_written() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nWORKDIR /a//b/../c/\nWORKDIR d/./e/\nWORKDIR $NONE\nRUN pwd > /x\n",
    );
    insta::assert_snapshot!(changes(&place), @r"
    WORKDIR /a//b/../c/
      drwxr-xr-x 0:0 /a
      drwxr-xr-x 0:0 /a/c
    WORKDIR d/./e/
      drwxr-xr-x 0:0 /a/c/d
      drwxr-xr-x 0:0 /a/c/d/e
    WORKDIR $NONE
    RUN pwd > /x
      -rw-r--r-- 0:0 /x
    ");
    let place = Place::new("//- Dockerfile\nFROM scratch\nWORKDIR /a//b/../c/\n");
    place.run("build -t kept .");
    assert!(place.run("inspect kept").contains("\"/a//b/../c/\""));
}

/// An archive with these entries: path, and `/` for a directory, `-> target`, `= other name` or contents.
fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, what) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o640);
        header.set_uid(5);
        header.set_gid(6);
        header.set_mtime(1_000_000_000);
        let (kind, content) = match what.split_once(' ') {
            Some(("->", target)) => (tar::EntryType::Symlink, Err(target)),
            Some(("=", target)) => (tar::EntryType::Link, Err(target)),
            _ if *what == "/" => (tar::EntryType::Directory, Ok("")),
            _ => (tar::EntryType::Regular, Ok(*what)),
        };
        header.set_entry_type(kind);
        if let Err(target) = content {
            header.set_link_name(target).unwrap();
        }
        let content = content.unwrap_or("");
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn an_archive_is_unpacked_as_if_its_destination_were_the_root() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN mkdir -p /d/real && ln -s /real /d/absolute && ln -s real /d/replaced && echo 1 > /d/old\n\
         ADD --chmod=700 files.tar /d/\nADD --chmod=700 files.tar /new/\n",
    );
    let entries = [
        ("absolute/in-real", "1"),
        ("replaced", "/"),
        ("replaced/inside", "1"),
        ("again", "= old"),
        ("up", "-> .."),
        ("up/beside", "1"),
        ("../above", "1"),
        ("implied/file", "1"),
    ];
    std::fs::write(place.path("files.tar"), archive(&entries)).unwrap();
    insta::assert_snapshot!(changes(&place), @r"
    RUN mkdir -p /d/real && ln -s /real /d/absolute && ln -s real /d/replaced && echo 1 > /d/old
      drwxr-xr-x 0:0 /d
      lrwxrwxrwx 0:0 /d/absolute
      -rw-r--r-- 0:0 /d/old
      drwxr-xr-x 0:0 /d/real
      lrwxrwxrwx 0:0 /d/replaced
    ADD --chmod=700 files.tar /d/
      -rw-r----- 5:6 /d/above
      -rw-r----- 5:6 /d/again
      -rw-r----- 5:6 /d/beside
      drwxr-xr-x 0:0 /d/implied
      -rw-r----- 5:6 /d/implied/file
      -rw-r----- 5:6 /d/old
      -rw-r----- 5:6 /d/real/in-real
      drw-r----- 5:6 /d/replaced
      -rw-r----- 5:6 /d/replaced/inside
      lrwxrwxrwx 5:6 /d/up
    ADD --chmod=700 files.tar /new/
      error: `/old` is not there
    ");
}

#[test]
fn names_of_one_file_are_kept_within_one_copied_directory() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nCOPY folder /together/\nCOPY folder/one folder/two /apart/\n\
         RUN stat -c '%h %n' /together/one /apart/one > /counts && grep -q '^2 /together' /counts && grep -q '^1 /apart' /counts\n\
         //- folder/one\n1\n",
    );
    std::fs::hard_link(place.path("folder/one"), place.path("folder/two")).unwrap();
    let output = place.output("build --progress quiet .");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn names_of_one_link_are_kept_by_add_and_run_and_made_anew_by_copy() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base AS first\nADD names.tar /added/\n\
         RUN test \"$(stat -c %h /added/link)\" = 3 && ln -s nowhere /made && ln /made /again\n\
         RUN test \"$(stat -c %h /made)\" = 2 && test \"$(readlink /again)\" = nowhere\n\
         FROM layerlab/base\nCOPY --from=first /added /copied/\n\
         RUN test \"$(stat -c %h /copied/link)\" = 1 && test \"$(readlink /copied/second)\" = nowhere\n",
    );
    let names = [("link", "-> nowhere"), ("second", "= link"), ("third", "= second")];
    std::fs::write(place.path("names.tar"), archive(&names)).unwrap();
    let output = place.output("build --progress quiet .");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    place.assert_whole();
}

#[test]
fn stages_that_are_not_built_may_be_out_of_order() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base AS unused\nCOPY --from=later /file /\nFROM layerlab/base AS Later\nCOPY file /\n\
         FROM layerlab/base AS chained\nFROM chained AS source\nCOPY file /two\n\
         FROM layerlab/base AS trigger\nONBUILD COPY --from=source /two /three\n\
         FROM trigger\nCOPY --from=LATER /file /one\nCOPY --from=scratch / /nothing/\nRUN\n//- file\n1\n",
    );
    insta::assert_snapshot!(changes(&place), @r"
    COPY file /
      -rw-r--r-- 0:0 /file
    ONBUILD COPY --from=source /two /three
    COPY file /two
      -rw-r--r-- 0:0 /two
    COPY --from=source /two /three
      -rw-r--r-- 0:0 /three
    COPY --from=LATER /file /one
      -rw-r--r-- 0:0 /one
    COPY --from=scratch / /nothing/
      drwxr-xr-x 0:0 /nothing
    RUN
    ");
    let place = Place::new("//- Dockerfile\nFROM layerlab/base AS Upper\nFROM Upper\n");
    assert!(place.run("build .").contains("write the name of a stage in lower case: `upper`"));
}

/// Whether the last step of a second build is a hit, after the context was changed in some way.
fn hits_after(instruction: &str, change: impl FnOnce(&Place)) -> bool {
    let place = Place::new(&format!(
        "//- Dockerfile\nFROM layerlab/base\n{instruction}\n//- folder/inner/file\n1\n//- folder/one\n2\n//- folder/two\n2\n"
    ));
    assert!(place.output("build --progress quiet .").status.success());
    change(&place);
    let text = place.run("build --progress json .");
    place.assert_whole();
    text.contains("\"verdict\":\"hit\"")
}

#[test]
fn whatever_changes_the_result_misses() {
    let set_mode = |place: &Place, name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(0o700)).unwrap();
    };
    let copy = "COPY folder /to/";
    assert!(hits_after(copy, |_| ()));
    assert!(hits_after(copy, |place| place.write("beside", "1")));
    assert!(!hits_after(copy, |place| set_mode(place, "folder/inner")));
    assert!(!hits_after("COPY --parents folder/inner/file /to/", |place| set_mode(place, "folder")));
    assert!(!hits_after(copy, |place| {
        std::fs::remove_file(place.path("folder/two")).unwrap();
        std::fs::hard_link(place.path("folder/one"), place.path("folder/two")).unwrap();
    }));
    // A folder with a file in it, and the file itself.
    assert!(!hits_after("COPY folder/inne* /to", |place| {
        std::fs::rename(place.path("folder/inner/file"), place.path("folder/inne")).unwrap();
        std::fs::remove_dir(place.path("folder/inner")).unwrap();
    }));
}
