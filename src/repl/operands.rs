//! The arguments of commands that take more than a number: places, breakpoints, builds, states and paths.

use super::form::{Existing, Saved, WhyForm};
use super::table::{self, Name};
use crate::debugger::{Condition, Place};
use crate::diagnostic::Diagnostic;

/// What is to be done with breakpoints.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Break {
    List,
    At(Place, Option<Condition>),
    Delete(Vec<usize>),
    DeleteAll,
    Enable(Vec<usize>),
    Disable(Vec<usize>),
}

/// How much of the Dockerfile `list` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Around the step that comes next.
    Here,
    Around(Target),
    All,
}

/// A step or a line, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Step(usize),
    Line(usize),
}

impl From<Target> for Place {
    fn from(target: Target) -> Place {
        match target {
            Target::Step(number) => Place::Step(number),
            Target::Line(line) => Place::Line(line),
        }
    }
}

/// `N` is a step; `:N`, and `Dockerfile:N`, a line.
pub(super) fn numbered(text: &str) -> Option<Target> {
    match text.split_once(':') {
        None => text.parse().ok().map(Target::Step),
        Some((file, line)) if file.is_empty() || file.ends_with("ockerfile") => line.parse().ok().map(Target::Line),
        Some(_) => None,
    }
}

/// A line without the `-la` that a shell's `ls` takes: everything is shown here anyway.
pub(super) fn without_switches(rest: &str) -> &str {
    let mut rest = rest;
    while rest.starts_with('-') {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, after)| after.trim_start());
    }
    rest
}

/// Whether a shell's `ls` would list what is below a folder, too.
pub(super) fn is_recursive(rest: &str) -> bool {
    let is_switch = |word: &&str| word.starts_with('-');
    let asks = |word: &str| word == "--recursive" || (!word.starts_with("--") && word.contains('R'));
    rest.split_whitespace().take_while(is_switch).any(asks)
}

/// What to say to an option in front of what `run` and `launch` are to run: those of `docker run` belong to the command line.
pub(super) fn no_option(command: &str, rest: &str) -> Diagnostic {
    let (option, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let diagnostic = Diagnostic::error(format!("`{command}` takes no options here, such as `{option}`"));
    if ["-it", "-ti", "-i", "-t"].contains(&option) {
        return diagnostic
            .hint("`shell` opens a shell in the state; a command that is launched has the terminal anyway");
    }
    let line = match command {
        "launch" => format!("layerlab run {rest} NAME"),
        // The option is the only one whose arguments are known.
        _ if option.starts_with("--explain") => format!("layerlab run {option} NAME {}", after.trim()),
        _ => format!("layerlab run {option} … NAME"),
    };
    diagnostic.hint(format!("`tag NAME` makes the state an image; then, on the command line: `{}`", line.trim_end()))
}

pub(super) fn not_an_id(text: &str) -> String {
    format!("`{text}` is not the number of a breakpoint")
}

pub(super) fn break_at(rest: &str, parts: &[&str], wrong: &dyn Fn(String) -> Diagnostic) -> Result<Break, Diagnostic> {
    // What stands between slashes may have an ` if ` in it.
    let behind_text = rest.strip_prefix('/').and_then(|text| text.rfind('/')).map_or(0, |at| at + 2);
    let (place, condition) = match rest[behind_text..].rsplit_once("if ").filter(|(before, _)| is_apart(before)) {
        Some((before, "miss")) => (&rest[..behind_text + before.len()], Some(Condition::Miss)),
        Some((before, "failure")) => (&rest[..behind_text + before.len()], Some(Condition::Failure)),
        Some((_, other)) if behind_text > 0 || !rest.starts_with('/') => {
            return Err(wrong(format!("there is no condition `{other}`: it can be `miss` or `failure`")));
        }
        Some(_) | None => (rest, None),
    };
    let place = place.trim_end();
    if let Some(text) = place.strip_prefix('/') {
        let (text, behind) = match behind_text {
            0 => (text, ""),
            end => (&text[..end - 2], place[end..].trim()),
        };
        if !behind.is_empty() {
            return Err(wrong(format!("`{behind}` behind the text is not a condition")));
        }
        if text.is_empty() {
            return Err(wrong("the text between the slashes is empty".into()));
        }
        return Ok(Break::At(Place::Text(text.to_owned()), condition));
    }
    let words: Vec<&str> = place.split_whitespace().collect();
    match words.as_slice() {
        [] => Ok(Break::List),
        ["miss"] => Ok(Break::At(Place::Miss, None)),
        ["failure"] => Ok(Break::At(Place::Failure, None)),
        ["stage", name] => Ok(Break::At(Place::Stage((*name).to_owned()), condition)),
        ["delete", ..] => {
            Err(wrong("a breakpoint is removed by `delete`".into()).hint(format!("`{}`", parts.join(" "))))
        }
        words => match words {
            [text] => numbered(text).map(|target| Break::At(target.into(), condition)),
            _ => None,
        }
        .ok_or_else(|| {
            let error = Diagnostic::error(format!("there is no breakpoint location `{place}`"));
            let begun = |word: &&&str| place.len() > 1 && word.starts_with(place);
            if let Some(meant) = ["miss", "failure"].iter().find(begun) {
                return error.hint(format!("did you mean `{meant}`?"));
            }
            error.hint(format!("for a text, write `break /{place}/`; `help break` lists the locations"))
        }),
    }
}

/// Whether a word stands by itself behind a text.
fn is_apart(before: &str) -> bool {
    before.is_empty() || before.ends_with(char::is_whitespace)
}

/// `[N] [full] [--against BUILD]`.
pub(super) fn why(
    parts: &[&str],
    wrong: &dyn Fn(String) -> Diagnostic,
) -> Result<(Option<usize>, Option<u64>, WhyForm), Diagnostic> {
    let mut step = None;
    let mut against = None;
    let mut form = WhyForm::Reason;
    let mut parts = parts.iter();
    while let Some(part) = parts.next() {
        if ["full", "--full"].contains(part) {
            form = WhyForm::Full;
            continue;
        }
        let build = match part.strip_prefix("--against") {
            Some("") => match parts.next() {
                Some(number) => Some(*number),
                None => {
                    form = WhyForm::Builds;
                    continue;
                }
            },
            Some(text) => text.strip_prefix('='),
            None => None,
        };
        match build {
            Some(text) => {
                against = Some(text.parse().map_err(|_| wrong(format!("`{text}` is not the number of a build")))?);
            }
            None if step.is_some() => {
                return Err(Diagnostic::error("`why` tells of one step")
                    .hint("ask twice; `diff A B` compares the states after two steps"));
            }
            None => step = Some(part.parse().map_err(|_| wrong(format!("`{part}` is not the number of a step")))?),
        }
    }
    Ok((step, against, form))
}

/// Two states, and a path.
type Compared = (Option<(usize, usize)>, Option<String>);

/// `[A B] [PATH]`.
pub(super) fn diff(rest: &str, parts: &[&str]) -> Result<Compared, Diagnostic> {
    let states = match parts {
        [first, second, ..] => first.parse::<usize>().ok().zip(second.parse::<usize>().ok()),
        [only] if only.parse::<usize>().is_ok() => {
            return Err(Diagnostic::error("`diff` needs two states, or none")
                .hint(format!("`diff A {only}`, with an earlier state A; `delete {only}` removes a breakpoint")));
        }
        _ => None,
    };
    let rest = match states {
        // What follows the two numbers, with its spaces.
        Some(_) => {
            let after_first = rest.split_once(char::is_whitespace).map_or("", |(_, after)| after.trim_start());
            after_first.split_once(char::is_whitespace).map_or("", |(_, path)| path.trim())
        }
        None => rest,
    };
    Ok((states, (!rest.is_empty()).then(|| rest.to_owned())))
}

/// `[--force] [FILE]`.
pub(super) fn forced(rest: &str) -> (Option<String>, Existing) {
    let forced = ["--force", "-f", "!"].into_iter().find_map(|word| {
        let file = rest.strip_prefix(word)?;
        (file.is_empty() || file.starts_with(char::is_whitespace)).then(|| file.trim())
    });
    let file = forced.unwrap_or(rest);
    let existing = if forced.is_some() { Existing::Replaced } else { Existing::Kept };
    ((!file.is_empty()).then(|| file.to_owned()), existing)
}

/// What `save` is to write: `[--force] FILE`, or `report [FILE]` with the same option on either side of the word.
pub(super) fn saved(rest: &str) -> Result<(Saved, Existing), Diagnostic> {
    let (file, existing) = forced(rest);
    let file = file.ok_or_else(|| {
        Diagnostic::error("`save` needs a file").hint(
            "`save FILE` saves this session as text, `save report` a page about the build; `write` saves the Dockerfile",
        )
    })?;
    match file.strip_prefix("report").filter(|file| file.is_empty() || file.starts_with(char::is_whitespace)) {
        Some(file) => {
            let (file, again) = forced(file.trim());
            Ok((Saved::Report(file), if again == Existing::Replaced { again } else { existing }))
        }
        None => Ok((Saved::Session(file), existing)),
    }
}

/// A command that takes no argument got one: perhaps the instruction of the same name was meant.
pub(super) fn no_argument(entry: &table::Entry, rest: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("the command `{}` does not take `{rest}`", entry.name));
    if entry.id == Name::Shell && !rest.starts_with('[') {
        diagnostic.hint(format!("`run {}` runs one command in the state", rest.trim_start_matches("-c ")))
    } else if table::is_keyword(entry.name) {
        diagnostic.hint(format!("the instruction is uppercase: `{} {rest}`", entry.name.to_uppercase()))
    } else if let (Name::Plan, Some(file)) = (entry.id, svg_file(rest)) {
        diagnostic.hint(format!("in a shell, `layerlab plan --graph=svg DIR > {file}` writes the picture"))
    } else if let Name::History | Name::Config = entry.id {
        let command = if entry.id == Name::Config { "inspect" } else { entry.name };
        diagnostic.hint(format!("it shows the state here; in a shell, `layerlab {command} {rest}` shows an image"))
    } else if entry.id == Name::Plan {
        let name = rest.trim_start_matches('$');
        diagnostic.hint(format!("`env` lists the variables, `run echo \"${name}\"` prints one"))
    } else {
        diagnostic.hint(format!("usage: `{}`", entry.synopsis()))
    }
}

/// The file that a graph is to be written to.
fn svg_file(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches("--graph=").trim_start_matches("--");
    let file = rest.strip_prefix("svg")?.trim_start_matches([' ', '=']);
    Some(if file.is_empty() { "FILE" } else { file })
}
