//! A lesson as a walk: one stop after another, each with the text that leads to it.
//!
//! ```text
//! text …                     a stop is what there is to do; the text before it is its page
//! ```predict                 a question
//! ```console
//! $ docker build .           a command, shown without its output
//! ```                        here the answer to the question is proven
//! ```layerlab
//! $ layerlab step .          a command that asks for more,
//! (layerlab) step            and what is typed there
//! ```
//! ```dockerfile Dockerfile   a file that is written
//! ````exercise               a task
//! ```
//!
//! What stands between lines `<!-- reading -->` and `<!-- end -->` is for those who read the page as a page, and type elsewhere.
//!
//! A stop is known by what it says and not by its number, so that a lesson may change while somebody is on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::left::{Kept, Variable};
use super::shell_word::end_of_word;
use super::stop::{Edit, Kind, Line, Stop};
use crate::lesson::{Act, BlockKind, FileName, Mistake, Page, Run, acts, typed_at_prompt};

/// Lines between which the text is not for a walk: in Markdown they are comments.
const READING: &str = "<!-- reading -->";
const END: &str = "<!-- end -->";

/// A lesson, stop by stop.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) stops: Vec<Stop>,
}

impl Walk {
    /// Finds the stops of a page.
    ///
    /// # Errors
    /// As `verify` has them: what can't be carried out.
    pub(crate) fn of(page: &Page) -> Result<Walk, Mistake> {
        let acts = acts(page)?;
        let open = open_blocks(&acts);
        let mut maker = Maker {
            parts: parts(page, acts),
            stops: Vec::new(),
            text: String::new(),
            is_for_readers: false,
            keys: BTreeMap::new(),
        };
        let lines: Vec<&str> = page.text.lines().collect();
        let mut at = usize::from(lines.first().is_some_and(|line| line.starts_with("# ")));
        let mut proofs: Vec<(usize, Kind)> = Vec::new();
        for (number, block) in page.blocks.iter().enumerate().filter(|(_, block)| block.within.is_none()) {
            match (block.kind, &block.file) {
                (
                    BlockKind::About
                    | BlockKind::Prediction
                    | BlockKind::Exercise
                    | BlockKind::Challenge
                    | BlockKind::Session
                    | BlockKind::File,
                    _,
                )
                | (BlockKind::Change, Some(_)) => {}
                // What is read is part of the text.
                (BlockKind::Change, None) | (BlockKind::Check | BlockKind::Hint | BlockKind::Text, _) => continue,
            }
            maker.read(&lines[at..(block.line - 2).max(at)]);
            at = (block.line + block.lines.len()).min(lines.len());
            // What is typed in a later block belongs to what has happened.
            let is_over = block.kind == BlockKind::Session && !open.contains(&number);
            let fence = block.line - 1;
            for kind in maker.parts.remove(&number).unwrap_or_default() {
                match kind {
                    Part::Whole(Kind::Question(question), proof) => {
                        let asked = maker.add(fence, Kind::Question(question.clone()));
                        proofs.push((fence, Kind::Proof { question, asked, commands: proof }));
                    }
                    Part::Whole(kind, _) => drop(maker.add(fence, kind)),
                    Part::File(file) => {
                        let (is_change, lines) = (block.kind == BlockKind::Change, block.lines.clone());
                        maker.add(fence, Kind::File(Edit { file, lines, is_change }));
                    }
                    Part::Line(line, is_input) => {
                        maker.add(line.number, if is_input { Kind::Input(line) } else { Kind::Command(line) });
                    }
                }
            }
            if is_over {
                proofs.drain(..).for_each(|(line, proof)| drop(maker.add(line, proof)));
            }
        }
        maker.read(&lines[at..]);
        proofs.into_iter().for_each(|(line, proof)| drop(maker.add(line, proof)));
        maker.add(lines.len().max(1), Kind::End);
        Ok(Walk { stops: maker.stops })
    }

    /// What a shell has to know at a stop of what the commands before it have said: the variables that commands of the lesson set, and the
    /// functions that those before it define, which do nothing by themselves.
    pub(crate) fn kept(&self, number: usize) -> Kept {
        let mut variables: Vec<Variable> = self.commands().filter_map(|line| Variable::set_by(&line.typed)).collect();
        variables.sort_by(|one, other| one.name.cmp(&other.name));
        variables.dedup_by(|one, other| one.name == other.name);
        let before = self.stops[..number].iter().filter_map(Stop::command).map(|line| line.typed.clone());
        Kept { variables, functions: before.filter(|text| is_function(text)).collect() }
    }

    /// The commands that are typed at the shell.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Line> {
        self.stops.iter().filter_map(Stop::command)
    }

    /// Where the shell is at a stop, below the lesson's folder, when nothing was typed but the lesson's commands. `None`: elsewhere.
    pub(crate) fn folder_at(&self, number: usize) -> Option<PathBuf> {
        let mut here = Some(PathBuf::new());
        let mut before = None;
        for stop in &self.stops[..number] {
            let Some(target) = stop.command().and_then(|line| line.typed.strip_prefix("cd ")) else { continue };
            let target = target.split([' ', ';', '&']).next().unwrap_or_default();
            if target == "-" {
                std::mem::swap(&mut here, &mut before);
                continue;
            }
            let is_plain = !target.is_empty() && !target.contains(['$', '"', '\'', '`', '~', '*']);
            let next = here.as_deref().filter(|_| is_plain).and_then(|here| below(here, Path::new(target)));
            before = std::mem::replace(&mut here, next);
        }
        here
    }

    /// Which page a stop is on, and how many there are. A page is what is shown before there is something to do.
    pub(crate) fn page_of(&self, number: usize) -> (usize, usize) {
        let (mut pages, mut place, mut is_read) = (0, 0, true);
        for (at, stop) in self.stops.iter().enumerate() {
            if (stop.is_read() || at == 0) && is_read {
                (pages, is_read) = (pages + 1, false);
            }
            is_read |= stop.kind.is_asked();
            if at == number {
                place = pages;
            }
        }
        (place.max(1), pages.max(1))
    }

    /// The first thing to do on the page before that of a stop; before the first page, on that one. `None`: there is none before the stop.
    pub(crate) fn page_before(&self, number: usize) -> Option<usize> {
        let wanted = self.page_of(number).0.saturating_sub(1).max(1);
        (0..number).find(|at| self.stops[*at].kind.is_asked() && self.page_of(*at).0 == wanted)
    }

    /// The first stop of the page that a stop is on: where it begins to be read.
    pub(crate) fn page_begin(&self, number: usize) -> usize {
        let mut begin = (0..=number).rev().find(|at| self.stops[*at].is_read()).unwrap_or(0);
        while begin > 0 && matches!(self.stops[begin - 1].kind, Kind::File(_)) {
            begin -= 1;
        }
        begin
    }

    /// The number of the stop with a key.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        self.stops.iter().position(|stop| stop.key == key)
    }
}

/// What a block is to the walk.
enum Part {
    Whole(Kind, Vec<Line>),
    File(FileName),
    Line(Line, bool),
}

/// The blocks of which the last command goes on in a later one.
fn open_blocks(acts: &[Act]) -> BTreeSet<usize> {
    let runs = acts.iter().filter_map(|act| match act {
        Act::Run(run) => Some(run),
        Act::Write { .. } | Act::Change { .. } | Act::Prove { .. } | Act::Do { .. } => None,
    });
    runs.flat_map(|run| run.pieces.iter().rev().skip(1).map(|piece| piece.block)).collect()
}

/// The acts of a page by the blocks where they stand.
fn parts(page: &Page, acts: Vec<Act>) -> BTreeMap<usize, Vec<Part>> {
    let mut parts: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
    let mut add = |block: usize, part: Part| parts.entry(block).or_default().push(part);
    for act in acts {
        match act {
            Act::Write { file, block } | Act::Change { file, block } => add(block, Part::File(file)),
            Act::Run(run) => {
                let lines = lines(page, &run).into_iter();
                lines.for_each(|(block, line, is_input)| add(block, Part::Line(line, is_input)));
            }
            Act::Prove { block, question, proof } => {
                let proof = proof.iter().flat_map(|run| lines(page, run)).map(|(_, line, _)| line).collect();
                add(block, Part::Whole(Kind::Question(question), proof));
            }
            Act::Do { block, task, solution } => {
                let is_challenge = page.blocks[block].kind == BlockKind::Challenge;
                let solution = solution.into_iter().flat_map(|act| steps(page, act)).collect();
                add(block, Part::Whole(Kind::Task { task, is_challenge, solution }, Vec::new()));
            }
        }
    }
    parts
}

/// What there is to do for one act of a solution.
fn steps(page: &Page, act: Act) -> Vec<Kind> {
    match act {
        Act::Write { file, block } => {
            vec![Kind::File(Edit { file, lines: page.blocks[block].lines.clone(), is_change: false })]
        }
        Act::Change { file, block } => {
            vec![Kind::File(Edit { file, lines: page.blocks[block].lines.clone(), is_change: true })]
        }
        Act::Run(run) => {
            let kind = |(_, line, is_input)| if is_input { Kind::Input(line) } else { Kind::Command(line) };
            lines(page, &run).into_iter().map(kind).collect()
        }
        // A solution asks nothing.
        Act::Prove { .. } | Act::Do { .. } => Vec::new(),
    }
}

/// What is typed for a run, each line with its block and whether it is typed at the command's own prompt.
fn lines(page: &Page, run: &Run) -> Vec<(usize, Line, bool)> {
    let first = run.pieces.first().map_or(0, |piece| piece.block);
    let line = |number: usize, typed: &str, edit| Line {
        number,
        typed: typed.to_owned(),
        expected: Vec::new(),
        status: None,
        is_session: false,
        edit,
    };
    let mut lines = vec![(first, line(run.line, &run.command, None), false)];
    let mut edits = run.edits.iter().peekable();
    for (part, piece) in run.pieces.iter().enumerate() {
        let begins = if part == 0 { run.line } else { page.blocks[piece.block].line };
        for (place, shown) in piece.shown.iter().enumerate().skip(piece.typed) {
            match (typed_at_prompt(shown), lines.last_mut()) {
                (Some(input), _) => {
                    let edited =
                        edits.next_if(|(_, file)| input.strip_prefix("edit ").is_some_and(|name| name.trim() == file));
                    let edit = edited.map(|(change, file)| {
                        (page.blocks[*change].lines.clone(), run.folder().join(file).display().to_string())
                    });
                    lines.push((piece.block, line(begins + place, input, edit), true));
                }
                (None, Some((_, line, _))) => line.expected.push(shown.clone()),
                (None, None) => {}
            }
        }
    }
    let is_session = lines.len() > 1;
    for (_, line, _) in &mut lines {
        line.is_session = is_session;
    }
    if !is_session && let Some((_, line, _)) = lines.first_mut() {
        line.status = run.status;
    }
    lines
}

/// Whether a command defines a function, and does nothing else.
fn is_function(text: &str) -> bool {
    let Some((name, body)) = text.split_once("() ") else { return false };
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name && body.starts_with("{ ") && body[end_of_word(body)..].trim().is_empty()
}

/// A path from a folder, where it stays below the lesson's.
fn below(folder: &Path, path: &Path) -> Option<PathBuf> {
    path.components().try_fold(folder.to_owned(), |mut folder, part| match part {
        Component::Normal(name) => Some(folder.join(name)),
        Component::CurDir => Some(folder),
        Component::ParentDir => folder.pop().then_some(folder),
        Component::RootDir | Component::Prefix(_) => None,
    })
}

/// Makes the stops.
struct Maker {
    parts: BTreeMap<usize, Vec<Part>>,
    stops: Vec<Stop>,
    /// What was read and belongs to the next stop.
    text: String,
    /// Whether what is read is left out.
    is_for_readers: bool,
    /// How often there was a stop of a name.
    keys: BTreeMap<String, usize>,
}

impl Maker {
    fn read(&mut self, lines: &[&str]) {
        for line in lines {
            match line.trim() {
                READING => self.is_for_readers = true,
                END if self.is_for_readers => {
                    self.is_for_readers = false;
                    continue;
                }
                // What the page says.
                _ => {}
            }
            if self.is_for_readers {
                continue;
            }
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Adds a stop with the text before it, and gives its key.
    fn add(&mut self, line: usize, kind: Kind) -> String {
        let name = kind.name();
        let count = self.keys.entry(name.clone()).or_default();
        *count += 1;
        let key = if *count == 1 { name } else { format!("{name} ({count})") };
        let text = std::mem::take(&mut self.text).trim_matches('\n').to_owned();
        self.stops.push(Stop { key: key.clone(), line, text, kind });
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> String {
        let walk = Walk::of(&Page::parse("page.md", text).unwrap()).unwrap();
        let stop = |stop: &Stop| format!("{:?} {}", stop.text, stop.key);
        walk.stops.iter().map(stop).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_page_becomes_stops_with_the_text_before_them() {
        let text = "# T\n\nfirst\n\n```text\nshown\n```\n\n```console\n$ a\n1\n$ a\n```\n\nlast\n";
        assert_eq!(described(text), "\"first\\n\\n```text\\nshown\\n```\" run a\n\"\" run a (2)\n\"last\" end");
    }

    #[test]
    fn what_is_for_readers_is_left_out() {
        let text = "a\n\n<!-- reading -->\nb\n\n```sh\nc\n```\n<!-- end -->\nd\n";
        assert_eq!(described(text), "\"a\\n\\nd\" end");
    }

    #[test]
    fn a_question_is_asked_before_and_proven_after() {
        let text = "```predict\nWhat?\n( ) 1\n(x) 2\n\n$ p\n```\n\n```console\n$ a\n$ b\n```\n";
        assert_eq!(described(text), "\"\" predict What?\n\"\" run a\n\"\" run b\n\"\" proof What?\n\"\" end");
    }

    #[test]
    fn a_proof_waits_for_the_end_of_a_session_that_goes_on() {
        let text = "```predict\nWhat?\n( ) 1\n(x) 2\n\n$ p\n```\n\n```layerlab\n$ layerlab step .\n(layerlab) step\n```\n\nWhy?\n\n```layerlab\n(layerlab) why\n```\n\nlast\n";
        let stops = "\"\" predict What?\n\"\" run layerlab step .\n\"\" type step\n\"Why?\" type why\n\"\" proof What?\n\"last\" end";
        assert_eq!(described(text), stops);
    }

    #[test]
    fn pages_are_counted_as_they_are_read() {
        let text = "first\n\n```sh a.sh\nx\n```\n\nthen\n\n```console\n$ a\n$ b\n```\n\nnext\n\n```console\n$ c\n```\n";
        let walk = Walk::of(&Page::parse("page.md", text).unwrap()).unwrap();
        let pages: Vec<_> =
            (0..walk.stops.len()).map(|number| (walk.page_of(number), walk.page_begin(number))).collect();
        assert_eq!(pages, [((1, 3), 0), ((1, 3), 0), ((1, 3), 0), ((2, 3), 3), ((3, 3), 4)]);
        let before: Vec<_> = (0..walk.stops.len()).map(|number| walk.page_before(number)).collect();
        assert_eq!(before, [None, None, Some(1), Some(1), Some(3)]);
    }

    #[test]
    fn the_folder_is_where_the_commands_lead() {
        let text =
            "```console\n$ cd a && x\n$ ls\n$ cd ../b\n$ cd \"$(x)\"\n$ ls\n$ cd - > /dev/null\n$ cd ../..\n```\n";
        let walk = Walk::of(&Page::parse("page.md", text).unwrap()).unwrap();
        let folders: Vec<_> = (0..walk.stops.len()).map(|number| walk.folder_at(number)).collect();
        let known = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folders, [known(""), known("a"), known("a"), known("b"), None, None, known("b"), None]);
    }

    #[test]
    fn sessions_are_typed_line_by_line() {
        let text = "```layerlab\n$ layerlab step .\nhead\n(layerlab) step\nx\n```\n\nWhy?\n\n```layerlab\n(layerlab) why\ny\n```\n";
        assert_eq!(described(text), "\"\" run layerlab step .\n\"\" type step\n\"Why?\" type why\n\"\" end");
    }

    #[test]
    fn files_and_tasks_are_stops() {
        let text = "```sh a.sh\nx\n```\n````challenge\nDo it.\n```check\n$ a\n```\n```hint\nh\n```\nSolution:\n```console\n$ b\n```\n````\n";
        assert_eq!(described(text), "\"\" file a.sh\n\"\" task Do it.\n\"\" end");
    }
}
