//! What is done on a page: its blocks as acts, in order.
//!
//! ````text
//! ```console               commands with what they print: a line `$ command` is typed at the shell; what follows, up to the next such
//! $ docker ps -a           line, is its output, also where it goes on in a later block. A command goes on after `\`, to the end of its
//! CONTAINER ID   IMAGE …   heredoc, and in lines after `> ` where the shell would ask for them. Blocks of `sh`, `bash`, `shell`, `zsh` and
//! ```                      of no language count where they begin with `$ `
//! ```layerlab              `(layerlab) command` is typed at the debugger's prompt, `/ # command` at that of a shell in a container
//! ```
//! ```sh date-script.sh     a file that the fence names is written
//! ```
//! ```diff Dockerfile       a file is changed: lines with `-` go, those with `+` come. Without a file it is what the next `edit FILE` of
//! ```                      the debugger does
//! ````
//!
//! What a lesson asks of the learner is part of it:
//!
//! `````text
//! ```predict                       a question, the answers to choose from, with what is said of a wrong one, and commands that prove
//! Will COPY hit or miss?           the right one once it has happened
//! ( ) hit
//!     The content of the file is in the key.
//! (x) miss
//!
//! $ layerlab builds --format '{{.Misses}}' | head -1
//! 1
//! ```
//! ````exercise                     a task in Markdown: what is to be done; a block `check` of commands that print what is shown only when it is
//! Give the image a label.          done; blocks `hint`; and, after a line `Solution:`, what does it
//! ```check                         above a command a line `# sentence` may say what it proves
//! # The label says version 2
//! $ docker inspect -f '{{.Config.Labels.version}}' first_image
//! 2
//! ```
//! Solution: …
//! ````
//! `````
//!
//! A `challenge` is an exercise without a recipe: it looks the same. What counts is the state that is reached, never what was typed.
//!
//! The folder `hub` beside a lesson says what Docker Hub has while it runs (`hub.rs`).
//!
//! A line `^C` in an output is where Ctrl-C is pressed; a last line `? 3` says that the command ends with exit code 3.

use std::path::{Component, Path, PathBuf};

use super::about::About;
use super::kind::BlockKind;
use super::page::{Block, Mistake, Page};
use super::question::Question;
use super::session::{self, Run};
use super::task::Task;

/// One thing that a page does.
#[derive(Debug)]
pub(crate) enum Act {
    /// A file gets the text of a block.
    Write { file: FileName, block: usize },
    /// A file is changed as a block says.
    Change { file: FileName, block: usize },
    /// A command is typed.
    Run(Run),
    /// The answer to a prediction is proven, when what was predicted has happened.
    Prove { block: usize, question: Question, proof: Vec<Run> },
    /// A task is done.
    Do { block: usize, task: Task, solution: Vec<Act> },
}

/// The name of a file below the folder of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName(PathBuf);

impl FileName {
    pub(super) fn new(name: &str) -> Option<FileName> {
        let path = Path::new(name);
        let is_normal = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        (path.file_name().is_some() && path.components().all(is_normal)).then(|| FileName(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// What a page does.
///
/// # Errors
/// A block of output before the first command; a file that is not below the page's folder; a command that does not end; a task or a
/// prediction that is not whole; a lesson that does not say what it is.
pub(crate) fn acts(page: &Page) -> Result<Vec<Act>, Mistake> {
    About::find(page)?;
    acts_of(page, page.blocks.iter().enumerate().filter(|(_, block)| block.within.is_none()))
}

/// What these blocks of a page do.
pub(super) fn acts_of<'p>(
    page: &'p Page,
    blocks: impl Iterator<Item = (usize, &'p Block)>,
) -> Result<Vec<Act>, Mistake> {
    let mut acts: Vec<Act> = Vec::new();
    let mut change = None;
    // Where the last run is: what it prints may go on in a later block.
    let mut last_run = None;
    // Predictions of what the next commands do.
    let mut predictions: Vec<Act> = Vec::new();
    for (number, block) in blocks {
        let file = match &block.file {
            Some(name) => Some(FileName::new(name).ok_or_else(|| {
                let message = format!("`{name}` is not the name of a file below the page's folder");
                page.mistake(block.line - 1, message, "name it without a leading `/`, and without `..`")
            })?),
            None => None,
        };
        match (block.kind, file) {
            (BlockKind::Prediction, _) => {
                let question = Question::read(page, number)?;
                predictions.push(Act::Prove { block: number, question, proof: proof(page, number)? });
            }
            (BlockKind::Exercise | BlockKind::Challenge, _) => acts.push(task(page, number)?),
            (BlockKind::Change, Some(file)) => acts.push(Act::Change { file, block: number }),
            (BlockKind::Change, None) => change = Some(number),
            (BlockKind::File, Some(file)) => acts.push(Act::Write { file, block: number }),
            (BlockKind::Session, _) => {
                // A session that goes on has been carried out to its end by then.
                let before = last_run.and_then(|last: usize| match &mut acts[last] {
                    Act::Run(run) => Some(run),
                    Act::Write { .. } | Act::Change { .. } | Act::Prove { .. } | Act::Do { .. } => None,
                });
                let runs = session::runs(page, number, before, &mut change)?;
                acts.extend(runs.into_iter().map(Act::Run));
                last_run = acts.len().checked_sub(1).filter(|last| matches!(acts[*last], Act::Run(_))).or(last_run);
                acts.append(&mut predictions);
            }
            (BlockKind::About | BlockKind::Check | BlockKind::Hint | BlockKind::File | BlockKind::Text, _) => {}
        }
    }
    acts.append(&mut predictions);
    Ok(acts)
}

/// The task that a block is, and what does it.
///
/// # Errors
/// As [`Task::read`]; the solution does nothing.
pub(super) fn task(page: &Page, number: usize) -> Result<Act, Mistake> {
    let task = Task::read(page, number)?;
    let solution = acts_of(page, page.within(number).filter(|(_, block)| block.line > task.solution_line))?;
    if solution.is_empty() {
        let hint = "a block of files, changes or commands after `Solution:` does the task";
        return Err(page.mistake(task.solution_line, "this solution does nothing", hint));
    }
    Ok(Act::Do { block: number, task, solution })
}

/// The commands that prove a prediction.
///
/// # Errors
/// There is no command.
pub(super) fn proof(page: &Page, number: usize) -> Result<Vec<Run>, Mistake> {
    Question::read(page, number)?;
    let mut proof = Vec::new();
    for (inner, _) in page.within(number) {
        proof.extend(session::runs(page, inner, None, &mut None)?);
    }
    if proof.is_empty() {
        let hint = "end it with commands after `$ ` that print what is shown where the right answer is right";
        return Err(page.mistake(page.blocks[number].line - 1, "nothing proves this prediction", hint));
    }
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> String {
        let page = Page::parse("page.md", text).unwrap();
        let acts = match acts(&page) {
            Ok(acts) => acts,
            Err(mistake) => return mistake.to_string(),
        };
        let act = |act: &Act| match act {
            Act::Write { file, .. } => format!("write {}", file.path().display()),
            Act::Change { file, .. } => format!("change {}", file.path().display()),
            Act::Prove { proof, .. } => format!("prove {}", proof[0].command),
            Act::Do { task, solution, .. } => {
                format!("do {} {}", task.checks[0].command, solution.len())
            }
            Act::Run(run) => format!(
                "{}: {:?} {:?} {:?} {:?}",
                run.line,
                run.command,
                run.input,
                run.pieces.iter().map(|piece| &piece.shown[piece.typed..]).collect::<Vec<_>>(),
                run.status,
            ),
        };
        acts.iter().map(act).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn commands_have_output_and_input() {
        let text = "```console\n$ a\n1\n$ b \\\n  -c\n2\n? 3\n```\n\n```sh\n$ cat > f <<'EOF'\n> x\nEOF\n```\n";
        assert_eq!(
            described(text),
            "2: \"a\" [] [[\"1\"]] None\n4: \"b \\\\\\n  -c\" [] [[\"2\"]] Some(3)\n11: \"cat > f <<'EOF'\\nx\\nEOF\" [] [[]] None"
        );
    }

    #[test]
    fn sessions_go_on_in_later_blocks() {
        let text = "```layerlab\n$ layerlab step .\n(layerlab) step\nx\n```\n\n```layerlab\n(layerlab) why\ny\n```\n";
        assert_eq!(
            described(text),
            "2: \"layerlab step .\" [\"step\", \"why\"] [[\"(layerlab) step\", \"x\"], [\"(layerlab) why\", \"y\"]] None"
        );
    }

    #[test]
    fn files_are_written_and_changed() {
        assert_eq!(
            described("```sh a/date.sh\nx\n```\n```diff date.sh\n-x\n+y\n```\n"),
            "write a/date.sh\nchange date.sh"
        );
        let outside = "page.md:1: `../x` is not the name of a file below the page's folder";
        assert_eq!(described("```sh ../x\nx\n```\n"), outside);
    }

    #[test]
    fn predictions_are_proven_by_what_comes_after_them() {
        let text =
            "```predict\nWhat?\n( ) 1\n    No.\n(x) 2\n\n$ a\n2\n```\n```console\n$ b\n```\n```console\n$ c\n```\n";
        assert_eq!(described(text), "11: \"b\" [] [[]] None\nprove a\n14: \"c\" [] [[]] None");
    }

    #[test]
    fn tasks_have_checks_hints_and_a_solution() {
        let text = "````exercise\nDo it.\n```check\n$ a\n```\n```hint\nh\n```\nSolution:\n```console\n$ b\n```\n````\n";
        assert_eq!(described(text), "do a 1");
    }

    #[test]
    fn what_is_not_a_session_is_only_shown() {
        assert_eq!(described("```sh\ncargo install\n```\n```dockerfile\nFROM x\n```\n"), "");
        assert_eq!(described("```console\nx\n```\n"), "page.md:2: this is the output of no command");
        assert_eq!(described("```console\n\n```\n"), "page.md:2: this empty line is the output of no command");
    }
}
