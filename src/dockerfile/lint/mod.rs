//! The checks: what is valid, and probably not what was meant or not how it is usually written.
//!
//! A check is a small function over the nodes of a text that gives messages of one rule ([`super::rules`]); [`CHECKS`] is the list of
//! them. What can be seen in one statement alone is reported where that is understood (`instruction/`), and what needs the values of
//! variables where the build is planned ([`crate::plan`]). Whether a message is wanted is decided elsewhere ([`super::checks`]).
//!
//! Most of the rules are those of BuildKit's linter, which tells them apart by the same signs. Those that need an image,
//! the build context or the variables of a step are the machine's: UndefinedVar, CopyIgnoredFile, InvalidBaseImagePlatform.

mod instructions;
mod keywords;
mod names;
mod stages;

pub(super) use keywords::consistent_casing;

use super::ast::Node;
use crate::diagnostic::Diagnostic;
use stages::{Stage, stages};

/// A check of the stages of a text.
type Check = fn(&[Stage]) -> Vec<Diagnostic>;

/// Every check that looks at more than one statement.
const CHECKS: &[Check] = &[
    names::duplicate,
    names::reserved,
    instructions::shell_form,
    instructions::relative_workdir,
    instructions::replaced,
    instructions::secrets,
    instructions::constant_platform,
    instructions::redundant_platform,
];

/// All messages about a text.
pub(super) fn check(nodes: &[Node]) -> Vec<Diagnostic> {
    let stages = stages(nodes);
    let mut found = names::descriptions(nodes);
    found.extend(CHECKS.iter().flat_map(|check| check(&stages)));
    found
}
