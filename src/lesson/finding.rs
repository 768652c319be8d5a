//! What is found of a lesson: one thing that it claims, and whether that is proven.

use super::kind::BlockKind;
use super::page::Mistake;

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
pub(crate) enum Standing {
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
    pub(crate) standing: Standing,
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

impl Standing {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Standing::Proven => "proven",
            Standing::Note => "note",
            Standing::Warning => "warning",
            Standing::Fault => "error",
        }
    }
}

impl Finding {
    fn new(standing: Standing, subject: Subject, line: usize, message: impl Into<String>) -> Finding {
        let (message, evidence) = (message.into(), Evidence::None);
        Finding { subject, standing, line, message, hint: None, evidence }
    }

    pub(super) fn proven(subject: Subject, line: usize, message: impl Into<String>) -> Finding {
        Finding::new(Standing::Proven, subject, line, message)
    }

    pub(super) fn note(subject: Subject, line: usize, message: impl Into<String>) -> Finding {
        Finding::new(Standing::Note, subject, line, message)
    }

    pub(super) fn warning(
        subject: Subject,
        line: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Finding { hint: Some(hint.into()), ..Finding::new(Standing::Warning, subject, line, message) }
    }

    pub(super) fn fault(subject: Subject, line: usize, message: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { hint: Some(hint.into()), ..Finding::new(Standing::Fault, subject, line, message) }
    }

    /// A mistake of a page as a finding of it.
    pub(super) fn mistake(subject: Subject, mistake: &Mistake) -> Finding {
        let hint = (!mistake.hint.is_empty()).then(|| mistake.hint.to_owned());
        Finding { hint, ..Finding::new(Standing::Fault, subject, mistake.line, mistake.message.clone()) }
    }

    pub(super) fn showing(self, evidence: Evidence) -> Finding {
        Finding { evidence, ..self }
    }
}
