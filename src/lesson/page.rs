//! A Markdown text and its fenced blocks, as [CommonMark](https://spec.commonmark.org/0.31.2/#fenced-code-blocks) has them: also
//! within lists and quotations, and fenced by tildes.
//!
//! Left out: indented code, which has no language and is shown only.
//!
//! A page is read in time that grows with its size: others write them.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::fence::{below, closes, placed, read_info, without};
use super::kind::BlockKind;
use super::unfinished::Answers;

/// How deep blocks may be within one another. A task has commands in it; that it has no other task in it is said by [`super::form`].
const DEEPEST: usize = 4;

/// A text with the blocks that are in it.
#[derive(Debug)]
pub(crate) struct Page {
    /// How messages call it: its path, as it was given.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) headings: Vec<Heading>,
    pub(crate) blocks: Vec<Block>,
    /// Who says whether its commands are whole.
    pub(super) answers: Answers,
}

/// A heading: `# Title`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// From 1.
    pub(crate) line: usize,
    /// Whether it is one of the highest level.
    pub(crate) is_title: bool,
    /// Without marks of emphasis and code.
    pub(crate) text: String,
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The first word after the fence, such as `console`; empty where there is none.
    pub(crate) language: String,
    pub(crate) kind: BlockKind,
    /// The file that the fence names: ```` ```sh date.sh ````, `title="date.sh"` or `file=date.sh`.
    pub(crate) file: Option<String>,
    /// All that stands behind the language.
    pub(crate) details: String,
    /// The number of the first line of its text, from 1.
    pub(crate) line: usize,
    /// What stands before its fence, and before each further line: within a list or a quotation.
    mark: String,
    margin: String,
    /// Its text, without the margin.
    pub(crate) lines: Vec<String>,
    /// The number of the prediction or task that it is a part of.
    pub(crate) within: Option<usize>,
}

/// Something in a page that can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{page}:{line}: {message}")]
pub(crate) struct Mistake {
    pub(crate) page: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl crate::diagnostic::Explained for Mistake {
    fn hint(&self) -> Option<String> {
        (!self.hint.is_empty()).then(|| self.hint.to_owned())
    }
}

impl Page {
    /// Finds the blocks of a text.
    ///
    /// # Errors
    /// A block that is not closed: the rest of the text would be in it. Blocks that are too deep within one another.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Page, Mistake> {
        Page::parse_within(name, text, 0)
    }

    /// Finds the blocks of a text that is itself so deep within blocks.
    fn parse_within(name: &str, text: &str, depth: usize) -> Result<Page, Mistake> {
        let ends: Vec<usize> = text.match_indices('\n').map(|(end, _)| end).collect();
        let line_at = |place: usize| ends.partition_point(|end| *end < place) + 1;
        let mut blocks = Vec::new();
        let mut headings = Vec::new();
        let mut heading: Option<Heading> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let info = match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => info,
                Event::Start(Tag::Heading { level, .. }) => {
                    let (line, is_title) = (line_at(range.start), level == HeadingLevel::H1);
                    heading = Some(Heading { line, is_title, text: String::new() });
                    continue;
                }
                Event::End(TagEnd::Heading(_)) => {
                    headings.extend(heading.take());
                    continue;
                }
                Event::Text(words) | Event::Code(words) => {
                    if let Some(heading) = &mut heading {
                        heading.text.push_str(&words);
                    }
                    continue;
                }
                _ => continue,
            };
            let line = line_at(range.start) + 1;
            // A carriage return alone ends a line, too.
            let before = text[..range.start].rfind(['\n', '\r']).map_or(0, |end| end + 1);
            let margin = &text[before..range.start];
            let mut lines = text[range].lines();
            let opening = lines.next().unwrap_or_default();
            let mut lines: Vec<&str> = lines.collect();
            if !lines.pop().is_some_and(|last| closes(opening, without(margin, last))) {
                return Err(Mistake {
                    page: name.to_owned(),
                    line: line - 1,
                    message: "this block is not closed".to_owned(),
                    hint: "a block ends with a line of as many backticks as it begins with",
                });
            }
            let (language, file) = read_info(&info);
            let details = info.trim().strip_prefix(&language).unwrap_or_default().trim().to_owned();
            let lines: Vec<String> = lines.into_iter().map(|line| without(margin, line).to_owned()).collect();
            let kind = BlockKind::of(&language, file.is_some(), &lines);
            let (mark, margin) = (margin.to_owned(), below(margin));
            blocks.push(Block { language, kind, file, details, line, mark, margin, lines, within: None });
            let inner = parts(name, &blocks, blocks.len() - 1, depth)?;
            blocks.extend(inner);
        }
        Ok(Page { name: name.to_owned(), text: text.to_owned(), headings, blocks, answers: Answers::default() })
    }

    /// The heading of the highest level that it begins with.
    pub(crate) fn title(&self) -> Option<&str> {
        self.headings.first().filter(|heading| heading.is_title).map(|heading| heading.text.as_str())
    }

    /// The blocks that are parts of a prediction or a task, with their numbers.
    pub(crate) fn within(&self, outer: usize) -> impl Iterator<Item = (usize, &Block)> {
        let end = self.blocks[outer].line + self.blocks[outer].lines.len();
        let inner = self.blocks.iter().enumerate().skip(outer + 1).take_while(move |(_, block)| block.line < end);
        inner.filter(move |(_, block)| block.within == Some(outer))
    }

    /// The number of the innermost block that has a line in it, or on its first fence.
    pub(crate) fn block_at(&self, line: usize) -> Option<usize> {
        self.blocks.iter().rposition(|block| (block.line - 1..block.line + block.lines.len()).contains(&line))
    }

    /// The heading that a line stands below.
    pub(crate) fn heading_above(&self, line: usize) -> Option<&Heading> {
        let above = self.headings.partition_point(|heading| heading.line < line);
        self.headings[..above].last()
    }

    /// The text with other lines in some of its blocks, by their numbers. None of them is within another one. A block with the same lines is as
    /// it was written, down to blanks that are not seen.
    pub(crate) fn with(&self, changed: &BTreeMap<usize, Vec<String>>) -> String {
        let changed = changed.iter().filter(|(number, new)| self.blocks[**number].lines != **new);
        self.replaced(changed.map(|(number, new)| {
            let block = &self.blocks[*number];
            let new = new.iter().map(|line| placed(&block.margin, line)).collect();
            (block.line - 1..block.line - 1 + block.lines.len(), new)
        }))
    }

    /// The text with other lines in the place of some whole blocks, with their fences, by their numbers. None of them is within another one.
    pub(crate) fn with_others(&self, others: &BTreeMap<usize, Vec<String>>) -> String {
        self.replaced(others.iter().map(|(number, new)| {
            let block = &self.blocks[*number];
            // The mark of a list stands before the first line.
            let margins = std::iter::once(&block.mark).chain(std::iter::repeat(&block.margin));
            let new = margins.zip(new).map(|(margin, line)| placed(margin, line)).collect();
            (block.line - 2..block.line + block.lines.len(), new)
        }))
    }

    /// The text with other lines in some places, which are in order and apart, as numbers of lines from 0. New lines end as those around them.
    fn replaced(&self, places: impl Iterator<Item = (Range<usize>, Vec<String>)>) -> String {
        let lines: Vec<&str> = self.text.split_inclusive('\n').collect();
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for (place, new) in places {
            lines[at..place.start].iter().for_each(|line| text.push_str(line));
            let end = if lines[place.start.saturating_sub(1)].ends_with("\r\n") { "\r\n" } else { "\n" };
            new.iter().for_each(|line| text.extend([line, end]));
            at = place.end;
        }
        lines[at..].iter().for_each(|line| text.push_str(line));
        text
    }

    /// A mistake at a line of this page.
    pub(super) fn mistake(&self, line: usize, message: impl Into<String>, hint: &'static str) -> Mistake {
        Mistake { page: self.name.clone(), line, message: message.into(), hint }
    }
}

impl Block {
    /// Whether both are equally deep within lists and quotations.
    pub(super) fn has_margin_of(&self, other: &Block) -> bool {
        (&self.mark, &self.margin) == (&other.mark, &other.margin)
    }
}

/// The blocks that a block has in it, itself so deep: a task is Markdown, and a prediction ends with the commands that prove it.
fn parts(name: &str, blocks: &[Block], number: usize, depth: usize) -> Result<Vec<Block>, Mistake> {
    let block = &blocks[number];
    match block.kind {
        BlockKind::Prediction => Ok(proof(block, number).into_iter().collect()),
        BlockKind::Exercise | BlockKind::Challenge if depth + 1 >= DEEPEST => Err(Mistake {
            page: name.to_owned(),
            line: block.line - 1,
            message: format!("this block is in more than {} others", DEEPEST - 1),
            hint: "a task has checks, hints and commands in it, and no other task",
        }),
        BlockKind::Exercise | BlockKind::Challenge => {
            let lines_before = block.line - 1;
            let inner = Page::parse_within(name, &block.lines.join("\n"), depth + 1)
                .map_err(|mistake| Mistake { line: mistake.line + lines_before, ..mistake })?;
            let placed = |inner: Block| Block {
                line: inner.line + lines_before,
                mark: format!("{}{}", block.margin, inner.mark),
                margin: format!("{}{}", block.margin, inner.margin),
                within: Some(inner.within.map_or(number, |outer| number + 1 + outer)),
                ..inner
            };
            Ok(inner.blocks.into_iter().map(placed).collect())
        }
        BlockKind::About
        | BlockKind::Check
        | BlockKind::Hint
        | BlockKind::Change
        | BlockKind::Session
        | BlockKind::File
        | BlockKind::Text => Ok(Vec::new()),
    }
}

/// The commands that a prediction ends with, as a block.
fn proof(block: &Block, number: usize) -> Option<Block> {
    let first = block.lines.iter().position(|line| line.starts_with("$ "))?;
    Some(Block {
        language: "console".to_owned(),
        kind: BlockKind::Session,
        file: None,
        details: String::new(),
        line: block.line + first,
        mark: block.margin.clone(),
        margin: block.margin.clone(),
        lines: block.lines[first..].to_vec(),
        within: Some(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Page {
        Page::parse("page.md", text).unwrap()
    }

    #[test]
    fn blocks_are_found_wherever_they_stand() {
        let page = parse("a\n```sh one\n1\n```\n- b\n  ~~~ console\n  $ 2\n\n  ~~~\n> ```\n> 3\n> ```\n");
        let found: Vec<_> = page.blocks.iter().map(|block| (block.line, block.lines.join("|"))).collect();
        assert_eq!(found, [(3, "1".to_owned()), (7, "$ 2|".to_owned()), (11, "3".to_owned())]);
    }

    #[test]
    fn headings_are_found() {
        let page = parse("# A `b`\n\nx\n\n## C\n\n````exercise points=2\n# d\n````\n");
        let found: Vec<_> = page.headings.iter().map(|one| (one.line, one.is_title, one.text.as_str())).collect();
        assert_eq!(found, [(1, true, "A b"), (5, false, "C")]);
    }

    #[test]
    fn new_lines_keep_the_margin() {
        let page = parse("- b\n  ```console\n  $ a\n  old\n  ```\nend\n");
        let new = BTreeMap::from([(0, vec!["$ a".to_owned(), String::new(), "new".to_owned()])]);
        assert_eq!(page.with(&new), "- b\n  ```console\n  $ a\n\n  new\n  ```\nend\n");
    }

    #[test]
    fn what_is_not_rewritten_stays_byte_for_byte() {
        let page = parse("a\r\n```console\r\n$ a \r\nold\r\n```\r\n\r\n- ```\n  b\n  \n  ```\n\nend");
        let same = page.blocks.iter().enumerate().map(|(number, block)| (number, block.lines.clone())).collect();
        assert_eq!(page.with(&same), page.text);
        let new = BTreeMap::from([(0, vec!["$ a ".to_owned(), "new".to_owned()])]);
        assert_eq!(page.with(&new), page.text.replace("old", "new"));
        // A carriage return alone is no part of a margin.
        let page = parse("a\r```console\n$ a\n```");
        let new = BTreeMap::from([(0, vec!["$ a".to_owned(), "b".to_owned()])]);
        assert_eq!(page.with(&new), "a\r```console\n$ a\nb\n```");
    }

    #[test]
    fn blocks_give_way_to_other_lines() {
        let page = parse("a\n- ```sh\n  1\n  ```\n\n```sh\n```\nb\n");
        let new = BTreeMap::from([(0, vec!["c".to_owned(), String::new(), "d".to_owned()]), (1, Vec::new())]);
        assert_eq!(page.with_others(&new), "a\n- c\n\n  d\n\nb\n");
    }

    #[test]
    fn an_open_block_is_a_mistake() {
        let mistake = Page::parse("page.md", "a\n\n```sh\n1\n").unwrap_err();
        assert_eq!(mistake.to_string(), "page.md:3: this block is not closed");
    }

    #[test]
    fn parts_of_blocks_know_what_they_are_in() {
        let page =
            parse("`````exercise\n```check\n$ a\n```\n````exercise\n```hint\nh\n```\n````\n`````\n```sh\n$ b\n```\n");
        let found: Vec<_> = page.blocks.iter().map(|block| (block.kind, block.within)).collect();
        let (task, check) = (BlockKind::Exercise, BlockKind::Check);
        let inner = [(task, Some(0)), (BlockKind::Hint, Some(2)), (BlockKind::Session, None)];
        assert_eq!(found, [[(task, None), (check, Some(0))].as_slice(), &inner].concat());
        assert_eq!(page.within(0).map(|(number, _)| number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn blocks_are_within_one_another_only_so_deep() {
        let nested = |depth: usize| {
            let fences: Vec<String> = (0..depth).map(|level| "`".repeat(3 + level)).collect();
            let open: String = fences.iter().rev().map(|fence| format!("{fence}exercise\n")).collect();
            open + &fences.iter().map(|fence| format!("{fence}\n")).collect::<String>()
        };
        assert_eq!(parse(&nested(3)).blocks.len(), 3);
        let mistake = Page::parse("page.md", &nested(400)).unwrap_err();
        assert_eq!(mistake.to_string(), "page.md:4: this block is in more than 3 others");
    }

    #[test]
    fn long_pages_are_read_and_written_in_time_that_grows_with_them() {
        let text = "# A\n\n````exercise\nDo it.\n```check\n$ a\n```\n````\n\n```sh\n$ b\n```\n".repeat(20_000);
        let page = parse(&text);
        assert_eq!(page.blocks.len(), 60_000);
        let lines = |line: &str| vec![line.to_owned()];
        let new = (0..60_000).step_by(3).map(|task| {
            let parts = page.within(task).count();
            (task + 1, lines(&format!("$ {parts}")))
        });
        assert_eq!(page.with(&new.collect()), text.replace("$ a", "$ 1"));
    }
}
