//! Texts that were made to hurt: the parser's work grows with the text and not faster, without a panic and without exhausting the stack.

use std::time::Duration;

use layerlab::dockerfile::{self, print};
use layerlab::source::SourceFile;

/// The processor time that this thread has used: what others do on the machine does not count.
fn processor_time() -> Duration {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    Duration::new(now.tv_sec() as u64, now.tv_nsec() as u32)
}

/// Parses a text of so many pieces and draws whatever comes out.
fn parse(name: &str, pieces: usize, text: impl Fn(usize) -> String) -> Result<dockerfile::Dockerfile, String> {
    let (_, fewer) = parse_once(name, text(pieces / 4));
    let (result, time) = parse_once(name, text(pieces));
    // Four times the text takes four times the work; sixteen times if each piece is compared with each. What is too short to be
    // measured is no harm.
    let bound = fewer * 9 + Duration::from_millis(100);
    assert!(time < bound, "{name}: {pieces} pieces take {time:?}, a quarter of them {fewer:?}");
    result
}

fn parse_once(name: &str, text: String) -> (Result<dockerfile::Dockerfile, String>, Duration) {
    let source = SourceFile::new(name, text);
    let start = processor_time();
    let result = dockerfile::parse(&source).into_dockerfile();
    let drawn = match &result {
        Ok(parsed) => parsed.warnings.iter().take(10).map(|warning| warning.render(Some(&source))).collect(),
        Err(errors) => errors.iter().take(10).map(|error| error.render(Some(&source))).collect::<String>(),
    };
    let time = processor_time() - start;
    assert!(drawn.len() < 20_000, "{name}: the message is {} bytes", drawn.len());
    (result.map_err(|_| drawn), time)
}

#[test]
fn deep_nesting_is_an_error() {
    let errors = parse("onbuild", 8_000, |n| format!("FROM a\n{}RUN x\n", "ONBUILD ".repeat(n))).unwrap_err();
    assert!(errors.contains("ONBUILD is nested too deep"), "{errors}");
    parse("brackets", 30_000, |n| {
        let (open, close) = ("[".repeat(n), "]".repeat(n));
        format!("FROM a\nCMD {open}\nCOPY {open} b\nRUN {open}{close}\n")
    })
    .unwrap_err();
    parse("substitutions", 10_000, |n| {
        let nested = "${a:-".repeat(n);
        format!("FROM a\nENV x={nested}\nRUN <<$x {nested}\n")
    })
    .unwrap();
}

#[test]
fn long_lines_and_many_lines_are_quick() {
    // As long as a line may be, and as many lines as a large file has.
    const LONG: usize = 65_500;
    const MANY: usize = 12_000;
    let parsed = parse("long line", LONG, |n| {
        let word = "a".repeat(n);
        format!("FROM {word}\nRUN {word}\nENV a={word}\nCOPY {word} b\n")
    });
    assert_eq!(parsed.unwrap().stages[0].instructions.len(), 3);
    parse("long words", 16_000, |n| format!("FROM a\nLABEL {}\nEXPOSE {}\n", "a=b ".repeat(n), "80 ".repeat(n)))
        .unwrap();
    parse("long unknown", LONG, |n| "a".repeat(n)).unwrap_err();
    parse("lines", MANY, |n| format!("FROM a\n{}", "RUN make\n".repeat(n))).unwrap();
    parse("comments", MANY, |n| format!("{}FROM a\n", "# a=b\n".repeat(n))).unwrap();
    parse("blank lines", MANY, |n| format!("{}FROM a\n", " \n".repeat(n))).unwrap();
    parse("errors", MANY, |n| "X\n".repeat(n)).unwrap_err();
    parse("stages", 5_000, |n| "FROM a AS b\nCOPY c d\n".repeat(n)).unwrap();
    parse("continuations", MANY, |n| format!("FROM a\nRUN x {}\n", "\\\n y".repeat(n))).unwrap();
    parse("blank continuations", MANY, |n| format!("FROM a\nRUN x \\\n{} y\n", "\n".repeat(n))).unwrap();
    parse("heredocs", 10_000, |n| format!("FROM a\nRUN {}\n{}", "<<E ".repeat(n), "E\n".repeat(n))).unwrap();
}

#[test]
fn texts_that_invite_backtracking_are_quick() {
    for (name, piece) in [
        ("escapes", "\\"),
        ("escapes and spaces", "\\ "),
        ("spaces", "  \t"),
        ("quotes", "\""),
        ("single quotes", "'"),
        ("mixed quotes", "\"'"),
        ("escaped quotes", "\\\""),
        ("equals", "="),
        ("flags", "--a "),
        ("dashes", "-"),
        ("quoted equals", "\"a=b\" "),
        ("quoted words", "\"a b\" "),
        ("json", "[\"a\","),
        ("json strings", "\"a\", "),
        ("dollars", "$"),
        ("braces", "${"),
        ("closed braces", "${a}"),
        ("heredocs", "<<"),
        ("hashes", "# "),
        ("carriage returns", "\r"),
        ("wide spaces", "\u{3000}"),
        ("marks", "\u{301}"),
    ] {
        // A quarter as long as a line may be.
        let count = 5_000.min(16_000 / piece.len());
        for keyword in [
            "ENV",
            "ENV a=",
            "LABEL",
            "ARG",
            "RUN",
            "COPY",
            "HEALTHCHECK CMD",
            "FROM",
            "#",
            "# a=",
            "CMD [\"",
            "ENV \"",
            "RUN --mount=",
        ] {
            let _ = parse(name, count, |n| format!("{keyword} {}\nFROM a\n", piece.repeat(n)));
            let _ = parse(name, count, |n| format!("FROM a\n{keyword}{}", piece.repeat(n)));
        }
    }
}

#[test]
fn every_prefix_and_every_changed_byte_is_survived() {
    let text = "# escape=`\n# check=skip=all\nARG a=1\nFROM --platform=$a x AS b\nRUN --mount=type=cache,target=/c `\n # c\n\n \
                <<E1 3<<-'E2' cat\none\nE1\n\ttwo\n\tE2\nCOPY --chown=\"a b\" [\"a\", \"b\\u00e9\"]\nENV a=\"b c\" d='e' f=`\"\n\
                LABEL g h  i\nONBUILD COPY <<E3 /d\nE3\nHEALTHCHECK --interval=1m5s CMD [\"x\"]\nVOLUME a b\n";
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        check(&text[..end]);
        for inserted in ["\\", "`", "\n", "\r\n", "\"", "'", "<<", "\0", "[", "é", "\u{85}", "--", "$"] {
            check(&format!("{}{inserted}{}", &text[..end], &text[end..]));
        }
    }
    let _: dockerfile::Dockerfile = dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile().unwrap();
}

/// Texts put together at random, from the pieces that mean something. The numbers are the same in every run.
#[test]
fn random_texts_are_survived() {
    let pieces = [
        "FROM",
        "RUN",
        "COPY",
        "ADD",
        "ENV",
        "LABEL",
        "ARG",
        "CMD",
        "VOLUME",
        "ONBUILD",
        "HEALTHCHECK",
        "SHELL",
        "USER",
        "\n",
        "\n",
        "\n",
        "\\\n",
        "`\n",
        "\r\n",
        " ",
        " ",
        " ",
        "\t",
        "\"",
        "'",
        "\\",
        "`",
        "=",
        "a",
        "b",
        "a=b",
        "é",
        "/",
        ".",
        "--",
        "--link",
        "--from=",
        "--mount=",
        "type=cache",
        ",",
        "<<",
        "<<E",
        "-",
        "E\n",
        "\nE\n",
        "$",
        "${",
        "}",
        "[",
        "]",
        "\"a\"",
        "[\"a\", \"b\"]",
        "#",
        "# x\n",
        "# escape=`\n",
        "NONE",
        "CMD ",
        " AS ",
        "3",
    ];
    let iterations = std::env::var("RANDOM_TEXTS").ok().and_then(|count| count.parse().ok()).unwrap_or(5_000);
    let mut state: u64 = 7;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % bound
    };
    for _ in 0..iterations {
        let mut text = ["FROM a\n", "# escape=`\nFROM a\n", ""][next(3)].to_owned();
        for _ in 0..1 + next(4) {
            text.push_str(pieces[next(13)]);
            text.push_str([" ", " ", " ", "\t", "\\\n"][next(5)]);
            (0..next(8)).for_each(|_| text.push_str(pieces[next(pieces.len())]));
            text.push_str(["\n", "\n", "\nE\n"][next(3)]);
        }
        check(&text);
    }
}

/// Parses a text. What is valid is printed in every form, and means the same after printing.
fn check(text: &str) {
    let source = SourceFile::new("Dockerfile", text);
    match dockerfile::parse(&source).into_dockerfile() {
        Ok(parsed) => {
            let _ = (print::tree(&parsed), print::json(&parsed), print::sexp(&source));
            let printed = SourceFile::new("printed", print::dockerfile(&parsed));
            let again = dockerfile::parse(&printed).into_dockerfile().unwrap_or_else(|errors| {
                panic!(
                    "{text}
{}
{}",
                    printed.text,
                    errors[0].render(Some(&printed))
                )
            });
            assert_eq!(print::dockerfile(&again), printed.text, "{text}");
        }
        Err(errors) => assert!(errors.iter().all(|error| !error.render(Some(&source)).is_empty())),
    }
}
