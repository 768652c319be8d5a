//! Writes a page, event by event.

use pulldown_cmark::{Tag, TagEnd};

use super::CODE;
use crate::shown;
use crate::view::palette::{Palette, Role};
use crate::view::table::{self, TooWide};

/// A page that is being written.
pub(super) struct Writer {
    palette: Palette,
    columns: usize,
    page: String,
    /// The words of the paragraph that is open, painted.
    words: String,
    /// How words are painted, the innermost last.
    roles: Vec<Role>,
    /// What stands before each line of what is open: of lists and quotations.
    margins: Vec<String>,
    /// What stands before the first line of an item instead.
    mark: Option<String>,
    /// The next number of each list that is open; `None` for one without numbers.
    lists: Vec<Option<u64>>,
    /// Whether a block of code is open.
    is_code: bool,
    /// The rows of the table that is open, and the cell.
    rows: Vec<Vec<String>>,
    is_table: bool,
}

impl Writer {
    pub(super) fn new(palette: Palette, columns: usize) -> Writer {
        Writer {
            palette,
            columns,
            page: String::new(),
            words: String::new(),
            roles: Vec::new(),
            margins: Vec::new(),
            mark: None,
            lists: Vec::new(),
            is_code: false,
            rows: Vec::new(),
            is_table: false,
        }
    }

    pub(super) fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph => {}
            Tag::Heading { .. } => self.roles.push(Role::Strong),
            Tag::BlockQuote(_) => self.margins.push("  ".to_owned()),
            Tag::CodeBlock(_) => {
                self.flush();
                self.is_code = true;
                self.separate();
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(*first);
            }
            Tag::Item => {
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{:>3}. ", *number - 1)
                    }
                    Some(None) | None => "  - ".to_owned(),
                };
                self.margins.push(" ".repeat(mark.len()));
                self.mark = Some(mark);
            }
            Tag::Strong => self.roles.push(Role::Strong),
            // A terminal's italics are not everywhere.
            Tag::Emphasis => self.roles.push(Role::Strong),
            Tag::Table(_) => {
                self.flush();
                self.is_table = true;
            }
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            Tag::TableCell => self.words.clear(),
            Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    pub(super) fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::Heading(_) => {
                self.flush();
                self.roles.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.margins.pop();
            }
            TagEnd::CodeBlock => self.is_code = false,
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::Item => {
                self.flush();
                self.margins.pop();
                self.mark = None;
            }
            TagEnd::Strong | TagEnd::Emphasis => drop(self.roles.pop()),
            TagEnd::Table => self.table(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.words);
                self.rows.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
            }
            TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.is_code {
            let margin = self.margins.concat();
            for line in text.lines() {
                self.page.push_str(format!("{margin}{CODE}{}", shown::line(line)).trim_end());
                self.page.push('\n');
            }
            return;
        }
        match self.roles.last() {
            Some(role) if !self.is_table => self.paint(*role, text),
            Some(_) | None => self.words.push_str(&shown::cell(text)),
        }
    }

    pub(super) fn code(&mut self, code: &str) {
        let code = format!("`{}`", shown::cell(code));
        match self.is_table {
            true => self.words.push_str(&code),
            false => self.paint(Role::Keyword, &code),
        }
    }

    /// Adds words, each painted by itself: a line may end between them.
    fn paint(&mut self, role: Role, text: &str) {
        for (number, word) in shown::cell(text).split(' ').enumerate() {
            if number > 0 {
                self.words.push(' ');
            }
            if !word.is_empty() {
                self.words.push_str(&self.palette.paint(role, word));
            }
        }
    }

    pub(super) fn break_line(&mut self) {
        let is_item = !self.lists.is_empty();
        self.flush();
        // The next line belongs to this one.
        if !is_item && self.page.ends_with("\n\n") {
            self.page.pop();
        }
    }

    pub(super) fn rule(&mut self) {
        self.separate();
        let rule = "─".repeat(self.columns / 3);
        self.page.push_str(&format!("{}{}\n", self.margins.concat(), self.palette.paint(Role::Faint, &rule)));
    }

    /// Ends the paragraph that is open.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        if words.trim().is_empty() {
            return;
        }
        self.separate();
        let outer = self.margins.len().saturating_sub(1);
        let label = match self.mark.take() {
            Some(mark) => self.margins[..outer].concat() + &mark,
            None => self.margins.concat(),
        };
        self.page.push_str(&table::hang(&label, words.trim(), self.columns));
    }

    /// An empty line before a block; none between the items of a list.
    fn separate(&mut self) {
        let is_item = !self.lists.is_empty()
            && self.mark.is_some()
            && self.page.lines().next_back().is_some_and(|last| last.starts_with(' '));
        if !self.page.is_empty() && !self.page.ends_with("\n\n") && !is_item {
            self.page.push('\n');
        }
    }

    fn table(&mut self) {
        self.is_table = false;
        let mut rows = std::mem::take(&mut self.rows).into_iter();
        let header = rows.next().unwrap_or_default();
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        self.separate();
        let rows: Vec<Vec<String>> = rows.collect();
        for line in table::render(&header, &rows, usize::MAX, TooWide::Cut).lines() {
            self.page.push_str(&format!("{}  {line}\n", self.margins.concat()));
        }
    }

    /// The page.
    pub(super) fn finish(mut self) -> String {
        self.flush();
        let end = self.page.trim_end_matches('\n').len();
        self.page.truncate(end);
        if !self.page.is_empty() {
            self.page.push('\n');
        }
        self.page
    }
}
