//! The forms in which a Dockerfile is printed, and the places that its tree remembers.

use layerlab::dockerfile::statement::{self, Arguments, Statement, Token};
use layerlab::dockerfile::words::{WordErrorKind, expand};
use layerlab::dockerfile::{self, Instruction, print};
use layerlab::source::{SourceFile, Span};

/// Every instruction, and most ways to write them.
const EVERYTHING: &str = r#"# syntax=docker/dockerfile:1
# check=skip=all;error=true

# the release to build on
ARG RELEASE=3.20 UNUSED
FROM --platform=$BUILDPLATFORM alpine:${RELEASE} AS Build
SHELL ["/bin/sh", "-eu", "-c"]
ENV PATH="/opt/bin:$PATH" GREETING=hello\ world
env EDITOR vi -R
LABEL org.example.title="A title" maintainer=me
RUN --mount=type=cache,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=token --network=none \
    # fetch first
    make fetch && \
    make
RUN --security=sandbox --device=vendor.com/gpu=all,required <<EOF 3<<-'DATA' sh
cat <&3
EOF
	$NOT_EXPANDED
	DATA
COPY --from=build --chown="app user":app --chmod=u=rw,go=r --link --parents --exclude=*.o --exclude=*.a src/./ /dst/
COPY <<motd <<"raw" /etc/
Hello, $USER
motd
raw
COPY ["a file", "/a dir/"]
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d --keep-git-dir=false --unpack https://example.org/a.tar /a
ARG later
WORKDIR /srv/$later
USER app:app
EXPOSE 80 443/tcp 8000-8010/udp
VOLUME /data /more
VOLUME ["/json volume"]
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=5s --start-interval=1s --retries=4 CMD ["curl", "-f", "localhost"]
ONBUILD COPY <<EOF /trigger
body
EOF
ONBUILD WHATEVER it says
MAINTAINER Some One <some.one@example.org>
ENTRYPOINT ["/entry", "with \"quotes\"", "and\nlines", "\u00e9\ud83d\ude00\ud800\/\\"]
CMD echo [ "$GREETING" ]

FROM scratch
HEALTHCHECK NONE
CMD []
"#;

fn source() -> SourceFile {
    SourceFile::new("Dockerfile", EVERYTHING)
}

#[test]
fn the_tree_for_people() {
    insta::assert_snapshot!(print::tree(&dockerfile::parse(&source()).into_dockerfile().unwrap()));
}

#[test]
fn a_dockerfile_again() {
    let parsed = dockerfile::parse(&source()).into_dockerfile().unwrap();
    let printed = print::dockerfile(&parsed);
    let again = dockerfile::parse(&SourceFile::new("Dockerfile", printed.as_str())).into_dockerfile().unwrap();
    assert_eq!(print::dockerfile(&again), printed);
    insta::assert_snapshot!(printed);
}

#[test]
fn s_expressions() {
    insta::assert_snapshot!(print::sexp(&source()).unwrap());
}

#[test]
fn json() {
    let source = SourceFile::new("Dockerfile", "FROM a AS b\n# why\nRUN \\\n  c\n");
    insta::assert_snapshot!(print::json(&dockerfile::parse(&source).into_dockerfile().unwrap()));
}

#[test]
fn a_backtick_escapes_what_it_has_to() {
    let text =
        "# escape=`\nFROM a\nCOPY --chown=\"a b\" [\"C:\\\\dir`\", \"C:\\\\\"]\nWORKDIR C:\\\nRUN -- --x\nUSER x\n";
    let parsed = dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile().unwrap();
    let expected = "# escape=`\n\nFROM a\nCOPY --chown=\"a b\" C:\\dir` C:\\\nWORKDIR C:\\\nRUN -- --x\nUSER x\n";
    assert_eq!(print::dockerfile(&parsed), expected);
}

#[test]
fn a_comment_at_the_top_does_not_become_a_directive() {
    let text = "\n# escape=`\nFROM a\n";
    let parsed = dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile().unwrap();
    assert_eq!(parsed.directives.escape, '\\');
    assert_eq!(print::dockerfile(&parsed), text);
}

/// Every token's span holds exactly the token, unless quotes or continuations lie in it.
#[test]
fn spans_are_exact() {
    for text in [source().text, source().text.replace('\n', "\r\n"), format!("\u{feff}{}", source().text)] {
        let source = SourceFile::new("Dockerfile", text);
        let parsed = statement::parse(&source);
        assert!(parsed.diagnostics.is_empty());
        let mut checked = 0;
        for statement in parsed.statements() {
            for token in tokens(statement) {
                let written = &source.text[token.span.start..token.span.end];
                if !written.contains(['"', '\\']) {
                    assert_eq!(written, token.text);
                    checked += 1;
                }
            }
            let (first, last) = (source.line_column(statement.span.start).0, source.line_column(statement.span.end).0);
            assert_eq!((first, last), statement.lines, "{}", statement.text);
        }
        assert!(checked > 60, "{checked}");
    }
}

fn tokens(statement: &Statement) -> Vec<&Token> {
    let mut tokens = vec![&statement.keyword];
    tokens.extend(&statement.flags);
    let mut arguments = &statement.arguments;
    if let Arguments::Check(kind, command) = arguments {
        tokens.push(kind);
        arguments = command;
    }
    match arguments {
        Arguments::Items(items) | Arguments::Exec(items) => {
            tokens.extend(items.iter().filter(|item| !item.text.is_empty()))
        }
        Arguments::Pairs(pairs, _) => tokens.extend(pairs.iter().flat_map(|(name, value)| [name, value])),
        Arguments::Trigger(trigger) => tokens.extend(self::tokens(trigger)),
        Arguments::Check(..) => unreachable!("a check holds no check"),
    }
    tokens
}

#[test]
fn spans_reach_across_continuations() {
    let source = SourceFile::new("Dockerfile", "FR\\\nOM al\\\n# no\n\npine\nCOPY a\\\n  b c\n");
    let parsed = statement::parse(&source);
    let [from, copy] = parsed.statements().collect::<Vec<_>>()[..] else { panic!("{parsed:?}") };
    assert_eq!((from.keyword.text.as_str(), from.keyword.span), ("FROM", Span::new(0, 6)));
    let Arguments::Items(items) = &from.arguments else { panic!("{from:?}") };
    assert_eq!((items[0].text.as_str(), items[0].span), ("alpine", Span::new(7, 21)));
    assert_eq!(copy.lines, (6, 7));
    let Arguments::Items(items) = &copy.arguments else { panic!("{copy:?}") };
    let places: Vec<_> = items.iter().map(|item| &source.text[item.span.start..item.span.end]).collect();
    assert_eq!(places, ["a", "b", "c"]);
}

#[test]
fn a_word_that_cannot_be_expanded_is_pointed_at() {
    let source = SourceFile::new("Dockerfile", "FROM a\nWORKDIR /srv/${name:?no name}/x\n");
    let parsed = dockerfile::parse(&source).into_dockerfile().unwrap();
    let Instruction::Workdir(workdir) = &parsed.stages[0].instructions[0].value else { panic!("{parsed:?}") };
    let error = expand(&workdir.path.raw, '\\', &|_: &str| None).unwrap_err();
    assert!(matches!(error.kind, WordErrorKind::Required { .. }));
    insta::assert_snapshot!(workdir.path.diagnostic(&error).render(Some(&source)));
}

#[test]
fn a_tab_stays_and_what_a_terminal_acts_on_is_a_symbol() {
    let text = "FROM a\nRUN a\tb \u{1b}[2J\u{202e}\nCOPY <<\"EOF\" /\n\tx\rz\nEOF\n";
    let tree = print::tree(&dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile().unwrap());
    for line in ["shell: a\tb ␛[2J\u{fffd}", "| \tx␍z"] {
        assert!(tree.contains(line), "{tree:?}");
    }
}
