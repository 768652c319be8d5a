//! The cache: a rebuild gives what a fresh build would give, and what nothing asked for does not run again.

use crate::harness::Place;

/// A file of the context, an archive and a folder, for COPY and ADD.
const FILES: &str = "//- f\nf\n//- d/e/g\ng\n";

/// One of each instruction, as the only one between two commands. Some have another stage that they read.
const BETWEEN: &[&str] = &[
    "",
    "ADD f /f",
    "ADD --link f /f",
    "ADD --link --chown=7 f /f",
    "ADD --link pack.tar /packed/",
    "ARG NAME=value",
    "CMD [\"true\"]",
    "COPY f /f",
    "COPY --chmod=600 f /f",
    "COPY --link f /f",
    "COPY --link --chown=7:7 f /f",
    "COPY --link --chmod=0600 f /f",
    "COPY --link --exclude=g d /d",
    "COPY --link --parents d/e/g /d/",
    "COPY --link --from=other /f /f",
    "COPY --link <<end /f\nf\nend",
    "COPY --link f /f\nCOPY --link d /d",
    "COPY --link f /f\nWORKDIR /new",
    "COPY --link f /f\nCOPY d /d",
    "COPY --link f /f\nRUN echo 1 > /one",
    "COPY --link f /f\nFROM changed",
    "COPY --link f /f\nFROM changed\nCOPY --link d /d",
    "ENTRYPOINT [\"true\"]",
    "ENV NAME=value",
    "EXPOSE 80",
    "FROM changed",
    "FROM changed AS again\nFROM again",
    "HEALTHCHECK CMD true",
    "LABEL name=value",
    "MAINTAINER me",
    "ONBUILD RUN true",
    "ONBUILD COPY --link f /f\nFROM changed",
    "RUN true",
    "RUN echo 1 > /one",
    "SHELL [\"/bin/sh\", \"-c\"]",
    "STOPSIGNAL TERM",
    "USER 0",
    "VOLUME /volume",
    "WORKDIR /",
    "WORKDIR /bin",
    "WORKDIR /new",
];

#[test]
fn what_a_command_made_reaches_what_follows() {
    let place = Place::new(FILES);
    let tar = std::process::Command::new("tar").args(["-cf", "pack.tar", "d"]).current_dir(place.path("")).status();
    assert!(tar.unwrap().success());
    for (number, between) in BETWEEN.iter().enumerate() {
        let built = |value: &str| {
            let text = format!(
                "FROM layerlab/base AS other\nCOPY f /f\nFROM layerlab/base AS changed\nRUN echo {value}-{number} > /a\n{between}\nRUN cp /a /b\nENTRYPOINT []\n"
            );
            place.write("Dockerfile", &text);
            let output = place.run("build --progress quiet -t built .");
            assert!(output.starts_with("sha256:"), "{between}: {output}");
            place.run("run built cat /a /b")
        };
        for value in ["one", "two"] {
            assert_eq!(built(value), format!("{value}-{number}\n{value}-{number}\n"), "{between}");
        }
    }
    place.assert_whole();
}

#[test]
fn a_base_image_that_changed_reaches_what_follows() {
    let place = Place::new(FILES);
    for value in ["one", "two"] {
        place.write("Dockerfile", &format!("FROM layerlab/base\nRUN echo {value} > /a\n"));
        place.run("build --progress quiet -t base .");
        place.write("Dockerfile", "FROM base\nCOPY --link f /f\nRUN cp /a /b\n");
        place.run("build --progress quiet -t built .");
        assert_eq!(place.run("run built cat /a /b"), format!("{value}\n{value}\n"));
    }
    place.assert_whole();
}

/// A step that runs again may leave something else, though nothing that it depends on has changed.
#[test]
fn what_ran_again_reaches_what_follows() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base AS first\nRUN cat /proc/sys/kernel/random/uuid > /a\nFROM first\nRUN cp /a /b\n",
    );
    for arguments in ["", "", "--no-cache-filter first", "--no-cache", ""] {
        place.run(&format!("build --progress quiet -t built {arguments} ."));
        let copies = place.run("run built cat /a /b");
        let (one, other) = copies.trim().split_once('\n').unwrap();
        assert_eq!(one, other, "{arguments}");
    }
    place.assert_whole();
}

/// A Dockerfile and a context, one change, and whether the last step is taken from the cache then.
struct Change {
    dockerfile: &'static str,
    /// Replaced in the Dockerfile.
    text: (&'static str, &'static str),
    /// A shell command in the context.
    command: &'static str,
}

const COPY: &str =
    "FROM layerlab/base AS one\nCOPY d /d\nFROM layerlab/base AS two\nCOPY d /all/x\nFROM layerlab/base\nCOPY d/e /e\n";

/// BuildKit keys a copy on the name of the source and on what is in it, and on what it does with it.
const HITS: &[Change] = &[
    Change { dockerfile: COPY, text: ("d/e", "./d/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "d/e/"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "/d/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "d/./x/../e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "x/e"), command: "mkdir x && mv d/e x/e" },
    Change { dockerfile: COPY, text: ("d/e", "--from=one /d/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "--from=two /all/x/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e /e", "[\"d/e\", \"/e\"]"), command: "" },
    Change { dockerfile: COPY, text: ("one", "uno"), command: "" },
    Change { dockerfile: COPY, text: ("", ""), command: "touch d/e/g" },
    Change { dockerfile: COPY, text: ("", ""), command: "echo other > f" },
    Change { dockerfile: "FROM layerlab/base\nCOPY d/* /e/\n", text: ("d/*", "x/*"), command: "mv d x" },
    Change { dockerfile: "FROM layerlab/base\nCOPY d/e/g /g\n", text: ("d/e/g", "d/g"), command: "mv d/e/g d/g" },
    Change { dockerfile: "FROM layerlab/base\nCOPY --chmod=600 f /f\n", text: ("=600", "=0600"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nCOPY --chmod=600 f /f\n", text: ("COPY", "COPY --link"), command: "" },
    Change { dockerfile: "FROM scratch\nCOPY f /f\n", text: ("COPY", "COPY --link"), command: "" },
    Change { dockerfile: "FROM scratch\nLABEL a=b\nADD f /f\n", text: ("ADD", "ADD --link"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nRUN echo 1 > /one\nCOPY --link f /f\n", text: ("1", "2"), command: "" },
    Change {
        dockerfile: "FROM layerlab/base AS a\nRUN echo 1 > /one\nFROM a\nRUN true\n",
        text: (" AS a\n", " AS b\n"),
        command: "sed -i 's/FROM a/FROM b/' Dockerfile",
    },
    Change { dockerfile: "FROM layerlab/base\nLABEL a=b\nRUN true\n", text: ("a=b", "a=c"), command: "" },
    Change {
        dockerfile: "FROM layerlab/base\nCMD [\"a\"]\nEXPOSE 1\nVOLUME /v\nRUN true\n",
        text: ("1", "2"),
        command: "",
    },
];

const MISSES: &[Change] = &[
    Change { dockerfile: COPY, text: ("", ""), command: "echo other > d/e/g" },
    Change { dockerfile: COPY, text: ("", ""), command: "chmod 600 d/e/g" },
    Change { dockerfile: COPY, text: ("", ""), command: "chmod 700 d/e" },
    Change { dockerfile: COPY, text: ("", ""), command: "mv d/e/g d/e/h" },
    Change { dockerfile: COPY, text: ("", ""), command: "ln -s g d/e/h" },
    Change { dockerfile: COPY, text: ("", ""), command: "rm d/e/g && mkdir d/e/g" },
    Change { dockerfile: COPY, text: (" /e", " /e/"), command: "echo '#' >> d/e/g" },
    Change { dockerfile: COPY, text: (" /e", " /other"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "--chown=1 d/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "--chmod=700 d/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "--exclude=g d/e"), command: "" },
    Change { dockerfile: COPY, text: ("d/e", "--parents d/e"), command: "" },
    Change { dockerfile: COPY, text: ("COPY d/e", "ADD d/e"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nCOPY f /x/\n", text: ("f", "g"), command: "mv f g" },
    Change { dockerfile: "FROM layerlab/base\nCOPY f d/f /x/\n", text: ("f d/f", "d/f f"), command: "echo 1 > d/f" },
    Change { dockerfile: "FROM layerlab/base\nWORKDIR /a\nCOPY f f\n", text: ("/a", "/b"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nENV A=1\nRUN true\n", text: ("A=1", "A=2"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nARG A=1\nRUN true\n", text: ("A=1", "A=2"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nENV A=1 B=2\nRUN true\n", text: ("A=1 B=2", "B=2 A=1"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nENV A=1B=2\nRUN true\n", text: ("A=1B=2", "A=1 B=2"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nUSER 0\nRUN true\n", text: ("0", "0:0"), command: "" },
    Change { dockerfile: "FROM layerlab/base\nUSER 1\nWORKDIR /new\n", text: ("1", "2"), command: "" },
    Change {
        dockerfile: "FROM layerlab/base\nRUN [\"echo\", \"a\", \"bc\"]\n",
        text: ("\"a\", \"bc\"", "\"ab\", \"c\""),
        command: "",
    },
    Change {
        dockerfile: "FROM layerlab/base\nCOPY <<a /x/\n1\na\n",
        text: ("<<a /x/\n1\na", "<<b /x/\n1\nb"),
        command: "",
    },
];

#[test]
fn a_change_that_counts_misses_and_another_does_not() {
    let cases = HITS.iter().map(|change| (change, "cached")).chain(MISSES.iter().map(|change| (change, "ran")));
    let mut wrong = String::new();
    for (change, wanted) in cases {
        let place = Place::new(FILES);
        let build = |text: &str| {
            place.write("Dockerfile", text);
            place.output("build --progress json .")
        };
        build(change.dockerfile);
        let text = change.dockerfile.replace(change.text.0, change.text.1);
        place.write("Dockerfile", &text);
        let command =
            std::process::Command::new("sh").args(["-c", change.command]).current_dir(place.path("")).status();
        assert!(command.unwrap().success());
        let text = std::fs::read_to_string(place.path("Dockerfile")).unwrap();
        let output = build(&text);
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        let record = std::fs::read(place.home().join("builds/2.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        let steps = record["steps"].as_array().unwrap();
        let outcome = steps.last().unwrap()["outcome"].as_str().unwrap();
        if outcome != wanted {
            wrong.push_str(&format!("{outcome}, not {wanted}: {text}  after {}\n", change.command));
        }
        // What was built twice is what is built once, except for when.
        let fresh = place.run("build --no-cache --progress quiet .");
        assert_eq!(fresh, format!("{}\n", record["image"].as_str().unwrap()), "{text}");
        place.assert_whole();
    }
    assert!(wrong.is_empty(), "{wrong}");
}
