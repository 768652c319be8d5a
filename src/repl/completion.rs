//! What a line that is being typed can go on with: commands, instructions, habits, and their arguments.
//!
//! Which arguments a command has is in the table. What they can be is in the [`Surroundings`]; folders and the programs of the user's
//! machine are read when they are asked for.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::command::{self, Line};
use super::lines::{Step, Surroundings};
use super::meant;
use super::table::{self, Argument};
use crate::debugger::CONCEPTS;
use crate::dockerfile::KEYWORDS;
use crate::prompt::Candidate;
use crate::shown;
use crate::view::table::shortened;

/// How much of a step's instruction is shown beside its number.
const INSTRUCTION: usize = 30;

/// A step, by its number.
fn of_step(step: &Step) -> Candidate {
    let instruction = shortened(&shown::cell(&step.instruction), INSTRUCTION);
    Candidate { text: format!("{} ", step.number), shown: format!("{} {instruction}", step.number) }
}

/// Where what is completed begins, and what it can become. A name that a terminal would act on is left out: it would be sent to
/// it with the line.
pub(super) fn complete(surroundings: &Surroundings, line: &str) -> (usize, Vec<Candidate>) {
    let (start, mut candidates) = piped(line)
        .or_else(|| first_word(line))
        .unwrap_or_else(|| arguments(surroundings, line).unwrap_or((line.len(), Vec::new())));
    candidates.retain(|candidate| shown::cell(&candidate.text) == candidate.text);
    (start, candidates)
}

/// What may follow a command that only looks: programs and files of the user's machine.
fn piped(line: &str) -> Option<(usize, Vec<Candidate>)> {
    let (look, program) = line.split_once(" |")?;
    let Ok(Line::Command(command)) = command::parse(look) else { return None };
    if !command.is_look() {
        return None;
    }
    let begins_program = ['|', ';', '&'];
    let program = line.len() - program.len();
    let start = word_start(line).max(program).max(line.rfind(begins_program).map_or(0, |at| at + 1));
    let is_program = line[..start].trim_end().ends_with(begins_program);
    let candidates = if is_program { programs(&line[start..]) } else { files(&line[start..]) };
    Some((start, candidates))
}

fn first_word(line: &str) -> Option<(usize, Vec<Candidate>)> {
    let word = line.trim_start();
    if word.contains(char::is_whitespace) || word.starts_with('!') {
        return None;
    }
    let is_capital = word.starts_with(char::is_uppercase);
    let beginning = if is_capital { word.to_uppercase() } else { word.to_owned() };
    let commands = table::COMMANDS.iter().map(|entry| entry.name);
    let keywords = KEYWORDS.iter().copied().filter(|_| is_capital || word.is_empty());
    let mut names = matching(commands.chain(keywords), &beginning);
    if names.is_empty() {
        // Only then: there are so many of them.
        names = matching(meant::first_words(), &beginning);
    }
    Some((line.len() - word.len(), names))
}

fn arguments(surroundings: &Surroundings, line: &str) -> Option<(usize, Vec<Candidate>)> {
    let trimmed = line.trim_start();
    let (first, rest) = match trimmed.strip_prefix('!') {
        Some(rest) => ("run", rest),
        None => trimmed.split_once(char::is_whitespace)?,
    };
    if let Some(entry) = table::find(first) {
        return Some(of_command(surroundings, entry, line, rest.trim_start()));
    }
    let word = word_start(line);
    if table::is_keyword(first) {
        return Some((word, of_instruction(surroundings, &first.to_uppercase(), &line[word..])));
    }
    let next = matching(meant::next_words(&line[..word]), &line[word..]);
    if !next.is_empty() {
        return Some((word, next));
    }
    // The arguments of a habit are those of what it stands for.
    let meant = meant::stands_for(line).or_else(|| match table::beginning(first).as_slice() {
        [entry] => Some(format!("{} {rest}", entry.name)),
        _ => None,
    })?;
    let (start, candidates) = arguments(surroundings, &meant)?;
    Some(((line.len() + start).checked_sub(meant.len())?, candidates))
}

/// What a command's arguments can be; `rest` is what follows the command.
fn of_command(surroundings: &Surroundings, entry: &table::Entry, line: &str, rest: &str) -> (usize, Vec<Candidate>) {
    let whole = line.len() - rest.len();
    let word = word_start(line);
    let is_first = whole == word;
    let text = &line[word..];
    let mut candidates = Vec::new();
    for argument in entry.arguments {
        match argument {
            Argument::Free => {}
            Argument::Word(name) => candidates.extend(matching([*name], text)),
            Argument::OneOf(names) if is_first => candidates.extend(matching(names.iter().copied(), text)),
            Argument::Step if is_first => candidates.extend(steps(surroundings, text)),
            Argument::Place => candidates.extend(places(surroundings, &line[whole..word], text)),
            Argument::Breakpoint => candidates.extend(matching(surroundings.breakpoints.iter(), text)),
            Argument::Keyword if is_first => {
                candidates.extend(matching(KEYWORDS, &text.to_uppercase()));
                candidates.extend(matching(CONCEPTS, text));
            }
            Argument::Command if is_first => {
                candidates.extend(matching(table::COMMANDS.iter().map(|entry| entry.name), text));
            }
            Argument::OneOf(_) | Argument::Step | Argument::Keyword | Argument::Command => {}
            Argument::Shell if text.starts_with('/') => candidates.extend(in_words(image_paths(surroundings, text))),
            Argument::Shell => {}
            Argument::ImagePath | Argument::ContextPath | Argument::AnyPath | Argument::MachinePath => {
                // A path is the rest of the line, so that it can have spaces; else there may be several.
                let from = whole + rest.len() - without_switches(rest).len();
                for start in BTreeSet::from([from, word.max(from)]) {
                    let paths = paths(surroundings, *argument, &line[start..]);
                    if !paths.is_empty() {
                        return (start, paths);
                    }
                }
            }
        }
    }
    let typed = &line[whole..word];
    candidates.retain(|candidate| typed.split_whitespace().all(|typed| typed != candidate.text.trim_end()));
    (word, candidates)
}

fn paths(surroundings: &Surroundings, argument: Argument, text: &str) -> Vec<Candidate> {
    match argument {
        Argument::ContextPath => context_paths(surroundings, text),
        Argument::AnyPath if !text.starts_with('/') => context_paths(surroundings, text),
        Argument::MachinePath => files(text),
        _ => image_paths(surroundings, text),
    }
}

/// What stands before a path: `-la`, `--force`, the numbers of states.
fn without_switches(rest: &str) -> &str {
    let mut rest = rest;
    while let Some((word, after)) = rest.split_once(char::is_whitespace)
        && (word.starts_with('-') || word.parse::<usize>().is_ok())
    {
        rest = after.trim_start();
    }
    rest
}

fn of_instruction(surroundings: &Surroundings, keyword: &str, word: &str) -> Vec<Candidate> {
    let stages = || surroundings.stages.iter().map(String::as_str);
    match keyword {
        "COPY" | "ADD" => match word.strip_prefix("--from=") {
            Some(name) => {
                let stages = stages().filter(|stage| stage.starts_with(name));
                stages.map(|stage| Candidate { text: format!("--from={stage} "), shown: stage.to_owned() }).collect()
            }
            None if word.starts_with('/') => in_words(image_paths(surroundings, word)),
            None => in_words(context_paths(surroundings, word)),
        },
        "FROM" => matching(stages(), word),
        "RUN" | "WORKDIR" | "VOLUME" if word.starts_with('/') => in_words(image_paths(surroundings, word)),
        _ => Vec::new(),
    }
}

/// Where `break` can stop; `before` is what is typed of it already.
fn places(surroundings: &Surroundings, before: &str, word: &str) -> Vec<Candidate> {
    match before.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] => {
            let mut candidates = steps(surroundings, word);
            candidates.extend(matching(["stage", "miss", "failure"], word));
            candidates
        }
        ["stage"] => matching(surroundings.stages.iter(), word),
        [.., "if"] => matching(["miss", "failure"], word),
        _ => matching(["if"], word),
    }
}

/// Steps by their numbers, and behind a `:` by their lines.
fn steps(surroundings: &Surroundings, word: &str) -> Vec<Candidate> {
    match word.strip_prefix(':') {
        None => {
            let steps = surroundings.steps.iter().filter(|step| step.number.to_string().starts_with(word));
            steps.map(of_step).collect()
        }
        Some(line) => {
            let lines: BTreeSet<usize> = surroundings.steps.iter().map(|step| step.line).collect();
            let lines = lines.into_iter().filter(|number| number.to_string().starts_with(line));
            lines.map(|number| Candidate::new(format!(":{number} "))).collect()
        }
    }
}

/// The paths of the state that go on from a text by one name.
fn image_paths(surroundings: &Surroundings, word: &str) -> Vec<Candidate> {
    let folder = surroundings.workdir.trim_end_matches('/').to_owned() + "/";
    let (prefix, folder) = match word.starts_with('/') {
        true => (word.to_owned(), ""),
        false => (format!("{folder}{word}"), folder.as_str()),
    };
    let paths = surroundings.image_paths.iter().filter(|path| path.starts_with(&prefix) && **path != prefix);
    // Only the next name: what is below a folder comes when the folder is typed.
    let direct = paths.filter(|path| !path[prefix.len()..].trim_end_matches('/').contains('/'));
    direct.map(|path| Candidate::new(path.strip_prefix(folder).unwrap_or(path))).collect()
}

/// The files of the context that go on from a text by one name. Nothing outside of it is looked at.
fn context_paths(surroundings: &Surroundings, word: &str) -> Vec<Candidate> {
    let is_inside = Path::new(word).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    match &surroundings.context {
        Some(root) if is_inside => names(root, word),
        Some(_) | None => Vec::new(),
    }
}

/// The files of the user's machine that go on from a text by one name.
fn files(word: &str) -> Vec<Candidate> {
    names(Path::new("."), word)
}

/// The names in a folder that go on from a path that begins there.
fn names(root: &Path, word: &str) -> Vec<Candidate> {
    let (folder, name) = word.split_at(word.rfind('/').map_or(0, |slash| slash + 1));
    let mut candidates = Vec::new();
    for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
        let Ok(found) = entry.file_name().into_string() else { continue };
        // What is hidden is shown to those who ask for it.
        if found.starts_with(name) && (!found.starts_with('.') || name.starts_with('.')) {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            candidates.push(Candidate { text: format!("{folder}{found}{slash}"), shown: format!("{found}{slash}") });
        }
    }
    candidates.sort_by(|one, other| one.text.cmp(&other.text));
    candidates
}

/// The programs that a shell would find.
fn programs(word: &str) -> Vec<Candidate> {
    if word.contains('/') {
        return files(word);
    }
    let folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let mut found = BTreeSet::new();
    for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // The metadata of what a link leads to.
        let is_program =
            || fs::metadata(entry.path()).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        if name.starts_with(word) && is_program() {
            found.insert(name);
        }
    }
    found.into_iter().map(|name| Candidate::new(name + " ")).collect()
}

/// The names that begin with a text, each a whole word.
fn matching(names: impl IntoIterator<Item = impl AsRef<str>>, beginning: &str) -> Vec<Candidate> {
    let names = names.into_iter().filter(|name| name.as_ref().starts_with(beginning));
    names.map(|name| Candidate::new(format!("{} ", name.as_ref()))).collect()
}

/// Those that can stand where words are parted by spaces.
fn in_words(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.retain(|candidate| !candidate.text.contains(char::is_whitespace));
    candidates
}

/// Where the last word begins.
fn word_start(line: &str) -> usize {
    line.rfind(char::is_whitespace).map_or(0, |space| line[space..].chars().next().map_or(0, char::len_utf8) + space)
}

#[cfg(test)]
mod tests {
    use super::{Step, Surroundings, complete};

    fn surroundings(context: &std::path::Path) -> Surroundings {
        let step = |number, line, instruction: &str| Step { number, line, instruction: instruction.into() };
        Surroundings {
            image_paths: ["/bin/", "/bin/sh", "/etc/", "/etc/passwd", "/two words"].map(String::from).into(),
            workdir: "/".into(),
            context: Some(context.to_owned()),
            stages: vec!["build".into(), "stage-1".into()],
            steps: vec![step(1, 1, "FROM a"), step(2, 4, "RUN \x1b[31mb"), step(12, 40, "CMD c")],
            breakpoints: vec!["1".into(), "2".into()],
        }
    }

    /// The lines that a line can become.
    fn lines(line: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["main.c", "my file", ".hidden", "evil\x1b[31m", "tab\tbed"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let (start, candidates) = complete(&surroundings(folder.path()), line);
        assert!(candidates.iter().all(|one| !one.shown.contains(['\x1b', '\t'])), "{line}: {candidates:?}");
        candidates.into_iter().map(|one| line[..start].to_owned() + &one.text).collect()
    }

    #[test]
    fn what_can_be_typed_is_completed() {
        let cases: &[(&str, &[&str])] = &[
            ("ste", &["step "]),
            ("  WO", &["  WORKDIR "]),
            ("ls /", &["ls /bin/", "ls /etc/", "ls /two words"]),
            ("ls -la /e", &["ls -la /etc/"]),
            ("cat /etc/p", &["cat /etc/passwd"]),
            ("cat etc/", &["cat etc/passwd"]),
            ("cat /etc/passwd /b", &["cat /etc/passwd /bin/"]),
            ("break ", &["break 1 ", "break 2 ", "break 12 ", "break stage ", "break miss ", "break failure "]),
            ("break stage b", &["break stage build "]),
            ("b :4", &["b :4 ", "b :40 "]),
            ("break 3 ", &["break 3 if "]),
            ("break stage build if m", &["break stage build if miss "]),
            ("goto 1", &["goto 1 ", "goto 12 "]),
            ("why 2 --", &["why 2 --against "]),
            ("plan ", &["plan graph ", "plan chain "]),
            ("plan graph ", &[]),
            ("delete ", &["delete 1 ", "delete 2 ", "delete all "]),
            ("delete 1 ", &["delete 1 2 ", "delete 1 all "]),
            ("edit m", &["edit main.c", "edit my file"]),
            ("edit my f", &["edit my file"]),
            ("edit .", &["edit .hidden"]),
            ("edit ../", &[]),
            ("edit /", &[]),
            ("diff e", &[]),
            ("COPY m", &["COPY main.c"]),
            ("COPY main.c /e", &["COPY main.c /etc/"]),
            ("COPY --from=b", &["COPY --from=build "]),
            ("from b", &["from build "]),
            ("run cat /etc/p", &["run cat /etc/passwd"]),
            ("!cat /bin/", &["!cat /bin/sh"]),
            ("explain wo", &["explain WORKDIR "]),
            ("help sa", &["help save "]),
            ("lis a", &["lis all "]),
            ("dock", &["docker "]),
            ("docker image ", &["docker image inspect ", "docker image list "]),
            ("info reg", &["info registers "]),
            ("vim  ma", &["vim  main.c"]),
            ("grep root /etc/p", &["grep root /etc/passwd"]),
            ("step ", &[]),
            ("x y", &[]),
            ("é é", &[]),
            ("", &[]),
        ];
        for (line, expected) in cases {
            let found = lines(line);
            match *line {
                "" => assert!(found.contains(&"step ".into()) && found.contains(&"FROM ".into()), "{found:?}"),
                "docker image " => assert!(expected.iter().all(|one| found.contains(&(*one).into())), "{found:?}"),
                _ => assert_eq!(found, *expected, "{line}"),
            }
        }
    }

    #[test]
    fn programs_follow_a_pipe() {
        assert!(lines("ls / | ca").contains(&"ls / | cat ".to_owned()));
        assert!(lines("ls / | cat|hea").contains(&"ls / | cat|head ".to_owned()));
        assert_eq!(lines("config | cat Cargo.t"), ["config | cat Cargo.toml"]);
        assert_eq!(lines("run a | ca"), Vec::<String>::new());
    }
}
