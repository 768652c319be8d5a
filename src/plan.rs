//! The plan of a build: stages, what each needs, and the order in which the target's needs are met.
//!
//! Planning is pure: Dockerfile + request → [`Plan`]. Names in FROM and `--from` are resolved here (an earlier stage, a
//! stage's number, else an image); a name that can't be right is a diagnostic before anything runs. Only the stages
//! that the target needs are in [`Plan::order`].
//!
//! What is not known before an image is opened is left to the machine: ONBUILD triggers of a base image, and
//! whether an image exists at all. Follows moby/buildkit's `dockerfile2llb` in what is allowed.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, MOST_MESSAGES, closest};
use crate::dockerfile::words::Variables;
use crate::dockerfile::{self, Copy, Dockerfile, Instruction, Limit, Limits, warning};
use crate::oci::{Platform, Reference};

/// What is asked of a build.
#[derive(Clone, Debug)]
pub struct Request {
    /// The stage to build by its name, in any case. `None`: the last.
    pub target: Option<String>,
    pub build_args: BTreeMap<String, String>,
    /// What the image is to run on.
    pub platform: Platform,
    pub limits: Limits,
    /// Plan every stage, needed or not: what a person types at a prompt, they want to see.
    pub every_stage: bool,
}

impl Default for Request {
    /// The last stage, for this machine.
    fn default() -> Request {
        Request {
            target: None,
            build_args: BTreeMap::new(),
            platform: Platform::host(),
            limits: Limits::default(),
            every_stage: false,
        }
    }
}

/// Where a stage's first state comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    Scratch,
    Stage(usize),
    Image(Reference),
}

/// One stage of the Dockerfile, its FROM resolved.
#[derive(Clone, Debug)]
pub struct Stage {
    pub index: usize,
    pub name: Option<String>,
    pub base: Base,
    /// What its steps run on, as far as the Dockerfile says: an image may turn out to be for another.
    pub platform: Platform,
    /// Whether FROM itself names the platform.
    pub asks_for_platform: bool,
    /// The stages that it copies from, besides its base.
    pub copies_from: BTreeSet<usize>,
    pub source: dockerfile::Stage,
}

impl Stage {
    /// The name, or `stage-N` as BuildKit calls a stage without one.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("stage-{}", self.index))
    }
}

/// Stages and their order.
#[derive(Clone, Debug)]
pub struct Plan {
    pub stages: Vec<Stage>,
    pub target: usize,
    /// The stages that the target needs, itself last, each after what it needs.
    pub order: Vec<usize>,
    /// Global ARGs and automatic variables: what an ARG without a value inherits inside a stage.
    pub global_args: BTreeMap<String, String>,
    pub escape: char,
    /// What is suspicious about the Dockerfile: what its parser found, and what planning found.
    pub warnings: Vec<Diagnostic>,
    /// Names in lower case → the last stage of that name.
    names: StageNames,
}

type StageNames = BTreeMap<String, usize>;

/// What `COPY --from=NAME` means.
#[derive(Clone, Debug, PartialEq)]
pub enum CopySource {
    Stage(usize),
    Image(Reference),
    /// `scratch`: nothing but an empty root.
    Scratch,
}

/// ARGs that need no declaration: they reach RUN and no cache key.
pub const PROXY_ARGS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Plans a build of `file`.
///
/// # Errors
/// All of the diagnostics that can be found without I/O: blank or invalid base names, unknown targets, stages that are used
/// before they are defined, cycles.
pub fn plan(file: &Dockerfile, request: &Request) -> Result<Plan, Vec<Diagnostic>> {
    let escape = file.directives.escape;
    let global_args = global_args(file, request, escape).map_err(|diagnostic| vec![diagnostic])?;
    let mut problems = Vec::new();
    let mut warnings = file.warnings.clone();
    let mut stages: Vec<Stage> = Vec::new();
    let mut names = StageNames::new();
    let scope = FromScope { request, global_args: &global_args, escape };
    for source in &file.stages {
        let stage = scope.resolve(source, &stages, &names).unwrap_or_else(|diagnostic| {
            problems.push(diagnostic);
            // Keep the numbering, so that later stages can still be checked.
            stage_of(stages.len(), source, Base::Scratch, request.platform.clone())
        });
        warnings.extend(needless_platform(&stage));
        if let Some(name) = &stage.name {
            names.insert(name.to_lowercase(), stage.index);
        }
        stages.push(stage);
    }
    for index in 0..stages.len() {
        match copies_from(&stages[index], &names, stages.len()) {
            Ok(sources) => stages[index].copies_from = sources,
            Err(mut diagnostics) => problems.append(&mut diagnostics),
        }
        if problems.len() > MOST_MESSAGES {
            break;
        }
    }
    if !problems.is_empty() {
        problems.truncate(MOST_MESSAGES);
        return Err(problems);
    }
    let target = find_target(&stages, &names, request.target.as_deref()).map_err(|diagnostic| vec![diagnostic])?;
    let order = if request.every_stage { (0..stages.len()).collect() } else { order(&stages, target) };
    let problems = out_of_order(&stages, &order, &names);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Plan { stages, target, order, global_args, escape, warnings, names })
}

impl Plan {
    /// What the `--from` of a COPY in stage `stage` means; `None` where it copies from the build context.
    ///
    /// # Errors
    /// A diagnostic at the flag's value.
    pub fn copy_source(&self, stage: usize, copy: &Copy) -> Result<Option<CopySource>, Diagnostic> {
        let source = copy_source(stage, copy, &self.names, self.stages.len())?;
        match &source {
            Some(CopySource::Stage(index)) if *index > stage => Err(defined_later(copy)),
            _ => Ok(source),
        }
    }

    /// A stage and all that it needs, each after its own needs.
    pub fn needs(&self, stage: usize) -> Vec<usize> {
        order(&self.stages, stage)
    }

    /// The number of steps, FROM included, over all needed stages.
    pub fn step_count(&self) -> usize {
        self.order.iter().map(|&stage| 1 + self.stages[stage].source.instructions.len()).sum()
    }
}

/// The variables that BuildKit sets by itself, before the first FROM. The build happens on this machine.
pub fn automatic_args(platform: &Platform, target: &str) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    for (prefix, platform) in [("BUILD", &Platform::host()), ("TARGET", platform)] {
        args.insert(format!("{prefix}PLATFORM"), platform.to_string());
        args.insert(format!("{prefix}OS"), platform.os.clone());
        args.insert(format!("{prefix}ARCH"), platform.architecture.clone());
        args.insert(format!("{prefix}VARIANT"), platform.variant.clone().unwrap_or_default());
        args.insert(format!("{prefix}OSVERSION"), String::new());
    }
    args.insert("TARGETSTAGE".into(), if target.is_empty() { "default".into() } else { target.into() });
    args
}

fn global_args(file: &Dockerfile, request: &Request, escape: char) -> Result<BTreeMap<String, String>, Diagnostic> {
    let last_name = file.stages.last().and_then(|stage| stage.from.value.alias.clone()).unwrap_or_default();
    let mut values = automatic_args(&request.platform, request.target.as_deref().unwrap_or(&last_name));
    for (name, value) in &mut values {
        if let Some(given) = request.build_args.get(name) {
            value.clone_from(given);
        }
    }
    let mut bytes = 0usize;
    for arg in &file.global_args {
        for (name, default) in &arg.value.names {
            let value = match (request.build_args.get(name), default) {
                (Some(given), _) => given.clone(),
                (None, Some(default)) => expand(default, escape, &values, &request.limits)
                    .map_err(|diagnostic| diagnostic.at_if_none(arg.span))?,
                (None, None) => continue,
            };
            bytes = bytes.saturating_add(name.len() + value.len());
            if bytes > request.limits.of(Limit::Configuration) {
                let what = "the ARGs before the first FROM";
                return Err(Limit::Configuration.exceeded(&request.limits, what).at(arg.span));
            }
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

/// Expands a word; the diagnostic lies on the word where its place is known.
pub fn expand(
    word: &dockerfile::Word,
    escape: char,
    variables: &dyn Variables,
    limits: &Limits,
) -> Result<String, Diagnostic> {
    let (_, expansion) = dockerfile::words::expand_within(&word.raw, escape, variables, limits.of(Limit::Expansion))
        .map_err(|error| word.diagnostic(&error))?;
    Ok(expansion.text)
}

/// What every FROM sees.
struct FromScope<'a> {
    request: &'a Request,
    global_args: &'a BTreeMap<String, String>,
    escape: char,
}

impl FromScope<'_> {
    fn resolve(&self, source: &dockerfile::Stage, earlier: &[Stage], names: &StageNames) -> Result<Stage, Diagnostic> {
        let from = &source.from.value;
        let span = from.image.span.unwrap_or(source.from.span);
        let name = expand(&from.image, self.escape, self.global_args, &self.request.limits)
            .map_err(|diagnostic| diagnostic.at_if_none(span))?;
        if name.is_empty() {
            return Err(Diagnostic::error(format!("base name `{}` should not be blank", from.image.raw))
                .at(span)
                .label("expands to nothing")
                .hint("declare the ARG with a default before FROM, or give it with --build-arg"));
        }
        let wanted = from.platform.as_ref().map(|word| self.platform(source, word)).transpose()?;
        // A stage's name is kept in lower case, and FROM (unlike `--from`) has to write it so.
        let (base, platform) = if let Some(stage) = names.get(&name) {
            (Base::Stage(*stage), earlier[*stage].platform.clone())
        } else if name == "scratch" {
            (Base::Scratch, self.request.platform.clone())
        } else {
            let reference = Reference::parse_normalized(&name).map_err(|error| {
                let diagnostic = Diagnostic::error(format!("`{name}` is not an image name: {error}")).at(span);
                diagnostic.hint(match names.contains_key(&name.to_lowercase()) {
                    true => format!("FROM names a stage in lower case: `{}`", name.to_lowercase()),
                    false => "an image is named like `alpine`, `alpine:3.20` or `registry.example/team/app:1.0`".into(),
                })
            })?;
            let platform = wanted.unwrap_or_else(|| self.request.platform.clone());
            (Base::Image(reference.with_default_tag()), platform)
        };
        Ok(stage_of(earlier.len(), source, base, platform))
    }

    /// The value of `--platform`.
    fn platform(&self, source: &dockerfile::Stage, word: &dockerfile::Word) -> Result<Platform, Diagnostic> {
        let span = word.span.unwrap_or(source.from.span);
        let text = expand(word, self.escape, self.global_args, &self.request.limits)
            .map_err(|diagnostic| diagnostic.at_if_none(span))?;
        if text.is_empty() {
            return Err(Diagnostic::error(format!("empty platform value from expression `{}`", word.raw)).at(span));
        }
        text.parse::<Platform>().map_err(|error| Diagnostic::error(error.to_string()).at(span).hint(error.hint()))
    }
}

fn stage_of(index: usize, source: &dockerfile::Stage, base: Base, platform: Platform) -> Stage {
    Stage {
        index,
        name: source.from.value.alias.clone(),
        base,
        platform,
        asks_for_platform: source.from.value.platform.is_some(),
        copies_from: BTreeSet::new(),
        source: source.clone(),
    }
}

/// `--platform` chooses among the images of one name. A stage and `scratch` are not images: BuildKit ignores it there too.
fn needless_platform(stage: &Stage) -> Option<Diagnostic> {
    let what = match &stage.base {
        Base::Image(_) => return None,
        Base::Scratch => "`scratch`",
        Base::Stage(_) => "a stage",
    };
    let word = stage.source.from.value.platform.as_ref()?;
    Some(
        Diagnostic::warning(format!("`--platform` has no effect on {what}"))
            .kind(warning::FLAG_WITHOUT_EFFECT)
            .at(word.span.unwrap_or(stage.source.from.span)),
    )
}

fn copies_from(stage: &Stage, names: &StageNames, count: usize) -> Result<BTreeSet<usize>, Vec<Diagnostic>> {
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

/// Uses of a stage before it is defined, in stages that are built. Elsewhere they do no harm and are no mistake.
fn out_of_order(stages: &[Stage], order: &[usize], names: &StageNames) -> Vec<Diagnostic> {
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

fn defined_later(copy: &Copy) -> Diagnostic {
    let word = copy.from.as_ref();
    let name = word.map_or("", |word| word.raw.as_str());
    let diagnostic = Diagnostic::error(format!("cannot copy from stage `{name}`: it is defined after this stage"))
        .hint("move that stage above this one");
    match word.and_then(|word| word.span) {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}

/// What `--from` names. A stage that is defined later is found too.
fn copy_source(stage: usize, copy: &Copy, names: &StageNames, count: usize) -> Result<Option<CopySource>, Diagnostic> {
    let Some(word) = &copy.from else { return Ok(None) };
    let at = |diagnostic: Diagnostic| match word.span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    };
    let nothing: BTreeMap<String, String> = BTreeMap::new();
    if dockerfile::words::expand(&word.raw, '\\', &nothing).map(|expansion| expansion.text != word.raw).unwrap_or(true)
    {
        return Err(at(Diagnostic::error("variable expansion is not supported for --from")
            .hint("define a stage with `FROM $NAME AS name` from a global ARG, and copy from that stage")));
    }
    let found = match word.raw.parse::<usize>() {
        Ok(number) if number < count => Some(number),
        Ok(number) => {
            return Err(at(Diagnostic::error(format!("there is no stage {number}"))
                .hint(format!("the stages are numbered from 0 to {}", count.saturating_sub(1)))));
        }
        Err(_) => names.get(&word.raw.to_lowercase()).copied(),
    };
    match found {
        Some(source) if source == stage => {
            Err(at(Diagnostic::error(format!("circular dependency: the stage copies from itself (`{}`)", word.raw))))
        }
        Some(source) => Ok(Some(CopySource::Stage(source))),
        None if word.raw == "scratch" => Ok(Some(CopySource::Scratch)),
        None => {
            let reference = Reference::parse_normalized(&word.raw).map_err(|error| {
                let diagnostic =
                    at(Diagnostic::error(format!("`{}` is neither a stage nor an image name: {error}", word.raw)));
                match closest(&word.raw, names.keys().map(String::as_str)) {
                    Some(name) => diagnostic.hint(format!("did you mean the stage `{name}`?")),
                    None => diagnostic,
                }
            })?;
            Ok(Some(CopySource::Image(reference.with_default_tag())))
        }
    }
}

fn find_target(stages: &[Stage], names: &StageNames, wanted: Option<&str>) -> Result<usize, Diagnostic> {
    let Some(wanted) = wanted else {
        return stages
            .len()
            .checked_sub(1)
            .ok_or_else(|| Diagnostic::error("the Dockerfile has no stage").hint("it starts with `FROM image`"));
    };
    if let Some(&index) = names.get(&wanted.to_lowercase()) {
        return Ok(index);
    }
    let diagnostic = Diagnostic::error(format!("target stage `{wanted}` could not be found"));
    Err(match closest(wanted, names.keys().map(String::as_str)) {
        Some(name) => diagnostic.hint(format!("did you mean `{name}`?")),
        None if names.is_empty() => diagnostic.hint("no stage has a name: `FROM image AS name` gives it one"),
        None => {
            let known: Vec<String> = names.keys().map(|name| format!("`{name}`")).collect();
            diagnostic.hint(format!("a stage is chosen by its name: {}", known.join(", ")))
        }
    })
}

/// The stages that the target needs, each after its own needs.
fn order(stages: &[Stage], target: usize) -> Vec<usize> {
    let mut needed = BTreeSet::from([target]);
    let mut open = vec![target];
    while let Some(index) = open.pop() {
        let stage = &stages[index];
        let base = match stage.base {
            Base::Stage(base) => Some(base),
            Base::Scratch | Base::Image(_) => None,
        };
        for need in stage.copies_from.iter().copied().chain(base) {
            if needed.insert(need) {
                open.push(need);
            }
        }
    }
    // A stage only ever needs earlier ones, so ascending order is an order of dependence.
    needed.into_iter().collect()
}
