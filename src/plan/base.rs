//! What a FROM begins with: nothing, an earlier stage, or an image.

use std::collections::{BTreeMap, BTreeSet};

use super::args::expand;
use super::stage::{Base, Request, Stage, StageNames};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, rules};
use crate::oci::{Platform, Reference};

/// What every FROM sees.
pub(super) struct FromScope<'a> {
    pub(crate) request: &'a Request,
    pub(crate) global_args: &'a BTreeMap<String, String>,
    pub(crate) escape: char,
}

impl FromScope<'_> {
    ///
    /// # Errors
    /// A name that is blank, or names neither a stage nor an image.
    pub(crate) fn resolve(
        &self,
        source: &dockerfile::Stage,
        earlier: &[Stage],
        names: &StageNames,
    ) -> Result<Stage, Diagnostic> {
        let from = &source.from.value;
        let span = from.image.span.unwrap_or(source.from.span);
        let name = expand(&from.image, self.escape, self.global_args, &self.request.limits)
            .map_err(|diagnostic| diagnostic.at_if_none(span))?;
        if name.is_empty() {
            return Err(Diagnostic::new(
                &rules::BLANK_BASE_NAME,
                format!("base name `{}` should not be blank", from.image.raw),
            )
            .at(span)
            .label("expands to nothing")
            .hint("declare the ARG with a default before FROM, or give it with --build-arg"));
        }
        let wanted = from.platform.as_ref().map(|word| self.platform(source, word)).transpose()?;
        // A stage that the user has given another meaning is that: its own instructions are not carried out.
        if let Some(context) = from.alias.as_deref().and_then(|alias| self.request.context(alias)) {
            let platform = wanted.unwrap_or_else(|| self.request.platform.clone());
            let mut stage = stage_of(earlier.len(), source, Base::Context(context.clone()), platform);
            stage.source.instructions.clear();
            return Ok(stage);
        }
        // A stage's name is kept in lower case, and FROM (unlike `--from`) has to write it so.
        let (base, platform) = if let Some(stage) = names.get(&name) {
            (Base::Stage(*stage), earlier[*stage].platform.clone())
        } else if name == "scratch" {
            (Base::Scratch, self.request.platform.clone())
        } else if let Some(context) = self.request.context(&name) {
            (Base::Context(context.clone()), wanted.unwrap_or_else(|| self.request.platform.clone()))
        } else {
            let reference = Reference::parse_normalized(&name).map_err(|error| {
                let message = format!("`{name}` is not an image name: {error}");
                Diagnostic::new(&rules::INVALID_IMAGE_NAME, message).at(span).hint(
                    match names.contains_key(&name.to_lowercase()) {
                        true => format!("write the name of a stage in lower case: `{}`", name.to_lowercase()),
                        false => {
                            "an image is named like `alpine`, `alpine:3.20` or `registry.example/team/app:1.0`".into()
                        }
                    },
                )
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
            return Err(Diagnostic::new(
                &rules::INVALID_PLATFORM,
                format!("empty platform value from expression `{}`", word.raw),
            )
            .at(span));
        }
        text.parse::<Platform>()
            .map_err(|error| Diagnostic::new(&rules::INVALID_PLATFORM, error.to_string()).at(span).hint(error.hint()))
    }
}

pub(super) fn stage_of(index: usize, source: &dockerfile::Stage, base: Base, platform: Platform) -> Stage {
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
