//! Texts that were made to hurt: the parser answers quickly, without a panic and without exhausting the stack.

use std::time::{Duration, Instant};

use layerlab::dockerfile::{self, print};
use layerlab::source::SourceFile;

/// Parses and draws whatever comes out. Debug builds on busy machines get some time.
fn parse(name: &str, text: String) -> Result<dockerfile::Dockerfile, String> {
    let source = SourceFile::new(name, text);
    let start = Instant::now();
    let result = dockerfile::parse(&source);
    let drawn = match &result {
        Ok(parsed) => parsed.warnings.iter().take(10).map(|warning| warning.render(Some(&source))).collect(),
        Err(errors) => errors.iter().take(10).map(|error| error.render(Some(&source))).collect::<String>(),
    };
    let elapsed = start.elapsed();
    println!("{name}: {} bytes in {elapsed:?}", source.text.len());
    assert!(elapsed < Duration::from_secs(10), "{name} took {elapsed:?}");
    assert!(drawn.len() < 20_000, "{name}: the message is {} bytes", drawn.len());
    result.map_err(|_| drawn)
}

#[test]
fn deep_nesting_is_an_error() {
    let errors = parse("onbuild", format!("FROM a\n{}RUN x\n", "ONBUILD ".repeat(8_000))).unwrap_err();
    assert!(errors.contains("ONBUILD is nested too deep"), "{errors}");
    let brackets = "[".repeat(30_000);
    parse("brackets", format!("FROM a\nCMD {brackets}\nCOPY {brackets} b\nRUN {brackets}{}\n", "]".repeat(30_000)))
        .unwrap_err();
    parse("substitutions", format!("FROM a\nENV x={}\nRUN <<$x {}\n", "${a:-".repeat(10_000), "${a:-".repeat(10_000)))
        .unwrap();
}

#[test]
fn long_lines_and_many_lines_are_quick() {
    let longest = "a".repeat(65_500);
    let parsed = parse("long line", format!("FROM {longest}\nRUN {longest}\nENV a={longest}\nCOPY {longest} b\n"));
    assert_eq!(parsed.unwrap().stages[0].instructions.len(), 3);
    parse("long words", format!("FROM a\nLABEL {}\nEXPOSE {}\n", "a=b ".repeat(16_000), "80 ".repeat(20_000))).unwrap();
    parse("long unknown", longest).unwrap_err();
    parse("lines", format!("FROM a\n{}", "RUN make\n".repeat(100_000))).unwrap();
    parse("comments", format!("{}FROM a\n", "# a=b\n".repeat(100_000))).unwrap();
    parse("blank lines", format!("{}FROM a\n", " \n".repeat(100_000))).unwrap();
    parse("errors", "X\n".repeat(100_000)).unwrap_err();
    parse("continuations", format!("FROM a\nRUN x {}\n", "\\\n y".repeat(100_000))).unwrap();
    parse("blank continuations", format!("FROM a\nRUN x \\\n{} y\n", "\n".repeat(100_000))).unwrap();
    parse("heredocs", format!("FROM a\nRUN {}\n{}", "<<E ".repeat(10_000), "E\n".repeat(10_000))).unwrap();
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
        // As long as a line may be.
        let long = piece.repeat(20_000.min(65_000 / piece.len()));
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
            let _ = parse(name, format!("{keyword} {long}\nFROM a\n"));
            let _ = parse(name, format!("FROM a\n{keyword}{long}"));
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
    let _: dockerfile::Dockerfile = dockerfile::parse(&SourceFile::new("Dockerfile", text)).unwrap();
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
    match dockerfile::parse(&source) {
        Ok(parsed) => {
            let _ = (print::tree(&parsed), print::json(&parsed), print::sexp(&source));
            let printed = SourceFile::new("printed", print::dockerfile(&parsed));
            let again = dockerfile::parse(&printed).unwrap_or_else(|errors| {
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
