//! What a person sees who writes a wrong Dockerfile: every message whole, in one snapshot.

use layerlab::diagnostic::Diagnostic;
use layerlab::dockerfile;
use layerlab::limits::Limits;
use layerlab::source::SourceFile;

/// What is wrong, and the text with the mistake.
const CASES: &[(&str, &str)] = &[
    ("empty file", ""),
    ("only comments", "# one\n\n# two\n"),
    ("unknown instruction, close to one", "FORM alpine\n"),
    ("unknown instruction, close to none", "FROM alpine\nINSTALL curl\n"),
    ("instruction before FROM", "RUN make\nFROM alpine\n"),
    ("FROM without image", "FROM\n"),
    ("FROM with two arguments", "FROM alpine build\n"),
    ("name of a stage begins with a digit", "FROM alpine AS 1st\n"),
    ("unknown flag, close to one", "FROM --platfrom=linux/amd64 alpine\n"),
    ("unknown flag, close to none", "FROM alpine\nCOPY --owner=root a b\n"),
    ("flag of an instruction without flags", "FROM alpine\nWORKDIR --mkdir /src\n"),
    ("flag given twice", "FROM alpine\nCOPY --from=a --from=b c d\n"),
    ("value of a flag set apart", "FROM alpine\nCOPY --chown root:root a b\n"),
    ("flag that is no truth value", "FROM alpine\nCOPY --link=maybe a b\n"),
    ("COPY without destination", "FROM alpine\nCOPY app\n"),
    ("heredoc as destination", "FROM alpine\nCOPY app <<EOF\nEOF\n"),
    ("heredoc without end", "FROM alpine\nRUN <<EOF\nmake\n EOF\n"),
    ("name of a heredoc with one quote", "FROM alpine\nCOPY <<'EOF /app\n'EOF\n"),
    ("heredoc whose name is quoted on one side only", "FROM alpine\nRUN cat <<EOF\\\" <<'A'\nEOF\"\n"),
    ("ENV without value", "FROM alpine\nENV PATH\n"),
    ("ENV with a word without equals sign", "FROM alpine\nENV GREETING=hello world\n"),
    ("LABEL without name", "FROM alpine\nLABEL =value\n"),
    ("LABEL without arguments", "FROM alpine\nLABEL\n"),
    ("ARG without name", "FROM alpine\nARG =1\n"),
    ("ARG without arguments", "ARG\nFROM alpine\n"),
    ("JSON with a number", "FROM alpine\nCMD [\"sleep\", 5]\n"),
    ("SHELL that is no JSON", "FROM alpine\nSHELL /bin/bash -c\n"),
    ("SHELL with single quotes", "FROM alpine\nSHELL ['/bin/bash', '-c']\n"),
    ("HEALTHCHECK with an unknown word", "FROM alpine\nHEALTHCHECK curl localhost\n"),
    ("HEALTHCHECK NONE with arguments", "FROM alpine\nHEALTHCHECK NONE now\n"),
    ("HEALTHCHECK CMD without command", "FROM alpine\nHEALTHCHECK --retries=3 CMD\n"),
    (
        "several wrong durations",
        "FROM alpine\nHEALTHCHECK --interval=5 --timeout=fast --start-period=1us --retries=-1 CMD true\n",
    ),
    ("ONBUILD of ONBUILD", "FROM alpine\nONBUILD ONBUILD RUN make\n"),
    ("ONBUILD of FROM", "FROM alpine\nONBUILD FROM alpine\n"),
    ("ONBUILD alone", "FROM alpine\nONBUILD\n"),
    ("variable in the from of a mount", "FROM alpine\nRUN --mount=from=$stage,target=/src make\n"),
    ("unmatched quote in a mount", "FROM alpine\nRUN --mount='type=bind,\"target=/src' make\n"),
    ("unknown network", "FROM alpine\nRUN --network=bridge make\n"),
    ("USER without argument", "FROM alpine\nUSER\n"),
    ("empty VOLUME", "FROM alpine\nVOLUME [\"\"]\n"),
    ("EXPOSE without argument", "FROM alpine\nEXPOSE\n"),
    ("wrong escape character", "# escape=/\nFROM alpine\n"),
    ("directive given twice", "# escape=`\n# escape=`\nFROM alpine\n"),
    ("wrong option of check", "# check=skipp=all\nFROM alpine\n"),
    ("mistake in a continued line", "FROM alpine\nCOPY \\\n  # the sources\n  --form=build \\\n  /a /b\n"),
    ("mistake in a keyword that is continued", "FROM alpine\nRU\\\nNN make\n"),
    ("tabs and letters outside of ASCII", "FROM alpine\n\tLABEL näme=größe\tß\n"),
    ("line endings of Windows", "FROM alpine\r\nCOPY app\r\n"),
    ("byte order mark", "\u{feff}FORM alpine\n"),
    ("NUL byte", "FROM alpine\nRUN printf 'a\0b'\n"),
    ("control characters", "FROM alpine\nRUN\u{1b}[31m make\n"),
    ("keyword that is continued where it should not be", "FROM alpine\nRUN apk update\napk add curl\n"),
    ("command without RUN", "FROM alpine\nWORKDIR /src\nmkdir build\n"),
    ("command in capitals", "FROM alpine\nSET -e\nEXPORT A=1\nECHO hi\nrm x\nRM x\nLS\n"),
    ("operator at the beginning of a line", "FROM alpine\nRUN make\n  && make install\n| tee log\n-o file\n"),
    ("escaped escape character", "FROM alpine\nRUN make \\\\\n  && make install\n"),
    ("JSON directly after the keyword", "FROM alpine\nCMD[\"a\"]\nENTRYPOINT[\"x\"]\nFROM:alpine\n"),
    ("no-break space after the keyword", "FROM alpine\nRUN\u{a0}make\nCOPY a\u{a0}b\n"),
    ("SHELL with a comment behind it", "FROM alpine\nSHELL [\"/bin/bash\"] # better\n"),
    ("SHELL with typographic quotes", "FROM alpine\nSHELL [“/bin/bash”, “-c”]\n"),
    ("merge conflict", "FROM alpine\n<<<<<<< HEAD\nRUN a\n=======\nRUN b\n>>>>>>> main\n"),
    ("template", "FROM alpine\n{{ if .Debug }}\nRUN a\n{% endif %}\n"),
    ("comment of another language", "// my image\nFROM alpine\n/* more */\n"),
    ("byte order mark in the middle", "FROM alpine\n\u{feff}RUN make\n"),
    ("keywords with a mistake", "FROM alpine\nRN make\nCOPYY a b\nENTRY_POINT x\nWORKDIRECTORY /x\nINCLUDE x\nXYZ\n"),
    ("mistake in the first keyword", "FRM alpine\nRUN make\n"),
    (
        "several mistakes at once",
        "FORM alpine\nRUN --netwrok=none make\nCOPY app\nENV A=1 B\nHEALTHCHECK NONE\nEXPOZE 80\n",
    ),
];

#[test]
fn every_mistake_has_a_message_that_points_at_it() {
    let mut out = String::new();
    for (name, text) in CASES {
        let source = SourceFile::new("Dockerfile", *text);
        out.push_str(&format!("──── {name}\n"));
        match dockerfile::parse(&source).into_dockerfile() {
            Ok(_) => panic!("{name}: no error"),
            Err(errors) => {
                let drawn: Vec<String> = errors.iter().map(|error| error.render(Some(&source))).collect();
                out.push_str(&drawn.join("\n"));
            }
        }
        out.push('\n');
    }
    insta::assert_snapshot!(out);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut out = String::new();
    for bytes in [&b"FROM alpine\nRUN \xff\n"[..], b"\xff\xfeF\0R\0", b"\x7fELF\x02\x80"] {
        let error = SourceFile::from_bytes("Dockerfile", bytes).expect_err("no UTF-8");
        out.push_str(&Diagnostic::from(error).render(None));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn what_is_only_suspicious_is_a_warning() {
    let text = "# syntax=someone/frontend:2\n# check=skip=NoEmptyContinuations,NoSuchCheck\nFROM alpine\nRUN make \\\n\n  all\nONBUILD COPY app\n\
                ONBUILD NOTHING\nRUN --mount=type=chache,target=/c make\nSTOPSIGNAL --now KILL\n\
                HEALTHCHECK --interval=1s NONE\nARG --bogus=1 X=2\nCOPY [\"<<EOF\", \"/x\"]\n\
                CMD [\"a\", 'b']\nRUN [ \"ls\" \"-l\" ]\nVOLUME ['/x']\nCOPY [\"a\", \"b\",]\nENTRYPOINT [\"a\"\n\
                HEALTHCHECK CMD [“a”]\nONBUILD CMD [a, b]\nRUN <<E\r\nmake\r\nE\r\n\
                RUN [ -f /x ] && make\nRUN [ \"$A\" = b ]\nCOPY [a-z]* /x/\n";
    let source = SourceFile::new("Dockerfile", text);
    let parsed = dockerfile::parse(&source).into_dockerfile().expect("no errors");
    let drawn: Vec<String> = parsed.warnings.iter().map(|warning| warning.render(Some(&source))).collect();
    insta::assert_snapshot!(drawn.join("\n"));
}

#[test]
fn what_is_too_much_is_an_error_that_names_the_limit() {
    let variables = [("LAYERLAB_MAX_INSTRUCTIONS", "4"), ("LAYERLAB_MAX_STAGES", "2"), ("LAYERLAB_MAX_HEREDOC", "1K")];
    let limits = Limits::from_variables(variables).expect("numbers");
    let long = "x".repeat(65_536);
    let mut out = String::new();
    for text in [
        format!("FROM alpine\nRUN {}\n", &long[4..]),
        format!("FROM alpine\nRUN a \\\n{long}\n"),
        format!("FROM alpine\nRUN <<E\n{long}\nE\n"),
        format!("# {long}\nFROM alpine\n"),
        "FROM alpine\nRUN a\nRUN b\nRUN c\nRUN d\nRUN e\nRUN f\n".to_owned(),
        "FROM a\nFROM b\nFROM c\nFROM d\n".to_owned(),
        format!("FROM alpine\nCOPY <<A <<B /\na\nA\n{}B\n", "line\n".repeat(300)),
    ] {
        let source = SourceFile::new("Dockerfile", text);
        let errors = dockerfile::parse_within(&source, &limits).into_dockerfile().expect_err("too much");
        let drawn: Vec<String> = errors.iter().map(|error| error.render(Some(&source))).collect();
        out.push_str(&drawn.join("\n"));
        out.push('\n');
    }
    insta::assert_snapshot!(out);
    // The longest line that BuildKit takes, with and without a line ending.
    for text in [format!("FROM alpine\nRUN {}\n", &long[5..]), format!("FROM alpine\nRUN {}", &long[5..])] {
        dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile().expect("not too long");
    }
}
