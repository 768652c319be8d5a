//! The variables that FROM sees: global ARGs, and those that a build sets by itself.

use std::collections::BTreeMap;

use super::stage::Request;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::words::Variables;
use crate::dockerfile::{self, Dockerfile, Limit};
use crate::limits::Limits;
use crate::oci::Platform;

/// ARGs that need no declaration: they reach RUN and no cache key.
pub(crate) const PROXY_ARGS: [&str; 10] = [
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

/// The variables that BuildKit sets by itself, before the first FROM. The build happens on this machine.
pub(crate) fn automatic_args(platform: &Platform, target: &str) -> BTreeMap<String, String> {
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

pub(super) fn global_args(
    file: &Dockerfile,
    request: &Request,
    escape: char,
) -> Result<BTreeMap<String, String>, Diagnostic> {
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
            if bytes > Limit::Configuration.of(&request.limits) {
                let what = "the ARGs before the first FROM";
                return Err(Limit::Configuration.exceeded(&request.limits, what).at(arg.span));
            }
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

/// Expands a word; the diagnostic lies on the word where its place is known.
///
/// # Errors
/// What [`dockerfile::words::expand`] says, at the word.
pub(crate) fn expand(
    word: &dockerfile::Word,
    escape: char,
    variables: &dyn Variables,
    limits: &Limits,
) -> Result<String, Diagnostic> {
    let (_, expansion) = dockerfile::words::expand_within(&word.raw, escape, variables, Limit::Expansion.of(limits))
        .map_err(|error| word.diagnostic(&error))?;
    Ok(expansion.text)
}
