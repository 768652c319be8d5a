//! The tree of a text with mistakes: each instruction is a node at its place, and a mistake costs no other one.

use std::fmt::Write as _;

use layerlab::dockerfile::{self, Node};
use layerlab::source::SourceFile;

/// One line for each node: its lines, what it is, and its text in the source.
fn drawn(source: &SourceFile) -> String {
    let mut out = String::new();
    for node in &dockerfile::parse(source).tree.nodes {
        let span = node.span();
        let lines = (source.line_column(span.start).0, source.line_column(span.end).0);
        let what = match node {
            Node::From(from) => {
                assert_eq!(lines, from.lines);
                format!("stage {}", from.value.image.raw)
            }
            Node::Instruction(instruction) => {
                assert_eq!(lines, instruction.lines);
                instruction.value.name().to_owned()
            }
            Node::Unreadable(unreadable) => {
                assert_eq!(lines, unreadable.lines);
                format!("unreadable {}", unreadable.value.keyword)
            }
        };
        writeln!(out, "{lines:?} {what}: {:?}", &source.text[span.start..span.end]).unwrap();
    }
    out
}

#[test]
fn a_mistake_costs_one_instruction() {
    let text = "ARG A=1\nFORM alpine\nRUN make\n# why\nCOPY --frm=a \\\n  # and\n  b c\nENV A=1 B\nCMD [1]\nHEALTHCHECK\n  FROM x y\n\
                COPY a b\nONBUILD ONBUILD RUN x\nRUN <<EOF\nmake\nEOF\nUSER me\nCOPY <<EOF <<'A /x\nEOF\nRUN <<END\nnever\n ended\n";
    let source = SourceFile::new("Dockerfile", text);
    insta::assert_snapshot!(drawn(&source));
    let parsed = dockerfile::parse(&source);
    assert!(parsed.has_errors());
    assert!(parsed.diagnostics.iter().all(|diagnostic| diagnostic.rule.is_some()));
    assert!(parsed.into_dockerfile().is_err());
}

#[test]
fn there_is_a_tree_while_a_text_is_typed() {
    let text = "FROM alpine AS base\nENV A=\"b c\"\nRUN <<EOF\nmake\nEOF\nCOPY --from=base [\"a\", \"b\"]\n";
    for end in 0..=text.len() {
        let source = SourceFile::new("Dockerfile", &text[..end]);
        let parsed = dockerfile::parse(&source);
        // What comes before the line that is being typed is there.
        let finished = text[..end].lines().count().saturating_sub(1);
        let whole =
            [(1, 1), (2, 2), (5, 3), (6, 4)].iter().rfind(|(line, _)| finished >= *line).map_or(0, |(_, nodes)| *nodes);
        assert!(parsed.tree.nodes.len() >= whole, "{:?}: {:?}", source.text, parsed.tree.nodes);
        let mut last = 0;
        for node in &parsed.tree.nodes {
            assert!(last <= node.span().start && node.span().end <= end, "{:?}", source.text);
            last = node.span().end;
        }
    }
}

#[test]
fn errors_and_warnings_come_together_in_the_order_of_the_text() {
    let source = SourceFile::new("Dockerfile", "FROM alpine\nRUN a \\\n\n  b\nCOPY x\nSTOPSIGNAL --now 9\n");
    let parsed = dockerfile::parse(&source);
    let told: Vec<_> =
        parsed.diagnostics.iter().filter_map(|diagnostic| diagnostic.rule.map(|rule| rule.name)).collect();
    assert_eq!(told, ["NoEmptyContinuation", "WrongArguments", "FlagWithoutEffect"]);
}
