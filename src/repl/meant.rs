//! What a line means that begins with a habit of another program, and what was probably meant by one that is nothing.

use std::collections::BTreeSet;

use super::habits::{ALONE, Entry, Meaning, PREFIXES};
use super::table;
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::KEYWORDS;

/// What a line that begins with a habit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Another line, in our words.
    Line(String),
    /// What to say.
    Answer { typed: String, text: String },
}

/// What a line means that begins with a habit.
pub(super) fn find(line: &str) -> Option<Habit> {
    let line = line.trim();
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    for (programs, table) in PREFIXES {
        if programs.contains(&first)
            && let Some((meaning, count)) = longest(rest, table)
        {
            let found = habit(line, count + 1, meaning);
            return Some(if programs.contains(&"layerlab") { or_in_a_shell(found) } else { found });
        }
    }
    ALONE.iter().find_map(|table| longest(line, table)).map(|(meaning, count)| habit(line, count, meaning))
}

/// What follows a prompt of ours: a line that is pasted from a session has it in front.
pub(super) fn without_prompt(line: &str) -> &str {
    behind_prompt(line.trim_start()).unwrap_or(line)
}

/// What was typed behind a prompt; `None` for a line without one.
pub(super) fn behind_prompt(line: &str) -> Option<&str> {
    let (place, line) = line.strip_prefix("(layerlab")?.split_once(") ")?;
    (place.is_empty() || place.starts_with(' ')).then_some(line)
}

/// What to say to a line that is pasted with the prompt of a shell.
pub(super) fn for_a_shell(line: &str) -> Diagnostic {
    let shown: String = line.chars().take(60).collect();
    Diagnostic::error(format!("`$ {shown}` is a line for a shell"))
        .hint("type it in a shell, without the `$`; here, `help` lists the commands")
}

/// The line of ours that a line stands for while it is being typed.
pub(super) fn stands_for(line: &str) -> Option<String> {
    match find(line)? {
        Habit::Line(ours) if line.ends_with(char::is_whitespace) => Some(ours + " "),
        Habit::Line(ours) => Some(ours),
        Habit::Answer { .. } => None,
    }
}

/// The words with which habits begin.
pub(super) fn first_words() -> BTreeSet<&'static str> {
    let programs = PREFIXES.iter().flat_map(|(programs, _)| *programs).copied();
    programs.chain(habits().filter_map(|habit| habit.split(' ').next())).collect()
}

/// The words that come next in the habits that begin as a line does.
pub(super) fn next_words(line: &str) -> BTreeSet<&'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let goes_on = |habit: &'static str, words: &[&str]| {
        let mut habit = habit.split(' ');
        words.iter().all(|word| habit.next() == Some(word)).then(|| habit.next()).flatten()
    };
    let mut next: BTreeSet<&str> = habits().filter_map(|habit| goes_on(habit, &words)).collect();
    for (_, table) in PREFIXES.iter().filter(|(programs, _)| words.first().is_some_and(|word| programs.contains(word)))
    {
        next.extend(table.iter().flat_map(|(typed, _)| *typed).filter_map(|habit| goes_on(habit, &words[1..])));
    }
    next
}

/// The words that stand for a command as it is, in the order of the tables.
pub(super) fn leading_to(command: &str) -> Vec<&'static str> {
    let entries = ALONE.iter().copied().flatten();
    let those =
        entries.filter(|(_, meaning)| matches!(meaning, Meaning::Is(ours) | Meaning::Just(ours) if *ours == command));
    let mut habits: Vec<&str> = those.flat_map(|(typed, _)| *typed).copied().collect();
    let mut seen = BTreeSet::new();
    habits.retain(|habit| !habit.contains(' ') && seen.insert(*habit) && means(habit, command));
    habits
}

/// Whether a habit is the command, and not that of a nearer table.
fn means(habit: &str, command: &str) -> bool {
    table::find(habit).is_none() && matches!(find(habit), Some(Habit::Line(ours)) if ours == command)
}

fn habits() -> impl Iterator<Item = &'static str> {
    ALONE.iter().copied().flatten().flat_map(|(typed, _)| *typed).copied()
}

/// The longest habit that a line begins with, and how many words it has.
fn longest(line: &str, table: &[Entry]) -> Option<(Meaning, usize)> {
    let words: Vec<&str> = line.split_whitespace().take(3).collect();
    (1..=words.len()).rev().find_map(|count| {
        let begins = |habit: &&str| is_typed(habit, &words[..count]);
        let entry = table.iter().find(|(typed, _)| typed.iter().any(&begins))?;
        Some((entry.1, count))
    })
}

/// Whether words are a habit. gdb takes the beginning of what follows `info`.
fn is_typed(habit: &str, words: &[&str]) -> bool {
    match (habit.strip_prefix("info "), words) {
        (Some(topic), ["info" | "inf" | "i", beginning]) => topic.starts_with(beginning),
        _ => habit.split(' ').eq(words.iter().copied()),
    }
}

/// What a line is whose first words are a habit.
fn habit(line: &str, count: usize, meaning: Meaning) -> Habit {
    let rest = after(line, count);
    let typed = line[..line.len() - rest.len()].trim().to_owned();
    let ours = |beginning: &str, rest: &str| Habit::Line(format!("{beginning} {rest}").trim_end().to_owned());
    match meaning {
        Meaning::Is(beginning) => ours(beginning, rest),
        Meaning::Just(beginning) => ours(beginning, ""),
        Meaning::Says(text) => Habit::Answer { typed, text: text.to_owned() },
        Meaning::Looks if line.contains('>') => Habit::Answer { text: changes(line), typed },
        Meaning::Looks => ours("run", line),
        Meaning::Changes => Habit::Answer { text: changes(line), typed },
    }
}

/// The answer to a whole command of a shell, which may be what was meant.
fn or_in_a_shell(found: Habit) -> Habit {
    match found {
        Habit::Answer { typed, text } if !text.contains(" a shell") => {
            Habit::Answer { typed, text: format!("{text}; or `quit`, and type it in your shell") }
        }
        Habit::Answer { typed, text } => Habit::Answer { typed, text: format!("{text}; `quit` leaves") },
        found @ Habit::Line(_) => found,
    }
}

/// What to say to a command that would change the state.
fn changes(line: &str) -> String {
    let line: String = line.chars().take(60).collect();
    format!("`RUN {line}` makes it a step; `run {line}` tries it and throws the changes away")
}

/// What follows the first words of a line.
fn after(line: &str, words: usize) -> &str {
    (0..words).fold(line.trim_start(), |rest, _| {
        rest.split_once(char::is_whitespace).map_or("", |(_, after)| after.trim_start())
    })
}

/// A word that is nothing. What is suggested is near it and of its kind: small letters are commands and capitals instructions, and an
/// instruction in small letters begins with the letter that was typed.
pub(super) fn suggest(word: &str) -> Diagnostic {
    let shown: String = word.chars().take(40).collect();
    let diagnostic = Diagnostic::error(format!("`{shown}` is neither a command nor an instruction"));
    if let Some(entry) = table::find(&word.to_lowercase()) {
        return diagnostic.hint(format!("commands are lowercase: `{}`", entry.name));
    }
    let first = word.chars().next().map(|letter| letter.to_ascii_uppercase());
    let alike = KEYWORDS.iter().copied().filter(|keyword| keyword.chars().next() == first);
    let found = if word.chars().any(char::is_uppercase) {
        closest(word, KEYWORDS.iter().copied())
    } else {
        closest(word, table::COMMANDS.iter().map(|entry| entry.name)).or_else(|| closest(word, alike))
    };
    match found {
        Some(candidate) => diagnostic.hint(format!("did you mean `{candidate}`?")),
        None => diagnostic.hint("`help` lists the commands"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::{ALONE, Entry, Habit, Meaning, find, leading_to, next_words};
    use std::collections::BTreeSet;

    fn entries() -> impl Iterator<Item = &'static Entry> {
        ALONE.iter().copied().flatten()
    }

    #[test]
    fn a_habit_stands_for_a_command_that_exists() {
        for (typed, meaning) in entries() {
            if let Meaning::Is(line) | Meaning::Just(line) = meaning {
                let first = line.split(' ').next().unwrap();
                assert!(table::COMMANDS.iter().any(|entry| entry.name == first), "{typed:?}: {line}");
            }
        }
    }

    #[test]
    fn no_habit_is_named_twice_in_a_table() {
        for table in ALONE {
            let mut seen = BTreeSet::new();
            for habit in table.iter().flat_map(|(typed, _)| *typed) {
                assert!(seen.insert(habit), "{habit}");
            }
        }
    }

    #[test]
    fn the_longest_habit_counts_and_what_follows_it_is_kept() {
        assert_eq!(find("vim  a b"), Some(Habit::Line("edit a b".into())));
        assert_eq!(find("info breakpoints 1"), Some(Habit::Line("break".into())));
        assert_eq!(find("git   tag  x"), Some(Habit::Line("tag x".into())));
        assert!(matches!(find("docker ps -a"), Some(Habit::Answer { typed, .. }) if typed == "docker ps"));
        assert!(matches!(find("echo a > /b"), Some(Habit::Answer { .. })));
        assert_eq!(find("xyzzy"), None);
        assert_eq!([find("i b"), find("info loc")], ["break", "env"].map(|ours| Some(Habit::Line(ours.into()))));
    }

    #[test]
    fn a_command_knows_its_habits_and_a_habit_its_next_word() {
        assert_eq!(leading_to("finish"), ["fin", "out", "step-out", "return"]);
        assert!(leading_to("restart").contains(&"start") && !leading_to("quit").contains(&"quit"));
        assert!(next_words("docker").contains("ps") && next_words("docker image ").contains("ls"));
        assert!(next_words("info ").contains("locals") && next_words("vim").is_empty());
    }
}
