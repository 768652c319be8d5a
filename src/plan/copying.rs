//! Where an instruction takes files from: `--from` of a COPY and `from` of a mount name an earlier stage or an image.
//!
//! COPY also takes a stage's number; a mount knows names only, as in BuildKit.

use std::collections::{BTreeMap, BTreeSet};

use super::stage::{CopySource, Stage, StageNames, context_name};
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::{Copy, Instruction, Mount, WithFiles, Word, rules, words};
use crate::oci::Reference;

/// What names can mean.
#[derive(Clone, Copy)]
pub(super) struct Names<'n> {
    pub(super) stages: &'n StageNames,
    /// How many stages there are.
    pub(super) count: usize,
    /// Those that the user has given another meaning.
    pub(super) contexts: &'n BTreeSet<String>,
}

/// What an instruction names as a source.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    name: &'a str,
    /// The word that names it: where messages point.
    word: &'a Word,
    by: By,
}

/// Who names it.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Copy,
    Mount,
}

impl By {
    fn verb(self) -> &'static str {
        match self {
            By::Copy => "copy",
            By::Mount => "mount",
        }
    }
}

impl<'a> Named<'a> {
    pub(super) fn by_copy(copy: &'a Copy) -> Option<Named<'a>> {
        let word = copy.from.as_ref()?;
        Some(Named { name: &word.raw, word, by: By::Copy })
    }

    pub(super) fn by_mount(mount: &'a Mount) -> Option<Named<'a>> {
        let name = mount.from.as_deref().filter(|name| !name.is_empty())?;
        Some(Named { name, word: &mount.text, by: By::Mount })
    }
}

/// All sources that an instruction names.
pub(super) fn named(instruction: &Instruction) -> Vec<Named<'_>> {
    match instruction.with_files() {
        Some(WithFiles::Copy(copy)) => Named::by_copy(copy).into_iter().collect(),
        Some(WithFiles::Run(run)) => run.mounts.iter().filter_map(Named::by_mount).collect(),
        Some(WithFiles::Add(_) | WithFiles::Workdir(_)) | None => Vec::new(),
    }
}

/// The stages that a stage takes files from.
pub(super) fn copies_from(stage: &Stage, names: Names<'_>) -> Result<BTreeSet<usize>, Vec<Diagnostic>> {
    let mut sources = BTreeSet::new();
    let mut problems = Vec::new();
    for instruction in &stage.source.instructions {
        for named in named(&instruction.value) {
            match source(stage.index, named, names) {
                Ok(CopySource::Stage(source)) => {
                    sources.insert(source);
                }
                Ok(CopySource::Image(_) | CopySource::Scratch | CopySource::Context(_)) => {}
                Err(diagnostic) => problems.push(diagnostic.at_if_none(instruction.span)),
            }
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

/// Uses of a stage before it is defined, in stages that are built. Elsewhere they do no harm and are not a mistake.
pub(super) fn out_of_order(stages: &[Stage], order: &[usize], names: Names<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for &index in order {
        for instruction in &stages[index].source.instructions {
            for named in named(&instruction.value) {
                if let Ok(CopySource::Stage(source)) = source(index, named, names)
                    && source > index
                {
                    problems.push(defined_later(named).at_if_none(instruction.span));
                }
            }
        }
    }
    problems
}

fn defined_later(named: Named<'_>) -> Diagnostic {
    let message = format!("cannot {} from stage `{}`: it is defined after this stage", named.by.verb(), named.name);
    Diagnostic::new(&rules::STAGE_DEFINED_LATER, message).at(named.word.span).hint("move that stage above this one")
}

/// What a name means for an instruction in `stage`.
///
/// # Errors
/// As [`source`], and for a stage that is defined later.
pub(super) fn earlier_source(stage: usize, named: Named<'_>, names: Names<'_>) -> Result<CopySource, Diagnostic> {
    match source(stage, named, names)? {
        CopySource::Stage(index) if index > stage => Err(defined_later(named)),
        found => Ok(found),
    }
}

/// What a name means. A stage that is defined later is found too.
fn source(stage: usize, named: Named<'_>, names: Names<'_>) -> Result<CopySource, Diagnostic> {
    let Named { name, word, by } = named;
    let refuse = |rule, message: String| Diagnostic::new(rule, message).at(word.span);
    let found = match by {
        By::Copy => stage_of_copy(word, names)?,
        By::Mount => names.stages.get(&name.to_lowercase()).copied(),
    };
    match found {
        Some(source) if source == stage => {
            let does = match by {
                By::Copy => "copies",
                By::Mount => "mounts",
            };
            let message = format!("circular dependency: the stage {does} from itself (`{name}`)");
            Err(refuse(&rules::CIRCULAR_DEPENDENCY, message))
        }
        Some(source) => Ok(CopySource::Stage(source)),
        None if name == "scratch" => Ok(CopySource::Scratch),
        None => {
            if let Ok(reference) = Reference::parse_normalized(name)
                && let Some(context) = names.contexts.get(&context_name(&reference))
            {
                return Ok(CopySource::Context(context.clone()));
            }
            let reference = Reference::parse_normalized(name).map_err(|error| {
                let message = format!("`{name}` is neither a stage nor an image name: {error}");
                let diagnostic = refuse(&rules::UNKNOWN_STAGE, message);
                match closest(name, names.stages.keys().map(String::as_str)) {
                    Some(name) => diagnostic.hint(format!("did you mean the stage `{name}`?")),
                    None => diagnostic,
                }
            })?;
            Ok(CopySource::Image(reference.with_default_tag()))
        }
    }
}

/// The stage that a COPY names, by its name or its number.
fn stage_of_copy(word: &Word, names: Names<'_>) -> Result<Option<usize>, Diagnostic> {
    let name = word.raw.as_str();
    let refuse = |rule, message: String| Diagnostic::new(rule, message).at(word.span);
    let nothing: BTreeMap<String, String> = BTreeMap::new();
    if words::expand(name, '\\', &nothing).map(|expansion| expansion.text != name).unwrap_or(true) {
        let message = "variable expansion is not supported for --from".to_owned();
        return Err(refuse(&rules::VARIABLE_IN_FROM, message)
            .hint("define a stage with `FROM $NAME AS name` from a global ARG, and copy from that stage"));
    }
    match name.parse::<usize>() {
        Ok(number) if number < names.count => Ok(Some(number)),
        Ok(number) => Err(refuse(&rules::UNKNOWN_STAGE, format!("there is no stage {number}"))
            .hint(format!("the stages are numbered from 0 to {}", names.count.saturating_sub(1)))),
        Err(_) => Ok(names.stages.get(&name.to_lowercase()).copied()),
    }
}
