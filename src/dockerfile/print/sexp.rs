//! S-expressions: the form in which BuildKit's parser prints its tree.

use super::super::ast::Separator;
use super::super::statement::{self, Arguments, Statement, Token};
use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;

/// The statements of a file as s-expressions, one a line: `(run ["--network=none"] "make")`.
///
/// This is the form in which BuildKit's parser prints its tree. It needs no valid instructions, only text that
/// can be taken apart; fails with the first error of that.
///
/// # Errors
/// The first error of taking the text apart.
pub fn sexp(source: &SourceFile) -> Result<String, Diagnostic> {
    let parsed = statement::parse(source);
    if let Some(error) = parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        return Err(error.clone());
    }
    let lines: Vec<String> = parsed.statements().map(|statement| format!("({})", expression(statement))).collect();
    Ok(lines.join("\n"))
}

/// One statement without the parentheses around it.
fn expression(statement: &Statement) -> String {
    let mut out = statement.keyword.text.to_lowercase();
    if !statement.flags.is_empty() {
        let flags: Vec<String> = statement.flags.iter().map(|flag| quoted(&flag.text)).collect();
        out.push_str(&format!(" [{}]", flags.join(" ")));
    }
    push_arguments(&mut out, &statement.arguments);
    out
}

fn push_arguments(out: &mut String, arguments: &Arguments) {
    let mut push = |token: &Token| {
        out.push(' ');
        out.push_str(&quoted(&token.text));
    };
    match arguments {
        Arguments::Items(tokens) | Arguments::Exec(tokens) => tokens.iter().for_each(push),
        Arguments::Pairs(pairs, separator) => {
            for (name, value) in pairs {
                push(name);
                push(value);
                let text = match separator {
                    Separator::Equals => "=",
                    Separator::Space => "",
                };
                push(&Token { text: text.to_owned(), span: name.span });
            }
        }
        Arguments::Check(kind, command) => {
            push(kind);
            push_arguments(out, command);
        }
        Arguments::Trigger(trigger) => {
            out.push_str(&format!(" ({})", expression(trigger)));
        }
    }
}

/// A string as a Go program writes it: in double quotes, with escapes for what cannot be printed.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", character as u32)),
            ' '..='~' => out.push(character),
            // Rust escapes in its own notation what it holds for unprintable; an ordinary character comes first,
            // because a combining mark counts as unprintable only at the beginning.
            _ if format!("a{character}").escape_debug().count() == 2 => out.push(character),
            '\u{80}'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", character as u32)),
            _ => out.push_str(&format!("\\U{:08x}", character as u32)),
        }
    }
    out.push('"');
    out
}
