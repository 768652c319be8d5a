//! `build` and `plan`: the transcripts in all of their forms.

use crate::harness::{Place, filter};

const FIRST_IMAGE: &str = "\
//- Dockerfile
FROM docker.io/alpine
LABEL maintainer=\"dvdbisong@gmail.com\"
COPY date-script.sh /date-script.sh
CMD sh date-script.sh
//- date-script.sh
echo \"Todays date is the day of the test\"
";

const TWO_STAGES: &str = "\
//- Dockerfile
ARG WHAT=world
FROM layerlab/base AS maker
ARG WHAT
ENV GREETING=\"hello $WHAT\"
RUN echo \"$GREETING\" > /greeting && echo made it && rm /etc/nsswitch.conf
FROM layerlab/base AS unused
RUN exit 1
FROM scratch
COPY --from=maker /greeting /etc/nsswitch.conf* /
WORKDIR /srv
EXPOSE 80 53/udp
";

#[test]
fn the_first_image_built_twice_and_run() {
    let place = Place::new(FIRST_IMAGE);
    let text = place.session(&[
        "build --stand-ins -t ekababisong.org/first_image .",
        "build --stand-ins -t ekababisong.org/first_image .",
        "run ekababisong.org/first_image",
    ]);
    insta::assert_snapshot!(filter(&text));
    place.assert_whole();
}

#[test]
fn every_form_of_progress() {
    for form in ["classic", "plain", "tty", "json", "quiet"] {
        let place = Place::new(TWO_STAGES);
        let text = place.run(&format!("build --progress {form} -t two --build-arg WHAT=moon --build-arg UNUSED=1 ."));
        insta::assert_snapshot!(format!("progress_{form}"), filter(&text).replace('\x1b', "␛").replace('\r', "␍"));
        place.assert_whole();
    }
}

#[test]
fn a_variable_says_how_progress_is_shown() {
    let place = Place::new(TWO_STAGES);
    let mut text = String::new();
    for (form, arguments) in [("quiet", ""), ("auto", "--progress quiet "), ("", "--progress quiet "), ("loud", "")] {
        let output = place.command(&format!("build {arguments}.")).env("BUILDKIT_PROGRESS", form).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        text.push_str(&format!("$ BUILDKIT_PROGRESS={form} layerlab build {arguments}.\n{printed}"));
    }
    insta::assert_snapshot!(filter(&text));
    place.assert_whole();
}

#[test]
fn a_failing_command_shows_its_output_and_its_place() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN echo before\nRUN echo out; echo err >&2; exit 7\nRUN echo after\n",
    );
    let forms = ["build --progress classic .", "build --progress plain .", "build --quiet ."];
    insta::assert_snapshot!(filter(&place.session(&forms)));
    place.assert_whole();
}

#[test]
fn a_plan_tells_cause_from_consequence() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nENV MODE=fast\nCOPY src /src\nRUN cat /src/* > /all\nLABEL done=yes\n\
         //- src/one\n1\n//- src/two\n2\n",
    );
    let first = place.session(&["plan", "build --progress quiet .", "plan"]);
    place.write("src/two", "2 and more\n");
    place.write("src/three", "3\n");
    let changed = place.session(&["plan"]);
    place.write(
        "Dockerfile",
        "FROM layerlab/base\nENV MODE=slow\nCOPY src /src\nRUN cat /src/* > /all\nLABEL done=yes\n",
    );
    let both = place.session(&["plan", "plan --json"]);
    insta::assert_snapshot!(filter(&format!("{first}\n-- two files change\n{changed}\n-- ENV changes too\n{both}")));
    place.assert_whole();
}

#[test]
fn a_miss_can_be_a_failure() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nCOPY in /in\nRUN cat /in > /out\n//- in\nfirst\n");
    let mut text = place.session(&["build --fail-on-miss .", "build --quiet .", "build --quiet --fail-on-miss ."]);
    place.write("in", "second\n");
    // Twice: a build that was stopped is none to compare with.
    text += &place.session(&["build --fail-on-miss .", "build --progress tty --fail-on-miss .", "build --quiet ."]);
    text += &place.session(&["build --fail-on-miss --no-cache ."]);
    insta::assert_snapshot!(filter(&text).replace('\x1b', "␛").replace('\r', "␍"));
    place.assert_whole();
}

#[test]
fn what_a_step_shows_to_be_suspicious_is_a_warning_of_a_kind() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nARG COLOUR\nENV PATH=$PAHT:/bin NONE=$COLOUR\nCOPY --link \\\n  $WHAT/ /x\nEXPOSE $PORT\n\
         LABEL a=${b:-c}\n//- skip/Dockerfile\n# check=skip=InvalidBaseImagePlatform\nFROM layerlab/base\n# check=skip=UndefinedVar\n\
         ENV A=$B\n//- error/Dockerfile\n# check=error=true\nFROM scratch\nENV A=$B\n",
    );
    let text = place.session(&[
        "build --platform linux/s390x .",
        "build --platform linux/s390x skip",
        "build error",
        "plan .",
    ]);
    insta::assert_snapshot!(filter(&text));
}

#[test]
fn the_last_state_has_the_id_of_the_image_also_with_a_label() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nENV A=1\n");
    for options in ["", "--label a=b "] {
        let text = place.run(&format!("build {options}."));
        let last = text.lines().rev().find_map(|line| line.strip_prefix(" ---> ")).unwrap();
        assert!(text.contains(&format!("Successfully built {last}")), "{text}");
    }
}

#[test]
fn a_plan_makes_no_image() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nCOPY --from=layerlab/web / /web\n//- more/Dockerfile\nFROM nginx\nCOPY x /\n",
    );
    let plan = place.run("plan .");
    assert!(plan.contains("unknown: `layerlab/web` is not made yet"), "{plan}");
    // A file that is missing is found all the same.
    let mistake = place.run("plan --stand-ins more");
    assert!(mistake.contains("Dockerfile:2:6"), "{mistake}");
    assert_eq!(place.run("images --quiet"), "");
}

#[test]
fn a_plan_says_what_it_can_not_know() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base AS one\nCOPY in /in\nRUN tr a-z A-Z < /in > /out\n\
         FROM layerlab/base\nCOPY --from=one /out /\nRUN cat /out\nLABEL a=b\n//- in\nfirst\n",
    );
    let mut text = place.session(&["plan", "build --progress quiet .", "plan"]);
    place.write("in", "second\n");
    text.push_str(&place.session(&["plan"]));
    insta::assert_snapshot!(filter(&text));
}

#[test]
fn no_cache_runs_everything_and_a_filter_one_stage() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base AS one\nRUN echo 1 > /1\nFROM layerlab/base AS two\nRUN echo 2 > /2\nCOPY --from=one /1 /\n",
    );
    let text = place.session(&[
        "build --progress classic .",
        "build --progress classic --no-cache .",
        "build --progress classic --no-cache-filter two .",
    ]);
    insta::assert_snapshot!(filter(&text));
    place.assert_whole();
}

#[test]
fn triggers_of_a_base_image_run_in_the_child() {
    let place = Place::new(
        "//- base.Dockerfile\nFROM layerlab/base\nONBUILD COPY app /app\nONBUILD RUN cat /app\n\
         //- Dockerfile\nFROM with-triggers\nCMD [\"cat\", \"/app\"]\n//- app\nthe application\n",
    );
    let text = place.session(&[
        "build --progress classic -f base.Dockerfile -t with-triggers .",
        "build --progress classic -t child .",
        "run child",
    ]);
    insta::assert_snapshot!(filter(&text));
    place.assert_whole();
}

#[test]
fn warnings_have_a_place_in_every_view() {
    const DOCKERFILE: &str = "\
FROM layerlab/base
RUN echo a \\

    && echo b
ONBUILD COPI a b
HEALTHCHECK --interval=1s NONE
ARG --bogus=1 X=2
LABEL a=b
";
    let mut text = String::new();
    for form in ["classic", "plain", "tty", "json", "quiet"] {
        let place = Place::new(&format!("//- Dockerfile\n{DOCKERFILE}"));
        let shown = place.run(&format!("build --progress {form} ."));
        let warnings = shown.lines().filter(|line| line.to_lowercase().contains("warning"));
        text.push_str(&format!("-- {form}\n{}\n", warnings.collect::<Vec<_>>().join("\n")));
    }
    let place = Place::new(&format!("//- Dockerfile\n{DOCKERFILE}//- script\nstep\nLABEL c \\\n\n =d\nLABEL e=f\n"));
    text.push_str(&place.session(&["plan .", "parse Dockerfile", "step --script script ."]));
    insta::assert_snapshot!(filter(&text).replace('\x1b', "␛").replace('\r', "␍"));
    place.assert_whole();
}

#[test]
fn a_stand_in_says_that_it_has_no_package_manager() {
    let place = Place::new(
        "//- one/Dockerfile\nFROM alpine:3.20\nRUN set -eux; apk add --no-cache git && echo done\n\
         //- two/Dockerfile\nFROM debian\nRUN <<EOF\nset -e\nDEBIAN_FRONTEND=noninteractive apt-get update\nEOF\n\
         //- three/Dockerfile\nFROM alpine\nRUN echo apk add; exit 3\n\
         //- four/Dockerfile\nFROM alpine\nRUN cat /etc/passwd | no-such-program\n\
         //- script\nstep\nrun apk add git\n",
    );
    insta::assert_snapshot!(filter(&place.session(&[
        "build --stand-ins --progress classic one",
        "build --stand-ins --progress classic two",
        "build --stand-ins --progress classic three",
        "build --stand-ins --progress classic four",
        "step --script script one",
    ])));
    place.assert_whole();
}

/// A step follows all that changed before it in its stage and in those below that, and nothing of another stage.
#[test]
fn a_plan_names_all_the_causes() {
    let file = |first: &str, other: &str| {
        format!(
            "FROM layerlab/base AS one\nRUN echo {first} > /first\nCOPY in /in\nRUN cat /in > /out\nFROM one AS below\n\
             RUN cat /out > /more\nFROM layerlab/base AS other\nRUN echo {other} > /x\nRUN cat /x > /y\nFROM below\nRUN true\n\
             COPY --from=other /y /y\n"
        )
    };
    let place = Place::new("//- in\n1\n");
    place.write("Dockerfile", &file("a", "b"));
    place.run("build --progress quiet .");
    place.write("Dockerfile", &file("aa", "bb"));
    place.write("in", "2\n");
    place.write("script", "plan\nstep 4\nplan\nwhy 6\n");
    insta::assert_snapshot!(filter(&place.session(&["plan", "step --script script ."])));
}

/// Something that was tried once is not taken for what an instruction was before.
#[test]
fn what_was_only_tried_is_no_earlier_version() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nCOPY in /in\nRUN wc -c /in > /size\n//- in\n1\n");
    place.write("tried", "step 2\nRUN echo just trying\n");
    place.write("typed", "continue\nRUN touch /new\n");
    let first = place.session(&["build --progress quiet .", "step --script tried ."]);
    place.write("Dockerfile", "FROM layerlab/base\nCOPY in /in\nRUN wc -l /in > /size\n");
    insta::assert_snapshot!(filter(&format!("{first}{}", place.session(&["plan", "step --script typed ."]))));
}

/// The text of a session never takes the place of what it is about.
#[test]
fn a_session_is_not_saved_over_its_dockerfile() {
    let text = "FROM layerlab/base\nRUN true\n";
    let place = Place::new(&format!("//- Dockerfile\n{text}"));
    place.write("script", "save\nsave Dockerfile\nsave --force ./Dockerfile\nsave session\n");
    insta::assert_snapshot!(filter(&place.session(&["step --script script ."])));
    assert_eq!(std::fs::read_to_string(place.path("Dockerfile")).unwrap(), text);
}

/// The cause is what was done otherwise than in the build that a step is compared with, whatever happened in this session.
#[test]
fn a_cause_is_told_against_the_build_that_is_compared_with() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN echo a > /a\nCOPY x /x\nRUN cat /x > /y\nRUN cat /y > /z\n//- x\n1\n",
    );
    place.write("change", "#!/bin/sh\necho changed >> \"$1\"\n");
    std::fs::set_permissions(place.path("change"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    place.write("script", "continue\nback 3\nedit x\nwhy 4\nplan\nplan --graph\nlist\ncontinue\nback 1\nwhy\n");
    let mut command = place.command("step --script script .");
    let output = command.env("EDITOR", place.path("change")).output().unwrap();
    insta::assert_snapshot!(filter(&String::from_utf8_lossy(&output.stdout)));
}

/// A step that is gone, and steps that changed places, are told as what they are; and so is a build that was not finished.
#[test]
fn what_is_gone_or_moved_is_a_cause() {
    let place = Place::new("//- x\n1\n");
    let file = |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        place.write("Dockerfile", &format!("FROM layerlab/base\n{lines}"));
    };
    let [a, b, c] = ["RUN echo a > /a", "RUN echo b > /b", "RUN echo c > /c"];
    file(&[a, b, "COPY x /x", c]);
    let mut text = place.session(&["build --progress quiet ."]);
    for lines in
        [&[a, "COPY x /x", c][..], &[b, a, "COPY x /x", c], &["COPY x /x", c], &[a, b, "WORKDIR /w", "COPY x /x", c]]
    {
        file(lines);
        text += &place.session(&["plan"]);
    }
    text += "\n-- another x, and a build that ends with its COPY\n";
    file(&[a, b, "COPY x /x", c]);
    place.write("x", "2\n");
    place.write("script", "step 4\n");
    text += &place.session(&["step --script script .", "plan"]);
    insta::assert_snapshot!(filter(&text));
}
