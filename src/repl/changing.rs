//! The commands that change something: edit and reload, tag, write and save.
//!
//! Editing is done by the user's own editor; what became of the steps is the debugger's to say.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;
use super::form::Existing;
use super::modes::Modes;
use super::moving::{Heads, watch};
use super::session::Session;
use crate::context::text;
use crate::debugger::{self, Changed, Editable, Refreshed, SHOWN};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Links};
use crate::machine::{self, Decision, MissReason, Prediction};
use crate::source::SourceFile;
use crate::store::write::temporary_folder;
use crate::view::units;

/// `edit [FILE]`.
pub(super) fn edit(session: &mut Session<'_>, file: Option<&str>) -> Result<(), Error> {
    if !session.interactive && editor().is_none() {
        return Err(Error::usage(
            "`edit` needs a terminal, but this session reads its lines from a file or a pipe",
            "change the file, then `reload`; or set $EDITOR to a program that needs no terminal",
        ));
    }
    match session.debugger.editable(file) {
        Editable::OnDisk(path) => {
            run_editor(&path)?;
            reload(session)
        }
        Editable::InMemory => {
            let text = edit_text(session)?;
            let refreshed = watch(session, Heads::Hidden, |debugger, sink| debugger.edit(text, sink))?;
            tell(session, refreshed)
        }
        Editable::Context(path) => {
            if path.is_dir() {
                return Err(Error::usage(format!("`{}` is a folder", path.display()), "name a file"));
            }
            let before = content(&path)?;
            run_editor(&path)?;
            let name = file.unwrap_or_default();
            if content(&path)? == before {
                return session.row("edit", &format!("{name}: not changed"));
            }
            let refreshed = watch(session, Heads::Hidden, |debugger, sink| debugger.context_changed(name, sink))?;
            tell(session, refreshed)
        }
    }
}

/// `reload`.
pub(super) fn reload(session: &mut Session<'_>) -> Result<(), Error> {
    let refreshed = watch(session, Heads::Hidden, |debugger, sink| debugger.reload(sink))?;
    tell(session, refreshed)
}

/// `tag NAME`.
pub(super) fn tag(session: &mut Session<'_>, name: &str) -> Result<(), Error> {
    let tagged = watch(session, Heads::Hidden, |debugger, sink| debugger.tag(name, sink))?;
    let what = tagged.after_step.map(|number| format!("  (the state after step {number})")).unwrap_or_default();
    session.row("tagged", &format!("{}{what}", tagged.reference.familiar()))
}

/// `write [FILE]`: without a name, the Dockerfile that the session is about.
pub(super) fn write(session: &mut Session<'_>, file: Option<&str>, existing: Existing) -> Result<(), Error> {
    let usual = || session.debugger.path().map_or_else(|| session.debugger.folder().join("Dockerfile"), Path::to_owned);
    let path = file.map_or_else(usual, PathBuf::from);
    let file = path.strip_prefix(".").unwrap_or(&path).display().to_string();
    if existing == Existing::Kept && !session.debugger.is_ours(&path) {
        return Err(refused("write", &file));
    }
    session.debugger.write(&path)?;
    let lines = session.debugger.source().text.lines().count() as u64;
    session.row("written", &format!("{file}: {}", units::count(lines, "line")))
}

/// `save FILE`.
pub(super) fn save(session: &mut Session<'_>, file: &str, existing: Existing) -> Result<(), Error> {
    let path = PathBuf::from(file);
    if existing == Existing::Kept && session.saved.as_ref() != Some(&path) && path.exists() {
        return Err(refused("save", file));
    }
    debugger::replace(&path, &session.out.transcript())?;
    session.saved = Some(path);
    session.row("saved", file)
}

fn refused(command: &str, file: &str) -> Error {
    Error::usage(
        format!("`{file}` exists, and was not written by this session"),
        format!("`{command} --force {file}` replaces it; or choose another name"),
    )
}

/// Says which steps would run because of a change.
fn tell(session: &mut Session<'_>, refreshed: Refreshed) -> Result<(), Error> {
    if !session.debugger.is_begun() {
        return Ok(());
    }
    let Refreshed { changed, back, lost_typed, outlook } = refreshed;
    if lost_typed {
        session.row("warning", "the Dockerfile changed on disk: the instructions that were typed in are dropped")?;
    }
    let what = match &changed {
        Changed::Dockerfile => "the Dockerfile",
        Changed::Context => "the context",
        Changed::File(name) => name,
    };
    match outlook {
        Ok(predictions) => {
            let back = if back > 0 { format!("; back {}", units::count(back as u64, "step")) } else { String::new() };
            session.row("edit", &format!("{}{back}", affected(what, &predictions)))
        }
        Err(error) => {
            session.row("edit", &format!("{what} changed"))?;
            session.show_messages(&Error::from(error).messages())
        }
    }
}

/// Which steps would miss because of a change, and how many only follow them.
fn affected(what: &str, predictions: &[Prediction]) -> String {
    let mut causes = Vec::new();
    let mut followers = 0;
    for Prediction { label, decision, .. } in predictions {
        let Decision::Miss { reason, .. } = decision else { continue };
        match reason {
            MissReason::Cause { .. } => {
                causes.push(format!("{}/{} {}", label.number, label.total, label.keyword));
            }
            MissReason::Follows { .. } => followers += 1,
            // These were not in the cache before either.
            MissReason::FirstTime | MissReason::NoCache | MissReason::LayerGone | MissReason::NeverFinished { .. } => {}
        }
    }
    let text = match causes.as_slice() {
        [] => format!("{what}: no step so far is affected"),
        causes => format!("{what}: {} would miss", causes.join(", ")),
    };
    match followers {
        0 => text,
        count => format!("{text}, and {} after it", units::count(count, "step")),
    }
}

/// Lets the user edit the text in memory.
fn edit_text(session: &Session<'_>) -> Result<String, Error> {
    let home = session.debugger.world().home();
    let file = session.debugger.source();
    // In a folder of its own, so that the editor sees what sort of file it is.
    let folder = temporary_folder(&home.temporary()).map_err(debugger::Error::from)?;
    let path = folder.join("Dockerfile");
    std::fs::write(&path, &file.text).map_err(|source| Error::Io { operation: "write", path: path.clone(), source })?;
    let edited = run_editor(&path).and_then(|()| {
        let read = text::read(&path, None, &text::DOCKERFILE);
        Ok(read.map_err(|error| debugger::Error::from(machine::Error::from(error)))?)
    });
    // What can't be removed is swept with the home's temporary files.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(SourceFile::from_bytes(&file.name, &edited?).map_err(Diagnostic::from)?.text)
}

/// What a file has in it; `None` for one that does not exist yet.
fn content(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match document::read(path, &SHOWN, Links::Follow) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(debugger::Error::from(error).into()),
    }
}

/// The editor that the user has named.
fn editor() -> Option<String> {
    ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// Runs $VISUAL, else $EDITOR, else vi on a file. The variable may hold arguments, so a shell takes it apart.
fn run_editor(path: &Path) -> Result<(), Error> {
    let editor = editor().unwrap_or_else(|| "vi".into());
    // An editor that dies may leave the terminal as it needed it.
    let _modes = Modes::keep();
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(path)
        .status()
        .map_err(|source| Error::Io { operation: "start", path: PathBuf::from(&editor), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("the editor `{editor}` failed: {status}"))
        .hint("set $VISUAL or $EDITOR to your editor")
        .into())
}
