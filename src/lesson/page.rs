//! A Markdown text and its fenced blocks, as [CommonMark](https://spec.commonmark.org/0.31.2/#fenced-code-blocks) has them: also
//! within lists and quotations, and fenced by tildes.
//!
//! Left out: indented code, which has no language and is shown only.

use std::collections::BTreeMap;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The languages of blocks that ask the learner something.
pub(crate) const PREDICTION: &str = "predict";
pub(crate) const TASKS: [&str; 2] = ["exercise", "challenge"];

/// A text with the blocks that are in it.
#[derive(Debug)]
pub(crate) struct Page {
    /// How messages call it: its path, as it was given.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) headings: Vec<Heading>,
    pub(crate) blocks: Vec<Block>,
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
    /// The file that the fence names: ```` ```sh date.sh ````, `title="date.sh"` or `file=date.sh`.
    pub(crate) file: Option<String>,
    /// All that stands behind the language.
    pub(crate) details: String,
    /// The number of the first line of its text, from 1.
    pub(crate) line: usize,
    /// What stands before each line, within a list or a quotation.
    margin: String,
    /// Its text, without the margin.
    pub(crate) lines: Vec<String>,
    /// The number of the task that it is a part of.
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
    /// A block that is not closed: the rest of the text would be in it.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Page, Mistake> {
        let mut blocks = Vec::new();
        let mut headings = Vec::new();
        let mut heading: Option<Heading> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let info = match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => info,
                Event::Start(Tag::Heading { level, .. }) => {
                    let line = text[..range.start].matches('\n').count() + 1;
                    heading = Some(Heading { line, is_title: level == HeadingLevel::H1, text: String::new() });
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
            let before = text[..range.start].rfind('\n').map_or(0, |end| end + 1);
            let margin = &text[before..range.start];
            let line = text[..range.start].matches('\n').count() + 2;
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
            let lines = lines.into_iter().map(|line| without(margin, line).to_owned()).collect();
            let margin = below(margin);
            blocks.push(Block { language, file, details, line, margin, lines, within: None });
            let inner = parts(name, &blocks, blocks.len() - 1)?;
            blocks.extend(inner);
        }
        Ok(Page { name: name.to_owned(), text: text.to_owned(), headings, blocks })
    }

    /// The blocks that are parts of a task, with their numbers.
    pub(crate) fn within(&self, task: usize) -> impl Iterator<Item = (usize, &Block)> {
        self.blocks.iter().enumerate().filter(move |(_, block)| block.within == Some(task))
    }

    /// The number of the innermost block that has a line in it, or on its first fence.
    pub(crate) fn block_at(&self, line: usize) -> Option<usize> {
        self.blocks.iter().rposition(|block| (block.line - 1..block.line + block.lines.len()).contains(&line))
    }

    /// The heading that a line stands below.
    pub(crate) fn heading_above(&self, line: usize) -> Option<&Heading> {
        self.headings.iter().rfind(|heading| heading.line < line)
    }

    /// The text with other lines in some of its blocks, by their numbers.
    pub(crate) fn with(&self, changed: &BTreeMap<usize, Vec<String>>) -> String {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        for (number, new) in changed.iter().rev() {
            let block = &self.blocks[*number];
            let new = new.iter().map(|line| format!("{}{line}", block.margin).trim_end().to_owned());
            lines.splice(block.line - 1..block.line - 1 + block.lines.len(), new);
        }
        lines.join("\n") + "\n"
    }

    /// The text with other lines in the place of some whole blocks, with their fences, by their numbers.
    pub(crate) fn with_others(&self, others: &BTreeMap<usize, Vec<String>>) -> String {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        for (number, new) in others.iter().rev() {
            let block = &self.blocks[*number];
            let opening = block.line - 2;
            // The mark of a list stands before the first line.
            let mark: String = lines[opening].chars().take(block.margin.chars().count()).collect();
            let margins = std::iter::once(mark.as_str()).chain(std::iter::repeat(block.margin.as_str()));
            let new: Vec<String> =
                margins.zip(new).map(|(margin, line)| format!("{margin}{line}").trim_end().to_owned()).collect();
            lines.splice(opening..opening + block.lines.len() + 2, new);
        }
        lines.join("\n") + "\n"
    }

    /// A mistake at a line of this page.
    pub(super) fn mistake(&self, line: usize, message: impl Into<String>, hint: &'static str) -> Mistake {
        Mistake { page: self.name.clone(), line, message: message.into(), hint }
    }
}

/// The blocks that a block has in it: a task is Markdown itself, and a prediction ends with the commands that prove it.
fn parts(name: &str, blocks: &[Block], number: usize) -> Result<Vec<Block>, Mistake> {
    let block = &blocks[number];
    if block.language == PREDICTION {
        let Some(first) = block.lines.iter().position(|line| line.starts_with("$ ")) else { return Ok(Vec::new()) };
        let lines = block.lines[first..].to_vec();
        let (language, margin) = ("console".to_owned(), block.margin.clone());
        let line = block.line + first;
        let details = String::new();
        return Ok(vec![Block { language, file: None, details, line, margin, lines, within: Some(number) }]);
    }
    if !TASKS.contains(&block.language.as_str()) {
        return Ok(Vec::new());
    }
    let lines_before = block.line - 1;
    let inner = Page::parse(name, &block.lines.join("\n"))
        .map_err(|mistake| Mistake { line: mistake.line + lines_before, ..mistake })?;
    let placed = |inner: Block| Block {
        line: inner.line + lines_before,
        margin: format!("{}{}", block.margin, inner.margin),
        within: Some(number),
        ..inner
    };
    Ok(inner.blocks.into_iter().map(placed).collect())
}

/// A margin as it stands before the lines after the first: the mark of a list is blank there.
fn below(margin: &str) -> String {
    margin.chars().map(|letter| if letter == '>' { '>' } else { ' ' }).collect()
}

/// A line without as much of the margin as it has.
fn without<'l>(margin: &str, line: &'l str) -> &'l str {
    let mut rest = line;
    for letter in margin.chars() {
        match rest.chars().next() {
            Some(first) if first == letter || first == ' ' => rest = &rest[first.len_utf8()..],
            Some(_) | None => break,
        }
    }
    rest
}

/// Whether a line closes the block that another one opens.
fn closes(opening: &str, line: &str) -> bool {
    let mark = opening.trim_start().chars().next().unwrap_or('`');
    let length = |line: &str| line.trim_start().chars().take_while(|letter| *letter == mark).count();
    line.trim().chars().all(|letter| letter == mark) && length(line) >= length(opening).max(3)
}

/// The language and the file that a fence names.
fn read_info(info: &str) -> (String, Option<String>) {
    let info = info.trim();
    let end = info.find([' ', ',', '{', '\t']).unwrap_or(info.len());
    let (language, rest) = info.split_at(end);
    let rest = rest.trim_matches(['{', '}', ',', ' ', '\t']);
    let named = |key: &str| {
        let (_, value) = rest.split_once(key)?;
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split_whitespace().next(),
        }
    };
    let bare = || (!rest.is_empty() && !rest.contains([' ', '=', ','])).then_some(rest);
    let file = named("title=").or_else(|| named("file=")).or_else(bare);
    (language.to_owned(), file.map(str::to_owned))
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
    fn fences_name_languages_and_files() {
        let read = |info: &str| {
            let (language, file) = read_info(info);
            format!("{language} {}", file.unwrap_or_default())
        };
        assert_eq!(read("sh date.sh"), "sh date.sh");
        assert_eq!(read("dockerfile {title=\"Dockerfile\"}"), "dockerfile Dockerfile");
        assert_eq!(read("yaml title=\"a b.yaml\" linenums=1"), "yaml a b.yaml");
        assert_eq!(read("rust,ignore"), "rust ignore");
        assert_eq!(read("console"), "console ");
    }

    #[test]
    fn new_lines_keep_the_margin() {
        let page = parse("- b\n  ```console\n  $ a\n  old\n  ```\nend\n");
        let new = BTreeMap::from([(0, vec!["$ a".to_owned(), String::new(), "new".to_owned()])]);
        assert_eq!(page.with(&new), "- b\n  ```console\n  $ a\n\n  new\n  ```\nend\n");
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
}
