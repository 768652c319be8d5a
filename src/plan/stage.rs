//! What planning is about: the request, and the stages with their bases.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::dockerfile::directive::{self, Check};
use crate::dockerfile::{self, Instruction};
use crate::limits::Limits;
use crate::oci::{Platform, Reference};

/// The build argument that says what shall be done of the checks. It needs no ARG.
pub(crate) const CHECK_ARG: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// What is asked of a build.
#[derive(Clone, Debug)]
pub struct Request {
    /// The stage to build by its name, in any case. `None`: the last.
    pub target: Option<String>,
    pub build_args: BTreeMap<String, String>,
    /// What the image is to run on.
    pub platform: Platform,
    pub limits: Limits,
    /// The names that are given another meaning, as [`context_name`] has them. What they mean is the matter of whoever builds.
    pub contexts: BTreeSet<String>,
    /// Plan every stage, needed or not: what a person types at a prompt, they want to see.
    pub every_stage: bool,
}

impl Request {
    /// The name of the context that an image's name, or that of a stage, means, if there is one.
    pub(super) fn context(&self, name: &str) -> Option<&String> {
        if self.contexts.is_empty() {
            return None;
        }
        self.contexts.get(&context_name(&Reference::parse_normalized(name).ok()?))
    }

    /// What a build argument says of the checks in place of the file.
    ///
    /// # Errors
    /// An option that does not exist.
    pub fn check(&self) -> Result<Option<Check>, Diagnostic> {
        let check = self.build_args.get(CHECK_ARG).map(|value| Check::parse(value));
        check.transpose().map_err(|option| {
            Diagnostic::error(format!("invalid option `{option}` of the build argument {CHECK_ARG}"))
                .hint(directive::CHECK_OPTIONS)
        })
    }
}

impl Default for Request {
    /// The last stage, for this machine.
    fn default() -> Request {
        Request {
            target: None,
            build_args: BTreeMap::new(),
            platform: Platform::host(),
            limits: Limits::default(),
            contexts: BTreeSet::new(),
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
    /// What the user has the name stand for.
    Context(String),
}

/// One stage of the Dockerfile, its FROM resolved.
#[derive(Clone, Debug)]
pub struct Stage {
    pub index: usize,
    pub(crate) name: Option<String>,
    pub base: Base,
    /// What its steps run on, as far as the Dockerfile says: an image may turn out to be for another.
    pub(crate) platform: Platform,
    /// Whether FROM itself names the platform.
    pub(crate) asks_for_platform: bool,
    /// The stages that it copies or mounts files from, besides its base.
    pub(crate) copies_from: BTreeSet<usize>,
    pub source: dockerfile::Stage,
}

impl Stage {
    /// The name, or `stage-N` as BuildKit calls a stage without one.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("stage-{}", self.index))
    }

    /// What its ONBUILDs record for a stage FROM it, in their order. A trigger of its own base records nothing: it can't be an ONBUILD.
    pub(crate) fn recorded_triggers(&self) -> impl Iterator<Item = &str> {
        self.source.instructions.iter().filter_map(|instruction| match &instruction.value {
            Instruction::Onbuild(onbuild) => Some(onbuild.text.as_str()),
            _ => None,
        })
    }
}

/// What `COPY --from=NAME` or `RUN --mount=from=NAME` means.
#[derive(Clone, Debug, PartialEq)]
pub enum CopySource {
    Stage(usize),
    Image(Reference),
    /// `scratch`: nothing but an empty root.
    Scratch,
    /// What the user has the name stand for.
    Context(String),
}

/// The name of a context by which an image is replaced: as people type it, without `:latest`. `alpine` stands for `docker.io/library/alpine:latest`, too.
pub(crate) fn context_name(reference: &Reference) -> String {
    let name = reference.familiar();
    name.strip_suffix(":latest").map(str::to_owned).unwrap_or(name)
}

/// Names in lower case → the last stage of that name.
pub(super) type StageNames = BTreeMap<String, usize>;
