//! The syntax tree: what a Dockerfile says, before any variable is replaced.
//!
//! It has two forms. A [`SyntaxTree`] exists for every text: a list of [`Node`]s, where those that could not be read only say
//! where they are. It is for showing or editing a text. A [`Dockerfile`] exists only for a text without errors: its
//! instructions are grouped into stages, and it can be planned and built. [`Parsed`](super::parse::Parsed) has the first and makes the second from it.
//!
//! The arguments and flags of the instructions are checked, except for whatever needs an expanded value (a
//! mount's type, a file mode, the image of a stage). Read `instruction.rs` next.

mod instruction;
mod located;

pub(crate) use instruction::{
    Add, Cmd, Copy, Entrypoint, Env, Expose, From, Label, Maintainer, Onbuild, Run, Shell, Stopsignal, User, Volume,
    WithFiles, Workdir,
};
pub use instruction::{Arg, Command, Healthcheck, Heredoc, Instruction, Network, Security, Separator, Source};
pub use located::Located;

use serde::Serialize;

use super::checks::Checks;
use super::directive::Directives;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// What a text says, however wrong it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyntaxTree {
    /// What the comments at the top say about how to read the file.
    pub(crate) directives: Directives,
    /// Every instruction in the order written. Where a limit was reached, the rest of the text is not in it.
    pub nodes: Vec<Node>,
    /// What the text says of the checks.
    #[serde(skip)]
    pub(crate) checks: Checks,
}

/// One instruction of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Node {
    /// The beginning of a stage.
    From(Located<From>),
    /// Any other instruction.
    Instruction(Located<Instruction>),
    /// One with a mistake. What is wrong is in the diagnostics.
    Unreadable(Located<Unreadable>),
}

/// An instruction that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Its first word, in upper case; it may name an instruction or not.
    pub keyword: String,
}

impl Node {
    /// The bytes of the source from the keyword to the end.
    pub fn span(&self) -> Span {
        match self {
            Node::From(node) => node.span,
            Node::Instruction(node) => node.span,
            Node::Unreadable(node) => node.span,
        }
    }

    /// The comments directly above.
    pub(crate) fn comments(&self) -> &[String] {
        match self {
            Node::From(node) => &node.comments,
            Node::Instruction(node) => &node.comments,
            Node::Unreadable(node) => &node.comments,
        }
    }
}

/// A whole Dockerfile without an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dockerfile {
    /// What the comments at the top say about how to read the file.
    pub directives: Directives,
    /// The ARGs before the first FROM. Only FROM lines see them, and stages that declare them again.
    pub global_args: Vec<Located<Arg>>,
    /// The stages in the order written. There may be none: a file of ARGs only has nothing to build.
    pub stages: Vec<Stage>,
    /// What the text says of the checks.
    #[serde(skip)]
    pub(crate) checks: Checks,
    /// What is suspicious about the text, but no error.
    #[serde(skip)]
    pub warnings: Vec<Diagnostic>,
}

impl Dockerfile {
    /// Puts instructions into their stages. `tree` has no error, so nothing but ARG comes before the first FROM.
    pub(super) fn of(tree: SyntaxTree, warnings: Vec<Diagnostic>) -> Dockerfile {
        let mut global_args = Vec::new();
        let mut stages: Vec<Stage> = Vec::new();
        for node in tree.nodes {
            match (node, stages.last_mut()) {
                (Node::From(from), _) => stages.push(Stage { from, instructions: Vec::new() }),
                (Node::Instruction(instruction), Some(stage)) => stage.instructions.push(instruction),
                (Node::Instruction(node), None) => {
                    let Located { value, span, lines, text, comments } = node;
                    if let Instruction::Arg(value) = value {
                        global_args.push(Located { value, span, lines, text, comments });
                    }
                }
                (Node::Unreadable(_), _) => {}
            }
        }
        Dockerfile { directives: tree.directives, global_args, stages, checks: tree.checks, warnings }
    }
}

/// A FROM and the instructions up to the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// The FROM that begins the stage.
    pub from: Located<From>,
    /// The instructions after it.
    pub instructions: Vec<Located<Instruction>>,
}
