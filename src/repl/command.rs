//! From a line of text to a command, or to what is wrong with it. Pure: nothing is looked up but the table.
//!
//! The rule of what is a command and what an instruction is in `table.rs` (`RULE`). In order: a command's name or short
//! form; a Dockerfile keyword in any case; the beginning of exactly one command.

pub(super) use super::form::{Existing, LayersForm, PlanForm, Topic, WhyForm};
use super::table::{self, Name};
use crate::debugger::Place;
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::KEYWORDS;
use crate::dockerfile::{self, words};

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// Nothing: the last stepping command is meant again.
    Empty,
    /// `# …`
    Comment,
    Command(Command),
    /// Dockerfile text.
    Instruction(String),
}

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Step { count: usize },
    Next,
    Continue,
    Back { count: usize },
    Goto { step: usize },
    Restart,
    Break(Break),
    List,
    Why { step: Option<usize>, against: Option<u64>, form: WhyForm },
    Plan { form: PlanForm },
    Diff { states: Option<(usize, usize)>, path: Option<String> },
    Ls { path: Option<String> },
    Tree { path: Option<String> },
    Cat { path: String },
    Layers { form: LayersForm },
    Config,
    Env,
    History,
    Explain { instruction: Option<String> },
    Run { command: String },
    Shell { state: Option<usize> },
    Edit { file: Option<String> },
    Reload,
    Tag { name: String },
    Launch { arguments: Vec<String> },
    Save { file: String, existing: Existing },
    Write { file: Option<String>, existing: Existing },
    Help(Topic),
    Quit,
}

/// What `break` is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Break {
    List,
    At(Place),
    /// `None`: all of them.
    Delete(Option<usize>),
}

/// Reads a line.
///
/// # Errors
/// A diagnostic that says what is wrong and what was probably meant.
pub(crate) fn parse(text: &str) -> Result<Line, Diagnostic> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Line::Empty);
    }
    if trimmed.starts_with('#') {
        return Ok(Line::Comment);
    }
    // `!command` needs no space.
    let (first, rest) = match trimmed.strip_prefix('!') {
        Some(rest) => ("!", rest.trim_start()),
        None => trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, "")),
    };
    let rest = rest.trim();
    if let Some(entry) = table::find(first) {
        return arguments(entry, rest).map(Line::Command);
    }
    if is_keyword(first) {
        return Ok(Line::Instruction(text.to_owned()));
    }
    match table::beginning(first).as_slice() {
        [entry] => arguments(entry, rest).map(Line::Command),
        [] => Err(unknown(first)),
        several => {
            let names: Vec<String> = several.iter().map(|entry| format!("`{}`", entry.name)).collect();
            Err(Diagnostic::error(format!("`{first}` can be {}", names.join(", "))).hint("type another letter"))
        }
    }
}

/// Whether a text that is being typed has its last line.
pub(crate) fn is_complete(text: &str) -> bool {
    match parse(text) {
        Ok(Line::Instruction(text)) => dockerfile::is_complete(&text),
        _ => true,
    }
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn unknown(word: &str) -> Diagnostic {
    let shown: String = word.chars().take(40).collect();
    let diagnostic = Diagnostic::error(format!("`{shown}` is neither a command nor an instruction"));
    let is_capital = word.chars().any(char::is_uppercase);
    let commands = table::COMMANDS.iter().map(|entry| entry.name);
    let found = if is_capital {
        closest(word, KEYWORDS.iter().copied()).or_else(|| closest(word, commands))
    } else {
        closest(word, commands).or_else(|| closest(word, KEYWORDS.iter().copied()))
    };
    match found {
        Some(candidate) => diagnostic.hint(format!("did you mean `{candidate}`?")),
        None => match table::find(&word.to_lowercase()) {
            Some(entry) => diagnostic.hint(format!("commands are written in small letters: `{}`", entry.name)),
            None => diagnostic.hint("`help` lists the commands"),
        },
    }
}

fn arguments(entry: &table::Entry, rest: &str) -> Result<Command, Diagnostic> {
    let parts: Vec<&str> = rest.split_whitespace().collect();
    let wrong = |message: String| {
        Diagnostic::error(message).hint(format!("usage: `{}`", format!("{} {}", entry.name, entry.usage).trim_end()))
    };
    let number = |text: &str| -> Result<usize, Diagnostic> {
        text.parse().map_err(|_| wrong(format!("`{text}` is not a number")))
    };
    let none = |command: Command| match parts.as_slice() {
        [] => Ok(command),
        _ => Err(no_argument(entry, rest)),
    };
    let count = || match parts.as_slice() {
        [] => Ok(1),
        [text] => match number(text)? {
            0 => Err(wrong("N must be 1 or more".into())),
            count => Ok(count),
        },
        _ => Err(wrong("it takes one number".into())),
    };
    // A path is the rest of the line, so that it can have spaces.
    let optional = || (!rest.is_empty()).then(|| rest.to_owned());
    let needed = |what: &str| optional().ok_or_else(|| wrong(format!("`{}` needs {what}", entry.name)));
    match entry.id {
        Name::Step => Ok(Command::Step { count: count()? }),
        Name::Next => none(Command::Next),
        Name::Continue => none(Command::Continue),
        Name::Back => Ok(Command::Back { count: count()? }),
        Name::Goto => Ok(Command::Goto { step: number(&needed("the number of a step")?)? }),
        Name::Restart => none(Command::Restart),
        Name::Break => break_at(rest, &parts, &wrong).map(Command::Break),
        Name::List => none(Command::List),
        Name::Why => why(&parts, &wrong),
        Name::Plan => match parts.as_slice() {
            [] => Ok(Command::Plan { form: PlanForm::List }),
            ["graph"] => Ok(Command::Plan { form: PlanForm::Graph }),
            _ => Err(no_argument(entry, rest)),
        },
        Name::Diff => diff(rest, &parts, &wrong),
        Name::Ls => Ok(Command::Ls { path: optional() }),
        Name::Tree => Ok(Command::Tree { path: optional() }),
        Name::Cat => Ok(Command::Cat { path: needed("a path")? }),
        Name::Layers => match parts.as_slice() {
            [] => Ok(Command::Layers { form: LayersForm::Table }),
            ["bars"] => Ok(Command::Layers { form: LayersForm::Bars }),
            _ => Err(no_argument(entry, rest)),
        },
        Name::Config => none(Command::Config),
        Name::Env => none(Command::Env),
        Name::History => none(Command::History),
        Name::Explain => Ok(Command::Explain { instruction: optional() }),
        Name::Run => Ok(Command::Run { command: needed("a command")? }),
        Name::Shell => match parts.as_slice() {
            [] => Ok(Command::Shell { state: None }),
            [text] if text.parse::<usize>().is_ok() => Ok(Command::Shell { state: Some(number(text)?) }),
            _ => Err(no_argument(entry, rest)),
        },
        Name::Edit => Ok(Command::Edit { file: optional() }),
        Name::Reload => none(Command::Reload),
        Name::Tag => match parts.as_slice() {
            [name] => Ok(Command::Tag { name: (*name).to_owned() }),
            _ => Err(wrong("`tag` needs one name".into())),
        },
        Name::Launch => {
            let split = words::expand_words(rest, '\\', &|_: &str| None::<String>);
            let (arguments, _) = split.map_err(|error| wrong(error.to_string()))?;
            Ok(Command::Launch { arguments })
        }
        Name::Save => {
            let (file, existing) = forced(rest);
            let file = file.ok_or_else(|| wrong("`save` needs a file".into()))?;
            Ok(Command::Save { file, existing })
        }
        Name::Write => {
            let (file, existing) = forced(rest);
            Ok(Command::Write { file, existing })
        }
        Name::Help => match rest {
            "" => Ok(Command::Help(Topic::Overview)),
            "all" => Ok(Command::Help(Topic::All)),
            name => {
                match table::find(name).or_else(|| <[_; 1]>::try_from(table::beginning(name)).ok().map(|[one]| one)) {
                    Some(entry) => Ok(Command::Help(Topic::Command(entry.id))),
                    None => Err(Diagnostic::error(format!("there is no command `{name}`"))
                        .suggest(name, table::COMMANDS.iter().map(|entry| entry.name))),
                }
            }
        },
        Name::Quit => none(Command::Quit),
    }
}

/// `[--force] [FILE]`.
fn forced(rest: &str) -> (Option<String>, Existing) {
    let forced = ["--force", "-f", "!"].into_iter().find_map(|word| {
        let file = rest.strip_prefix(word)?;
        (file.is_empty() || file.starts_with(char::is_whitespace)).then(|| file.trim())
    });
    let file = forced.unwrap_or(rest);
    let existing = if forced.is_some() { Existing::Replaced } else { Existing::Kept };
    ((!file.is_empty()).then(|| file.to_owned()), existing)
}

/// A command that takes no argument got one: perhaps the instruction of the same name was meant.
fn no_argument(entry: &table::Entry, rest: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("the command `{}` does not take `{rest}`", entry.name));
    if is_keyword(entry.name) {
        diagnostic.hint(format!("the instruction is written in capitals: `{} {rest}`", entry.name.to_uppercase()))
    } else {
        diagnostic.hint(format!("usage: `{}`", format!("{} {}", entry.name, entry.usage).trim_end()))
    }
}

fn break_at(rest: &str, parts: &[&str], wrong: &dyn Fn(String) -> Diagnostic) -> Result<Break, Diagnostic> {
    if let Some(text) = rest.strip_prefix('/') {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Err(wrong("the text between the slashes is empty".into()));
        }
        return Ok(Break::At(Place::Text(text.to_owned())));
    }
    match parts {
        [] => Ok(Break::List),
        ["miss"] => Ok(Break::At(Place::Miss)),
        ["failure"] => Ok(Break::At(Place::Failure)),
        ["stage", name] => Ok(Break::At(Place::Stage((*name).to_owned()))),
        ["delete", "all"] => Ok(Break::Delete(None)),
        ["delete", id] => match id.parse() {
            Ok(id) => Ok(Break::Delete(Some(id))),
            Err(_) => Err(wrong(format!("`{id}` is not the number of a breakpoint"))),
        },
        [text] => {
            let place = match text.strip_prefix(':') {
                Some(line) => line.parse().map(Place::Line),
                None => text.parse().map(Place::Step),
            };
            place.map(Break::At).map_err(|_| wrong(format!("`{text}` is not a place where a breakpoint can be")))
        }
        _ => Err(wrong(format!("`{rest}` is not a place where a breakpoint can be"))),
    }
}

fn why(parts: &[&str], wrong: &dyn Fn(String) -> Diagnostic) -> Result<Command, Diagnostic> {
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
            Some("") => Some(*parts.next().ok_or_else(|| wrong("`--against` needs the number of a build".into()))?),
            Some(text) => text.strip_prefix('='),
            None => None,
        };
        match build {
            Some(text) => {
                against = Some(text.parse().map_err(|_| wrong(format!("`{text}` is not the number of a build")))?);
            }
            None => step = Some(part.parse().map_err(|_| wrong(format!("`{part}` is not the number of a step")))?),
        }
    }
    Ok(Command::Why { step, against, form })
}

fn diff(rest: &str, parts: &[&str], wrong: &dyn Fn(String) -> Diagnostic) -> Result<Command, Diagnostic> {
    let states = match parts {
        [first, second, ..] => first.parse::<usize>().ok().zip(second.parse::<usize>().ok()),
        [only] if only.parse::<usize>().is_ok() => {
            return Err(wrong("`diff` needs two states, or none".into()));
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
    Ok(Command::Diff { states, path: (!rest.is_empty()).then(|| rest.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        match parse(text) {
            Ok(Line::Command(command)) => command,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn problem(text: &str) -> String {
        parse(text).expect_err(text).render(None)
    }

    #[test]
    fn commands_have_short_forms_and_beginnings() {
        assert_eq!(command("s"), Command::Step { count: 1 });
        assert_eq!(command("  step   3 "), Command::Step { count: 3 });
        assert_eq!(command("cont"), Command::Continue);
        assert_eq!(command("b"), Command::Back { count: 1 });
        assert_eq!(command("!ls -l"), Command::Run { command: "ls -l".into() });
        assert_eq!(
            command("why 2 --against 7"),
            Command::Why { step: Some(2), against: Some(7), form: WhyForm::Reason }
        );
        assert_eq!(command("why --against=7"), Command::Why { step: None, against: Some(7), form: WhyForm::Reason });
        assert_eq!(command("break :22"), Command::Break(Break::At(Place::Line(22))));
        assert_eq!(command("break /apk add/"), Command::Break(Break::At(Place::Text("apk add".into()))));
        assert_eq!(command("diff 1 2 /a b"), Command::Diff { states: Some((1, 2)), path: Some("/a b".into()) });
        assert_eq!(command("launch echo 'a b'"), Command::Launch { arguments: vec!["echo".into(), "a b".into()] });
    }

    #[test]
    fn small_letters_are_commands_and_capitals_instructions() {
        assert_eq!(command("run echo hello"), Command::Run { command: "echo hello".into() });
        for text in ["RUN echo", "Run echo", "from alpine", "copy a b", "ENV A=1", "SHELL [\"/bin/sh\"]", "Env A=1"] {
            assert_eq!(parse(text), Ok(Line::Instruction(text.into())), "{text}");
        }
        assert!(problem("env A=1").contains("`ENV A=1`"));
        assert!(problem("shell [\"/bin/sh\"]").contains("in capitals"));
    }

    #[test]
    fn mistakes_come_with_advice() {
        assert!(problem("contniue").contains("did you mean `continue`?"));
        assert!(problem("FORM alpine").contains("did you mean `FROM`?"));
        assert!(problem("STEP").contains("`step`"));
        assert!(problem("co").contains("can be `continue`, `config`"));
        assert!(problem("step x").contains("usage: `step [N]`"));
        assert!(problem("help stpe").contains("did you mean `step`?"));
        for text in
            ["goto", "cat", "tag", "tag a b", "step 0", "break //", "why --against", "diff 1", "\u{7f}\u{0}", "é"]
        {
            problem(text);
        }
    }

    #[test]
    fn an_instruction_may_need_more_lines() {
        for text in ["RUN a \\", "RUN a \\\n# why", "RUN <<EOF", "RUN <<EOF\na\\", "COPY <<A <<B /\nx\nA\n"] {
            assert!(!is_complete(text), "{text}");
        }
        for text in ["RUN a", "RUN a \\\n b", "RUN <<EOF\nx \\\nEOF", "run echo \\", "", "nonsense \\", "FROM alpine"] {
            assert!(is_complete(text), "{text}");
        }
    }
}
