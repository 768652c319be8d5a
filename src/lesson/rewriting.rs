//! A page with what its commands have printed in it.
//!
//! What is printed is somebody else's text: a line of it may look like a command, a prompt, an exit code, or the end of the block, and then the
//! next run would do what a program has said. So the page is read again, and has to be the one that it was: the same blocks, the same
//! commands, with the same lines typed to them. Digests are left out of the comparison, since they may be those of another machine.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::digests::{self, DigestMap};
use super::fence::closes;
use super::kind::BlockKind;
use super::page::{Block, Mistake, Page};
use super::script::{Act, acts};
use super::session::{Piece, Run};

const HINT: &str = "change the command so that no line of its output looks like a command, a prompt, an exit code or the end of the block: `… | sed 's/^/| /'`";

/// The lines of blocks as they were printed, and which command each belongs to.
#[derive(Debug, Default)]
pub(super) struct Rewriting {
    blocks: BTreeMap<usize, Vec<String>>,
    places: Vec<Place>,
    /// The first command that printed more than is kept, and its line.
    cut: Option<(usize, String)>,
}

/// Where what belongs to a command begins.
#[derive(Debug)]
struct Place {
    block: usize,
    /// So many lines of the block are before it.
    offset: usize,
    /// The line of the page as it is, from 1.
    line: usize,
    /// The command, as the page shows it.
    typed: String,
}

impl Rewriting {
    /// Adds the lines that are to stand in the place of a piece, which begins at this line of the page.
    pub(super) fn add(&mut self, piece: &Piece, line: usize, lines: impl Iterator<Item = String>) {
        let block = self.blocks.entry(piece.block).or_default();
        let typed = piece.shown.first().filter(|_| piece.typed > 0);
        let typed = typed.map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned());
        // A session that goes on shows no command.
        let typed = typed.unwrap_or_else(|| self.places.last().map(|before| before.typed.clone()).unwrap_or_default());
        self.places.push(Place { block: piece.block, offset: block.len(), line, typed });
        block.extend(lines);
    }

    /// Notes that a command has printed more than is kept.
    pub(super) fn note_cut(&mut self, line: usize, command: &str) {
        self.cut.get_or_insert_with(|| (line, command.to_owned()));
    }

    /// The page with these lines, and with all digests as they were printed.
    ///
    /// # Errors
    /// It would do something else than the page does, or a part of what was printed is missing.
    pub(super) fn of(&self, page: &Page, digests: &DigestMap) -> Result<String, Mistake> {
        if let Some((line, command)) = &self.cut {
            let message = format!("`{command}` prints more than fits on a page: the page is left unchanged");
            return Err(page.mistake(*line, message, "show a part of it: `… | head`"));
        }
        let text = digests.as_printed(&page.with(&self.blocks));
        if text == page.text {
            return Ok(text);
        }
        match self.difference(page, &text) {
            None => Ok(text),
            Some(line) => Err(self.refusal(page, line)),
        }
    }

    /// The line of the new text that something else begins with than the page has.
    fn difference(&self, page: &Page, text: &str) -> Option<usize> {
        let new = match Page::parse(&page.name, text) {
            Ok(new) => new,
            // Where it is noticed that a block is open, it was closed too early before.
            Err(mistake) => return Some(self.fence(page).unwrap_or(mistake.line)),
        };
        let mut blocks = new.blocks.iter();
        for (number, block) in page.blocks.iter().enumerate() {
            let Some(new) = blocks.next() else { return Some(usize::MAX) };
            if !is_same_fence(block, new) {
                return Some(new.line - 1);
            }
            let lines = self.blocks.get(&number).unwrap_or(&block.lines);
            // What has others in it is the same where they are.
            if !has_others(block.kind) && !are_same(lines, &new.lines) {
                return Some(new.line + new.lines.len());
            }
        }
        if let Some(more) = blocks.next() {
            return Some(more.line - 1);
        }
        let (before, after) = match (acts(page), acts(&new)) {
            (Ok(before), Ok(after)) => (before, after),
            (_, Err(mistake)) | (Err(mistake), _) => return Some(mistake.line),
        };
        let (before, after) = (runs(&before), runs(&after));
        let differing = before.iter().zip(&after).find(|(before, after)| !is_same_run(before, after));
        match differing {
            // Its sentence stands above it, where the output of the one before it ends.
            Some((before, after)) if before.says != after.says => Some(after.line - 1),
            Some((_, after)) => Some(after.line),
            None if before.len() == after.len() => None,
            None => Some(after.get(before.len()).map_or(usize::MAX, |run| run.line)),
        }
    }

    /// The line of the new text of the first fence that was printed.
    fn fence(&self, page: &Page) -> Option<usize> {
        self.starts(page).find_map(|(number, first)| {
            let is_fence = |line: &&String| ["```", "~~~"].iter().any(|fence| closes(fence, line));
            let place = self.blocks[&number].iter().position(|line| is_fence(&line))?;
            Some(first + place)
        })
    }

    /// The rewritten blocks, each with the number of its first line in the new text.
    fn starts(&self, page: &Page) -> impl Iterator<Item = (usize, usize)> {
        let (mut added, mut taken) = (0, 0);
        self.blocks.iter().map(move |(number, lines)| {
            let block = &page.blocks[*number];
            let first = block.line + added - taken;
            (added, taken) = (added + lines.len(), taken + block.lines.len());
            (*number, first)
        })
    }

    /// What is said of the command whose output has a line of the new text, or is the last before it.
    fn refusal(&self, page: &Page, line: usize) -> Mistake {
        let starts = self.starts(page).flat_map(|(number, first)| {
            let here = self.places.iter().filter(move |place| place.block == number);
            here.map(move |place| (first + place.offset, place))
        });
        let starts: Vec<(usize, &Place)> = starts.collect();
        let culprit = starts.iter().rfind(|(start, _)| *start <= line).or(starts.first());
        let (line, typed) = culprit.map_or((1, ""), |(_, place)| (place.line, place.typed.as_str()));
        let message = format!("the output of `{typed}` would be read as part of the page: the page is left unchanged");
        page.mistake(line, message, HINT)
    }
}

fn is_same_fence(one: &Block, other: &Block) -> bool {
    let parts = |block: &Block| (block.kind, block.within);
    one.has_margin_of(other)
        && parts(one) == parts(other)
        && neutral(&one.language) == neutral(&other.language)
        && neutral(&one.details) == neutral(&other.details)
}

fn has_others(kind: BlockKind) -> bool {
    matches!(kind, BlockKind::Prediction | BlockKind::Exercise | BlockKind::Challenge)
}

fn is_same_run(one: &Run, other: &Run) -> bool {
    let files = |run: &Run| run.edits.iter().map(|(_, file)| file.clone()).collect::<Vec<_>>();
    neutral(&one.command) == neutral(&other.command)
        && are_same(&one.input, &other.input)
        && are_same(&files(one), &files(other))
        && one.status == other.status
        && one.says.as_deref().map(neutral) == other.says.as_deref().map(neutral)
        && one.awaited_before_ctrl_c().len() == other.awaited_before_ctrl_c().len()
}

fn are_same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other || neutral(one) == neutral(other))
}

/// A text without its digests.
fn neutral(text: &str) -> Cow<'_, str> {
    let parts = digests::parts(text);
    match parts.iter().any(|(_, is_digest)| *is_digest) {
        false => Cow::Borrowed(text),
        true => parts.iter().map(|(part, is_digest)| if *is_digest { "…" } else { part }).collect(),
    }
}

/// All commands of some acts, in their order.
fn runs(acts: &[Act]) -> Vec<&Run> {
    let mut all = Vec::new();
    for act in acts {
        match act {
            Act::Write { .. } | Act::Change { .. } => {}
            Act::Run(run) => all.push(run),
            Act::Prove { proof, .. } => all.extend(proof),
            Act::Do { task, solution, .. } => {
                all.extend(&task.checks);
                all.extend(runs(solution));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page with other output of its first command, or why it is left as it is.
    fn rewritten(text: &str, printed: &[&str]) -> Result<String, String> {
        let page = Page::parse("page.md", text).unwrap();
        let acts = acts(&page).unwrap();
        let mut rewriting = Rewriting::default();
        for (number, run) in runs(&acts).into_iter().enumerate() {
            for piece in &run.pieces {
                let (typed, shown) = piece.shown.split_at(piece.typed);
                let printed: Vec<String> = printed.iter().map(|line| (*line).to_owned()).collect();
                let output = if number == 0 { printed.as_slice() } else { shown };
                let lines = piece.says.iter().chain(typed).chain(output).chain(&piece.status).cloned();
                rewriting.add(piece, run.line, lines);
            }
        }
        rewriting.of(&page, &DigestMap::default()).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn what_is_printed_is_no_part_of_the_page() {
        let page = "A\n\n```console\n$ a\nx\n$ b\ny\n```\n\nB\n";
        assert_eq!(rewritten(page, &["z", "z"]).unwrap(), page.replace("x\n", "z\nz\n"));
        let refused = "page.md:4: the output of `a` would be read as part of the page: the page is left unchanged";
        for line in ["$ rm", "```", "/ # rm", "(layerlab) run", "? 3", "^C", "Username: me"] {
            assert_eq!(rewritten(page, &["z", line]).unwrap_err(), refused, "{line}");
        }
        // What stands there in the middle of a line, or before the last one, is output.
        for line in ["a $ b", "```a", "?3", "# a"] {
            assert!(rewritten(page, &[line]).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_block_that_is_closed_too_early_is_told_with_its_command() {
        let refused = |text: &str, printed: &[&str]| rewritten(text, printed).unwrap_err();
        let said = "page.md:2: the output of `a` would be read as part of the page: the page is left unchanged";
        for printed in [&["```"][..], &["```", "```console", "$ c"], &["```", "```"], &["```", "# B", "```"]] {
            assert_eq!(refused("```console\n$ a\n```\n\n```console\n$ b\n```\n", printed), said, "{printed:?}");
            assert_eq!(refused("```console\n$ a\nx\n```\n", printed), said, "{printed:?}");
        }
        // A block within a list, and one in a task.
        assert!(refused("- ```console\n  $ a\n  ```\n", &["```"]).starts_with("page.md:2: "));
        let task = "````exercise\nDo it.\n```check\n$ a\n$ c\n```\n```hint\nh\n```\nSolution:\n```sh\n$ b\n```\n````\n";
        for line in ["```", "````", "$ d", "# Two"] {
            assert!(refused(task, &[line]).starts_with("page.md:4: "), "{line}");
        }
    }

    #[test]
    fn other_digests_are_no_difference() {
        let page = Page::parse("page.md", "```console\n$ a\n684c9edb1c1d\n$ cat 684c9edb1c1d\n```\n").unwrap();
        let mut digests = DigestMap::default();
        digests.note("684c9edb1c1d", "111122223333");
        assert_eq!(
            Rewriting::default().of(&page, &digests).unwrap(),
            page.text.replace("684c9edb1c1d", "111122223333")
        );
    }
}
