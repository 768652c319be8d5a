//! What is only suspicious about a statement.

use super::super::statement::{Arguments, Statement};
use super::super::{nearly_json, rules};
use super::arguments::plain_arguments;
use crate::diagnostic::Diagnostic;

/// Text that was meant as JSON, and goes to the shell or becomes words.
pub(super) fn warn_of_nearly_json(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    let keyword = statement.keyword.text.to_uppercase();
    let becomes = match keyword.as_str() {
        "CMD" | "ENTRYPOINT" | "HEALTHCHECK" | "RUN" => "the shell gets it as written",
        "ADD" | "COPY" | "VOLUME" => "it is read as plain words",
        _ => return,
    };
    if let Some((text, span)) = plain_arguments(&statement.arguments)
        && nearly_json::is_meant(&text)
    {
        let warning = Diagnostic::new(
            &rules::NEARLY_JSON,
            format!("this looks like a JSON array, but is not valid JSON: {becomes}"),
        );
        warnings.push(warning.at(span).hint(nearly_json::advice(&text)));
    }
}

/// Documents whose lines end as on Windows. An instruction itself loses its carriage returns; a document keeps them.
pub(super) fn warn_of_carriage_returns(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    if matches!(statement.arguments, Arguments::Trigger(_)) {
        return;
    }
    for document in statement.heredocs.iter().filter(|document| document.content.contains("\r\n")) {
        let message = format!("the lines of the heredoc `{}` end with a carriage return, as on Windows", document.name);
        let warning = Diagnostic::new(&rules::HEREDOC_CARRIAGE_RETURNS, message);
        warnings.push(
            warning
                .at(statement.keyword.span)
                .hint("save the file with line feeds only; a shell takes the carriage return as part of the last word"),
        );
    }
}

/// Flags of an instruction that ignores them.
pub(super) fn warn_of_flags(statement: &Statement, warnings: &mut Vec<Diagnostic>) {
    let keyword = statement.keyword.text.to_uppercase();
    for flag in &statement.flags {
        let message = format!("{keyword} has no flags: `{}` has no effect", flag.text);
        warnings.push(Diagnostic::new(&rules::FLAG_WITHOUT_EFFECT, message).at(flag.span));
    }
}
