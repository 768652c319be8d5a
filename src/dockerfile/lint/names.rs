//! Checks of the names of stages, and of the comments that describe stages and arguments.

use super::super::ast::{Instruction, Located, Node};
use super::super::rules;
use super::stages::Stage;
use crate::diagnostic::Diagnostic;

/// Names that FROM and `--from` give a meaning of its own.
const RESERVED: [&str; 2] = ["context", "scratch"];

/// Two stages of one name: it stands for the last.
pub(super) fn duplicate(stages: &[Stage]) -> Vec<Diagnostic> {
    let mut first = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for from in stages.iter().map(|stage| &stage.from.value) {
        let (Some(name), Some(span)) = (&from.alias, from.alias_span) else { continue };
        match first.get(name.as_str()) {
            Some(earlier) => found.push(
                Diagnostic::new(&rules::DUPLICATE_STAGE_NAME, format!("two stages are called `{name}`"))
                    .at(span)
                    .beside(*earlier, "the first")
                    .hint("below this line the name means the second"),
            ),
            None => drop(first.insert(name.as_str(), span)),
        }
    }
    found
}

/// A stage that is called like something else.
pub(super) fn reserved(stages: &[Stage]) -> Vec<Diagnostic> {
    let names = stages.iter().filter_map(|stage| Some((stage.from.value.alias.as_ref()?, stage.from.value.alias_span)));
    let reserved = names.filter(|(name, _)| RESERVED.contains(&name.as_str()));
    let tell = |(name, span)| {
        Diagnostic::new(
            &rules::RESERVED_STAGE_NAME,
            format!("`{name}` is a reserved name: call the stage something else"),
        )
        .at(span)
    };
    reserved.map(tell).collect()
}

/// A comment directly above FROM or ARG that describes something else.
pub(super) fn descriptions(nodes: &[Node]) -> Vec<Diagnostic> {
    nodes.iter().filter_map(misplaced_description).collect()
}

fn misplaced_description(node: &Node) -> Option<Diagnostic> {
    let (keyword, names): (_, Vec<&str>) = match node {
        Node::From(from) => ("FROM", vec![from.value.alias.as_deref()?]),
        Node::Instruction(Located { value: Instruction::Arg(arg), .. }) => {
            ("ARG", arg.names.iter().map(|(name, _)| name.as_str()).collect())
        }
        Node::Instruction(_) | Node::Unreadable(_) => return None,
    };
    let first_word = node.comments().last()?.split(' ').next()?;
    if names.contains(&first_word) {
        return None;
    }
    let name = names.first()?;
    let message = format!("the comment above this {keyword} does not begin with the name that it describes");
    Some(
        Diagnostic::new(&rules::INVALID_DEFINITION_DESCRIPTION, message)
            .at(node.span())
            .hint(format!("write `# {name} …`, or leave a blank line below a comment that describes something else")),
    )
}
