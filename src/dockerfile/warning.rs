//! The names of the warnings: what [`crate::diagnostic::Diagnostic::kind`] says. BuildKit's name where BuildKit has the check.

/// A blank line between the lines of one instruction.
pub const EMPTY_CONTINUATION: &str = "NoEmptyContinuation";
/// Text that was meant as a JSON array and is none.
pub const NEARLY_JSON: &str = "NearlyJSON";
/// A heredoc whose lines end as on Windows.
pub const CARRIAGE_RETURNS: &str = "HeredocCarriageReturns";
/// `<<NAME` where it opens no document.
pub const NO_DOCUMENT: &str = "HeredocWithoutDocument";
/// An ONBUILD whose instruction is wrong.
pub const WRONG_TRIGGER: &str = "InvalidOnbuildTrigger";
/// A mount that can't work once its variables are replaced.
pub const WRONG_MOUNT: &str = "InvalidMount";
/// A flag that the language allows and that does nothing where it stands.
pub const FLAG_WITHOUT_EFFECT: &str = "FlagWithoutEffect";
/// A directive that asks for what there is not.
pub const DIRECTIVE_WITHOUT_EFFECT: &str = "DirectiveWithoutEffect";
/// How many warnings more there are.
pub const MORE: &str = "MoreWarnings";
