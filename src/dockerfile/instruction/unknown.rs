//! The first word of a line that is not an instruction: what it was probably meant to be.
//!
//! Most such lines belong to the line before, which lacks its `\`, or are a command that lacks its RUN. So a word is
//! likened to a keyword last, and only when it is near.

use super::super::keywords::KEYWORDS;
use super::super::rules;
use super::super::statement::{Statement, Token};
use crate::diagnostic::Diagnostic;

/// The message, with advice where there is some. `previous` is the instruction above.
pub(super) fn diagnose(keyword: &Token, previous: Option<&Statement>) -> Diagnostic {
    let error = Diagnostic::new(&rules::UNKNOWN_INSTRUCTION, format!("unknown instruction `{}`", keyword.text))
        .at(keyword.span);
    match advice(&keyword.text, previous) {
        Some(advice) => error.hint(advice),
        None => error.suggest(&keyword.text, KEYWORDS),
    }
}

fn advice(word: &str, previous: Option<&Statement>) -> Option<String> {
    if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| word.starts_with(mark)) {
        return Some("a merge conflict was left in the file: keep one side and remove the markers".into());
    }
    if ["{{", "{%", "<%"].iter().any(|mark| word.contains(mark)) {
        return Some("this is a template: render it first and build the result".into());
    }
    if word.starts_with("//") || word.starts_with("/*") {
        return Some("a comment begins with `#`".into());
    }
    if let Some(character) = word.chars().find(|character| is_unseen(*character)) {
        return Some(unseen(character));
    }
    if let Some(keyword) = attached_keyword(word) {
        return Some(format!("put a space after `{keyword}`"));
    }
    let continues = begins_in_the_middle(word);
    if continues && let Some(previous) = previous {
        let doubled = ["\\\\", "``"].iter().find(|escapes| previous.text.trim_end().ends_with(*escapes));
        return Some(match doubled {
            Some(escapes) => format!(
                "the line before ends with `{escapes}`, which is an escaped character and does not continue the line: end it with `{}`",
                &escapes[..1]
            ),
            None => "if it belongs to the line before, end that line with `\\`".into(),
        });
    }
    (continues || is_command(word)).then(|| lacks_run(word, previous))
}

/// Words that begin many command lines, and so many lines that lack a RUN or a `\` before them.
const COMMANDS: &str = "\
    apk apt apt-get awk bash bundle bzip2 cargo case cat cd chgrp chmod chown cmake composer conda cp curl date \
    dnf do docker done dotnet dpkg echo elif else esac eval exec exit export fi find for gem git go gpg grep \
    groupadd gunzip gzip if install java kill ln ls make microdnf mkdir mv mvn nginx node npm npx openssl perl php \
    pip pip3 pnpm printf pwd python python3 rm rmdir ruby sed service set setenv sh sleep source sudo systemctl \
    tar tee test then touch unset unzip useradd usermod wget which while xargs yarn yum zip zypper";

fn is_command(word: &str) -> bool {
    let word = word.trim_end_matches(';');
    let is_path = word.starts_with(['/', '.', '~']) || word.ends_with(".sh");
    let sets_variable = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    is_path || sets_variable || is_listed(&word.to_ascii_lowercase())
}

fn is_listed(word: &str) -> bool {
    COMMANDS.split_whitespace().any(|command| command == word)
}

/// Whether a word can't begin anything: an operator of the shell, a flag, the end of a quoted text.
fn begins_in_the_middle(word: &str) -> bool {
    word.starts_with(['&', '|', ';', ')', '}', '>', '-', '"', '\'', '$', '\\', '`', '('])
}

fn lacks_run(word: &str, previous: Option<&Statement>) -> String {
    let command = word.to_ascii_lowercase();
    let instead = match command.as_str() {
        "export" | "setenv" => "write `ENV NAME=value`".to_owned(),
        "cd" => "write `WORKDIR FOLDER`".to_owned(),
        _ if word.contains('=') => format!("write `ENV {word}`"),
        _ if is_listed(&command) => format!("write `RUN {command} …`"),
        _ => format!("write `RUN {word} …`"),
    };
    match previous.is_some_and(|previous| previous.keyword.text.eq_ignore_ascii_case("run")) {
        true => format!("if it belongs to the RUN above, end the line before with `\\`; if not, {instead}"),
        false => format!("{instead}: a line begins with an instruction"),
    }
}

/// The keyword that a word begins with, where no letter and no digit follows: `CMD["a"]`, `FROM:alpine`.
fn attached_keyword(word: &str) -> Option<&'static str> {
    KEYWORDS.into_iter().find(|keyword| {
        let (Some(start), Some(rest)) = (word.get(..keyword.len()), word.get(keyword.len()..)) else { return false };
        let separates = |next: char| !next.is_alphanumeric() && next != '_' && next != '-';
        start.eq_ignore_ascii_case(keyword) && rest.starts_with(separates)
    })
}

/// A character that looks like an ordinary space, or like nothing, and is another.
pub(super) fn is_unseen(character: char) -> bool {
    let is_control = character.is_control() && character != '\t';
    is_control
        || matches!(character, '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

/// What to do about an unseen character.
pub(super) fn unseen(character: char) -> String {
    let code = character as u32;
    match character {
        '\u{a0}' | '\u{2007}' | '\u{202f}' => {
            format!("there is a no-break space (U+{code:04X}): replace it with an ordinary space")
        }
        '\u{feff}' => "there is a byte order mark (U+FEFF) in the middle of the file: remove it".into(),
        _ if character.is_control() => format!("there is a control character (U+{code:04X}): remove it"),
        _ => format!("there is an invisible or wide space (U+{code:04X}): replace it with an ordinary space"),
    }
}
