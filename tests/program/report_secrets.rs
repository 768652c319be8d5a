//! A report is made to be handed on: what of a build is in it, and what is masked.

use std::fs;

use crate::harness::Place;
use crate::report::page;

#[test]
fn a_secret_is_not_in_a_report() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN --mount=type=secret,id=one --mount=type=secret,id=two,env=TOKEN cat /run/secrets/one; echo \"it is $TOKEN\"; env; touch /$TOKEN\nRUN exit 1 # tench-and-trout\n//- ../one\nswordfish-of-old\n",
    );
    let mut said = place.shell(&format!(
        "TOKEN=tench-and-trout {} build --secret id=one,src=../one --secret id=two,env=TOKEN --report ../out.html .",
        place.program().display()
    ));
    assert!(!said.output().unwrap().status.success());
    let html = fs::read_to_string(place.path("../out.html")).unwrap();
    assert!(!html.contains("swordfish") && !html.contains("tench"), "{html}");
    let page = page(&place, "../out.html");
    assert!(page.text().contains("it is •••"));
    // Wherever else it stands: in the name of a file, in the Dockerfile.
    assert!(page.find("step-2").text().contains("+ added •••"));
    assert!(page.find("dockerfile").text().contains("RUN exit 1 # •••"));
}

#[test]
fn credentials_are_masked_and_other_variables_are_shown() {
    let place = Place::new(
        "//- Dockerfile\nARG BASE_TOKEN=before-the-first\nFROM layerlab/base\nARG API_TOKEN\nARG VERSION=1\nARG HTTP_PROXY\nENV DB_PASSWORD=\"swordfish of old\" KEY_FILE=/etc/key\nRUN echo \"$API_TOKEN $VERSION\"; env; echo \"$DB_PASSWORD\" | base64\nLABEL told=\"with $API_TOKEN\"\nRUN exit 1\nENV LATER_SECRET=never-reached\n",
    );
    let build = |token: &str| {
        place.run(&format!(
            "build --build-arg API_TOKEN={token} --build-arg VERSION=2.5 --build-arg HTTP_PROXY=http://ada:perch@localhost:1 --report ../out.html ."
        ));
        (fs::read_to_string(place.path("../out.html")).unwrap(), page(&place, "../out.html"))
    };
    let (first, shown) = build("tench-and-trout");
    let kept = ["tench", "swordfish", "perch", "before-the-first", "never-reached"];
    kept.iter().for_each(|value| assert!(!first.contains(value), "{value} in {first}"));
    let step = shown.find("step-6").text();
    assert!(step.contains("••• 2.5") && step.contains("VERSION=2.5") && step.contains("KEY_FILE=/etc/key"), "{step}");
    // A value that has become something else is not recognised, and the page says so.
    assert!(step.contains("c3dvcmRmaXNoIG9mIG9sZAo="), "{step}");
    assert!(shown.text().contains("Not masked: a value of less than 4 bytes"));
    // The value of the build before is none of theirs either.
    let (second, shown) = build("carp-and-catfish");
    kept.iter().chain(&["carp"]).for_each(|value| assert!(!second.contains(value), "{value} in {second}"));
    let step: String = shown.find("step-6").text().split_whitespace().collect();
    assert!(step.contains("environmentvariableAPI_TOKEN••••••"), "{step}");
}

/// A name in the tree of files, one line of a file, an address that is no variable's.
#[test]
fn parts_of_secrets_and_addresses_are_masked() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nLABEL source=\"https://tench-token@one.example/repository\" \\\n  mirror=http://ada:perch-word@two.example/x\nRUN --mount=type=secret,id=key mkdir -p /$(cat /run/secrets/key | head -1) && tail -1 /run/secrets/key\nADD http://ada:burbot-word@localhost:1/file /\n//- ../key\nabcd/defghijkl\npin1234\n",
    );
    place.run("build --secret id=key,src=../key --report ../out.html .");
    let html = fs::read_to_string(place.path("../out.html")).unwrap();
    let kept = ["defghijkl", "pin1234", "tench-token", "perch-word", "burbot-word"];
    kept.iter().for_each(|value| assert!(!html.contains(value), "{value} in {html}"));
    assert!(html.contains("one.example/repository"), "{html}");
}

#[test]
fn credentials_are_masked_however_they_are_written() {
    let file = |old: &str| {
        format!(
            r#"ARG FIRST_TOKEN=tench-default
FROM layerlab/base AS replaced
ENV STAGE_SECRET=perch-of-a-stage
FROM layerlab/base
ARG HTTP_PROXY
ENV DB_PASSWORD="{old}" VERSION=2.5
RUN echo "user ada:burbot, password burbot"; exit 1
ENV ESCAPED_PASSWORD=pike\$roach OTHER_TOKEN='carp$bream' SAME_TOKEN=$FIRST_TOKEN
ONBUILD ENV LATER_TOKEN="zander later"
"#
        )
    };
    let place = Place::new(&format!("//- Dockerfile\n{}//- other/file\n", file("correct horse")));
    let build = || {
        place.run(
            "build --build-arg FIRST_TOKEN=given-tench --build-arg HTTP_PROXY=http://ada:burbot@localhost:1 \
             --build-context replaced=other --report ../out.html .",
        );
        (fs::read_to_string(place.path("../out.html")).unwrap(), page(&place, "../out.html"))
    };
    build();
    fs::write(place.path("Dockerfile"), file("battery staple")).unwrap();
    let (html, page) = build();
    let kept = [
        "tench", "perch", "correct", "horse", "battery", "staple", "burbot", "pike", "roach", "carp", "bream", "zander",
    ];
    kept.iter().for_each(|value| assert!(!html.contains(value), "{value} in {html}"));
    let listing = page.find("dockerfile").text();
    assert!(listing.contains("SAME_TOKEN=$FIRST_TOKEN") && listing.contains("ENV STAGE_SECRET=•••"), "{listing}");
    assert!(page.text().contains("ENV DB_PASSWORD=••• VERSION=2.5"), "{}", page.text());
    assert!(page.text().contains("user •••, password •••"), "{}", page.text());
}

/// No variable's name tells of a secret, and no text has the address.
#[test]
fn addresses_that_variables_make_are_masked() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nARG SERVER=ada:perch-word@one.example\nARG WHO=ada\nARG PIN\nENV URL=https://eve:burbot-word@two.example\nRUN set -x; : curl https://$SERVER/x; : curl \"https://${WHO}:${PIN}@three.example\"; : curl $URL/x\nLABEL mirror=https://$WHO:$PIN@four.example/\nADD http://$WHO:$PIN@localhost:1/file /\n",
    );
    let kept = ["perch-word", "tench-word", "burbot-word"];
    // Once when the command runs, and once when it is taken from the cache.
    for _ in 0..2 {
        place.run("build --build-arg PIN=tench-word --report ../out.html .");
        let html = fs::read_to_string(place.path("../out.html")).unwrap();
        kept.iter().for_each(|value| assert!(!html.contains(value), "{value} in {html}"));
        assert!(html.contains("one.example") && html.contains("four.example"), "{html}");
    }
}

/// The page about a session is made to be handed on as well.
#[test]
fn a_secret_is_not_in_a_report_that_the_debugger_saves() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nARG API_TOKEN\nARG WHO=ada PIN\nRUN --mount=type=secret,id=one echo \"$API_TOKEN\"; cat /run/secrets/one; echo \"https://$WHO:$PIN@one.example/x\"; touch /$API_TOKEN\nLABEL told=\"with $API_TOKEN\" mirror=\"https://eve:burbot-word@two.example\"\n//- ../one\nswordfish-of-old\n//- script\nstep 2\nstep\nback\nsave report ../early.html\ncontinue\nsave report ../late.html\nquit\n",
    );
    place.run(
        "step --script script --build-arg API_TOKEN=tench-and-trout --build-arg PIN=perch-word --secret id=one,src=../one .",
    );
    for file in ["../early.html", "../late.html"] {
        let html = fs::read_to_string(place.path(file)).unwrap();
        let kept = ["swordfish", "tench", "perch-word", "burbot-word"];
        kept.iter().for_each(|value| assert!(!html.contains(value), "{value} in {file}: {html}"));
    }
    let page = page(&place, "../late.html");
    assert!(page.text().contains("https://•••@one.example/x"), "{}", page.text());
}
