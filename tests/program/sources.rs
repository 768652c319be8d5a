//! What the sources of COPY and ADD name: what is taken, and what is said of a source that leads nowhere.

use std::os::unix::fs::symlink;

use crate::harness::{Place, filter};

/// A context with links of every sort, and a folder `d` with `d/e/f` and `d/1`.
fn place(dockerfile: &str) -> Place {
    let place = Place::new(&format!(
        "//- Dockerfile\n{dockerfile}\n//- d/e/f\nf\n//- d/1\n1\n//- a\na\n//- b\nb\n//- Readme.md\nx\n//- hidden\nx\n\
         //- .dockerignore\nhidden\nDockerfile\n.dockerignore\n"
    ));
    for (name, target) in [
        ("dangling", "missing"),
        ("absolute", "/etc/passwd"),
        ("climbing", "../../etc/passwd"),
        ("one", "two"),
        ("two", "one"),
        ("to-hidden", "hidden"),
        ("to-folder", "d"),
        ("to-file", "a"),
        ("to-a", "nowhere/../a"),
        ("to-a-through-a-link", "to-deep/../a"),
        ("to-deep", "d/e"),
    ] {
        symlink(target, place.path(name)).unwrap();
    }
    place
}

/// What a terminal shows of a build of one instruction on an image; of a mistake, message and hint.
fn said(instruction: &str) -> String {
    let place = place(&format!("FROM layerlab/base\n{instruction}"));
    let text = filter(&place.run("build --progress quiet ."));
    place.assert_whole();
    let is_telling = |line: &&str| ["error:", "hint:", "warning:"].iter().any(|mark| line.starts_with(mark));
    let lines: Vec<String> = text.lines().filter(is_telling).map(|line| format!("  {line}\n")).collect();
    format!("{instruction}\n{}", if lines.is_empty() { "  built\n".to_owned() } else { lines.concat() })
}

fn all_said(instructions: &[&str]) -> String {
    instructions.iter().map(|instruction| said(instruction)).collect()
}

#[test]
fn a_source_that_leads_nowhere_says_why() {
    insta::assert_snapshot!(all_said(&[
        "COPY dangling /",
        "COPY absolute /",
        "COPY climbing /",
        "COPY one /",
        "COPY to-hidden /",
        "COPY dangling/x /",
        "COPY to-file/x /",
        "COPY a/x /",
        "COPY /a/x /",
        "COPY to-folder/none /",
        "COPY to-folder/E /",
        "COPY danglin* /",
        "ADD dangling /",
        "COPY readme.md /",
        "COPY READMEmd /",
        "COPY d/E/f /",
        "COPY ../a/../nope /",
    ]));
}

#[test]
fn what_is_named_and_not_copied_is_an_error() {
    insta::assert_snapshot!(all_said(&[
        "COPY --parents to-folder/1 /x/",
        "COPY --parents to-folder /x/",
        "COPY --parents --exclude=d/e d/e/f /x/",
        "COPY --parents --exclude=d/e d /x/",
        "COPY --parents --exclude=d --exclude=!d/e d /x/",
        "COPY --parents . /x/",
        "COPY --parents d/./ /x/",
        "COPY --parents d/./e/g /x/",
        "COPY --parents d/./e/f /x/",
        "COPY --parents a/./x /x/",
        "COPY --parents d/none* /x/",
        "COPY --parents a missing /x/",
        "COPY d/x* /x/",
        "COPY d/**/f /x/",
        "COPY d/**/**/f /x/",
        "COPY d/**/g /x/",
        "ADD to-folder/x* /x/",
        "COPY missing/x* /x/",
        "COPY none* /x/",
        "COPY */none* /x/",
        "COPY --from=layerlab/base /etc/none* /x/",
    ]));
}

#[test]
fn a_destination_in_the_way_says_what_it_is() {
    let before = "RUN ln -s missing /gone && ln -s etc/passwd /accounts && mkfifo /pipe && mkdir /x && ln -s / /x/e\n";
    let said = |instruction: &str| said(&format!("{before}{instruction}")).replace(before, "");
    let list = [
        "COPY d /accounts",
        "COPY a /accounts/x",
        "COPY a /accounts/x/y",
        "COPY a /etc/passwd/x",
        "COPY d /pipe",
        "COPY d /x",
        "COPY d /gone",
        "WORKDIR /accounts",
        "WORKDIR /etc/passwd/x",
        "WORKDIR /accounts/x/y",
        "WORKDIR /gone",
        "WORKDIR /pipe",
        "ADD --link d /x",
    ];
    insta::assert_snapshot!(list.iter().map(|instruction| said(instruction)).collect::<String>());
}

#[test]
fn owners_urls_and_switches_that_do_not_fit() {
    insta::assert_snapshot!(all_said(&[
        "COPY --chown=-1 a /",
        "COPY --chown=0:-1 a /",
        "COPY --chown=4294967295 a /",
        "COPY --chown=2147483648:7 a /",
        "COPY --chown=99999999999999999999 a /",
        "COPY --chown=2147483647 a /",
        "COPY --chown=+7 a /",
        "USER -1\nWORKDIR /new",
        "RUN echo 'big:x:4294967295:4294967295::/:/bin/sh' >> /etc/passwd\nCOPY --chown=big a /",
        "COPY https://example.org/x /",
        "COPY git@example.org:x.git /",
        "ARG FROM=https://example.org\nCOPY $FROM/x /",
        "ADD --keep-git-dir=true a /",
        "ADD --keep-git-dir d /d",
    ]));
}

#[test]
fn several_sources_for_one_file() {
    let warned = |instruction: &str| {
        let place = place(&format!("FROM layerlab/base\n{instruction}\nRUN cat /c"));
        let text = filter(&place.run("build --progress classic ."));
        place.assert_whole();
        let lines = text.lines().filter(|line| line.starts_with("[Warning]") || ["a", "b"].contains(line));
        format!("{instruction}\n{}\n", lines.map(|line| format!("  {line}\n")).collect::<String>().trim_end())
    };
    let list = [
        "COPY a b /c",
        "COPY b a /c",
        "COPY [ab] /c",
        "ADD a b /c",
        "COPY a /c",
        "COPY d a /c/\nRUN mv /c/a /d && rm -r /c && mv /d /c",
    ];
    insta::assert_snapshot!(list.map(warned).concat());
}

#[test]
fn a_link_is_followed_by_its_letters() {
    let place = place("FROM layerlab/base\nCOPY to-a /1\nCOPY to-a-through-a-link /2\nRUN cat /1 /2");
    let text = place.run("build --progress classic .");
    assert!(text.contains("a\na\n"), "{text}");
}

#[test]
fn a_program_that_can_not_start() {
    let place = Place::new(
        "//- Exec\nFROM layerlab/base\nCOPY --chmod=755 crlf.sh /\nRUN [\"/crlf.sh\"]\n\
         //- crlf.sh\n#!/bin/sh\r\necho hello\r\n\
         //- Empty\nFROM scratch\nCOPY crlf.sh /\nRUN [\"/crlf\"]\n\
         //- Shell\nFROM scratch\nSHELL [\"/bin/bash\", \"-c\"]\nRUN true\n\
         //- Launched\nFROM scratch\nCOPY crlf.sh /\nCMD echo hello\n",
    );
    let mut text = String::new();
    for command in [
        "/usr/local/bin/crlf.sh",
        "true && 'bin/crlf.sh'",
        "(crlf.sh || exit 127)",
        "missing.sh",
        "exit 127",
        "cat crlf.sh",
    ] {
        let before = "FROM layerlab/base\nCOPY --chmod=755 crlf.sh /usr/local/bin/\nWORKDIR /usr/local\n";
        place.write("Dockerfile", &format!("{before}RUN {command}\n"));
        let said = place.run("build --progress quiet .");
        let lines = said.lines().filter(|line| line.starts_with("error:") || line.starts_with("hint:"));
        text.push_str(&lines.map(|line| format!("{line}\n")).collect::<String>());
    }
    for file in ["Exec", "Empty", "Shell"] {
        text.push_str(&filter(&place.run(&format!("build --progress quiet -f {file} ."))));
    }
    place.run("build --progress quiet -t launched -f Launched .");
    text.push_str(&place.run("run launched"));
    insta::assert_snapshot!(text);
}

#[test]
fn times_of_the_directories_that_are_made() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nCOPY d /whole\nCOPY d /slash/\nCOPY d /a/b\nCOPY d other /both/\nCOPY --parents d/e/f /parents/\n\
         COPY --parents d/e /included/\nCOPY --parents d/./e/f /pivot/\nCOPY --exclude=1 --exclude=e --exclude=!e/f d /excluded\n\
         RUN for name in /whole /whole/e /slash /a /a/b /both /parents /parents/d /parents/d/e /included/d /included/d/e /pivot /pivot/e \
         /excluded /excluded/e; do stat -c '%Y %n' $name; done\n\
         //- d/e/f\nf\n//- d/1\n1\n//- other/2\n2\n",
    );
    for (name, time) in [("d/e", 1_000), ("d", 2_000), ("other", 3_000)] {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(time);
        std::fs::File::open(place.path(name)).unwrap().set_modified(time).unwrap();
    }
    let text = place.run("build --progress classic .");
    let times =
        text.lines().filter(|line| line.contains(" /") && line.starts_with(|first: char| first.is_ascii_digit()));
    insta::assert_snapshot!(times.collect::<Vec<_>>().join("\n"));
}
