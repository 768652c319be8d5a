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
