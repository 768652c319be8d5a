//! What there is to do in a lesson, one after another: its stops.

use crate::lesson::{CTRL_C, FileName, Question, Task};

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

impl Line {
    /// Whether the page shows that it is ended by Ctrl-C.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.expected.iter().any(|line| line == CTRL_C)
    }
}

/// How a file is to become.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) file: FileName,
    pub(crate) lines: Vec<String>,
    /// Whether the lines are a change, and not the whole.
    pub(crate) is_change: bool,
}

impl Edit {
    /// The file as a whole, where the lines are that.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Stop {
    /// The command that is typed here.
    pub(super) fn command(&self) -> Option<&Line> {
        match &self.kind {
            Kind::Command(line) => Some(line),
            Kind::Input(_) | Kind::File(_) | Kind::Question(_) | Kind::Proof { .. } | Kind::Task { .. } | Kind::End => {
                None
            }
        }
    }

    /// Whether there is more to read than a line to type.
    pub(crate) fn is_read(&self) -> bool {
        !self.text.is_empty() || matches!(self.kind, Kind::Question(_) | Kind::Task { .. } | Kind::End)
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

    /// What it says, without the number that tells it from others.
    pub(super) fn name(&self) -> String {
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
