//! The check of how keywords are written.

use super::super::rules;
use super::super::statement::Token;
use crate::diagnostic::Diagnostic;

/// Keywords in another case than most of the file. As many of one as of the other: capitals count.
pub(in super::super) fn consistent_casing(keywords: &[Token]) -> Vec<Diagnostic> {
    let is_lower = |keyword: &&Token| keyword.text == keyword.text.to_lowercase();
    let is_upper = |keyword: &&Token| keyword.text == keyword.text.to_uppercase();
    let mostly_lower = keywords.iter().filter(is_lower).count() > keywords.iter().filter(is_upper).count();
    let wanted = |keyword: &Token| match mostly_lower {
        true => keyword.text.to_lowercase(),
        false => keyword.text.to_uppercase(),
    };
    let others = keywords.iter().filter(|keyword| keyword.text != wanted(keyword));
    let tell = |keyword: &Token| {
        let message = format!("`{}` is not in the same case as most instructions in the file", keyword.text);
        Diagnostic::new(&rules::CONSISTENT_INSTRUCTION_CASING, message)
            .at(keyword.span)
            .hint(format!("write `{}`", wanted(keyword)))
            .fix(keyword.span, wanted(keyword))
    };
    others.map(tell).collect()
}
