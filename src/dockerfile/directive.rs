//! Parser directives: the comments at the top of a Dockerfile that say how to read it.
//!
//! ```text
//! # syntax=docker/dockerfile:1
//! # escape=`
//! # check=skip=JSONArgsRecommended;error=true
//! FROM alpine
//! ```
//!
//! The first line that is not a known directive ends them: an instruction, a blank line, another comment, or a
//! comment with an unknown name. Each may be given once; names do not depend on case.

use std::fmt;

use serde::Serialize;

use super::grammar::{self, Rule};
use super::rules;
use crate::diagnostic::Diagnostic;
use crate::source::{BYTE_ORDER_MARK, SourceFile, Span};

/// The directives that exist.
const NAMES: [&str; 3] = ["syntax", "escape", "check"];

/// What may be written of the checks.
pub(crate) const CHECK_OPTIONS: &str =
    "the options are `skip=…`, `error=true|false` and `experimental=…`, separated by `;`";

/// What the directives of a file say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Directives {
    /// The frontend that the author wants, as written. Layerlab has only its own.
    pub(crate) syntax: Option<String>,
    /// The escape character: a backslash unless a backtick was chosen.
    pub escape: char,
    /// What the build checks shall do.
    pub(crate) check: Option<Check>,
}

impl Default for Directives {
    fn default() -> Self {
        Directives { syntax: None, escape: '\\', check: None }
    }
}

/// `skip=A,B|all;error=true|false;experimental=A|all`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rules that are off.
    pub(crate) skip: Rules,
    /// Whether a finding fails the build.
    pub(crate) error: bool,
    /// The experimental rules that are on.
    pub(crate) experimental: Rules,
}

/// A set of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Rules {
    All,
    Named(Vec<String>),
}

impl Default for Rules {
    fn default() -> Self {
        Rules::Named(Vec::new())
    }
}

impl Check {
    /// Reads the value of a `check` directive. The error is the option that is wrong.
    ///
    /// # Errors
    /// The option that is wrong.
    pub fn parse(value: &str) -> Result<Self, String> {
        let mut check = Check::default();
        for option in value.split(';').filter(|option| !option.trim().is_empty()) {
            let (name, value) = option.split_once('=').ok_or_else(|| option.trim().to_owned())?;
            let value = value.trim();
            match name.trim() {
                "skip" => check.skip = Rules::parse(value),
                "experimental" => check.experimental = Rules::parse(value),
                "error" => check.error = parse_bool(value).ok_or_else(|| option.trim().to_owned())?,
                _ => return Err(option.trim().to_owned()),
            }
        }
        Ok(check)
    }
}

impl Check {
    /// The names in it that no rule has.
    fn unknown_names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.skip, &self.experimental].into_iter().flat_map(|rules| match rules {
            Rules::All => &[],
            Rules::Named(names) => names.as_slice(),
        });
        names.map(String::as_str).filter(|name| !name.is_empty() && rules::named(name).is_none())
    }
}

/// The value of a directive that says the same.
impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (name, rules) in [("skip", &self.skip), ("experimental", &self.experimental)] {
            match rules {
                Rules::All => write!(formatter, "{name}=all;")?,
                Rules::Named(names) if names.is_empty() => {}
                Rules::Named(names) => write!(formatter, "{name}={};", names.join(","))?,
            }
        }
        write!(formatter, "error={}", self.error)
    }
}

impl Rules {
    /// Whether a name is in it by itself, and not by `all`.
    pub(crate) fn names(&self, name: &str) -> bool {
        matches!(self, Rules::Named(names) if names.iter().any(|other| other == name))
    }

    fn parse(value: &str) -> Self {
        match value {
            "all" => Rules::All,
            names => Rules::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
        }
    }
}

/// The spellings of a truth value that Go programs accept, BuildKit among them.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// One directive as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name in lower case.
    pub name: String,
    /// The value without spaces around it.
    pub value: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// The directives at the top of a text, in order.
///
/// `comment` begins a comment: `#`, or `//` in files of other languages that name a frontend. Stops at a
/// directive that was already given.
pub fn scan(text: &str, comment: &str) -> Vec<Directive> {
    let mut directives: Vec<Directive> = Vec::new();
    let mut body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut first_line = 1;
    if body.starts_with("#!") {
        body = body.split_once('\n').map_or("", |(_, rest)| rest);
        first_line = 2;
    }
    for (index, line) in body.lines().enumerate() {
        let Some(rest) = line.strip_prefix(comment) else {
            break;
        };
        match parse_line(&format!("#{rest}")) {
            Some((name, value, _)) if directives.iter().all(|directive| directive.name != name) => {
                directives.push(Directive { name, value, line: first_line + index });
            }
            _ => break,
        }
    }
    directives
}

/// Warnings of directives that ask for what there is not: another frontend, a check that nobody knows.
pub(super) fn without_effect(source: &SourceFile) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for directive in scan(&source.text, "#") {
        let place = source.line_span(directive.line);
        match directive.name.as_str() {
            "syntax" if !is_own_syntax(&directive.value) => warnings.push(
                Diagnostic::new(
                    &rules::DIRECTIVE_WITHOUT_EFFECT,
                    format!("the frontend `{}` is not used: Layerlab reads the file by its own rules", directive.value),
                )
                .at(place)
                .hint("its rules are those of `docker/dockerfile:1`"),
            ),
            "check" => {
                let check = Check::parse(&directive.value).unwrap_or_default();
                warnings.extend(check.unknown_names().map(|name| {
                    Diagnostic::new(&rules::DIRECTIVE_WITHOUT_EFFECT, format!("there is no check `{name}`"))
                        .at(place)
                        .suggest(name, rules::ALL.iter().map(|rule| rule.name))
                }));
            }
            _ => {}
        }
    }
    warnings
}

/// Whether a frontend has the language that is implemented here: the stable one, in any of its versions.
fn is_own_syntax(frontend: &str) -> bool {
    let name = frontend.split(['@', ' ']).next().unwrap_or_default();
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    match name.strip_prefix("docker/dockerfile") {
        Some("" | ":latest") => true,
        Some(tag) => tag.strip_prefix(":1").is_some_and(|rest| {
            (rest.is_empty() || rest.starts_with('.')) && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        }),
        None => false,
    }
}

/// The frontend that a file asks for, and the line where it does, whatever the language of the file.
///
/// Looks for a `# syntax=` directive, then for `// syntax=`, then for the key `syntax` of a JSON object (line 0).
pub fn detect_syntax(text: &str) -> Option<Directive> {
    let find = |comment| scan(text, comment).into_iter().find(|directive| directive.name == "syntax");
    find("#").or_else(|| find("//")).or_else(|| {
        let object: serde_json::Value = serde_json::from_str(text).ok()?;
        let value = object.as_object()?.get("syntax")?.as_str()?;
        Some(Directive { name: "syntax".to_owned(), value: value.to_owned(), line: 0 })
    })
}

/// Splits `# name=value` when the name is known: name in lower case, value, and where the value begins.
pub(super) fn parse_line(line: &str) -> Option<(String, String, usize)> {
    // Most lines are not comments; they need no parser.
    if !line.starts_with('#') {
        return None;
    }
    let tree = grammar::parse(Rule::backslash_line, line)?;
    let directive = tree.into_inner().find(|pair| pair.as_rule() == Rule::directive)?;
    let mut parts = directive.into_inner();
    let (name, value) = (parts.next()?, parts.next()?);
    let name = name.as_str().to_ascii_lowercase();
    let offset = value.as_span().start();
    NAMES.contains(&name.as_str()).then(|| (name, value.as_str().trim_end().to_owned(), offset))
}

/// Collects the directives of a Dockerfile while its lines are read.
pub(super) struct DirectiveReader {
    pub(crate) directives: Directives,
    seen: Vec<String>,
    finished: bool,
}

impl DirectiveReader {
    pub(crate) fn new() -> Self {
        DirectiveReader { directives: Directives::default(), seen: Vec::new(), finished: false }
    }

    /// Looks at the next line, which begins at byte `start` of the file. Returns whether it is a directive.
    ///
    /// # Errors
    /// A directive that is given twice or has a wrong value.
    pub(crate) fn read(&mut self, line: &str, start: usize) -> Result<bool, Diagnostic> {
        if self.finished {
            return Ok(false);
        }
        let Some((name, value, offset)) = parse_line(line) else {
            self.finished = true;
            return Ok(false);
        };
        let span = Span::new(start + offset, start + offset + value.len());
        if self.seen.contains(&name) {
            let whole = Span::new(start, span.end);
            return Err(
                Diagnostic::new(&rules::INVALID_DIRECTIVE, format!("the directive `{name}` is given twice")).at(whole)
            );
        }
        self.seen.push(name.clone());
        match name.as_str() {
            "syntax" => self.directives.syntax = Some(value),
            "escape" => match value.as_str() {
                "\\" => self.directives.escape = '\\',
                "`" => self.directives.escape = '`',
                other => {
                    return Err(Diagnostic::new(
                        &rules::INVALID_DIRECTIVE,
                        format!("`{other}` cannot be the escape character"),
                    )
                    .at(span)
                    .hint("it is a backslash or a backtick"));
                }
            },
            _ => {
                let check = Check::parse(&value).map_err(|option| {
                    Diagnostic::new(
                        &rules::INVALID_DIRECTIVE,
                        format!("invalid option `{option}` of the directive `check`"),
                    )
                    .at(span)
                    .hint(CHECK_OPTIONS)
                })?;
                self.directives.check = Some(check);
            }
        }
        Ok(true)
    }
}
