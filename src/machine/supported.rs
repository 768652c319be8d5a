//! What the machine does not do yet is refused before anything runs, by name and place.

use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Add, Copy, Instruction, Located, Source, WithFiles, Word, rules};
use crate::git;
use crate::oci::Platform;
use crate::plan::{Plan, Stage};
use crate::source::Span;

/// # Errors
/// One diagnostic for each unsupported use in a stage that would be built, and one for each stage that can't run.
pub(super) fn check(plan: &Plan) -> Result<(), Vec<Diagnostic>> {
    let stages = || plan.order.iter().map(|&stage| &plan.stages[stage]);
    let mut problems: Vec<Diagnostic> =
        stages().flat_map(|stage| &stage.source.instructions).flat_map(check_instruction).collect();
    problems.extend(stages().filter_map(foreign_run));
    problems.sort_by_key(Diagnostic::start);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The first RUN of a stage for another platform than this machine's.
fn foreign_run(stage: &Stage) -> Option<Diagnostic> {
    if stage.platform.runs_on(&Platform::host()) {
        return None;
    }
    let mut instructions = stage.source.instructions.iter();
    let run = instructions.find(|instruction| matches!(instruction.value.with_files(), Some(WithFiles::Run(_))))?;
    Some(foreign(&stage.platform).at(run.span))
}

/// RUN on a platform that is not this machine's.
pub(super) fn foreign(platform: &Platform) -> Diagnostic {
    let machine = Platform::host();
    Diagnostic::new(
        &rules::FOREIGN_PLATFORM,
        format!("RUN can't run programs for {platform}: this machine is {machine}"),
    )
    .hint(format!("only RUN needs a machine of that platform: build for {machine}, or remove RUN from this stage"))
}

/// What of one instruction is not supported yet.
pub(super) fn check_instruction(instruction: &Located<Instruction>) -> Vec<Diagnostic> {
    let place = instruction.span;
    match instruction.value.with_files() {
        Some(WithFiles::Add(add)) => match misplaced_checksum(add) {
            Some(problem) => vec![Diagnostic::new(&rules::MISPLACED_CHECKSUM, problem).at(place)],
            None => Vec::new(),
        },
        Some(WithFiles::Copy(copy)) => remote_sources(copy, place),
        Some(WithFiles::Run(_) | WithFiles::Workdir(_)) | None => Vec::new(),
    }
}

fn remote_sources(copy: &Copy, place: Span) -> Vec<Diagnostic> {
    let remote = copy.sources.iter().filter_map(|source| match source {
        Source::Path(word) if is_remote(&word.raw) => Some(copy_of_remote(&word.raw).at(word.span.unwrap_or(place))),
        Source::Path(_) | Source::Heredoc(_) => None,
    });
    remote.collect()
}

/// `--checksum` belongs to exactly one source that lies elsewhere. A source with a variable may be one.
fn misplaced_checksum(add: &Add) -> Option<&'static str> {
    add.checksum.as_ref()?;
    let may_be_remote = |word: &Word| is_remote(&word.raw) || word.raw.contains('$');
    match add.sources.as_slice() {
        [Source::Path(word)] if may_be_remote(word) => None,
        [_] => Some(CHECKSUM_OF_LOCAL),
        _ => Some("`--checksum` takes one source, but there are several"),
    }
}

/// What is wrong with a `--checksum` of what lies in the context.
pub(super) const CHECKSUM_OF_LOCAL: &str = "`--checksum` is for a URL or a git repository, not for a local file";

/// The error for a COPY from elsewhere.
pub(super) fn copy_of_remote(source: &str) -> Diagnostic {
    Diagnostic::new(&rules::COPY_OF_URL, format!("COPY does not accept URLs: `{source}`")).hint("ADD does")
}

/// Whether a source of ADD lies elsewhere: a URL or a git repository.
pub(super) fn is_remote(source: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| source.starts_with(scheme)) || git::is_repository(source)
}
