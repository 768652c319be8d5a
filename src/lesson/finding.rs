//! What is found of a lesson: one thing that it claims, and whether that is proven.

use super::kind::BlockKind;
use super::page::{Mistake, Page};
use crate::diagnostic::Explained;

/// What something is found of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The page as a text.
    Page,
    /// The folder beside it.
    Files,
    Prediction,
    Exercise,
    Challenge,
    /// What its commands print.
    Transcript,
    /// What is there when it ends.
    End,
}

/// How it stands with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Proven,
    /// Good to know.
    Note,
    /// The lesson works, and could be better.
    Warning,
    Fault,
}

/// What helps to understand a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    None,
    /// What was printed.
    Output(String),
    /// The lines of a block, and how they would have to look.
    Drift {
        shown: Vec<String>,
        printed: Vec<String>,
    },
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) subject: Subject,
    pub(crate) level: Level,
    /// Of the page, from 1.
    pub(crate) line: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) evidence: Evidence,
}

impl Subject {
    /// What something is found of in a block of this kind, if it is a subject of its own.
    pub(super) fn of(kind: BlockKind) -> Option<Subject> {
        match kind {
            BlockKind::Prediction => Some(Subject::Prediction),
            BlockKind::Exercise => Some(Subject::Exercise),
            BlockKind::Challenge => Some(Subject::Challenge),
            BlockKind::About
            | BlockKind::Check
            | BlockKind::Hint
            | BlockKind::Change
            | BlockKind::Session
            | BlockKind::File
            | BlockKind::Text => None,
        }
    }

    /// What a line of a page is about: a prediction or a task, and the transcript where it is in neither.
    pub(crate) fn at(page: &Page, line: usize) -> Subject {
        page.block_at(line).map_or(Subject::Transcript, |number| Subject::of_block(page, number))
    }

    /// The prediction or the task that a block is or belongs to; all others are the transcript.
    pub(super) fn of_block(page: &Page, number: usize) -> Subject {
        let block = &page.blocks[number];
        let outer = block.within.map_or(block, |outer| &page.blocks[outer]);
        Subject::of(outer.kind).unwrap_or(Subject::Transcript)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Subject::Page => "page",
            Subject::Files => "files",
            Subject::Prediction => "prediction",
            Subject::Exercise => "exercise",
            Subject::Challenge => "challenge",
            Subject::Transcript => "transcript",
            Subject::End => "end",
        }
    }
}

impl Level {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Level::Proven => "proven",
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Fault => "error",
        }
    }
}

impl Finding {
    fn new(level: Level, subject: Subject, line: usize, message: impl Into<String>) -> Finding {
        let (message, evidence) = (message.into(), Evidence::None);
        Finding { subject, level, line, message, hint: None, evidence }
    }

    pub(crate) fn proven(subject: Subject, line: usize, message: impl Into<String>) -> Finding {
        Finding::new(Level::Proven, subject, line, message)
    }

    pub(super) fn note(subject: Subject, line: usize, message: impl Into<String>) -> Finding {
        Finding::new(Level::Note, subject, line, message)
    }

    pub(super) fn warning(
        subject: Subject,
        line: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Finding { hint: Some(hint.into()), ..Finding::new(Level::Warning, subject, line, message) }
    }

    pub(crate) fn fault(subject: Subject, line: usize, message: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { hint: Some(hint.into()), ..Finding::new(Level::Fault, subject, line, message) }
    }

    /// A mistake of a page as a finding of it.
    pub(super) fn mistake(subject: Subject, mistake: &Mistake) -> Finding {
        let hint = (!mistake.hint.is_empty()).then(|| mistake.hint.to_owned());
        Finding { hint, ..Finding::new(Level::Fault, subject, mistake.line, mistake.message.clone()) }
    }

    /// What prevents something from being done, as a fault of the lesson for which it was tried.
    pub(crate) fn error(subject: Subject, error: &dyn Explained) -> Finding {
        Finding { hint: error.hint(), ..Finding::new(Level::Fault, subject, 1, error.to_string()) }
    }

    pub(crate) fn showing(self, evidence: Evidence) -> Finding {
        Finding { evidence, ..self }
    }
}
