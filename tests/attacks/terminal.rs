//! Text that a terminal would act on, in every field that others can write, through every command that shows it.
//!
//! Terminals have been made to type commands (CVE-2003-0063, CVE-2003-0070: the window's title reported back), to write files
//! and to hang (CVE-2008-2383, CVE-2021-27135, CVE-2022-45063), and people to read another line than the one that is there
//! (CVE-2021-42574). Programs that pass on what others wrote are how it gets to them: CVE-2019-9535, CVE-2021-25743
//! (kubectl), CVE-2023-40030 (cargo), CVE-2024-52005 (git). Here nothing may come through, whatever the view and the field, and no text
//! may add a line or a colour of its own.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::forge::forge_field;
use crate::harness::{Attack, Outcome, USERS, attack};
use crate::place::Role;

/// What no line of output may hold. A colour that we never use shows that a text painted something.
pub const POISON: &str = "<\x1b]0;title\x07\x1b[21t\x1b]52;c;cm0=\x07\x1bP$q\"p\x1b\\\x1b[2J\x1b[36mpainted\u{9b}31m\u{9d}0;t\u{9c}\r\
                      \x08\x7f\x0b\x0c\x0e\x05\u{202e}gnp\u{2066}\u{2028}\u{200b}\u{e0041}\u{feff}>";
/// A line that a text adds to the output.
pub const FORGED: &str = "\nFORGED ---> Using cache\n";

/// The colours of the palette, and what ends them.
const COLOURS: [&str; 8] =
    ["\x1b[1;36m", "\x1b[32m", "\x1b[35m", "\x1b[31m", "\x1b[34m", "\x1b[2m", "\x1b[1m", "\x1b[0m"];

/// What the live view rewrites its line with.
const REWRITE: &str = "\r\x1b[2K";

pub const FORMS: [&str; 5] = ["classic", "plain", "tty", "json", "quiet"];

/// The user makes no difference to what is shown, except for what the kernel lets them do.
pub const ONE: &[Role] = &[Role::Self_];

/// Fails where a terminal would act on something, our own colours and rewriting aside.
#[track_caller]
pub fn assert_harmless(outcome: &Outcome) {
    let mut rest = outcome.text.replace(REWRITE, "");
    for colour in COLOURS {
        rest = rest.replace(colour, "");
    }
    for (number, line) in rest.split('\n').enumerate() {
        let found = line.chars().find(|&character| {
            (character.is_control() && character != '\t')
                || matches!(u32::from(character), 0x61c | 0x200b | 0x200e..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f)
                || matches!(u32::from(character), 0xfeff | 0xe0000..=0xe007f)
        });
        assert!(found.is_none(), "line {}: {found:?} in {line:?}\n{}", number + 1, outcome.text.escape_debug());
        assert!(!line.trim_start().starts_with("FORGED"), "line {}: a forged line\n{}", number + 1, outcome.text);
    }
}

impl Attack {
    /// Runs the program with colours, where more could come through; what it prints has to be harmless.
    #[track_caller]
    pub fn shows(&mut self, arguments: &[&str]) -> Outcome {
        self.shows_fed(arguments, "")
    }

    /// The same with input.
    #[track_caller]
    pub fn shows_fed(&mut self, arguments: &[&str], input: &str) -> Outcome {
        let file = self.place.folder().join("input");
        fs::write(&file, input).unwrap();
        let mut command = self.place.command("--color=always");
        command.args(arguments).env("EDITOR", "false").stdin(fs::File::open(file).unwrap());
        let outcome = self.run_command(command);
        assert_harmless(&outcome);
        outcome
    }

    /// A build that stands on a foreign image.
    #[track_caller]
    pub fn shows_a_child(&mut self) {
        self.shows(&["plan", "."]);
        self.shows(&["build", "--progress", "plain", "-t", "child", "."]);
        self.shows_fed(&["step", "."], DEBUGGER);
    }

    /// Every view of a build, then every command that reads what it left.
    pub fn shows_a_build(&mut self) {
        self.shows(&["parse", "Dockerfile"]);
        self.shows(&["parse", "--json", "Dockerfile"]);
        self.shows(&["parse", "--format", "sexp", "Dockerfile"]);
        self.shows(&["plan", "."]);
        for form in FORMS {
            self.shows(&["build", "--no-cache", "--progress", form, "-t", "attack", "."]);
        }
        self.shows(&["plan", "--json", "."]);
        self.shows_fed(&["step", "."], DEBUGGER);
        self.shows_the_image();
    }

    pub fn shows_the_image(&mut self) {
        for command in [
            &["images", "--digests"][..],
            &["history", "attack"],
            &["history", "--no-trunc", "attack"],
            &["inspect", "attack"],
            &["store", "verify"],
            &["run", "--explain", "attack", "true"],
            &["run", "--explain=list", "attack", "true"],
        ] {
            self.shows(command);
        }
    }
}

/// Every command of the debugger that shows something of others.
pub const DEBUGGER: &str = "list\nplan\nwhy\nexplain\ncontinue\nlist\nlayers\nconfig\nenv\nhistory\nls /\ntree /\ntree /poison\n\
                        diff\ndiff 0 1\ndiff 1 2\nback\nwhy\nexplain\nbreak /x/\nbreak\nstep\nlaunch true\n";

/// Builds and shows one Dockerfile as every kind of instruction can be poisoned.
#[track_caller]
fn dockerfile(idea: &str, text: &str) {
    attack(idea, ONE, |attack| {
        attack.write("Dockerfile", &text.replace("POISON", POISON)).write("file", "text\n");
        attack.shows_a_build();
    });
}

#[test]
fn labels() {
    dockerfile(
        "CVE-2003-0063: a title in a label",
        "FROM layerlab/base\nLABEL \"POISON\"=\"POISON\" b=POISON\nLABEL old POISON\n",
    );
}

#[test]
fn variables() {
    dockerfile(
        "CVE-2021-42574: an override in a variable",
        "ARG GLOBAL=POISON\nFROM layerlab/base\nARG A=\"POISON\"\nENV B=\"POISON\" C=$A\nENV OLD POISON\nRUN true\n",
    );
}

#[test]
fn commands_and_words_of_lists() {
    let escaped = json!(["sh", POISON, FORGED]).to_string();
    let text = format!(
        "FROM layerlab/base\nSHELL [\"/bin/sh\", \"-c\"]\nENTRYPOINT {escaped}\nCMD {escaped}\nVOLUME {escaped}\n\
         HEALTHCHECK --interval=5s CMD {escaped}\nMAINTAINER POISON\nEXPOSE 80\nSTOPSIGNAL KILL\n"
    );
    dockerfile("escapes of JSON become characters", &text);
}

#[test]
fn paths_of_a_build() {
    dockerfile(
        "CVE-2019-9535: sequences in a path",
        "FROM layerlab/base\nWORKDIR \"/poison/POISON\"\nCOPY file \"/poison/POISON/\"\nCOPY file \"./POISON\"\nRUN ls\n",
    );
}

#[test]
fn documents() {
    dockerfile(
        "the name and the text of a heredoc",
        "FROM layerlab/base\nCOPY <<\"a.txt\" /poison/\nPOISON\na.txt\nRUN <<EOF\necho 'POISON' > /poison/b\nEOF\n",
    );
}

#[test]
fn comments_directives_and_names_of_stages() {
    dockerfile(
        "what is no instruction",
        "# syntax=POISON\n# check=POISON\n# POISON\nFROM layerlab/base AS one\n# POISON\nRUN true # POISON\nFROM one\nCOPY --from=one /bin/true /POISON\n",
    );
}

#[test]
fn triggers() {
    dockerfile("a trigger that a child shows", "FROM layerlab/base\nONBUILD LABEL a=POISON\nONBUILD RUN echo POISON\n");
    attack("a trigger of a foreign image", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        let triggers = json!([format!("LABEL a={POISON}"), format!("RUN echo '{POISON}'")]);
        forge_field(attack, "OnBuild", triggers);
        attack.write("Dockerfile", "FROM attack\nLABEL b=c\n");
        attack.shows_a_build();
        forge_field(attack, "OnBuild", json!([format!("BOGUS{FORGED}{POISON}")]));
        attack.shows_a_build();
    });
}

#[test]
fn instructions_that_are_wrong() {
    for instruction in [
        "POISON",
        "FROM POISON",
        "FROM layerlab/base AS POISON",
        "COPY --from=POISON a /",
        "COPY POISON /",
        "COPY --POISON a /",
        "COPY --chmod=POISON file /",
        "COPY --chown=POISON file /",
        "RUN --mount=type=POISON true",
        "RUN --network=POISON true",
        "USER POISON\nRUN true",
        "STOPSIGNAL POISON",
        "EXPOSE POISON",
        "HEALTHCHECK --interval=POISON CMD x",
        "ENV POISON",
        "LABEL \"POISON",
        "CMD [\"POISON\"",
        "RUN <<POISON",
        "ADD https://host/POISON /",
        "ARG ${POISON}",
        "LABEL a=${POISON:-x}",
    ] {
        dockerfile("CVE-2023-40030: a message quotes the source", &format!("FROM layerlab/base\n{instruction}\n"));
    }
    dockerfile("a failing command is quoted", "FROM layerlab/base\nRUN false 'POISON'\n");
    dockerfile("a program that is not there", "FROM layerlab/base\nRUN [\"/POISON\"]\n");
    attack("bytes that are no text", ONE, |attack| {
        fs::write(attack.path("Dockerfile"), b"FROM layerlab/base\nLABEL a=\x9b31m\xff\x1b[2J\n").unwrap();
        attack.shows_a_build();
    });
}

#[test]
fn what_a_program_prints() {
    attack("CVE-2024-52005: a program's own output in a transcript", USERS, |attack| {
        attack.write("output", &format!("{POISON}\nreal{FORGED}")).write(
            "Dockerfile",
            "FROM layerlab/base\nCOPY output /\nRUN cat /output; cat /output >&2; printf 'open \\033[36m'; printf '\\233\\033['\nLABEL a=b\n",
        );
        // A program may print any line. Its colours are kept where there are colours, and end with their line.
        for form in FORMS {
            for (colour, kept) in [("never", false), ("always", true)] {
                let arguments = format!("--color={colour} build --no-cache --progress {form} -t attack .");
                let mut outcome = attack.run(&arguments);
                outcome.succeeded();
                if kept {
                    outcome.text = outcome.text.replace("\x1b[36m", "");
                }
                outcome.text = outcome.text.replace("FORGED", "printed");
                assert_harmless(&outcome);
            }
        }
        attack.write("script", "continue\nrun cat /output\nrun printf '\\033[2J'\ncat /output\n");
        let mut outcome = attack.run("--color=never step --no-cache --script script .");
        outcome.text = outcome.text.replace("FORGED", "printed");
        assert_harmless(&outcome);
    });
}

#[test]
fn what_a_failing_program_printed() {
    attack("CVE-2022-45063: the last output before a failure", ONE, |attack| {
        let text = format!("printed\n{POISON}\nopen {POISON}");
        attack
            .write("output", &text)
            .write("Dockerfile", "FROM layerlab/base\nCOPY output /\nRUN cat /output /output; exit 3\n");
        for form in FORMS {
            let outcome = attack.run(&format!("--color=never build --progress {form} ."));
            assert_harmless(outcome.refused("non-zero code: 3"));
        }
    });
}

#[test]
fn names_of_files() {
    attack("CVE-2019-9535: names of files in the context", USERS, |attack| {
        // A slash would be a path.
        let name = POISON.replace('/', "");
        for number in 0..3 {
            attack.write(&format!("files/{name}{number}{}", FORGED.trim_end()), "text\n");
            attack.write(&format!("files/{name}{number}.folder/{name}"), "text\n");
        }
        fs::write(attack.path("files").join(std::ffi::OsStr::from_bytes(b"\x9b31m\xff")), "").unwrap();
        attack.link(&format!("files/{name}-link"), format!("/{name}{FORGED}"));
        attack.write("Dockerfile", "FROM layerlab/base\nCOPY files /poison\nRUN ls /poison; mv /poison /moved\n");
        attack.shows_a_build();
        attack.write(&format!("files/{name}0{}", FORGED.trim_end()), "other\n");
        attack.shows(&["plan", "."]);
        attack.shows_fed(&["step", "."], "why\nwhy 2\nstep 2\nwhy\ndiff\nls /poison\ncontinue\ndiff 2 3\n");
    });
}

#[test]
fn contents_of_files() {
    attack("CVE-2003-0070: a file that is looked at", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nCOPY file /f\nRUN echo >> /f\n");
        attack.write("file", &format!("{POISON}\r\n{POISON}\n"));
        attack.shows_fed(&["step", "."], "continue\ncat /f\ndiff 2 3 /f\n");
        attack.write("file", &format!("changed\n{POISON}\r\n{POISON}"));
        attack.shows_fed(&["step", "."], "diff file\nwhy 2\ncontinue\ncat /f\n");
        attack.write("file", &format!("a NUL\0{POISON}"));
        attack.shows_fed(&["step", "."], "diff file\ncontinue\ncat /f\n");
    });
}

#[test]
fn arguments() {
    attack("CVE-2023-40030: arguments that a script passes on", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\n");
        let text = format!("{POISON}{FORGED}");
        for arguments in [
            &["TEXT"][..],
            &["--TEXT"],
            &["build", "--TEXT", "."],
            &["build", "--progress", "TEXT", "."],
            &["build", "-t", "TEXT", "."],
            &["build", "--target", "TEXT", "."],
            &["build", "--build-arg", "TEXT", "."],
            &["build", "--build-arg", "TEXT=TEXT", "."],
            &["build", "--label", "TEXT=TEXT", "."],
            &["build", "--label", "=TEXT", "."],
            &["build", "-f", "TEXT", "."],
            &["build", "TEXT"],
            &["build", "--iidfile", "TEXT/x", "."],
            &["build", "--report", "TEXT/x", "."],
            &["build", "--report", "TEXT", "."],
            &["plan", "TEXT"],
            &["parse", "TEXT"],
            &["step", "TEXT"],
            &["step", "--script", "TEXT", "."],
            &["run", "TEXT"],
            &["run", "layerlab/base", "TEXT"],
            &["run", "--name", "TEXT", "layerlab/base", "true"],
            &["run", "-v", "TEXT", "layerlab/base", "true"],
            &["run", "-v", "/:TEXT", "layerlab/base", "true"],
            &["run", "-w", "/TEXT", "layerlab/base", "true"],
            &["run", "-u", "TEXT", "layerlab/base", "true"],
            &["run", "-e", "TEXT", "layerlab/base", "true"],
            &["run", "-h", "TEXT", "layerlab/base", "true"],
            &["run", "--security-opt", "TEXT", "layerlab/base", "true"],
            &["run", "--explain", "-w", "/TEXT", "-e", "A=TEXT", "-h", "TEXT", "layerlab/base", "TEXT"],
            &["run", "--explain=list", "-w", "/TEXT", "-e", "A=TEXT", "-h", "TEXT", "layerlab/base", "TEXT"],
            &["images", "TEXT"],
            &["history", "TEXT"],
            &["inspect", "TEXT"],
            &["tag", "TEXT", "x"],
            &["tag", "layerlab/base", "TEXT"],
            &["rmi", "TEXT"],
            &["import", "TEXT", "x"],
            &["import", "-c", "TEXT", "Dockerfile", "x"],
            &["explain", "TEXT"],
            &["--home", "Dockerfile/TEXT", "images"],
        ] {
            let arguments: Vec<String> = arguments.iter().map(|one| one.replace("TEXT", &text)).collect();
            attack.shows(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_environment() {
    attack("variables of the caller in messages", ONE, |attack| {
        attack.write("Dockerfile", "FROM alpine\nARG A\nRUN true\n");
        let text = format!("{POISON}{FORGED}");
        for name in ["LAYERLAB_BASE", "SOURCE_DATE_EPOCH", "LAYERLAB_HOME", "HOME", "PATH", "A", "TERM"] {
            for arguments in ["build --stand-ins --build-arg A .", "explain base", "images"] {
                let mut command = attack.place.command(arguments);
                command.env(name, &text);
                assert_harmless(&attack.run_command(command));
            }
        }
        // A home of such a name is in the context; it is not part of what was tried.
        let _ = fs::remove_dir_all(attack.path(text.trim_start_matches('/')));
    });
}

#[test]
fn the_folder_of_the_context() {
    attack("CVE-2019-9535: the path of the context", ONE, |attack| {
        let folder = format!("{}{}", POISON.replace('/', ""), FORGED.trim_end());
        attack.write(&format!("{folder}/Dockerfile"), "FROM layerlab/base\nCOPY missing /\nRUN true\n");
        attack.write(&format!("{folder}/.dockerignore"), &format!("[{POISON}\n"));
        for form in FORMS {
            attack.shows(&["build", "--progress", form, &folder]);
        }
        attack.shows(&["plan", &folder]);
        attack.shows_fed(&["step", &folder], "list\nstep\nstep\nedit\n");
        fs::remove_file(attack.path(&folder).join("Dockerfile")).unwrap();
        attack.shows(&["build", &folder]);
        attack.shows_fed(&["step", &folder], "list\nFROM layerlab/base\n");
    });
}

#[test]
fn lines_of_a_script() {
    attack("CVE-2023-40030: what is typed, or comes in a script", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nRUN true\n");
        let script = "TEXT\nFROM TEXT\nstep\nLABEL a=TEXT\nbreak /TEXT/\nbreak stage TEXT\nbreak TEXT\nbreak\nls TEXT\ncat TEXT\n\
                      tree TEXT\ndiff TEXT\ndiff 0 1 TEXT\nwhy TEXT\nexplain TEXT\nhelp TEXT\nrun echo TEXT\nrun TEXT\nedit TEXT\n\
                      tag TEXT\nsave /TEXT/x\nwrite /TEXT/x\nshell TEXT\nlaunch 'TEXT'\n# TEXT\ncontinue\nsave transcript\n";
        attack.shows_fed(&["step", "--no-cache", "."], &script.replace("TEXT", POISON));
        attack.shows_fed(&["step"], &script.replace("TEXT", POISON));
        let transcript = fs::read_to_string(attack.path("transcript")).unwrap();
        assert!(transcript.contains("␛]0;title␇") && !transcript.contains('\x1b'), "{transcript:?}");
    });
}

#[test]
fn json_loses_nothing() {
    attack("escapes of JSON mean the same text", ONE, |attack| {
        let mut command = attack.place.command("build --progress quiet -t attack --label");
        command.arg(format!("a={POISON}{FORGED}")).arg(".");
        attack.write("Dockerfile", "FROM layerlab/base\n");
        attack.run_command(command).succeeded();
        let shown = attack.shows(&["inspect", "attack"]);
        let documents: Value = serde_json::from_str(&shown.text).unwrap();
        assert_eq!(documents[0]["Config"]["Labels"]["a"], format!("{POISON}{FORGED}"));
    });
}

#[test]
fn output_in_json_is_exact() {
    attack("every byte, split anywhere", ONE, |attack| {
        // Each byte by itself: no piece has a whole character.
        attack.write(
            "Dockerfile",
            "FROM layerlab/base\nRUN for byte in 303 251 377 000 033 360 237 221 251; do printf \"\\\\$byte\"; sleep 0.02; done\n",
        );
        let shown = attack.run("build --progress json .");
        assert_harmless(shown.succeeded());
        let mut bytes = Vec::new();
        for line in shown.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            match (&line["base64"], &line["bytes"]) {
                (Value::String(text), _) => bytes.extend(decoded(text)),
                (_, Value::String(text)) => bytes.extend(text.bytes()),
                _ => {}
            }
        }
        assert_eq!(bytes, b"\xc3\xa9\xff\x00\x1b\xf0\x9f\x91\xa9");
    });
}

/// What coreutils make of base64.
fn decoded(text: &str) -> Vec<u8> {
    let script = format!("printf %s '{text}' | base64 -d");
    Command::new("sh").args(["-c", &script]).output().unwrap().stdout
}

#[test]
fn a_line_without_an_end() {
    attack("CVE-2021-27135: output that grows in one line", ONE, |attack| {
        attack.write("Dockerfile", "FROM layerlab/base\nRUN head -c 12000000 /dev/zero | tr '\\0' x\n");
        for form in FORMS {
            let outcome = attack.run(&format!("build --no-cache --progress {form} ."));
            assert_harmless(outcome.succeeded());
            let expected = if ["tty", "quiet"].contains(&form) { 0 } else { 12_000_000 };
            assert!(outcome.text.matches('x').count() >= expected, "{form}: output is lost");
        }
    });
}
