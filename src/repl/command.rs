//! From a line of text to a command, or to what is wrong with it. Pure: nothing is looked up but the table.
//!
//! The rule of what is a command and what an instruction is in `help.rs` (`RULE`). In order: a command's name or short
//! form; a Dockerfile keyword in any case; a habit from another program (`habits.rs`); the beginning of exactly one command.

use super::form::{Change, Existing, LayersForm, PlanForm, Saved, Topic, WhyForm};
use super::help;
use super::meant::{self, Habit};
use super::operands::{self, Break, Extent, Target, forced, numbered, without_switches};
use super::table::{self, Name};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, words};

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// Nothing.
    Empty,
    /// `# …`
    Comment,
    Command(Command),
    /// What a command shows is the input of a program of the user's machine.
    Piped(Command, String),
    /// Dockerfile text.
    Instruction(String),
}

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Step { count: usize },
    Finish,
    Continue,
    Back { count: usize },
    Goto(Target),
    Restart,
    Break(Break),
    List(Extent),
    Why { step: Option<usize>, against: Option<u64>, form: WhyForm },
    Plan { form: PlanForm },
    Diff { states: Option<(usize, usize)>, path: Option<String> },
    Ls { path: Option<String> },
    Tree { path: Option<String> },
    Cat { paths: String },
    Layers { form: LayersForm },
    Config,
    Env,
    History,
    Explain { instruction: Option<String> },
    Run { command: String },
    Shell { state: Option<usize> },
    Edit { file: Option<String>, change: Change },
    Reload,
    Tag { name: String },
    Launch { arguments: Vec<String> },
    Save { what: Saved, existing: Existing },
    Write { file: Option<String>, existing: Existing },
    Help(Topic),
    Quit,
}

impl Command {
    /// Whether an empty line does it again: it goes forwards.
    pub(super) fn is_repeated(&self) -> bool {
        matches!(self, Command::Step { .. } | Command::Finish | Command::Continue)
    }

    /// Whether it goes elsewhere: from there an empty line takes one step.
    pub(super) fn is_turn(&self) -> bool {
        matches!(self, Command::Back { .. } | Command::Goto(_) | Command::Restart)
    }

    /// Whether it is about the state at hand, its files or its configuration.
    pub(super) fn is_about_state(&self) -> bool {
        use Command::{Cat, Config, Env, Layers, Ls, Run, Tree};
        matches!(self, Cat { .. } | Config | Env | Layers { .. } | Ls { .. } | Run { .. } | Tree { .. })
    }

    /// Whether it only looks: what it shows can go to a program.
    pub(super) fn is_look(&self) -> bool {
        use Command::{Diff, Explain, Help, History, List, Plan, Run, Why};
        let looks =
            matches!(self, Diff { .. } | Explain { .. } | Help(_) | History | List(_) | Plan { .. } | Why { .. });
        looks || self.is_about_state() && !matches!(self, Run { .. }) || matches!(self, Command::Break(Break::List))
    }
}

/// Reads a line.
///
/// # Errors
/// A diagnostic that says what is wrong and what was probably meant.
pub(crate) fn parse(text: &str) -> Result<Line, Diagnostic> {
    if let Some((line, change)) = text.split_once("\n@@ ")
        && let Ok(Line::Command(Command::Edit { file, .. })) = parse(line)
    {
        return Ok(Line::Command(Command::Edit { file, change: Change::Hunks(format!("@@ {change}")) }));
    }
    let text = meant::without_prompt(text);
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Line::Empty);
    }
    if trimmed.starts_with('#') {
        return Ok(Line::Comment);
    }
    if let Some(line) = trimmed.strip_prefix("$ ") {
        return Err(meant::for_a_shell(line.trim()));
    }
    if let Some(line) = piped(trimmed)? {
        return Ok(line);
    }
    // `!command` needs no space.
    let (first, rest) = match trimmed.strip_prefix('!') {
        Some(rest) if !rest.starts_with('!') => ("!", rest.trim_start()),
        Some(_) | None => trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, "")),
    };
    let rest = rest.trim();
    if let Some(entry) = table::find(first) {
        return arguments(entry, rest).map(Line::Command);
    }
    if table::is_keyword(first) {
        return Ok(Line::Instruction(text.to_owned()));
    }
    match meant::find(trimmed) {
        Some(Habit::Line(line)) => return parse(&line),
        Some(Habit::Answer { typed, text }) => {
            return Err(Diagnostic::error(format!("`{typed}` is not a command here")).hint(text));
        }
        None => {}
    }
    match table::beginning(first).as_slice() {
        [entry] => arguments(entry, rest).map(Line::Command),
        [] => Err(meant::suggest(first)),
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

/// `COMMAND | PROGRAM`, where the command only looks. In all other lines a `|` is part of what is typed.
fn piped(line: &str) -> Result<Option<Line>, Diagnostic> {
    let left = |at: usize| match parse(&line[..at]) {
        Ok(Line::Command(command)) if command.is_look() => Some(command),
        _ => None,
    };
    if let Some(at) = line.find(" |")
        && let Some(command) = left(at)
    {
        let program = line[at + 2..].trim();
        if program.is_empty() {
            return Err(Diagnostic::error("there is no program after the `|`").hint("such as `config | grep Env`"));
        }
        return Ok(Some(Line::Piped(command, program.to_owned())));
    }
    if let Some(at) = line.find(" > ")
        && left(at).is_some()
    {
        let (command, file) = (&line[..at], line[at + 3..].trim());
        return Err(Diagnostic::error("output goes to a program, not to a file")
            .hint(format!("`{command} | cat > {file}` writes it to a file of your machine")));
    }
    Ok(None)
}

fn arguments(entry: &'static table::Entry, rest: &str) -> Result<Command, Diagnostic> {
    if rest == "--help" {
        return Ok(Command::Help(Topic::Command(entry)));
    }
    if entry.arguments.is_empty() && !rest.is_empty() {
        return Err(operands::no_argument(entry, rest));
    }
    let parts: Vec<&str> = rest.split_whitespace().collect();
    let wrong = |message: String| Diagnostic::error(message).hint(format!("usage: `{}`", entry.synopsis()));
    let number = |text: &str| -> Result<usize, Diagnostic> {
        text.parse().map_err(|_| wrong(format!("`{text}` is not a number")))
    };
    let count = || match parts.as_slice() {
        [] => Ok(1),
        [text] => match number(text)? {
            0 => Err(wrong("N must be 1 or more".into())),
            count => Ok(count),
        },
        _ => Err(wrong(format!("`{}` takes one number", entry.name))),
    };
    let ids = || -> Result<Vec<usize>, Diagnostic> {
        match parts.as_slice() {
            [] => Err(wrong(format!("`{}` needs the number of a breakpoint", entry.name))),
            ids => ids.iter().map(|id| id.parse().map_err(|_| wrong(operands::not_an_id(id)))).collect(),
        }
    };
    // A path is the rest of the line, so that it can have spaces.
    let path = |rest: &str| (!rest.is_empty()).then(|| rest.to_owned());
    let optional = || path(rest);
    let needed = |what: &str| optional().ok_or_else(|| wrong(format!("`{}` needs {what}", entry.name)));
    match entry.id {
        Name::Step => Ok(Command::Step { count: count()? }),
        Name::Finish => Ok(Command::Finish),
        Name::Continue => Ok(Command::Continue),
        Name::Back => Ok(Command::Back { count: count()? }),
        Name::Goto => {
            let text = needed("the number of a step, or `:` and a line")?;
            let target = numbered(&text).ok_or_else(|| {
                Diagnostic::error(format!("`{text}` is neither a step nor a line"))
                    .hint(format!("`break /{text}/`, then `continue`, goes to an instruction with this text"))
            })?;
            Ok(Command::Goto(target))
        }
        Name::Restart => Ok(Command::Restart),
        Name::Break => operands::break_at(rest, &parts, &wrong).map(Command::Break),
        Name::Delete if ["all", "--all"].contains(&rest) => Ok(Command::Break(Break::DeleteAll)),
        Name::Delete => ids().map(Break::Delete).map(Command::Break),
        Name::Enable => ids().map(Break::Enable).map(Command::Break),
        Name::Disable => ids().map(Break::Disable).map(Command::Break),
        Name::List => match (rest, numbered(rest)) {
            ("", _) => Ok(Command::List(Extent::Here)),
            ("all" | "--all", _) => Ok(Command::List(Extent::All)),
            (_, Some(target)) => Ok(Command::List(Extent::Around(target))),
            (_, None) => Err(wrong(format!("`{rest}` is neither a step nor a line"))),
        },
        Name::Why => operands::why(&parts, &wrong).map(|(step, against, form)| Command::Why { step, against, form }),
        Name::Plan => match parts.as_slice() {
            [] => Ok(Command::Plan { form: PlanForm::List }),
            ["--graph"] => Ok(Command::Plan { form: PlanForm::Graph }),
            ["--chain"] => Ok(Command::Plan { form: PlanForm::Chain }),
            [word] if "graph".starts_with(word) => Ok(Command::Plan { form: PlanForm::Graph }),
            [word] if "chain".starts_with(word) => Ok(Command::Plan { form: PlanForm::Chain }),
            _ => Err(operands::no_argument(entry, rest)),
        },
        Name::Diff => operands::diff(rest, &parts).map(|(states, path)| Command::Diff { states, path }),
        Name::Ls if operands::is_recursive(rest) => Ok(Command::Tree { path: path(without_switches(rest)) }),
        Name::Ls => Ok(Command::Ls { path: path(without_switches(rest)) }),
        Name::Tree => Ok(Command::Tree { path: path(without_switches(rest)) }),
        Name::Cat => {
            let paths = path(without_switches(rest)).ok_or_else(|| wrong("`cat` needs a path".into()))?;
            Ok(Command::Cat { paths })
        }
        Name::Layers => match parts.as_slice() {
            [] => Ok(Command::Layers { form: LayersForm::Table }),
            ["bars" | "--bars"] => Ok(Command::Layers { form: LayersForm::Bars }),
            ["stack" | "--stack"] => Ok(Command::Layers { form: LayersForm::Stack }),
            _ => Err(operands::no_argument(entry, rest)),
        },
        Name::Config => Ok(Command::Config),
        Name::Env => Ok(Command::Env),
        Name::History => Ok(Command::History),
        Name::Explain => Ok(Command::Explain { instruction: optional() }),
        Name::Run if rest.is_empty() => Err(Diagnostic::error("`run` needs a command")
            .hint("`continue` runs to the next breakpoint, `launch` runs the image")),
        Name::Run if rest.starts_with('-') => Err(operands::no_option(entry.name, rest)),
        Name::Run => Ok(Command::Run { command: rest.to_owned() }),
        Name::Shell => match parts.as_slice() {
            [] => Ok(Command::Shell { state: None }),
            [text] if text.parse::<usize>().is_ok() => Ok(Command::Shell { state: Some(number(text)?) }),
            _ => Err(operands::no_argument(entry, rest)),
        },
        Name::Edit => Ok(Command::Edit { file: optional(), change: Change::Editor }),
        Name::Reload => Ok(Command::Reload),
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
            let (what, existing) = operands::saved(rest)?;
            Ok(Command::Save { what, existing })
        }
        Name::Write => {
            let (file, existing) = forced(rest);
            Ok(Command::Write { file, existing })
        }
        Name::Help => match rest {
            "" => Ok(Command::Help(Topic::Overview)),
            "all" | "--all" => Ok(Command::Help(Topic::All)),
            name => help::topic(name).map(Command::Help),
        },
        Name::Quit => Ok(Command::Quit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debugger::{Condition, Place};

    fn command(text: &str) -> Command {
        match parse(text) {
            Ok(Line::Command(command)) => command,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_a_command_shows_goes_to_a_program() {
        let ls = || Command::Ls { path: Some("/a".into()) };
        assert_eq!(parse("ls /a | grep 'b | c'"), Ok(Line::Piped(ls(), "grep 'b | c'".into())));
        assert_eq!(parse("bt |head"), Ok(Line::Piped(Command::History, "head".into())));
        assert_eq!(command("run a | b"), Command::Run { command: "a | b".into() });
        assert!(matches!(parse("RUN a | b"), Ok(Line::Instruction(_))));
        assert!(problem("ls |").contains("no program") && problem("ls > f").contains("`ls | cat > f`"));
    }

    fn problem(text: &str) -> String {
        parse(text).expect_err(text).render(None)
    }

    #[test]
    fn commands_have_short_forms_and_beginnings() {
        assert_eq!(command("s"), Command::Step { count: 1 });
        assert_eq!(command("  step   3 "), Command::Step { count: 3 });
        assert_eq!(command("cont"), Command::Continue);
        assert_eq!(command("n"), Command::Step { count: 1 });
        assert_eq!(command("b"), Command::Break(Break::List));
        assert_eq!(command("b 3"), Command::Break(Break::At(Place::Step(3), None)));
        assert_eq!(command("!ls -l"), Command::Run { command: "ls -l".into() });
        assert_eq!(
            command("why 2 --against 7"),
            Command::Why { step: Some(2), against: Some(7), form: WhyForm::Reason }
        );
        assert_eq!(command("why --against=7"), Command::Why { step: None, against: Some(7), form: WhyForm::Reason });
        assert_eq!(command("break :22"), Command::Break(Break::At(Place::Line(22), None)));
        assert_eq!(command("b Dockerfile:22"), command("break :22"));
        assert_eq!(
            command("break stage build if miss"),
            Command::Break(Break::At(Place::Stage("build".into()), Some(Condition::Miss)))
        );
        assert_eq!(command("break /apk add/"), Command::Break(Break::At(Place::Text("apk add".into()), None)));
        assert_eq!(command("d 1 2"), command("diff 1 2"));
        assert_eq!(command("ls -la /etc"), Command::Ls { path: Some("/etc".into()) });
        assert_eq!(command("ls -lR /etc"), Command::Tree { path: Some("/etc".into()) });
        assert_eq!(command("(layerlab 3/5 last) ls /etc"), command("ls /etc"));
        assert_eq!(command("plan --graph"), command("plan graph"));
        assert_eq!(command("docker history --help"), command("help history"));
        assert_eq!(command("delete 1 2"), Command::Break(Break::Delete(vec![1, 2])));
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
        assert!(problem("shell [\"/bin/sh\"]").contains("is uppercase"));
    }

    #[test]
    fn mistakes_come_with_advice() {
        assert!(problem("contniue").contains("did you mean `continue`?"));
        assert!(problem("FORM alpine").contains("did you mean `FROM`?"));
        assert!(problem("STEP").contains("`step`"));
        assert!(problem("co").contains("can be `continue`, `config`"));
        assert!(problem("step x").contains("usage: `step [N]`"));
        assert!(problem("run --explain ps").contains("`layerlab run --explain NAME ps`"));
        assert!(problem("docker history app").contains("does not take `app`"));
        assert!(problem("docker inspect app").contains("`layerlab inspect app`"));
        assert!(problem("$ layerlab images").contains("is a line for a shell"));
        assert!(problem("break fail").contains("did you mean `failure`?"));
        assert!(problem("plan --svg f").contains("`layerlab plan --graph=svg DIR > f`"));
        assert!(problem("run -it sh").contains("`shell` opens a shell"));
        assert!(problem("help stpe").contains("did you mean `step`?"));
        for text in
            ["goto", "cat", "tag", "tag a b", "step 0", "break //", "why --against x", "diff 1", "\u{7f}\u{0}", "é"]
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
