//! The plan of a build: stages, what each needs, and the order in which the target's needs are met.
//!
//! Planning is pure: Dockerfile + request → [`Plan`]. Names in FROM and `--from` are resolved here (an earlier stage, a
//! stage's number, else an image); a name that can't be right is a diagnostic before anything runs. Only the stages
//! that the target needs are in [`Plan::order`].
//!
//! What is not known before an image is opened is left to the machine: ONBUILD triggers of a base image, and
//! whether an image exists at all. Follows moby/buildkit's `dockerfile2llb` in what is allowed. Read `base.rs` next.

mod args;
mod base;
mod copying;
mod order;
mod stage;
mod suspicious;

pub(crate) use args::PROXY_ARGS;
pub use stage::{Base, CopySource, Request, Stage};
pub(crate) use stage::{CHECK_ARG, context_name};

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, MOST_MESSAGES, Severity};
use crate::dockerfile::{Checks, Copy, Dockerfile, Instruction, Mount};
use base::FromScope;
use stage::StageNames;

/// Stages and their order.
#[derive(Clone, Debug)]
pub struct Plan {
    pub stages: Vec<Stage>,
    pub target: usize,
    /// The stages that the target needs, itself last, each after what it needs.
    pub(crate) order: Vec<usize>,
    /// Global ARGs and automatic variables: what an ARG without a value inherits inside a stage.
    pub(crate) global_args: BTreeMap<String, String>,
    pub(crate) escape: char,
    /// What is suspicious about the Dockerfile: what its parser found, and what planning found. Notes are not in it.
    pub warnings: Vec<Diagnostic>,
    /// What the file says of its checks, for what is only known when a step is begun.
    pub(crate) checks: Checks,
    /// Names in lower case → the last stage of that name.
    names: StageNames,
    /// Names that are given another meaning.
    contexts: BTreeSet<String>,
}

/// Plans a build of `file`.
///
/// # Errors
/// All of the diagnostics that can be found without I/O: blank or invalid base names, unknown targets, stages that are used
/// before they are defined, cycles.
pub fn plan(file: &Dockerfile, request: &Request) -> Result<Plan, Vec<Diagnostic>> {
    let escape = file.directives.escape;
    let global_args = args::global_args(file, request, escape).map_err(|diagnostic| vec![diagnostic])?;
    let mut problems = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    let mut names = StageNames::new();
    let scope = FromScope { request, global_args: &global_args, escape };
    for source in &file.stages {
        let stage = scope.resolve(source, &stages, &names).unwrap_or_else(|diagnostic| {
            problems.push(diagnostic);
            // Keep the numbering, so that later stages can still be checked.
            base::stage_of(stages.len(), source, Base::Scratch, request.platform.clone())
        });
        if let Some(name) = &stage.name {
            names.insert(name.to_lowercase(), stage.index);
        }
        stages.push(stage);
    }
    for index in 0..stages.len() {
        match copying::copies_from(&stages[index], known(&names, stages.len(), request)) {
            Ok(sources) => stages[index].copies_from = sources,
            Err(mut diagnostics) => problems.append(&mut diagnostics),
        }
        if problems.len() > MOST_MESSAGES {
            break;
        }
    }
    let (errors, found) = file
        .checks
        .apply(suspicious::suspicious(file, request, &stages, &global_args))
        .into_iter()
        .partition(Diagnostic::is_error);
    problems.extend::<Vec<Diagnostic>>(errors);
    if !problems.is_empty() {
        problems.truncate(MOST_MESSAGES);
        return Err(problems);
    }
    let is_warning = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Warning;
    let mut warnings: Vec<Diagnostic> = file.warnings.iter().filter(is_warning).cloned().collect();
    warnings.extend::<Vec<Diagnostic>>(found);
    let target =
        order::find_target(&stages, &names, request.target.as_deref()).map_err(|diagnostic| vec![diagnostic])?;
    let order = if request.every_stage { (0..stages.len()).collect() } else { order::order(&stages, target) };
    let problems = copying::out_of_order(&stages, &order, known(&names, stages.len(), request));
    if !problems.is_empty() {
        return Err(problems);
    }
    let (checks, contexts) = (file.checks.clone(), request.contexts.clone());
    Ok(Plan { stages, target, order, global_args, escape, warnings, checks, names, contexts })
}

fn known<'n>(stages: &'n StageNames, count: usize, request: &'n Request) -> copying::Names<'n> {
    copying::Names { stages, count, contexts: &request.contexts }
}

impl Plan {
    /// What the `--from` of a COPY in stage `stage` means; `None` where it copies from the build context.
    ///
    /// # Errors
    /// A diagnostic at the flag's value.
    pub fn copy_source(&self, stage: usize, copy: &Copy) -> Result<Option<CopySource>, Diagnostic> {
        copying::Named::by_copy(copy).map(|named| self.source(stage, named)).transpose()
    }

    /// What the `from` of a mount in stage `stage` means; `None` where it is the build context.
    ///
    /// # Errors
    /// A diagnostic at the mount.
    pub(crate) fn mount_source(&self, stage: usize, mount: &Mount) -> Result<Option<CopySource>, Diagnostic> {
        copying::Named::by_mount(mount).map(|named| self.source(stage, named)).transpose()
    }

    /// All that an instruction in stage `stage` names as a source of files.
    ///
    /// # Errors
    /// As [`Plan::copy_source`] and [`Plan::mount_source`].
    pub(crate) fn sources(&self, stage: usize, instruction: &Instruction) -> Result<Vec<CopySource>, Diagnostic> {
        copying::named(instruction).into_iter().map(|named| self.source(stage, named)).collect()
    }

    fn source(&self, stage: usize, named: copying::Named<'_>) -> Result<CopySource, Diagnostic> {
        let known = copying::Names { stages: &self.names, count: self.stages.len(), contexts: &self.contexts };
        copying::earlier_source(stage, named, known)
    }

    /// A stage and all that it needs, each after its own needs.
    pub(crate) fn needs(&self, stage: usize) -> Vec<usize> {
        order::order(&self.stages, stage)
    }
}
