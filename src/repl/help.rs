//! What `help` shows: the commands by what they are for, all of them, or one with the habits that lead to it.

use super::form::Topic;
use super::meant::{self, Habit};
use super::table::{self, COMMANDS, Entry, Name};
use crate::debugger::CONCEPTS;
use crate::diagnostic::Diagnostic;

/// The rule by which a line is a command or an instruction, as `help` prints it.
pub(crate) const RULE: &str = "\
A line is a command if its first word is one of these in lowercase; an unambiguous beginning is enough.
Every other line that begins with a Dockerfile keyword is an instruction: it is taken at once and added
to the Dockerfile that `write` saves. So `run`, `env`, `shell` are commands, and `RUN`, `ENV`, `SHELL` instructions;
`from`, `copy`, `label` are instructions in any case. A line ending in `\\`, or an open heredoc,
continues on the next line. Enter repeats the last step, finish or continue; after
`back`, `goto` and `restart` it takes one step. Ctrl-C stops a step, Ctrl-D ends the session.
";

/// The commands by what they are for, as `help` shows them.
const GROUPS: &[(&str, &[Name])] = &[
    ("move", &[Name::Step, Name::Finish, Name::Continue, Name::Back, Name::Goto, Name::Restart]),
    ("stop", &[Name::Break, Name::Delete, Name::Enable, Name::Disable]),
    ("ask", &[Name::List, Name::Why, Name::Plan, Name::Diff, Name::Explain]),
    ("look", &[Name::Ls, Name::Tree, Name::Cat, Name::Env, Name::Config, Name::Layers, Name::History]),
    ("try", &[Name::Run, Name::Shell, Name::Launch]),
    ("change", &[Name::Edit, Name::Reload]),
    ("keep", &[Name::Write, Name::Tag, Name::Save]),
    ("leave", &[Name::Quit, Name::Help]),
];

/// What `help` shows: it fits a small screen.
pub(super) fn overview() -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        let name = |entry: &Entry| match entry.short.first() {
            Some(short) => format!("{} ({short})", entry.name),
            None => entry.name.to_owned(),
        };
        let names: Vec<String> = COMMANDS.iter().filter(|entry| names.contains(&entry.id)).map(name).collect();
        text.push_str(&format!("  {title:<8}  {}\n", names.join(", ")));
    }
    text + "\n\
        Commands are lowercase, instructions uppercase: `RUN make` is a step, taken at once and added to the\n\
        Dockerfile. Enter goes on: it repeats the last move forwards. Ctrl-C stops a step, Ctrl-D leaves.\n\n\
        `help COMMAND` explains one command, `help all` lists them all.\n"
}

/// What `help all` shows.
pub(super) fn all() -> String {
    let mut text = String::new();
    for entry in COMMANDS {
        let short = entry.short.first().map_or(String::new(), |short| format!("{short}, "));
        text.push_str(&format!("{:>4}{:<9}  {}\n", short, entry.name, entry.summary));
    }
    format!("{text}\n{RULE}")
}

/// What `help COMMAND` shows, with the habits that lead to it.
pub(super) fn of(entry: &Entry) -> String {
    let mut text = entry.synopsis();
    text.push_str(&format!("\n  {}\n", entry.summary));
    for line in entry.details.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    let also = [entry.short, &meant::leading_to(entry.name)].concat();
    if !also.is_empty() {
        text.push_str(&format!("  also: {}\n", also.join(", ")));
    }
    text
}

/// What `help NAME` is about: a word that is explained, a command, or the one that a habit stands for.
pub(super) fn topic(name: &str) -> Result<Topic, Diagnostic> {
    let command =
        |name: &str| table::find(name).or_else(|| <[_; 1]>::try_from(table::beginning(name)).ok().map(|[one]| one));
    let unknown = || Diagnostic::error(format!("there is no command `{name}`"));
    if table::is_keyword(name) && table::find(name).is_none() {
        return Err(unknown().hint(format!("`explain {name}` explains the instruction")));
    }
    if let Some(concept) = CONCEPTS.into_iter().find(|concept| *concept == name) {
        return Ok(Topic::Concept(concept));
    }
    match (command(name), meant::find(name)) {
        (Some(entry), _) => Ok(Topic::Command(entry)),
        (None, Some(Habit::Line(ours))) => {
            let first = ours.split(' ').next().unwrap_or_default();
            command(first).map(Topic::Command).ok_or_else(unknown)
        }
        (None, Some(Habit::Answer { text, .. })) => Err(unknown().hint(text)),
        (None, None) => {
            let unknown = unknown().suggest(name, table::COMMANDS.iter().map(|entry| entry.name));
            let hint = unknown.hint.clone().unwrap_or_else(|| "`help` lists the commands".into());
            Err(unknown.hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::COMMANDS;
    use super::{GROUPS, overview};

    #[test]
    fn every_word_that_is_explained_is_named() {
        let explain = super::table::find("explain").unwrap();
        for word in super::CONCEPTS {
            assert!(explain.details.contains(word) && super::table::find(word).is_none(), "{word}");
        }
    }

    #[test]
    fn every_command_is_in_one_group() {
        for entry in COMMANDS {
            assert_eq!(GROUPS.iter().filter(|(_, names)| names.contains(&entry.id)).count(), 1, "{}", entry.name);
        }
        assert!(crate::view::table::fill(&overview(), 80).lines().count() <= 22);
    }
}
