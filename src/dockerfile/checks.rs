//! What a Dockerfile says of the checks that are made of it.
//!
//! ```text
//! # check=skip=JSONArgsRecommended,StageNameCasing;error=true
//! FROM alpine
//! # check=skip=SecretsUsedInArgOrEnv this token opens nothing
//! ARG TOKEN
//! ```
//!
//! The directive at the top is for the whole file, a comment directly above an instruction for that one. Names skip any warning
//! ([`super::rules`]). `all` and `error=true` mean Docker's checks alone: a file that Docker builds is built here, and what only we have
//! to say of it is said. `experimental=` asks for a check that is otherwise off. Errors are never skipped.

use super::directive::{self, Check, Rules};
use crate::diagnostic::{Diagnostic, Origin, Severity};
use crate::source::Span;

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    file: Check,
    /// What comments say of single instructions, and where those are, in the order of the text.
    instructions: Vec<(Span, Check)>,
}

impl Checks {
    /// What a directive and the comments above instructions say.
    pub(super) fn of<'n>(file: Option<Check>, instructions: impl Iterator<Item = (Span, &'n [String])>) -> Checks {
        let instructions =
            instructions.filter_map(|(span, comments)| Some((span, comments.iter().find_map(of_comment)?)));
        Checks { file: file.unwrap_or_default(), instructions: instructions.collect() }
    }

    /// The messages that are left when those that are skipped are gone, and some warnings are errors.
    pub(crate) fn apply(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Vec<Diagnostic> {
        diagnostics.into_iter().filter_map(|diagnostic| self.outcome(diagnostic)).collect()
    }

    fn outcome(&self, diagnostic: Diagnostic) -> Option<Diagnostic> {
        let Some(rule) = diagnostic.rule.filter(|_| !diagnostic.is_error()) else { return Some(diagnostic) };
        let is_docker = rule.origin != Origin::Layerlab;
        let mut checks = self.checks_of(diagnostic.span());
        let stays = match rule.origin {
            Origin::DockerExperiment => {
                checks.any(|check| check.experimental == Rules::All || check.experimental.names(rule.name))
            }
            Origin::Docker | Origin::Layerlab => {
                !checks.any(|check| check.skip.names(rule.name) || (is_docker && check.skip == Rules::All))
            }
        };
        let severity = if is_docker && self.file.error { Severity::Error } else { diagnostic.severity };
        stays.then(|| diagnostic.severity(severity))
    }

    /// What is said of the file, and of the instruction that a message is about.
    fn checks_of(&self, place: Option<Span>) -> impl Iterator<Item = &Check> {
        let of_instruction = place.and_then(|place| {
            let after = self.instructions.partition_point(|(span, _)| span.start <= place.start);
            let (span, check) = self.instructions.get(after.checked_sub(1)?)?;
            (place.start < span.end).then_some(check)
        });
        std::iter::once(&self.file).chain(of_instruction)
    }
}

/// What a comment says: `check=…` up to the first space, then anything.
fn of_comment(comment: &String) -> Option<Check> {
    let (name, value, _) = directive::parse_line(&format!("#{comment}"))?;
    if name != "check" {
        return None;
    }
    Check::parse(value.split(' ').next()?).ok()
}
