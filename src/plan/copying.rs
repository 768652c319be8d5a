//! What `--from` of a COPY names: an earlier stage, by name or number, or an image.

use std::collections::{BTreeMap, BTreeSet};

use super::stage::{CopySource, Stage, StageNames};
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::{Copy, Instruction, rules, words};
use crate::oci::Reference;

/// The stages that a stage copies from.
pub(super) fn copies_from(stage: &Stage, names: &StageNames, count: usize) -> Result<BTreeSet<usize>, Vec<Diagnostic>> {
    let mut sources = BTreeSet::new();
    let mut problems = Vec::new();
    for instruction in &stage.source.instructions {
        let Instruction::Copy(copy) = &instruction.value else { continue };
        match copy_source(stage.index, copy, names, count) {
            Ok(Some(CopySource::Stage(source))) => {
                sources.insert(source);
            }
            Ok(_) => {}
            Err(diagnostic) => problems.push(diagnostic.at_if_none(instruction.span)),
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

/// Uses of a stage before it is defined, in stages that are built. Elsewhere they do no harm and are not a mistake.
pub(super) fn out_of_order(stages: &[Stage], order: &[usize], names: &StageNames) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for &index in order {
        for instruction in &stages[index].source.instructions {
            if let Instruction::Copy(copy) = &instruction.value
                && let Ok(Some(CopySource::Stage(source))) = copy_source(index, copy, names, stages.len())
                && source > index
            {
                problems.push(defined_later(copy).at_if_none(instruction.span));
            }
        }
    }
    problems
}

pub(super) fn defined_later(copy: &Copy) -> Diagnostic {
    let word = copy.from.as_ref();
    let name = word.map_or("", |word| word.raw.as_str());
    let message = format!("cannot copy from stage `{name}`: it is defined after this stage");
    Diagnostic::new(&rules::STAGE_DEFINED_LATER, message)
        .at(word.and_then(|word| word.span))
        .hint("move that stage above this one")
}

/// What `--from` names. A stage that is defined later is found too.
pub(super) fn copy_source(
    stage: usize,
    copy: &Copy,
    names: &StageNames,
    count: usize,
) -> Result<Option<CopySource>, Diagnostic> {
    let Some(word) = &copy.from else { return Ok(None) };
    let refuse = |rule, message: String| Diagnostic::new(rule, message).at(word.span);
    let nothing: BTreeMap<String, String> = BTreeMap::new();
    if words::expand(&word.raw, '\\', &nothing).map(|expansion| expansion.text != word.raw).unwrap_or(true) {
        let message = "variable expansion is not supported for --from".to_owned();
        return Err(refuse(&rules::VARIABLE_IN_FROM, message)
            .hint("define a stage with `FROM $NAME AS name` from a global ARG, and copy from that stage"));
    }
    let found = match word.raw.parse::<usize>() {
        Ok(number) if number < count => Some(number),
        Ok(number) => {
            return Err(refuse(&rules::UNKNOWN_STAGE, format!("there is no stage {number}"))
                .hint(format!("the stages are numbered from 0 to {}", count.saturating_sub(1))));
        }
        Err(_) => names.get(&word.raw.to_lowercase()).copied(),
    };
    match found {
        Some(source) if source == stage => {
            let message = format!("circular dependency: the stage copies from itself (`{}`)", word.raw);
            Err(refuse(&rules::CIRCULAR_DEPENDENCY, message))
        }
        Some(source) => Ok(Some(CopySource::Stage(source))),
        None if word.raw == "scratch" => Ok(Some(CopySource::Scratch)),
        None => {
            let reference = Reference::parse_normalized(&word.raw).map_err(|error| {
                let message = format!("`{}` is neither a stage nor an image name: {error}", word.raw);
                let diagnostic = refuse(&rules::UNKNOWN_STAGE, message);
                match closest(&word.raw, names.keys().map(String::as_str)) {
                    Some(name) => diagnostic.hint(format!("did you mean the stage `{name}`?")),
                    None => diagnostic,
                }
            })?;
            Ok(Some(CopySource::Image(reference.with_default_tag())))
        }
    }
}
