//! The commands that change what is debugged: edit and reload.
//!
//! Editing is done by the user's own editor; what became of the steps is the debugger's to say.

use std::path::Path;

use super::form::Change;
use super::mending::{Editor, wants};
use super::moving::{Heads, watch};
use super::session::{Draft, Session};
use super::{Error, hunks};
use crate::context::text;
use crate::debugger::{self, Changed, Editable, Effect, Refreshed, SHOWN};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Links};
use crate::limits::Bound;
use crate::machine::{self, StepLabel};
use crate::source::SourceFile;
use crate::store::write::temporary_folder;
use crate::view::{debugger as blocks, units};

/// What a saved session says of a change that it can't have.
const NOT_NOTED: &str = "      note      the change is not plain text: it is not part of this record\n";
/// What is asked after a mistake.
const AGAIN: &str = "-- Enter: edit again, any other key: back to layerlab --";

/// `edit [FILE]`; a script may say what changes.
pub(super) fn edit(session: &mut Session<'_>, file: Option<&str>, change: Change) -> Result<(), Error> {
    let editable = session.debugger.editable(file)?;
    let editor = match change {
        Change::Editor => Editor::of(session.interactive),
        Change::Hunks(hunks) => Some(Editor::Hunks(hunks)),
    };
    let Some(editor) = editor else {
        return Err(Error::usage(
            "`edit` needs a terminal, but this session reads its lines from a file or a pipe",
            "write the change below it, as `diff -u` would; or set $EDITOR to a program that needs no terminal",
        ));
    };
    match editable {
        Editable::OnDisk(path) => until_right(session, &editor, &path, &|session| {
            watch(session, Heads::Hidden, |debugger, sink| debugger.reload(sink))
        }),
        Editable::InMemory => edit_in_memory(session, &editor),
        Editable::Context(path) => edit_context(session, &editor, &path, file.unwrap_or_default()),
    }
}

/// Lets the user edit a Dockerfile until it has no mistake, or until the user has had enough. What was typed stays in the file.
fn until_right(
    session: &mut Session<'_>,
    editor: &Editor,
    path: &Path,
    take: &dyn Fn(&mut Session<'_>) -> Result<Refreshed, Error>,
) -> Result<(), Error> {
    let mut line = None;
    let bound = session.debugger.world().home().bound(&text::DOCKERFILE);
    let before = content(path, bound)?;
    loop {
        editor.open(path, line)?;
        let error = match take(session) {
            Ok(refreshed) => {
                let after = content(path, bound)?;
                let is_changed = after != before;
                note_change(session, editor, before, after)?;
                if is_changed || !refreshed.is_without_effect() {
                    session.is_edited = is_changed;
                    return tell(session, "edit", &refreshed);
                }
                session.is_broken = false;
                return session.row("edit", "the Dockerfile: not changed");
            }
            Err(error) => error,
        };
        let Some(failure) = error.failure() else { return Err(error) };
        line = failure.line();
        session.show_error(&failure.into())?;
        let again = session.interactive && wants(session.out.ask(AGAIN)?);
        session.is_broken = session.debugger.path() == Some(path);
        if !again {
            note_change(session, editor, before, content(path, bound)?)?;
            session.row("edit", "still using the Dockerfile from before the edit; `edit` reopens your version")?;
            return Err(Error::Said);
        }
    }
}

/// Lets the user edit the Dockerfile in memory: in a file in a folder of its own, so that the editor sees what sort of file it is.
fn edit_in_memory(session: &mut Session<'_>, editor: &Editor) -> Result<(), Error> {
    let source = session.debugger.source();
    let (name, instead_of) = (source.name.clone(), source.text.clone());
    let draft = session.draft.take().filter(|draft| draft.instead_of == instead_of);
    let text = draft.map_or_else(|| instead_of.clone().into_bytes(), |draft| draft.text);
    let folder = temporary_folder(&session.debugger.world().home().temporary()).map_err(debugger::Error::from)?;
    let path = folder.join("Dockerfile");
    std::fs::write(&path, text).map_err(|source| Error::Io { operation: "write", path: path.clone(), source })?;
    let edited = until_right(session, editor, &path, &|session| {
        let bound = session.debugger.world().home().bound(&text::DOCKERFILE);
        let bytes = text::read(&path, None, bound);
        let bytes = bytes.map_err(|error| debugger::Error::from(machine::Error::from(error)))?;
        let text = SourceFile::from_bytes(&name, &bytes).map_err(Diagnostic::from)?.text;
        watch(session, Heads::Hidden, |debugger, sink| debugger.edit(text, sink))
    });
    if edited.is_err() {
        let text = std::fs::read(&path).ok().filter(|text| *text != instead_of.as_bytes());
        session.draft = text.map(|text| Draft { text, instead_of });
    }
    // What can't be removed is swept with the home's temporary files.
    let _ = std::fs::remove_dir_all(&folder);
    edited
}

/// Lets the user edit a file of the context. Others may have been changed meanwhile, whatever becomes of it.
fn edit_context(session: &mut Session<'_>, editor: &Editor, path: &Path, name: &str) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::usage(format!("`{name}` is a folder"), "name a file"));
    }
    let bound = session.debugger.world().home().bound(&SHOWN);
    let before = content(path, bound)?;
    editor.open(path, None)?;
    let after = content(path, bound)?;
    let is_changed = after != before;
    note_change(session, editor, before, after)?;
    if is_changed {
        let refreshed = watch(session, Heads::Hidden, |debugger, sink| debugger.context_changed(name, sink))?;
        return tell(session, "edit", &refreshed);
    }
    session.row("edit", &format!("{name}: not changed"))?;
    let refreshed = watch(session, Heads::Hidden, |debugger, sink| debugger.reload(sink))?;
    if refreshed.is_without_effect() { Ok(()) } else { tell(session, "reload", &refreshed) }
}

/// Notes what an editor has changed, so that a saved session can be replayed. What a script changes it says itself.
fn note_change(
    session: &mut Session<'_>,
    editor: &Editor,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
) -> Result<(), Error> {
    let is_plain = |text: &String| !text.contains(|letter: char| letter.is_control() && !"\n\t".contains(letter));
    let text = |content: Option<Vec<u8>>| String::from_utf8(content.unwrap_or_default()).ok().filter(is_plain);
    match (editor, text(before), text(after)) {
        (Editor::Hunks(_), ..) => Ok(()),
        (Editor::Program { .. }, Some(before), Some(after)) => {
            Ok(session.out.note(&hunks::between(&before, &after))?)
        }
        (Editor::Program { .. }, ..) => Ok(session.out.note(NOT_NOTED)?),
    }
}

/// `reload`.
pub(super) fn reload(session: &mut Session<'_>) -> Result<(), Error> {
    match watch(session, Heads::Hidden, |debugger, sink| debugger.reload(sink)) {
        Ok(refreshed) => tell(session, "reload", &refreshed),
        Err(error) => {
            let Some(failure) = error.failure() else { return Err(error) };
            session.show_error(&failure.into())?;
            session.is_broken = true;
            session.row("reload", "still using the Dockerfile from before")?;
            Err(Error::Said)
        }
    }
}

/// Says which steps would miss because of a change.
fn tell(session: &mut Session<'_>, name: &str, refreshed: &Refreshed) -> Result<(), Error> {
    session.is_broken = false;
    if !session.debugger.is_begun() {
        return Ok(());
    }
    if refreshed.lost_typed {
        session.row("warning", "the Dockerfile changed on disk: the instructions you typed are dropped")?;
    }
    let what = match &refreshed.changed {
        Changed::Dockerfile if session.debugger.is_unsaved() => "the Dockerfile (not saved yet: `write` does that)",
        Changed::Dockerfile => "the Dockerfile",
        // A mistake that is mended leaves the text that was in force.
        Changed::Context if name == "edit" => "the Dockerfile",
        Changed::Context => "the context",
        Changed::File(name) => name,
    };
    let back = match refreshed.back {
        0 => None,
        back => Some(format!("back {}", units::count(back as u64, "step"))),
    };
    match &refreshed.effect {
        Effect::Misses { causes, followers, next } => {
            let mut parts = Vec::new();
            match refreshed.retaken.len() {
                0 if causes.is_empty() && refreshed.back == 0 => parts.extend(still_valid(session, next.is_some())),
                0 => {}
                1 => parts.push(format!("{} is in the cache as it is now: hit", names(&refreshed.retaken))),
                _ => parts.push(format!("{} are in the cache as they are now: hits", names(&refreshed.retaken))),
            }
            match (causes.as_slice(), next) {
                ([], None) => {}
                ([], Some(ahead)) => parts.push(blocks::ahead(ahead)),
                (causes, _) => {
                    parts.push(format!("{} would miss", names(causes)) + &after_them(causes.len(), *followers))
                }
            }
            parts.extend(back);
            let text = parts.join("; ");
            match refreshed.changed {
                // Perhaps nothing of it changed at all.
                Changed::Context if causes.is_empty() && name != "edit" => session.row(name, &text),
                Changed::Context | Changed::Dockerfile | Changed::File(_) => {
                    session.row(name, &format!("{what}: {text}"))
                }
            }
        }
        Effect::Unforeseen(failure) => {
            let back = back.map(|back| format!("; {back}")).unwrap_or_default();
            session.row(name, &format!("{what} changed{back}"))?;
            session.show_messages(&failure.into())
        }
    }
}

/// What is said of the steps taken where none is another now.
fn still_valid(session: &Session<'_>, has_next: bool) -> Option<String> {
    match (session.debugger.position().taken, has_next) {
        (_, false) => Some("no step is affected".to_owned()),
        (0, true) => None,
        (_, true) => Some("the steps already taken are still valid".to_owned()),
    }
}

fn names(steps: &[StepLabel]) -> String {
    let name = |step: &StepLabel| format!("{}/{} {}", step.number, step.total, step.keyword);
    steps.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn after_them(causes: usize, followers: usize) -> String {
    match followers {
        0 => String::new(),
        count => {
            let them = if causes == 1 { "it" } else { "them" };
            format!(", and {} after {them}", units::count(count as u64, "step"))
        }
    }
}

/// What a file has in it; `None` for one that does not exist yet.
fn content(path: &Path, bound: Bound) -> Result<Option<Vec<u8>>, Error> {
    match document::read(path, bound, Links::Follow) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(debugger::Error::from(error).into()),
    }
}
