//! The debugger's prompt: whole sessions, as a person would type them, against the built program.
//!
//! Time stands still (SOURCE_DATE_EPOCH). What depends on the machine's own base image (digests, states, sizes) is replaced by a
//! placeholder of the same width.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use layerlab::store::{Home, Store};
use layerlab::upkeep::verify;

/// A home, a context folder, and the sessions in them.
pub(crate) struct Class {
    folder: tempfile::TempDir,
}

impl Class {
    /// Writes files given as `//- path` headers, each followed by its lines. A file whose first line begins with `#!` is executable.
    pub(crate) fn new(files: &str) -> Class {
        let class = Class { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(class.context()).unwrap();
        for part in files.split("//- ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            class.write(name.trim(), text);
        }
        class
    }

    pub(crate) fn context(&self) -> std::path::PathBuf {
        self.folder.path().join("context")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.context().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
        command
            .args(arguments)
            .current_dir(self.context())
            .env("LAYERLAB_HOME", self.folder.path().join("home"))
            // No test asks a registry that it has not started.
            .env("LAYERLAB_PULL", "never")
            .env("SOURCE_DATE_EPOCH", "1763900000")
            .env("VISUAL", "sh ./editor.sh")
            .env_remove("LAYERLAB_BASE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `layerlab step` with lines from standard input.
    pub(crate) fn piped(&self, arguments: &[&str], lines: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        // A session may end before it has read everything, and a script reads nothing at all.
        let written = child.stdin.take().unwrap().write_all(lines.as_bytes());
        assert!(written.is_ok() || written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe));
        child.wait_with_output().unwrap()
    }

    /// A session as its transcript, with the exit code where it is not 0; verifies the store.
    pub(crate) fn session(&self, arguments: &[&str], lines: &str) -> String {
        let output = self.piped(&[&["step"], arguments].concat(), lines);
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        if output.status.code() != Some(0) {
            text.push_str(&format!("[exit code {:?}]\n", output.status.code()));
        }
        self.verify();
        filter(&text, &self.context())
    }

    pub(crate) fn verify(&self) {
        let home = Home::open(self.folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        let report = verify(&store);
        assert!(report.is_whole(), "{:?}", report.findings);
        let left = fs::read_dir(home.containers_dir()).unwrap().flatten().filter(|entry| entry.path().is_dir());
        assert_eq!(left.count(), 0, "a container is left over");
    }
}

pub(crate) fn check(lines: &str, files: &str) -> String {
    Class::new(files).session(&["."], lines)
}

/// Hexadecimal runs of 12 digits or more become `h…`, and the sizes of images `SIZE`.
fn filter(text: &str, context: &Path) -> String {
    let text = text.replace(&context.display().to_string(), "CONTEXT");
    let architecture = layerlab::oci::Platform::host().architecture;
    let text = text.replace(&format!("\"architecture\": \"{architecture}\""), "\"architecture\": \"ARCHITECTURE\"");
    let mut filtered = String::new();
    for line in text.lines() {
        let mut run = String::new();
        let mut out = String::new();
        for character in line.chars().chain(['\n']) {
            if character.is_ascii_hexdigit() && !character.is_ascii_uppercase() {
                run.push(character);
                continue;
            }
            if run.len() >= 12 {
                out.push_str(&"h".repeat(run.len()));
            } else {
                out.push_str(&run);
            }
            run.clear();
            out.push(character);
        }
        if let Some(start) = out.find(" layer, ").filter(|_| out.contains("→ ")) {
            let end = out.find("→ ").unwrap();
            out = format!("{} layer, SIZE    {}", &out[..start], &out[end..]);
        }
        filtered.push_str(&out);
    }
    filtered
}

pub(crate) const FIRST_IMAGE: &str = "\
//- Dockerfile
FROM docker.io/alpine
LABEL maintainer=\"dvdbisong@gmail.com\"
COPY date-script.sh /date-script.sh
CMD [\"sh\", \"/date-script.sh\"]
//- date-script.sh
#!/bin/sh
echo \"Todays date is a secret\"
//- editor.sh
#!/bin/sh
sed -i 's/a secret/known/' \"$1\"
//- .dockerignore
editor.sh
.dockerignore
";

#[test]
fn the_session_of_the_design() {
    let class = Class::new(FIRST_IMAGE);
    let built = class.piped(&["build", "--stand-ins", "--progress", "quiet", "."], "");
    assert!(built.status.success(), "{built:?}");
    insta::assert_snapshot!(class.session(
        &["."],
        "step\nstep\nwhy\nedit date-script.sh\nwhy\nstep\nrun cat /date-script.sh\nback\ncontinue\nlaunch\n"
    ));
}

#[test]
fn stepping_back_and_again() {
    insta::assert_snapshot!(check(
        "step 3\nback\nback\n\nback\ngoto 4\ndiff 1 3\ngoto 2\ndiff\nrestart\nback\ngoto 9\ncontinue\nback 2\ncontinue\nstep\ntag first_image\nlaunch sh -c 'echo with arguments; exit 3'\n",
        FIRST_IMAGE
    ));
}

pub(crate) const TWO_STAGES: &str = "\
//- Dockerfile
ARG BASE=scratch
FROM $BASE AS build
COPY one.txt /out/one.txt
COPY two.txt /out/two.txt

FROM scratch
# the result only
COPY --from=build /out /
ENV MODE=full
//- one.txt
1
//- two.txt
2
";

#[test]
fn breakpoints_stop_before_a_step() {
    insta::assert_snapshot!(check(
        "break 3\nbreak stage stage-1\nbreak /mode=/\nbreak\nlist\ncontinue\ncontinue\nwhy\nlist\nfinish\ncontinue\ndelete 1\ndelete 7\nbreak 99\nbreak stage x\ndelete all\nbreak\n",
        TWO_STAGES
    ));
}

#[test]
fn a_breakpoint_at_misses_stops_before_the_execution() {
    let class = Class::new(TWO_STAGES);
    class.session(&["."], "continue\n");
    class.write("two.txt", "two\n");
    insta::assert_snapshot!(class.session(&["."], "break miss\nplan\ncontinue\nwhy\nlist\ncontinue\nstep\n"));
}

#[test]
fn breakpoints_have_conditions_and_can_be_put_aside() {
    let class = Class::new(
        "\
//- Dockerfile
FROM alpine AS build
COPY one /one
RUN cat /one
FROM build
RUN test -e /never
//- one
1
",
    );
    // Nothing failed yet, and everything misses.
    insta::assert_snapshot!(class.session(
        &["."],
        "break 5 if failure\nbreak stage build if miss\nbreak :3 if miss\nbreak /CAT/ if failure\nbreak\ncontinue\ndisable 2 3\n\
         break\ncontinue\n"
    ));
    // Now the last step failed, and what is in the cache is no miss.
    insta::assert_snapshot!(
        "conditions_of_a_second_build",
        class.session(
            &["."],
            "break :3 if miss\nbreak 5 if failure\ndisable 2\ncontinue\nback\nenable 2\ncontinue\ncontinue\ndelete 1\nenable 1\n\
             delete all\nbreak\n"
        )
    );
}

#[test]
fn at_the_end_and_at_the_beginning_there_is_more_to_do() {
    insta::assert_snapshot!(check(
        "step 9\nplan\nrestart\nrestart\nplan\nlayerlab build .\nlayerlab images\n",
        TWO_STAGES
    ));
}

#[test]
fn a_lesson_is_found_without_its_number() {
    let class =
        Class::new("//- lessons/07-small/Dockerfile\nFROM scratch\n//- lessons/7-other/Dockerfile\nFROM scratch\n");
    insta::assert_snapshot!(class.session(&["lessons/small"], "step\n"));
    assert!(!class.piped(&["step", "lessons/sm"], "").status.success());
}

#[test]
fn a_class_begins_with_an_empty_prompt() {
    let class = Class::new("//- hello.txt\nhello\n");
    insta::assert_snapshot!(class.session(
        &[],
        "step\nlist\nARG TAG=latest\nFROM alpine:$TAG\ncopy hello.txt /\nRUN <<EOF\necho from a heredoc\ncat /hello.txt\nEOF\nRUN false\nENV A=1 \\\n  B=2\nfrom scratch\nCOPY --from=0 /hello.txt /\nls /\nback\nLABEL in=between\nlist\nwrite Dockerfile.typed\nCOPY missing /\nONBUILD\nquit\n"
    ));
    insta::assert_snapshot!("what_was_typed", fs::read_to_string(class.context().join("Dockerfile.typed")).unwrap());
}

#[test]
fn what_is_not_understood_comes_with_advice() {
    insta::assert_snapshot!(check(
        "stpe\nFORM alpine\nco\nSTEP\nstep x\nenv A=1\nshell\ncat\ncat /nothing\nls /out\nwhy 9\nwhy --against 3\nexplain NOPE\nhelp nope\ntag UPPER\nxyzzy\n",
        TWO_STAGES
    ));
}

#[test]
fn every_command_looks_at_the_state() {
    let class = Class::new(TWO_STAGES);
    let text = class.session(
        &["."],
        "# a comment\nplan\nstep 3\nls\nls /out/one.txt\ntree\ntree /out\ncat /out/one.txt\ncat /out\nlayers\nconfig\nenv\nhistory\nwhy\nwhy 2\nexplain\nexplain run\ndiff /out/two.txt\ndiff 0 2 /out/two.txt\ndiff two.txt\ndiff Dockerfile\ndiff /none\nfinish\nc\nwhy 5 --against 1\nwhy\ntag lab/two:1\nsave session.txt\n",
    );
    insta::assert_snapshot!(text);
    let saved = filter(&fs::read_to_string(class.context().join("session.txt")).unwrap(), &class.context());
    let (head, saved) = saved.split_once('\n').unwrap();
    assert_eq!(head, "# layerlab step CONTEXT");
    assert!(text.starts_with(&saved[..saved.len() - 1]), "{saved}");
}

#[test]
fn help_lists_every_command() {
    insta::assert_snapshot!(check("help\nhelp break\nh diff\n", TWO_STAGES));
}

#[test]
fn a_script_file_says_by_its_exit_code_whether_all_went_well() {
    let class = Class::new(TWO_STAGES);
    class.write("good", "continue\n");
    class.write("bad", "cat /nothing\ncontinue\n");
    let code = |script: &str| class.piped(&["step", ".", "--script", script], "").status.code();
    assert_eq!((code("good"), code("bad"), code("missing")), (Some(0), Some(1), Some(1)));
    let both = class.piped(&["step", "-f", "-", "."], "FROM scratch\n");
    assert!(String::from_utf8_lossy(&both.stderr).contains("can't both come from standard input"));
    let piped = class.piped(&["step", "-f", "-", "--script", "good", "."], "FROM scratch\nENV A=1\n");
    assert_eq!(piped.status.code(), Some(0), "{piped:?}");
}

#[test]
fn triggers_of_a_base_image_are_steps() {
    let class = Class::new(
        "\
//- base/Dockerfile
FROM scratch
ONBUILD COPY *.txt /from-trigger/
ONBUILD ENV TRIGGERED=yes
//- child/Dockerfile
FROM lab/base
COPY own.txt /
//- child/own.txt
mine
",
    );
    let built = class.piped(&["build", "-q", "-t", "lab/base", "base"], "");
    assert!(built.status.success(), "{built:?}");
    insta::assert_snapshot!(
        class.session(&["child"], "step\nlist\nLABEL a=b\nstep\nexplain\nback\nfinish\nLABEL a=b\nrestart\ncontinue\n")
    );
}

#[test]
fn triggers_of_a_stage_are_known_from_the_start() {
    let class = Class::new(
        "\
//- Dockerfile
FROM scratch AS files
COPY hello.txt /
FROM scratch AS base
ONBUILD COPY --from=files /hello.txt /trigger
ENV A=1
FROM base AS middle
ONBUILD ENV B=2
FROM middle
COPY hello.txt /own
//- hello.txt
hello
",
    );
    insta::assert_snapshot!(class.session(&["."], "list all\ncontinue\nrestart\nplan\nplan graph\n"));
}

#[test]
fn a_binary_file_is_said_to_be_one() {
    let class = Class::new("//- Dockerfile\nFROM scratch\nCOPY data /\n//- editor.sh\nprintf 'x\\000y' > \"$1\"\n");
    fs::write(class.context().join("data"), b"\0\x01").unwrap();
    insta::assert_snapshot!(
        class.session(&["."], "step 2\ncat /data\nback\nedit data\nwhy\ndiff data\nstep\ndiff 0 2 /data\n")
    );
}

#[test]
fn ctrl_c_ends_a_session_without_a_person() {
    let class = Class::new("//- Dockerfile\nFROM alpine\nRUN echo begun; sleep 1000\n//- script\nstep 2\nlist\n");
    let mut child = class.command(&["step", ".", "--script", "script"]).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 512];
    while !String::from_utf8_lossy(&text).contains("\nbegun") {
        let count = output.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..count]);
    }
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    output.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("stopped   by Ctrl-C") && !text.contains("(layerlab) list"), "{text}");
    class.verify();
}

#[test]
fn a_session_is_replayed_to_the_byte() {
    let session = || check("continue\nback 2\nwhy\nplan\ncontinue\nlayers\nhistory\n", TWO_STAGES);
    assert_eq!(session(), session());
}

#[test]
fn the_file_that_changed_is_named_as_the_context_has_it() {
    let class = Class::new(
        "//- Dockerfile\nFROM scratch\nCOPY a/f b/f /x/\nCOPY conf.txt /conf.txt\nCOPY b/ /b/\nCOPY */g /g/\n//- a/f\n1\n//- b/f\n1\n//- conf.txt\n1\n//- b/conf.txt\n1\n//- a/g\n1\n//- b/g\n1\n",
    );
    class.session(&["."], "continue\n");
    class.write("b/f", "1\n2\n");
    class.write("b/conf.txt", "2\n");
    class.write("b/g", "1\n2\n3\n");
    insta::assert_snapshot!(class.session(&["."], "step\nwhy\nwhy 3\nwhy 4\nwhy 5\ndiff b/f\ndiff a/f\n"));
}

#[test]
fn lines_are_counted_against_the_build_that_is_asked_for() {
    let class = Class::new("//- Dockerfile\nFROM scratch\nCOPY text /\n//- text\n1\n2\n3\n");
    class.session(&["."], "continue\n");
    class.write("text", "1\n");
    class.session(&["."], "continue\n");
    class.write("text", "1\n2\n");
    insta::assert_snapshot!(
        class.session(
            &["."],
            "step\nwhy\nwhy --against 1\nwhy --against 2\nstep\nwhy 2 --against 1\nwhy 2 --against 2\n"
        )
    );
}

#[test]
fn a_hit_is_compared_with_the_build_that_was_hit() {
    let class = Class::new("//- Dockerfile\nFROM scratch\nCOPY text /\n//- text\n1\n");
    class.session(&["."], "continue\n");
    class.write("text", "2\n");
    class.session(&["."], "continue\n");
    class.write("text", "1\n");
    insta::assert_snapshot!(class.session(&["."], "step\nwhy\nwhy full\ndiff text\nstep\nwhy 2\nwhy 2 full\n"));
}
