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

use crate::lesson::{Act, BlockKind, FileName, Mistake, Page, Question, Run, Task, acts, typed_at_prompt};

/// Lines between which the text is not for a walk: in Markdown they are comments.
const READING: &str = "<!-- reading -->";
const END: &str = "<!-- end -->";

/// A lesson, stop by stop.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) stops: Vec<Stop>,
}

/// Something to do, and the text before it.
#[derive(Debug)]
pub(crate) struct Stop {
    /// What it is known by.
    pub(crate) key: String,
    /// The line of the page, from 1.
    pub(crate) line: usize,
    /// In Markdown; may be empty.
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A command is typed at the shell.
    Command(Line),
    /// A line is typed at the prompt of the last command.
    Input(Line),
    /// A file is written or changed.
    File(Edit),
    /// A prediction is asked for.
    Question(Question),
    /// What was predicted has happened, and these commands prove what is right.
    Proof { question: Question, asked: String, commands: Vec<Line> },
    /// Something that the learner finds out.
    /// What does it is there for whoever looks whether it can be done.
    Task { task: Task, is_challenge: bool, solution: Vec<Kind> },
    /// The lesson is over.
    End,
}

/// A line that is typed, and what it prints.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Of the page, from 1.
    pub(crate) number: usize,
    pub(crate) typed: String,
    pub(crate) expected: Vec<String>,
    /// The exit code that the page shows.
    pub(crate) status: Option<i32>,
    /// Whether lines are typed at a prompt of its own.
    pub(crate) is_session: bool,
    /// What the next `edit FILE` does: the change, and the file below the folder of the lesson.
    pub(crate) edit: Option<(Vec<String>, String)>,
}

/// How a file is to become.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) file: FileName,
    pub(crate) lines: Vec<String>,
    /// Whether the lines are a change, and not the whole.
    pub(crate) is_change: bool,
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

    /// The number of the stop with a key.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        self.stops.iter().position(|stop| stop.key == key)
    }
}

impl Kind {
    /// Whether somebody has to do something here.
    pub(crate) fn is_asked(&self) -> bool {
        match self {
            Kind::Command(_) | Kind::Input(_) | Kind::Question(_) | Kind::Task { .. } => true,
            Kind::File(_) | Kind::Proof { .. } | Kind::End => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Kind::Command(line) => format!("run {}", line.typed),
            Kind::Input(line) => format!("type {}", line.typed),
            Kind::File(edit) => format!("file {}", edit.file.path().display()),
            Kind::Question(question) => format!("predict {}", question.text),
            Kind::Proof { question, .. } => format!("proof {}", question.text),
            Kind::Task { task, .. } => format!("task {}", task.description),
            Kind::End => "end".to_owned(),
        }
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
