//! A session: a debugger, where it is shown, and what is kept between two lines.

use std::io;
use std::path::PathBuf;

use super::Error;
use super::error::Messages;
use super::output::{Output, Shown};
use crate::debugger::Debugger;
use crate::view::palette::Palette;
use crate::view::report::Notes;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Good,
    /// A command failed on the way.
    Failed,
    /// Ctrl-C ended a session without a person.
    Interrupted,
}

/// A text that could not take the place of another.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) text: Vec<u8>,
    pub(super) instead_of: String,
}

/// A session under way.
pub(crate) struct Session<'o> {
    pub(super) debugger: Debugger,
    pub(super) out: Output<'o>,
    pub(super) interactive: bool,
    pub(super) ending: Ending,
    /// A Dockerfile with a mistake that was typed in an editor, and the one that it was to replace: no file has it.
    pub(super) draft: Option<Draft>,
    /// Whether the Dockerfile on disk has a mistake, so that an earlier text is in force.
    pub(super) is_broken: bool,
    /// The files that `save` has written.
    pub(super) saved: Vec<PathBuf>,
    /// What a report tells besides what the debugger has.
    pub(super) notes: Notes,
    /// Whether the Dockerfile was edited just now: who goes back then may want to undo that.
    pub(super) is_edited: bool,
    /// The last step of a stage after which it was said that the next begins another.
    pub(super) told_stage: Option<usize>,
}

impl<'o> Session<'o> {
    /// Begins a session with a debugger, shown on a writer.
    pub(crate) fn new(debugger: Debugger, palette: Palette, shown: Shown, out: &'o mut dyn io::Write) -> Session<'o> {
        let out = Output::new(out, palette, debugger.world(), shown);
        Session {
            debugger,
            out,
            interactive: false,
            ending: Ending::Good,
            draft: None,
            is_broken: false,
            saved: Vec::new(),
            notes: Notes::default(),
            is_edited: false,
            told_stage: None,
        }
    }

    /// Whether something was typed that no file has.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.debugger.is_unsaved() || self.draft.is_some()
    }

    /// Writes one row of a block.
    pub(super) fn row(&mut self, name: &str, text: &str) -> Result<(), Error> {
        Ok(self.out.show(|layout| layout.row(name, text))?)
    }

    /// Shows what is wrong, and notes that something failed.
    pub(super) fn show_error(&mut self, messages: &Messages) -> Result<(), Error> {
        self.ending = Ending::Failed;
        self.show_messages(messages)
    }

    /// Shows messages.
    pub(super) fn show_messages(&mut self, Messages { diagnostics, source }: &Messages) -> Result<(), Error> {
        Ok(self.out.show(|layout| layout.messages(diagnostics, source.as_ref()))?)
    }

    /// Ctrl-C stopped something: without a person it ends the session, too.
    pub(super) fn note_interrupt(&mut self) {
        if !self.interactive {
            self.ending = Ending::Interrupted;
        }
    }
}
