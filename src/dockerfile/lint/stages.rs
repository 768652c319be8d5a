//! The stages of a text, as far as it could be read.

use std::collections::BTreeMap;

use super::super::ast::{From, Instruction, Located, Node};

/// A FROM that could be read, with the instructions after it that could be.
pub(super) struct Stage<'t> {
    pub from: &'t Located<From>,
    pub instructions: Vec<&'t Located<Instruction>>,
    /// The stage that it is FROM.
    base: Option<usize>,
}

/// Puts instructions into their stages. Those before the first FROM are in none.
pub(super) fn stages(nodes: &[Node]) -> Vec<Stage<'_>> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes {
        match (node, stages.last_mut()) {
            (Node::From(from), _) => {
                let base = names.get(from.value.image.raw.as_str()).copied();
                if let Some(name) = &from.value.alias {
                    names.insert(name, stages.len());
                }
                stages.push(Stage { from, instructions: Vec::new(), base });
            }
            (Node::Instruction(instruction), Some(stage)) => stage.instructions.push(instruction),
            (Node::Instruction(_) | Node::Unreadable(_), _) => {}
        }
    }
    stages
}

/// The stages that are FROM no stage of the text, directly or not, in which this is so for an instruction.
pub(super) fn without_inherited<'s, 't>(
    stages: &'s [Stage<'t>],
    is_so: impl Fn(&Instruction) -> bool,
) -> impl Iterator<Item = &'s Stage<'t>> {
    let mut hands_on: Vec<bool> = Vec::with_capacity(stages.len());
    let mut found = Vec::new();
    for stage in stages {
        let inherits = stage.base.is_some_and(|base| hands_on[base]);
        if !inherits {
            found.push(stage);
        }
        hands_on.push(inherits || stage.instructions.iter().any(|instruction| is_so(&instruction.value)));
    }
    found.into_iter()
}
