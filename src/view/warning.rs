//! Warnings on one line: `Dockerfile:3:1: blank line inside an instruction [NoEmptyContinuation] (remove it, …)`.

use crate::machine::Warning;
use crate::shown;

/// The text of a warning, harmless.
pub(super) fn text(warning: &Warning) -> String {
    let Warning { kind, message, hint, place } = warning;
    let kind = kind.map(|kind| format!(" [{kind}]")).unwrap_or_default();
    let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    shown::line(&format!("{place}{message}{kind}{hint}")).into_owned()
}
