//! Commands with what they print: how a block shows them, and what is typed while they run.

use std::path::Path;

use super::fitting::Comparison;
use super::kind::BlockKind;
use super::page::{Block, Mistake, Page};

/// What the prompts of sessions look like at which a page types.
const DEBUGGER: &str = "(layerlab) ";
const IN_CONTAINER: [&str; 2] = [" # ", " $ "];
/// What `login` asks for. A password is not shown: this one is typed.
const ASKS_FOR_NAME: &str = "Username: ";
const ASKS_FOR_PASSWORD: &str = "Password:";
const PASSWORD: &str = "chalk and talk";
/// Where Ctrl-C is pressed.
pub(crate) const CTRL_C: &str = "^C";

/// A command, what is typed while it runs, and what is shown of its output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The line of the page, from 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) input: Vec<String>,
    pub(crate) pieces: Vec<Piece>,
    /// For each `edit FILE` the block with the change that it is to make, and the file.
    pub(crate) edits: Vec<(usize, String)>,
    /// The exit code that it is shown to end with.
    pub(crate) status: Option<i32>,
    /// What it proves, in Markdown: the check of a task may say so above it.
    pub(crate) says: Option<String>,
    /// How what it prints is compared.
    pub(crate) comparison: Comparison,
}

/// The part of one block that belongs to one command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) block: usize,
    /// The line that says what the command proves, which nobody types.
    pub(crate) says: Option<String>,
    /// How many of the lines are the command itself.
    pub(crate) typed: usize,
    pub(crate) shown: Vec<String>,
    /// The line with the exit code, which nobody prints.
    pub(crate) status: Option<String>,
}

/// What is typed at a prompt within a session, where a line shows one.
pub(crate) fn typed_at_prompt(line: &str) -> Option<&str> {
    if let Some(input) = line.strip_prefix(DEBUGGER) {
        return Some(input);
    }
    if line.trim_end() == ASKS_FOR_PASSWORD {
        return Some(PASSWORD);
    }
    if let Some(input) = line.strip_prefix(ASKS_FOR_NAME) {
        return Some(input);
    }
    // `/app # ls`, `root@3f2a:/# ls`
    let is_path = line.starts_with('/') || line.split_once(['#', '$']).is_some_and(|(who, _)| who.contains("@"));
    let spaced = IN_CONTAINER.iter().filter_map(|mark| line.split_once(mark)).next();
    let (before, input) = spaced.or_else(|| line.split_once("# "))?;
    (is_path && !before.contains(' ')).then_some(input)
}

/// Reads the commands of a block. What it begins with may be more of the output of the run before it; `change` is the change that the next
/// `edit` makes.
///
/// # Errors
/// Output of no command; a command that does not end.
pub(super) fn runs(
    page: &Page,
    number: usize,
    mut before: Option<&mut Run>,
    change: &mut Option<usize>,
) -> Result<Vec<Run>, Mistake> {
    let block = &page.blocks[number];
    let comparison = if block.kind == BlockKind::Check { Comparison::ByWord } else { Comparison::ByKind };
    let mut runs: Vec<Run> = Vec::new();
    if let Some(run) = &mut before
        && block.lines.first().is_some_and(|line| !line.starts_with("$ "))
    {
        run.pieces.push(Piece { block: number, says: None, typed: 0, shown: Vec::new(), status: None });
    }
    let mut says = None;
    let mut lines = block.lines.iter().enumerate().peekable();
    while let Some((place, line)) = lines.next() {
        let at = block.line + place;
        if sentence(block, place).is_some() {
            says = Some(line);
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            let mut typed = vec![line.clone()];
            let mut entry = Entry::default();
            entry.add(command);
            let mut command = command.to_owned();
            // Output may begin with `> `, too.
            let is_more = |next: Option<&(usize, &String)>, command: &str| match next {
                Some((place, next)) if next.starts_with('>') => {
                    page.answers.is_unfinished(command).map_err(|unknown| {
                        let hint = "put the command into a file, or show less: `…`";
                        page.mistake(block.line + place, unknown.to_string(), hint)
                    })
                }
                Some(_) | None => Ok(false),
            };
            while entry.goes_on() || is_more(lines.peek(), &command)? {
                let Some((_, next)) = lines.next() else {
                    let message = "this command does not end in its block";
                    return Err(page.mistake(at, message, "it goes on after `\\` and in a heredoc"));
                };
                typed.push(next.clone());
                let next = next.strip_prefix("> ").unwrap_or(if next == ">" { "" } else { next });
                entry.add(next);
                command.push('\n');
                command.push_str(next);
            }
            let says = says.take().cloned();
            let sentence = says.as_deref().and_then(said).map(str::to_owned);
            let piece = Piece { block: number, says, typed: typed.len(), shown: typed, status: None };
            let (input, pieces) = (Vec::new(), vec![piece]);
            let edits = Vec::new();
            runs.push(Run { line: at, command, input, pieces, edits, status: None, says: sentence, comparison });
            continue;
        }
        let Some(run) = runs.last_mut().or(before.as_deref_mut()) else {
            let what = if line.is_empty() { "this empty line" } else { "this" };
            return Err(page.mistake(at, format!("{what} is the output of no command"), "a command stands after `$ `"));
        };
        let is_last =
            lines.peek().is_none_or(|(next, line)| line.starts_with("$ ") || sentence(block, *next).is_some());
        run.take(line, is_last, change);
    }
    Ok(runs)
}

/// What a line of a check says of the command in the next one.
fn sentence(block: &Block, place: usize) -> Option<&str> {
    let is_above = block.lines.get(place + 1).is_some_and(|next| next.starts_with("$ "));
    said(&block.lines[place]).filter(|_| block.kind == BlockKind::Check && is_above)
}

/// The sentence in a line `# The image has no compiler in it`.
fn said(line: &str) -> Option<&str> {
    line.strip_prefix("# ").map(str::trim).filter(|sentence| !sentence.is_empty())
}

impl Run {
    /// Takes another line of its output.
    fn take(&mut self, line: &str, is_last: bool, change: &mut Option<usize>) {
        let Some(piece) = self.pieces.last_mut() else { return };
        if let (true, Some(status)) = (is_last, line.strip_prefix("? ").and_then(|code| code.parse().ok())) {
            self.status = Some(status);
            piece.status = Some(line.to_owned());
            return;
        }
        piece.shown.push(line.to_owned());
        if let Some(input) = typed_at_prompt(line) {
            self.input.push(input.to_owned());
            if let (Some(file), Some(block)) = (input.strip_prefix("edit "), *change) {
                self.edits.push((block, file.trim().to_owned()));
                *change = None;
            }
        }
    }

    /// What is shown of its output, in all blocks.
    pub(crate) fn output(&self) -> Vec<String> {
        self.lines().cloned().collect()
    }

    fn lines(&self) -> impl Iterator<Item = &String> {
        self.pieces.iter().flat_map(|piece| &piece.shown[piece.typed..])
    }

    /// The folder that a command of the debugger is about: its last word.
    pub(crate) fn folder(&self) -> &Path {
        Path::new(self.command.split_whitespace().next_back().unwrap_or("."))
    }

    /// Whether it is typed at a terminal: the shell of a container shows its prompt only there, and a password is asked for only there.
    pub(super) fn is_at_a_terminal(&self) -> bool {
        self.lines().any(|line| typed_at_prompt(line).is_some() && !line.starts_with(DEBUGGER))
    }

    /// Whether Ctrl-C is pressed while it runs.
    pub(super) fn has_ctrl_c(&self) -> bool {
        self.pieces.iter().any(|piece| piece.shown.iter().any(|line| line == CTRL_C))
    }

    /// For each time that Ctrl-C is pressed, what has to be printed since the time before.
    pub(super) fn awaited_before_ctrl_c(&self) -> Vec<Vec<&String>> {
        let lines: Vec<&String> = self.lines().collect();
        let mut awaited: Vec<Vec<&String>> = lines
            .split(|line| *line == CTRL_C)
            .map(|lines| lines.iter().copied().filter(|line| line.trim() != "…").collect())
            .collect();
        // Behind the last one nothing is waited for.
        awaited.pop();
        awaited
    }

    /// What it printed, cut into what belongs to each of its pieces: a piece ends before the first prompt that it does not show.
    pub(super) fn cut(&self, output: &str) -> Vec<Vec<String>> {
        let mut lines = output.lines().peekable();
        let mut pieces = Vec::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            let is_last = number + 1 == self.pieces.len();
            let mut left = piece.shown.iter().filter(|line| typed_at_prompt(line).is_some()).count();
            let mut lines_of_piece = Vec::new();
            while let Some(line) = lines.peek() {
                if typed_at_prompt(line).is_some() {
                    if left == 0 && !is_last {
                        break;
                    }
                    left = left.saturating_sub(1);
                }
                lines_of_piece.extend(lines.next().map(|line| line.trim_end().to_owned()));
            }
            pieces.push(lines_of_piece);
        }
        pieces
    }
}

/// Whether what was typed so far is not a whole command: it ends with `\`, or is within a heredoc.
pub(crate) fn goes_on(command: &str) -> bool {
    let mut entry = Entry::default();
    command.lines().for_each(|line| entry.add(line));
    entry.goes_on()
}

/// A command while it is typed, line by line.
#[derive(Debug, Default)]
struct Entry {
    /// The word that ends the heredoc that is open.
    end: Option<String>,
    is_open: bool,
}

impl Entry {
    fn add(&mut self, line: &str) {
        match &self.end {
            Some(word) if line.trim_start_matches('\t') == word => (self.end, self.is_open) = (None, false),
            Some(_) => {}
            None => {
                self.is_open = line.ends_with('\\');
                self.end = heredoc(line);
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.end.is_some() || self.is_open
    }
}

/// What follows the first `<<` of a line that the shell would take for a heredoc: within quotes and in arithmetic it is none, nor is `<<<`.
fn behind_mark(line: &str) -> Option<&str> {
    let mut quote = None;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let skipped = match (quote, letter) {
            (None | Some('"'), '\\') => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            (Some(open), letter) => {
                quote = (letter != open).then_some(open);
                letter.len_utf8()
            }
            (None, '\'' | '"') => {
                quote = Some(letter);
                1
            }
            (None, '(') if rest.starts_with("((") => rest.find("))").map_or(rest.len(), |end| end + 2),
            (None, '<') if rest.starts_with("<<<") => 3,
            (None, '<') if rest.starts_with("<<") => return Some(&rest[2..]),
            (None, letter) => letter.len_utf8(),
        };
        rest = &rest[skipped..];
    }
    None
}

/// The word that ends the heredoc that a line begins.
fn heredoc(line: &str) -> Option<String> {
    let rest = behind_mark(line)?.trim_start_matches('-').trim_start();
    let word: String = match rest.chars().next()? {
        quote @ ('\'' | '"') => rest[1..].chars().take_while(|letter| *letter != quote).collect(),
        _ => rest
            .trim_start_matches('\\')
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect(),
    };
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_of_the_shell_begins_a_heredoc() {
        assert_eq!(heredoc("cat > a <<EOF").as_deref(), Some("EOF"));
        assert_eq!(heredoc("cat <<-'THE END' > a").as_deref(), Some("THE END"));
        assert_eq!(heredoc("echo \"it's\" | cat - <<\\EOF").as_deref(), Some("EOF"));
        assert_eq!(heredoc("echo 'RUN <<EOF' | cat - <<END").as_deref(), Some("END"));
        for line in ["printf 'RUN <<EOF\\n'", "echo \"a \\\" <<EOF\"", "echo $((1<<LEFT))", "cat <<< EOF"] {
            assert_eq!(heredoc(line), None, "{line}");
        }
    }

    #[test]
    fn prompts_are_those_of_the_debugger_and_of_shells_in_containers() {
        assert_eq!(typed_at_prompt("(layerlab) step"), Some("step"));
        assert_eq!(typed_at_prompt("/ # ls -l"), Some("ls -l"));
        assert_eq!(typed_at_prompt("/app $ id"), Some("id"));
        assert_eq!(typed_at_prompt("root@3f2a9c0de1f4:/# exit"), Some("exit"));
        assert_eq!(typed_at_prompt("Username: me"), Some("me"));
        assert_eq!(typed_at_prompt("Password: "), Some(PASSWORD));
        assert_eq!(typed_at_prompt("/bin/sh: x # y"), None);
        assert_eq!(typed_at_prompt("drwxr-xr-x 0:0 bin/"), None);
    }
}
