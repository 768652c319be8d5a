//! `build --report` and the debugger's `save report`: what the page says, that it is whole whatever is in it, and that there is all of it or none.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::harness::{Place, Role, filter, missing};
use crate::page::{self, Element};

/// Three stages, twelve steps; every kind of change is in it.
pub const STAGES: &str = "\
//- Dockerfile
# Two stages are built and put together in a third.
FROM scratch AS build
ENV FLAGS=\"-O2 -g\"
WORKDIR /src
COPY main.txt lib.txt ./
COPY main.txt lib.txt ./kept/

FROM scratch AS docs
COPY docs/ /docs/

FROM scratch
LABEL org.opencontainers.image.title=\"demo\" \\
      maintainer=\"Ada <ada@example.org>\"
COPY --from=build /src /usr/src
COPY --from=docs /docs /srv/docs
USER 1000
CMD [\"/usr/src/main\"]
//- main.txt
main
//- lib.txt
lib
//- docs/index.html
<h1>hello</h1>
//- docs/usage.html
<h1>usage</h1>
";

/// The page in a file of the place, which is whole and not too large.
pub fn page(place: &Place, name: &str) -> Element {
    let html = fs::read_to_string(place.path(name)).unwrap();
    assert!(html.len() <= 1_000_000, "{}", html.len());
    let page = page::read(&html);
    page.is_whole();
    page
}

/// Which files are in a folder.
fn names(place: &Place, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(place.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_report_says_what_was_built_and_how() {
    let place = Place::new(&format!("//- out/\n{}", STAGES.replace("//- ", "//- demo/")));
    let said = place.run("build -t demo --report out/first.html demo");
    assert!(said.ends_with(&format!(
        "Successfully tagged demo:latest\nReport written to out/first.html  {:.1} kB\n",
        fs::metadata(place.path("out/first.html")).unwrap().len() as f64 / 1000.0
    )));
    insta::assert_snapshot!(filter(&page(&place, "out/first.html").find("main").shown()));
    // What changed and what only follows, beside what hits.
    place.write("demo/lib.txt", "another lib\n");
    place.run("build -q --report out/second.html demo");
    let second = page(&place, "out/second.html");
    let steps: String = ["timeline", "step-4", "step-5"].map(|id| second.find(id).shown()).concat();
    insta::assert_snapshot!(filter(&steps));
    assert_eq!(names(&place, "out"), ["first.html", "second.html"]);
    place.assert_whole();
}

#[test]
fn the_same_build_has_the_same_report() {
    let report = || {
        let place = Place::new(STAGES);
        place.run("build -q --report ../out.html .");
        place.run("build -q --report ../again.html .");
        ["../out.html", "../again.html"].map(|name| fs::read_to_string(place.path(name)).unwrap())
    };
    assert_eq!(report(), report());
}

#[test]
fn a_build_that_fails_has_a_report_as_well() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN mkdir /made && echo 1 > /made/one\nRUN rm /made/one; echo before; cat /nowhere\nRUN echo never\n",
    );
    let said = place.run("build --report ../out.html .");
    assert!(said.contains("Report written to ../out.html"), "{said}");
    assert!(said.ends_with("[exit code 1]\n"), "{said}");
    let failed = page(&place, "../out.html");
    let parts = ["timeline", "step-3", "step-4"].map(|id| failed.find(id));
    let head = failed.all().into_iter().find(|element| element.attribute("class") == Some("outcome bad")).unwrap();
    let text = std::iter::once(head).chain(parts).map(Element::shown).collect::<String>();
    // How a container is set up depends on the machine.
    let (before, rest) = text.split_once("details.setup").unwrap();
    let (_, after) = rest.split_once("article").unwrap();
    insta::assert_snapshot!(filter(&format!("{before}…\narticle{after}")));
    let setup = failed.find("step-2").text();
    assert!(setup.contains("pivot_root") && setup.contains("$LAYERLAB_HOME/containers/$ID"), "{setup}");
    assert!(!failed.text().contains(&*place.home().to_string_lossy()));
    let other = failed.find("step-3").text();
    assert!(other.contains("As in step 2, but for these:"), "{other}");
}

#[test]
fn an_ordinary_user_has_a_report_as_well() {
    if !nix::unistd::geteuid().is_root() {
        return missing("a report of another user: the tests don't run as root");
    }
    for (role, how) in [(Role::Mapped, "(newuidmap, newgidmap)"), (Role::Single, "(setgroups denied)")] {
        let place = Place::of(role, "//- Dockerfile\nFROM layerlab/base\nRUN echo made > /made\n");
        let said = place.run("build -t demo --report out.html .");
        assert!(said.contains("Report written to out.html"), "{said}");
        let page = page(&place, "out.html");
        let step = page.find("step-2").text();
        assert!(step.contains("+ added made-rw-r--r-- 0:0") && step.contains(how), "{step}");
        place.assert_whole();
    }
}

#[test]
fn a_miss_that_is_not_allowed_is_reported() {
    let place = Place::new(STAGES);
    place.run("build -q .");
    place.write("docs/usage.html", "changed\n");
    let said = place.run("build --fail-on-miss --report ../out.html .");
    assert!(said.ends_with("[exit code 1]\n"), "{said}");
    let step = page(&place, "../out.html").find("step-7").shown();
    insta::assert_snapshot!(filter(&step));
}

#[test]
fn the_debugger_saves_a_report() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN echo once; echo 1 > /one\nRUN rm /one\nCMD true\n//- report\nmine\n",
    );
    place.write(
        "script",
        "save report\nstep 2\nback\nstep\nsave report ../half.html\nsave report ../half.html\ncontinue\nsave report --force report\nsave report report\nsave --force report whole.html\nsave ../session\nsave report ../session.html\nquit\n",
    );
    let said = place.run("step --script script .");
    insta::assert_snapshot!(filter(&said));
    let half = page(&place, "../half.html");
    let shown = ["step-2", "step-3"].map(|id| half.find(id).text());
    // The step was taken again, from the cache: nothing was printed this time.
    assert!(shown[0].contains("✓ hit") && shown[0].contains("did not run this time"), "{}", shown[0]);
    assert!(shown[1].contains("the build did not come to it"), "{}", shown[1]);
    assert!(page(&place, "whole.html").text().contains("∅ 1 hidden in a lower layer"));
    page(&place, "report");
    page(&place, "../session.html");
}

#[test]
fn nothing_of_a_build_becomes_a_part_of_its_report() {
    let hostile = "</code></script><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\u{2066}&amp;\"'";
    let place = Place::new("//- many/\n");
    let names: [&[u8]; 5] = [
        b"<img src=x onerror=alert(1)>",
        b"\" onload=\"alert(1)",
        "\u{202e}gpj.exe\u{200f}".as_bytes(),
        b"\xff\xfe<\x1b[2J\n",
        "</li><b>&lt;".as_bytes(),
    ];
    for name in names {
        fs::create_dir(place.path("many").join(OsStr::from_bytes(&name[..name.len() - 1].replace_slashes()))).unwrap();
        fs::write(place.path("many").join(OsStr::from_bytes(&name.replace_slashes())), "x").unwrap();
    }
    let quoted = hostile.replace('"', "\\\"").replace('$', "\\$");
    place.write(
        "Dockerfile",
        &format!(
            "FROM layerlab/base AS base\nENV HOSTILE=\"{quoted}\"\nLABEL hostile=\"{quoted}\"\nCOPY many/ /many/\n\
             RUN printf '%s\\033]0;title\\007\\033[31m\\r%s\\377\\n' \"$HOSTILE\" again; ln -s \"$HOSTILE\" \"/<script>\"; rm -r /many/*\n\
             RUN exit 3 # {hostile}\n"
        ),
    );
    place.run("build --report ../out.html .");
    let html = fs::read_to_string(place.path("../out.html")).unwrap();
    let page = page(&place, "../out.html");
    let count = |name: &str| page.all().iter().filter(|element| element.name == name).count();
    assert_eq!([count("script"), count("style"), count("img"), count("link")], [1, 1, 0, 0]);
    let is_harmful = |letter: char| {
        (letter.is_control() && letter != '\n')
            || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!html.contains(is_harmful));
    let text = page.text();
    assert!(text.contains("<img src=x onerror=alert(1)>") && text.contains("alert(2)>\u{fffd}\u{fffd}&amp;"), "{text}");
}

/// A name in a folder has no slashes.
trait ReplaceSlashes {
    fn replace_slashes(&self) -> Vec<u8>;
}

impl ReplaceSlashes for [u8] {
    fn replace_slashes(&self) -> Vec<u8> {
        self.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }).collect()
    }
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_the_build() {
    let place = Place::new("//- Dockerfile\nFROM scratch\nLABEL a=b\n//- folder/\n//- link-folder/\n");
    let session = place.session(&[
        "build --report nowhere/out.html .",
        "build --report folder .",
        "build --report /proc/out.html .",
        "builds",
        // In the context, where COPY could see it, and where it can't.
        "build -q --report out.html .",
    ]);
    place.write(".dockerignore", "out.html\n");
    insta::assert_snapshot!(filter(&(session + &place.session(&["build -q --report out.html ."]))));
}

#[test]
fn a_report_on_a_full_disk_leaves_the_one_before() {
    if !nix::unistd::geteuid().is_root() {
        return missing("a full disk: the tests don't run as root");
    }
    let place = Place::new(&format!("//- ../tiny/\n{STAGES}"));
    let tiny = place.path("../tiny");
    nix::mount::mount(Some("tmpfs"), &tiny, Some("tmpfs"), nix::mount::MsFlags::empty(), Some("size=16k")).unwrap();
    fs::write(tiny.join("out.html"), "<!DOCTYPE html> the one before").unwrap();
    let said = place.run("build -q --report ../tiny/out.html .");
    let left = (names(&place, "../tiny"), fs::read_to_string(tiny.join("out.html")).unwrap());
    nix::mount::umount(&tiny).unwrap();
    assert_eq!(left, (vec!["out.html".to_owned()], "<!DOCTYPE html> the one before".to_owned()));
    assert!(
        said.contains("error: the image is built, but its report was not written: can't write `../tiny/out.html`: "),
        "{said}"
    );
    assert!(said.contains("No space left on device") && said.ends_with("[exit code 1]\n"), "{said}");
    assert!(place.run("builds").contains("Dockerfile") || place.run("builds last").contains("COPY"));
}

#[test]
fn a_build_that_is_stopped_has_no_report() {
    let place = Place::new(
        "//- Dockerfile\nFROM layerlab/base\nRUN echo begun; sleep 1000\n//- ../out.html\n<!DOCTYPE html> the one before\n",
    );
    let mut command = place.command("build --report ../out.html .");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    lines.by_ref().find(|line| line.as_ref().is_ok_and(|line| line == "begun")).unwrap().unwrap();
    kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("note: `../out.html` was not written: the build was stopped"), "{said}");
    assert_eq!(
        (output.status.code(), fs::read_to_string(place.path("../out.html")).unwrap()),
        (Some(130), "<!DOCTYPE html> the one before\n".to_owned())
    );
}

#[test]
fn a_build_that_is_killed_leaves_a_whole_report_or_none() {
    let place = Place::new(&format!("//- ../out/\n{STAGES}"));
    place.run("build -q .");
    for milliseconds in [0, 3, 6, 9, 12, 15, 18, 21, 25, 30, 36, 45, 60] {
        let mut child =
            place.command("build -q --report ../out/out.html .").stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        match fs::read_to_string(place.path("../out/out.html")) {
            Ok(html) => page::read(&html).is_whole(),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
}

#[test]
fn what_is_no_page_is_not_replaced() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\n");
    insta::assert_snapshot!(place.run("build --report Dockerfile ."));
    assert_eq!(std::fs::read_to_string(place.path("Dockerfile")).unwrap(), "FROM layerlab/base\n");
    // An earlier report is.
    place.run("build --report out.html .");
    assert!(place.run("build --report out.html .").contains("Report written"));
}
