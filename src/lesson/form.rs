//! The form of a lesson: what can be said of it before anything is run.
//!
//! It has a title and says what it clears up; each block is where it means something, under a name that is one; predictions and tasks are
//! whole; the files that it shows are those of its folder, and the lesson itself is in no image.

use super::about::About;
use super::finding::{Finding, Subject};
use super::kind::BlockKind;
use super::page::{Block, Page};
use super::question::{self, Answer, Question};
use super::script::{self, FileName};
use super::task::Task;
use super::{LESSON, PAGE, folder_of};
use crate::context::Context;
use crate::diagnostic::closest;
use crate::document::{self, Links};
use crate::errno;
use crate::limits::Limits;
use crate::shown;
use crate::tree::TreePath;
use std::path::Path;

/// Languages that are near to one that means something, and mean nothing here.
const OTHERS: [&str; 2] = ["text", "less"];
/// The most characters that are shown of something in a page.
const MOST_SHOWN: usize = 60;
/// The most findings of one kind on a page.
const MOST_FOUND: usize = 20;

/// What is said of the form of a lesson.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) findings: Vec<Finding>,
    pub(super) about: Option<About>,
    /// The predictions that are whole: their blocks, and what they ask.
    pub(super) questions: Vec<(usize, Question)>,
    /// The tasks that are whole.
    pub(super) tasks: Vec<(usize, Task)>,
    /// Whether the page can be run.
    pub(super) can_run: bool,
}

/// Looks at the form of a lesson. The folder of one that is named so is looked at, too.
pub(super) fn form(page: &Page, limits: &Limits) -> Form {
    let mut form =
        Form { findings: harmful(page), about: None, questions: Vec::new(), tasks: Vec::new(), can_run: true };
    form.add_head(page);
    form.findings.extend(misplaced(page));
    for number in 0..page.blocks.len() {
        form.add_block(page, number);
    }
    if let Err(mistake) = script::acts(page) {
        form.can_run = false;
        let is_told =
            form.findings.iter().any(|finding| finding.line == mistake.line && finding.message == mistake.message);
        if !is_told {
            form.findings.push(Finding::mistake(Subject::Page, &mistake));
        }
    }
    if Path::new(&page.name).file_name().is_some_and(|name| name == LESSON) {
        form.findings.extend(files(page, limits));
    }
    form
}

impl Form {
    /// The title, and what the lesson says of itself.
    fn add_head(&mut self, page: &Page) {
        if page.title().is_none() {
            let hint = "begin the page with a line `# Title`";
            self.findings.push(Finding::fault(Subject::Page, 1, "this lesson has no title", hint));
        }
        match About::find(page) {
            Ok(Some(about)) => self.about = Some(about),
            Ok(None) => {
                let hint = "a block `lesson` has the lines `clears up: ONE; ANOTHER` and `minutes: 20`";
                let message = "this page does not say what it clears up, and how long it takes";
                self.findings.push(Finding::fault(Subject::Page, 1, message, hint));
            }
            Err(mistake) => self.findings.push(Finding::mistake(Subject::Page, &mistake)),
        }
    }

    /// A prediction or a task.
    fn add_block(&mut self, page: &Page, number: usize) {
        let block = &page.blocks[number];
        let Some(subject) = Subject::of(block.kind).filter(|_| block.within.is_none()) else { return };
        let line = block.line - 1;
        if subject == Subject::Prediction {
            let question = script::proof(page, number).and_then(|_| Question::read(page, number));
            match question {
                Ok(question) => {
                    self.findings.extend(unexplained(page, number, &question));
                    self.questions.push((number, question));
                }
                Err(mistake) => self.findings.push(Finding::mistake(subject, &mistake)),
            }
            return;
        }
        match script::task(page, number).and_then(|_| Task::read(page, number)) {
            Ok(task) => {
                if subject == Subject::Challenge && task.hints.len() < 2 {
                    let hint = "a first hint says where to look, a later one what to do";
                    self.findings.push(Finding::warning(subject, line, "this challenge has one hint only", hint));
                }
                self.findings.extend(unsaid(subject, &task));
                self.tasks.push((number, task));
            }
            Err(mistake) => self.findings.push(Finding::mistake(subject, &mistake)),
        }
    }
}

/// Characters that a terminal acts on, or that make a line read as another one.
fn harmful(page: &Page) -> Vec<Finding> {
    let finding = |(number, line): (usize, &str)| {
        let character = line.trim_end_matches('\r').chars().find(|character| shown::is_harmful(*character))?;
        let message = format!("this line has the character U+{:04X}, which is not seen", u32::from(character));
        let hint = "write what a reader is to see; a program prints such a character with `printf '\\033'`";
        Some(Finding::fault(Subject::Page, number + 1, message, hint))
    };
    page.text.lines().enumerate().filter_map(finding).take(MOST_FOUND).collect()
}

/// Blocks under a name that is nearly one, and blocks in a place where they mean nothing.
fn misplaced(page: &Page) -> Vec<Finding> {
    let finding = |block: &Block| {
        let (name, line) = (block.language.as_str(), block.line - 1);
        let fault = |message: String, hint: &str| Some(Finding::fault(Subject::Page, line, message, hint));
        match block.within {
            None if matches!(block.kind, BlockKind::Check | BlockKind::Hint) => {
                let hint = "fence the task with four backticks, so that it goes on behind this block";
                fault(format!("this block `{name}` is in no task"), hint)
            }
            Some(_) if Subject::of(block.kind).is_some() => {
                let hint = "a block with others in it begins and ends with more backticks than they do";
                fault(format!("this block `{name}` is within another task"), hint)
            }
            Some(_) | None if BlockKind::languages().chain(OTHERS).any(|language| language == name) => None,
            Some(_) | None => {
                let likely = closest(name, BlockKind::languages())?;
                let name = limited(name);
                fault(format!("no block is called `{name}`"), &format!("did you mean `{likely}`?"))
            }
        }
    };
    page.blocks.iter().filter_map(finding).take(MOST_FOUND).collect()
}

/// Wrong answers without an explanation.
fn unexplained(page: &Page, number: usize, question: &Question) -> Vec<Finding> {
    let block = &page.blocks[number];
    let places = block.lines.iter().enumerate().filter(|(_, line)| question::answer(line).is_some());
    let is_bare = |answer: &Answer| !answer.is_right && answer.explanation.is_empty();
    let finding = |(answer, (place, _)): (&Answer, (usize, &String))| {
        let message = format!("nothing is said to who chooses this: {}", limited(&answer.text));
        let hint = "say below a wrong answer why it is wrong, in lines that begin with spaces";
        is_bare(answer).then(|| Finding::fault(Subject::Prediction, block.line + place, message, hint))
    };
    question.answers.iter().zip(places).filter_map(finding).collect()
}

/// Checks of which whoever fails them learns only that a command printed something else.
fn unsaid(subject: Subject, task: &Task) -> impl Iterator<Item = Finding> {
    let silent = task.checks.iter().filter(|check| check.says.is_none()).take(MOST_FOUND);
    silent.map(move |check| {
        let hint = "say it in a line above the command: `# The image has no compiler in it`";
        Finding::warning(subject, check.line, "nothing says what this command proves", hint)
    })
}

/// The files of the folder beside those that the page shows, and the context of a build there.
fn files(page: &Page, limits: &Limits) -> Vec<Finding> {
    let folder = match folder_of(Path::new(&page.name)).canonicalize() {
        Ok(folder) => folder,
        Err(error) => {
            let message = format!("can't find the folder of this page: {}", errno::describe(&error));
            return vec![Finding::fault(Subject::Files, 1, message, "name the page by its path")];
        }
    };
    let mut shown: Vec<FileName> = Vec::new();
    let mut findings = Vec::new();
    for block in page.blocks.iter().filter(|block| block.kind == BlockKind::File && block.within.is_none()) {
        let Some(name) = block.file.as_deref().and_then(FileName::new) else { continue };
        // Later blocks are what the file becomes.
        if shown.contains(&name) {
            continue;
        }
        let path = folder.join(name.path());
        let file = match document::read(&path, limits.bound(&PAGE), Links::RefuseOnTheWay) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => continue,
            Err(error) => {
                let hint = "a file that a lesson shows is a file of its folder, and not a link";
                findings.push(Finding::fault(Subject::Files, block.line - 1, error.to_string(), hint));
                continue;
            }
        };
        let line = block.lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        if file != line.as_bytes() {
            let message = format!("`{}` is not shown as it is in the folder", name.path().display());
            let hint = "copy the file into the block, or the block into the file";
            findings.push(Finding::fault(Subject::Files, differing(&line, &file) + block.line, message, hint));
        }
        shown.push(name);
    }
    if !folder.join("Dockerfile").exists() {
        return findings;
    }
    if FileName::new("Dockerfile").is_some_and(|name| !shown.contains(&name)) {
        let hint = "show it in a block that is fenced as `dockerfile Dockerfile`";
        findings.push(Finding::fault(Subject::Files, 1, "the Dockerfile of the folder is not shown", hint));
    }
    let tree = Context::open(&folder, Some(&folder.join("Dockerfile")), limits).and_then(|context| context.tree());
    match tree {
        Ok(tree) if tree.get(&TreePath::new(LESSON.as_bytes())).is_some() => {
            let message = "lesson.md is in the context: `COPY . .` copies it, and an edit of the lesson is a miss";
            let hint = "write the lines `lesson.md` and `.dockerignore` into .dockerignore";
            findings.push(Finding::fault(Subject::Files, 1, message, hint));
        }
        Ok(_) => {}
        Err(error) => findings.push(Finding::fault(Subject::Files, 1, error.to_string(), "fix .dockerignore")),
    }
    findings
}

/// The number of the first line in which two texts differ, from 0.
fn differing(shown: &str, file: &[u8]) -> usize {
    let shown: Vec<&[u8]> = shown.lines().map(str::as_bytes).collect();
    let differs = file.split(|byte| *byte == b'\n').zip(&shown).position(|(file, shown)| file != *shown);
    differs.unwrap_or(shown.len().saturating_sub(1))
}

/// A text that is shown in a message.
pub(super) fn limited(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
